//! Canonical text.

use std::fmt::{Display, Formatter, Result, Write};

use super::{AttributeFilter, AttributeValue, Expr, Quantifier, Regex, Selector, TagFilter, TagPattern};

impl Display for Selector {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.expr.fmt(f)
    }
}

/// The recursion is as deep as the parentheses were, which is limited.
impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::And(all) => separated(f, all, " and ", |each| matches!(each, Self::Or(_))),
            Self::Or(all) => separated(f, all, " or ", |_| false),
            Self::Tag(filter) => filter.fmt(f),
            Self::Attribute(filter) => filter.fmt(f),
        }
    }
}

fn separated(
    f: &mut Formatter<'_>,
    all: &[Expr],
    separator: &str,
    needs_parentheses: impl Fn(&Expr) -> bool,
) -> Result {
    for (index, each) in all.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        if needs_parentheses(each) { write!(f, "({each})") } else { each.fmt(f) }?;
    }
    Ok(())
}

impl Display for TagFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let exact = matches!(self.pattern, TagPattern::Exact(_));
        let operator = match (exact, self.quantifier) {
            (true, Quantifier::Any) => "in",
            (true, Quantifier::None) => "not in",
            (false, Quantifier::Any) => "~=",
            (false, Quantifier::None) => "!~=",
        };
        match &self.pattern {
            TagPattern::Exact(text) => quoted(f, text),
            TagPattern::Glob(glob) => quoted(f, glob.as_str()),
            TagPattern::Regex(regex) => between_slashes(f, regex),
        }?;
        write!(f, " {operator} tags")
    }
}

impl Display for AttributeFilter {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "attributes[\"{}:{}\"] {} ", self.namespace, self.key, self.comparison.as_str())?;
        self.value.fmt(f)
    }
}

impl Display for AttributeValue {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::DateTime(text) => write!(f, "datetime(\"{text}\")"),
            Self::Now => f.write_str("now()"),
            Self::BinaryBlob(text) => write!(f, "binaryblob(\"{text}\")"),
            Self::String(text) => quoted(f, text),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer(number) | Self::Float(number) => f.write_str(number),
        }
    }
}

/// No text of a selector ends in a backslash: there is no way to write one.
fn quoted(f: &mut Formatter<'_>, text: &str) -> Result {
    f.write_char('"')?;
    escaped(f, text, '"')?;
    f.write_char('"')
}

/// A regular expression that ends in a backslash can only be written in quotes.
fn between_slashes(f: &mut Formatter<'_>, regex: &Regex) -> Result {
    let source = regex.as_str();
    if source.ends_with('\\') {
        f.write_str("\"/")?;
        escaped(f, source, '"')?;
        return f.write_str("/\"");
    }
    f.write_char('/')?;
    escaped(f, source, '/')?;
    f.write_char('/')
}

fn escaped(f: &mut Formatter<'_>, text: &str, delimiter: char) -> Result {
    for char in text.chars() {
        if char == delimiter {
            f.write_char('\\')?;
        }
        f.write_char(char)?;
    }
    Ok(())
}
