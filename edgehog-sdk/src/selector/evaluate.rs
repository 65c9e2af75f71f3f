//! Whether a device belongs to a group.

use super::{Expr, Quantifier, TagFilter, TagPattern};

/// The recursion is as deep as the parentheses were, which is limited.
pub(super) fn expr<T: AsRef<str>>(expression: &Expr, tags: &[T]) -> bool {
    match expression {
        Expr::And(all) => all.iter().all(|each| expr(each, tags)),
        Expr::Or(all) => all.iter().any(|each| expr(each, tags)),
        Expr::Tag(filter) => tag(filter, tags),
        Expr::Attribute(_) => false,
    }
}

fn tag<T: AsRef<str>>(filter: &TagFilter, tags: &[T]) -> bool {
    let fits = |tag: &T| match &filter.pattern {
        TagPattern::Exact(text) => text == tag.as_ref(),
        TagPattern::Glob(glob) => glob.matches(tag.as_ref()),
        TagPattern::Regex(regex) => regex.is_match(tag.as_ref()),
    };
    match filter.quantifier {
        Quantifier::Any => tags.iter().any(fits),
        Quantifier::None => !tags.iter().any(fits),
    }
}
