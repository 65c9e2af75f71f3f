//! What a selector says.

use super::{Glob, Regex};

/// A condition on a device.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Expr {
    /// All of them hold. Two or more, none of them an `And`.
    And(Vec<Self>),
    /// At least one of them holds. Two or more, none of them an `Or`.
    Or(Vec<Self>),
    /// A condition on the tags.
    Tag(TagFilter),
    /// A condition on an attribute. No device has attributes, so it never holds.
    Attribute(AttributeFilter),
}

/// A condition on the tags of a device.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TagFilter {
    /// How many tags must fit the pattern.
    pub quantifier: Quantifier,
    /// What a tag is compared with.
    pub pattern: TagPattern,
}

/// How many tags of a device must fit a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quantifier {
    /// At least one.
    Any,
    /// None, which is so for a device without tags.
    None,
}

/// What a tag is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TagPattern {
    /// The whole tag, in lower case.
    Exact(String),
    /// A text with wildcards.
    Glob(Glob),
    /// A regular expression.
    Regex(Regex),
}

/// A condition on an attribute of a device.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct AttributeFilter {
    /// Where the attribute comes from, in lower case.
    pub namespace: String,
    /// Its name there.
    pub key: String,
    /// How it is compared.
    pub comparison: Comparison,
    /// What it is compared with.
    pub value: AttributeValue,
}

/// How an attribute is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
    /// `<=`
    LessOrEqual,
    /// `<`
    Less,
}

impl Comparison {
    /// All, those that begin like another one before it.
    pub(super) const ALL: [Self; 6] =
        [Self::Equal, Self::NotEqual, Self::GreaterOrEqual, Self::Greater, Self::LessOrEqual, Self::Less];

    /// The operator.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
            Self::LessOrEqual => "<=",
            Self::Less => "<",
        }
    }
}

/// What an attribute is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AttributeValue {
    /// A moment, as written.
    DateTime(String),
    /// The present moment.
    Now,
    /// Bytes, as written.
    BinaryBlob(String),
    /// A text.
    String(String),
    /// True or false.
    Boolean(bool),
    /// A whole number, as written: it may have any number of digits.
    Integer(String),
    /// A number with a decimal point, as written.
    Float(String),
}
