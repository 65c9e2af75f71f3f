//! Regular expressions that PostgreSQL and we read alike.

mod class;
mod survey;

use std::fmt;
use std::hash::{Hash, Hasher};

use regex::RegexBuilder;

use super::RegexFault;

/// The compiled form may take this many bytes. What [`survey`] lets pass takes less.
const MAX_COMPILED: usize = 16 << 20;

/// A regular expression, searched for anywhere in a tag.
#[derive(Clone)]
pub struct Regex {
    source: String,
    cost: usize,
    compiled: regex::Regex,
}

impl Regex {
    pub(super) fn new(source: &str) -> Result<Self, RegexFault> {
        let (portable, cost) = survey::survey(source)?;
        let mut builder = RegexBuilder::new(&portable);
        let builder = builder.dot_matches_new_line(true).size_limit(MAX_COMPILED);
        let compiled = builder.build().map_err(|_| RegexFault::TooLarge)?;
        Ok(Self { source: source.to_owned(), cost, compiled })
    }

    /// The text as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// The same for the right side of PostgreSQL's operator `~`. It finds what [`Regex::is_match`] finds
    /// whatever the locale of the database, because each class is spelled out.
    #[must_use]
    pub fn postgres(&self) -> &str {
        self.compiled.as_str()
    }

    /// Whether some part of the text fits.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.compiled.is_match(text)
    }

    /// How large it is with its repetitions written out: about 1 for each character or short class.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Regex").field(&self.source).finish()
    }
}

/// All else follows from the source.
impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Regex {}

impl Hash for Regex {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.source.hash(state);
    }
}
