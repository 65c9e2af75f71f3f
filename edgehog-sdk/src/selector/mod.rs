//! The language that picks the devices of a group: parsed, printed, evaluated.
//!
//! ```
//! use edgehog_sdk::Selector;
//!
//! let selector: Selector = r#""camera" in tags and ("hall-?" ~= tags or "yard" not in tags)"#.parse()?;
//! assert!(selector.matches(&["camera", "hall-2", "yard"]));
//! assert!(!selector.matches(&["camera", "yard"]));
//!
//! let error = Selector::parse(r#""camera" on tags"#).unwrap_err();
//! assert_eq!(error.to_string(), r#"expected "in", "not in", "~=" or "!~=" at line 1, column 10"#);
//! # Ok::<(), edgehog_sdk::SelectorError>(())
//! ```
//!
//! # Filters
//!
//! | filter | a device passes when |
//! |---|---|
//! | `"x" in tags` | it has the tag |
//! | `"x" not in tags` | it does not have the tag, nor need it have any |
//! | `"a*b?" ~= tags` | the whole of some tag fits the glob: `*` is any text, `?` any one character |
//! | `/a+b/ ~= tags` | some part of some tag fits the regular expression |
//! | `"/a+b/" ~= tags` | the same: quoted text between slashes is a regular expression too |
//! | `!~=` | no tag does |
//! | `attributes["namespace:key"] == 5` | never: devices have no attributes, so `!=` does not hold either |
//!
//! `and` binds tighter than `or`; both need blanks around them, and so do `in`, `not in`, `~=` and `!~=`.
//! The only escapes are `\"` in quoted text and `\/` in regular expressions. Tags are stored in lower case, so
//! texts and globs are folded to lower case as they are parsed. Regular expressions are taken as written.
//!
//! # Regular expressions
//!
//! A selector is evaluated here by the `regex` crate and in SQL by PostgreSQL's operator `~`. Both must find
//! the same devices, so only what both read alike is allowed:
//!
//! - characters, `\` before punctuation, `\a \f \n \r \t \v`, `\uXXXX`, `\UXXXXXXXX`;
//! - `.`, which matches a line feed too;
//! - `[...]` and `[^...]` with characters, ranges and the classes below, but no class within a class, no
//!   `[:alpha:]` and no `&&`, `--`, `~~`;
//! - `\d` (the ten ASCII digits), `\s` (blanks, but not those that forbid a line break), `\w` (Unicode's
//!   letters, marks, decimal digits, connecting punctuation and joiners), and `\D`, `\S`, `\W`. In
//!   PostgreSQL these depend on the locale of a database, so [`Regex::postgres`] spells them out;
//! - `(...)`, `(?:...)`, `|`, also with nothing in them;
//! - `* + ? {m} {m,} {m,n}` with at most 255, and the same with `?`, which makes no difference to whether a
//!   tag fits. None may follow another one or an anchor, and only `?` a group that holds an anchor;
//! - `^`, `$` and `\A`, the ends of the whole tag.
//!
//! Refused are flags, named groups, back-references, look-around, word boundaries, `\p{...}`, `\xXX`, and
//! expressions that are too large when their repetitions are written out.
//!
//! # Limits
//!
//! A selector has at most [`MAX_LENGTH`] bytes, and its parentheses nest at most [`MAX_DEPTH`] levels deep.
//! Parsing takes time in proportion to the length.

mod ast;
mod error;
mod evaluate;
mod fault;
mod glob;
mod parse;
mod print;
mod regex;

use std::str::FromStr;

pub use ast::{AttributeFilter, AttributeValue, Comparison, Expr, Quantifier, TagFilter, TagPattern};
pub use error::{Position, SelectorError, SelectorErrorKind, Token};
pub use fault::{RegexFault, Unsupported};
pub use glob::Glob;
pub use regex::Regex;

/// The most bytes that a selector may have.
pub const MAX_LENGTH: usize = 65_536;

/// The most parentheses that may be open at one place.
pub const MAX_DEPTH: usize = 128;

/// Says which devices belong to a group. Its [`Display`](std::fmt::Display) is canonical text that parses
/// back to an equal selector.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Selector {
    expr: Expr,
}

impl Selector {
    /// Reads the text of a selector.
    ///
    /// # Errors
    ///
    /// The first mistake in the text, with its position.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        parse::selector(text).map(|expr| Self { expr })
    }

    /// What the selector says, for those who translate it.
    #[must_use]
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Whether a device with these tags belongs to the group. The tags are as stored: trimmed and lower-case.
    #[must_use]
    pub fn matches<T: AsRef<str>>(&self, tags: &[T]) -> bool {
        evaluate::expr(&self.expr, tags)
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}
