//! Texts with wildcards.

/// A text with wildcards, in lower case: `*` stands for any text, `?` for any one character.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Glob(String);

impl Glob {
    /// Folds the text to lower case, as tags are.
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_lowercase())
    }

    /// The text with its wildcards.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same as a pattern of SQL's `LIKE`, where a backslash takes the meaning from a wildcard.
    #[must_use]
    pub fn like(&self) -> String {
        let mut pattern = String::with_capacity(self.0.len());
        for char in self.0.chars() {
            match char {
                '*' => pattern.push('%'),
                '?' => pattern.push('_'),
                '%' | '_' | '\\' => pattern.extend(['\\', char]),
                _ => pattern.push(char),
            }
        }
        pattern
    }

    /// Whether the whole text fits.
    ///
    /// Only the newest `*` is ever widened: what an earlier one could take more, the newest can take as well.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let (mut glob, mut text) = (self.0.chars(), text.chars());
        let mut retry = None;
        loop {
            let here = (glob.clone(), text.clone());
            match (glob.next(), text.next()) {
                (None, None) => return true,
                (Some('*'), _) => {
                    text = here.1.clone();
                    retry = Some((glob.clone(), here.1));
                }
                (Some('?'), Some(_)) => {}
                (Some(wanted), Some(found)) if wanted == found => {}
                (_, None) => return false,
                (_, Some(_)) => {
                    let Some((after_star, taken)) = &mut retry else { return false };
                    taken.next();
                    glob = after_star.clone();
                    text = taken.clone();
                }
            }
        }
    }
}
