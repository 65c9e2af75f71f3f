//! What can be wrong with the text of a selector.

use std::fmt;

use super::{MAX_DEPTH, MAX_LENGTH, RegexFault};

/// The first mistake in the text of a selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at {position}")]
#[non_exhaustive]
pub struct SelectorError {
    /// What is wrong.
    pub kind: SelectorErrorKind,
    /// Where.
    pub position: Position,
}

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Position {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
}

impl Position {
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let start = Self { line: 1, column: 1 };
        let before = text.char_indices().take_while(|(at, _)| *at < offset);
        before.fold(start, |Self { line, column }, (_, char)| match char {
            '\n' => Self { line: line + 1, column: 1 },
            _ => Self { line, column: column + 1 },
        })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// What is wrong with the text of a selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectorErrorKind {
    /// The text goes on with none of what may follow.
    #[error("expected {}", Alternatives(.0))]
    Expected(&'static [Token]),
    /// Quoted text without its closing quote; the position is that of the opening one.
    #[error("text without a closing \"")]
    UnterminatedText,
    /// A regular expression without its closing slash; the position is that of the opening one.
    #[error("regular expression without a closing /")]
    UnterminatedRegex,
    /// A character beyond ASCII in a `datetime` or `binaryblob`.
    #[error("character {0:?} beyond ASCII")]
    NotAscii(char),
    /// A NUL character, which PostgreSQL cannot store.
    #[error("NUL character")]
    Nul,
    /// More bytes than a selector may have.
    #[error("text longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// More open parentheses than there may be.
    #[error("more than {MAX_DEPTH} open parentheses")]
    TooDeep,
    /// More regular expressions, or larger ones, than a selector may have.
    #[error("too much work for regular expressions")]
    TooManyRegexes,
    /// A regular expression that cannot be used; the position is that of its opening delimiter.
    #[error(transparent)]
    Regex(#[from] RegexFault),
}

/// Something that a selector is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Token {
    /// A condition on tags or an attribute, or a parenthesis.
    Filter,
    /// A space, tabulator, carriage return or line feed.
    Blank,
    /// The word `in`.
    In,
    /// The words `not in`.
    NotIn,
    /// `~=`
    Like,
    /// `!~=`
    NotLike,
    /// The word `tags`.
    Tags,
    /// The word `and`.
    And,
    /// The word `or`.
    Or,
    /// `)`
    ClosingParenthesis,
    /// Nothing more.
    End,
    /// `["` between `attributes` and a namespace.
    OpeningBracket,
    /// The namespace of an attribute.
    Namespace,
    /// `:` between a namespace and a key.
    Colon,
    /// The key of an attribute.
    Key,
    /// `"]` after a key.
    ClosingBracket,
    /// An operator that compares.
    Comparison,
    /// What an attribute is compared with.
    Value,
    /// A decimal digit.
    Digit,
    /// A character other than a quotation mark.
    Character,
    /// `")` after the text of a `datetime` or `binaryblob`.
    ClosingCall,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Filter => r#"a quoted text, a regular expression, "attributes" or "(""#,
            Self::Blank => "a blank",
            Self::In => r#""in""#,
            Self::NotIn => r#""not in""#,
            Self::Like => r#""~=""#,
            Self::NotLike => r#""!~=""#,
            Self::Tags => r#""tags""#,
            Self::And => r#""and""#,
            Self::Or => r#""or""#,
            Self::ClosingParenthesis => r#"")""#,
            Self::End => "the end",
            Self::OpeningBracket => r#"'["'"#,
            Self::Namespace => "a namespace (ASCII letters, - and _)",
            Self::Colon => r#"":""#,
            Self::Key => "a key (lower-case ASCII letters, - and _)",
            Self::ClosingBracket => r#"'"]'"#,
            Self::Comparison => r#""==", "!=", ">=", ">", "<=" or "<""#,
            Self::Value => r#"a quoted text, a number, "true", "false", "now()", "datetime" or "binaryblob""#,
            Self::Digit => "a digit",
            Self::Character => "a character",
            Self::ClosingCall => r#"'")'"#,
        })
    }
}

/// `a`, `a or b`, `a, b or c`.
struct Alternatives<'a>(&'a [Token]);

impl fmt::Display for Alternatives<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, token) in self.0.iter().enumerate() {
            f.write_str(match index {
                0 => "",
                _ if index + 1 == self.0.len() => " or ",
                _ => ", ",
            })?;
            token.fmt(f)?;
        }
        Ok(())
    }
}
