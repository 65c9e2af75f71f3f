//! What devices belong to a group, by their tags.

use sea_query::{CaseStatement, Expr, ExprTrait, Query};
use serde::{Deserialize, Serialize};

use super::expressions::{binary, column, table};

/// A condition on the tags of a device. The database keeps one beside the text of each selector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TagPredicate {
    /// All of these; of none, every device.
    All(Vec<Self>),
    /// Any of these; of none, no device.
    Any(Vec<Self>),
    /// One of the tags fits.
    Some(TagPattern),
    /// None of the tags fits.
    None(TagPattern),
}

/// What a tag is to be like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TagPattern {
    /// This very text.
    Is(String),
    /// A pattern of `LIKE`, where a backslash takes away the meaning of what follows.
    Like(String),
    /// An advanced regular expression of PostgreSQL that fits a part.
    Regex(String),
}

/// A group and who belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct GroupPredicate {
    pub(crate) group: i64,
    pub(crate) predicate: TagPredicate,
}

impl TagPredicate {
    fn holds_for(&self, device: &str) -> Expr {
        let join = |parts: &[Self], of_none: bool, join: fn(Expr, Expr) -> Expr| {
            let parts = parts.iter().map(|part| part.holds_for(device));
            parts.reduce(join).unwrap_or_else(|| Expr::val(of_none))
        };
        match self {
            Self::All(parts) => join(parts, true, |one, other| one.and(other)),
            Self::Any(parts) => join(parts, false, |one, other| one.or(other)),
            Self::Some(pattern) => pattern.fits_a_tag_of(device),
            Self::None(pattern) => pattern.fits_a_tag_of(device).not(),
        }
    }
}

impl TagPattern {
    fn fits_a_tag_of(&self, device: &str) -> Expr {
        let name = column("tag", "name");
        let fits = match self {
            Self::Is(text) => name.eq(text.as_str()),
            Self::Like(pattern) => binary(name, "LIKE", Expr::val(pattern.as_str())),
            Self::Regex(pattern) => binary(name, "~", Expr::val(pattern.as_str())),
        };
        let mut tags = Query::select();
        tags.expr(Expr::val(1))
            .from_as(table("devices_tags"), "link")
            .inner_join(
                sea_query::TableRef::from(table("tags")).alias("tag"),
                column("tag", "tenant_id")
                    .eq(column("link", "tenant_id"))
                    .and(column("tag", "id").eq(column("link", "tag_id"))),
            )
            .and_where(column("link", "tenant_id").eq(column(device, "tenant_id")))
            .and_where(column("link", "device_id").eq(column(device, "id")))
            .and_where(fits);
        Expr::exists(tags)
    }
}

/// Whether the device belongs to the group, both by the names that a query gave their rows.
pub(super) fn belongs(groups: &[GroupPredicate], device: &str, group: &str) -> Expr {
    let mut cases = CaseStatement::new();
    for known in groups {
        cases = cases.case(column(group, "id").eq(known.group), known.predicate.holds_for(device));
    }
    if groups.is_empty() {
        return Expr::val(false);
    }
    Expr::Case(Box::new(cases.finally(false)))
}
