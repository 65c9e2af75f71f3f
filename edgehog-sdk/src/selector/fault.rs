//! What can be wrong with a regular expression.

/// Why a regular expression cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegexFault {
    /// It breaks the rules of regular expressions; the text says which.
    #[error("invalid regular expression ({0})")]
    Invalid(String),
    /// It has something that PostgreSQL and we would not read alike.
    #[error("regular expression with {0}, which selectors do not have,")]
    Unsupported(#[from] Unsupported),
    /// It is too large with its repetitions written out, or has too many optional parts.
    #[error("too large regular expression")]
    TooLarge,
}

/// A part of the languages of regular expressions that selectors do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// `\1`
    #[error("a back-reference")]
    BackReference,
    /// `(?=a)`, `(?<!a)`
    #[error("a look-around")]
    LookAround,
    /// `(?i)`, `(?s:a)`
    #[error("flags")]
    Flags,
    /// `(?<name>a)`
    #[error("a named group")]
    NamedGroup,
    /// `\b`, `\z`
    #[error("an anchor other than ^ and $")]
    Anchor,
    /// `\x41`, `\y`
    #[error("an escape of unsure meaning")]
    Escape,
    /// `[[:alpha:]]`
    #[error("a class with a POSIX name")]
    PosixClass,
    /// `\pL`
    #[error("a class of a Unicode property")]
    UnicodeClass,
    /// `[a[b]]`, `[a&&b]`
    #[error("a class within a class")]
    NestedClass,
    /// `[^\d\D]`
    #[error("a class without characters")]
    EmptyClass,
    /// `a{256}`, `a{ 2 }`
    #[error("a repetition count that is above 255 or has blanks")]
    RepetitionCount,
    /// `a**`, `^*`, `(a|^)*`
    #[error("a repetition of a repetition or an anchor")]
    Repetition,
}
