//! Selectors in the form that the database works with.

use edgehog_sdk::selector::{Expr, Quantifier, Selector, TagPattern as Written};
use edgehog_store::{TagPattern, TagPredicate};

/// Says of tags what the selector says.
pub(crate) fn predicate(selector: &Selector) -> TagPredicate {
    of_expr(selector.expr())
}

fn of_expr(expr: &Expr) -> TagPredicate {
    match expr {
        Expr::And(parts) => TagPredicate::All(parts.iter().map(of_expr).collect()),
        Expr::Or(parts) => TagPredicate::Any(parts.iter().map(of_expr).collect()),
        Expr::Tag(filter) => {
            let pattern = match &filter.pattern {
                Written::Exact(text) => TagPattern::Is(text.clone()),
                Written::Glob(glob) => TagPattern::Like(glob.like()),
                Written::Regex(regex) => TagPattern::Regex(regex.postgres().to_owned()),
                _ => return never(),
            };
            match filter.quantifier {
                Quantifier::Any => TagPredicate::Some(pattern),
                Quantifier::None => TagPredicate::None(pattern),
            }
        }
        // No device has attributes.
        _ => never(),
    }
}

const fn never() -> TagPredicate {
    TagPredicate::Any(Vec::new())
}
