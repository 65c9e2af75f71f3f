//! From questions to SQL.

use std::cell::Cell;
use std::collections::HashMap;

use sea_query::{Alias, Expr, ExprTrait, Func, PostgresQueryBuilder, Query, SelectStatement, TableRef};
use sea_query_sqlx::{SqlxBinder, SqlxValues};

use super::expressions::{binary, column, parameter, parameters, table};
use super::filter::{Comparison, Condition, Filter, TextMatch};
use super::formula::{self, Formula, Path};
use super::selectors::{GroupPredicate, belongs};
use super::{List, Reach, Selection, sort};
use crate::resource::{Attribute, Join, Relation};
use crate::{Error, Resource, TenantId, Value};

/// Makes the statements of one question. Rows have aliases that are used once in a statement.
pub(crate) struct Compiler<'a> {
    tenant: TenantId,
    groups: &'a [GroupPredicate],
    next: Cell<u32>,
}

/// The rows that a part of a filter can talk about, by their paths.
#[derive(Clone)]
struct Scope {
    rows: HashMap<Path, (String, &'static Resource)>,
}

impl Scope {
    fn new(alias: &str, resource: &'static Resource) -> Self {
        Self { rows: HashMap::from([(Path::new(), (alias.to_owned(), resource))]) }
    }

    fn knows(&self, path: &[usize]) -> bool {
        self.rows.contains_key(path)
    }
}

impl<'a> Compiler<'a> {
    pub(crate) const fn new(tenant: TenantId, groups: &'a [GroupPredicate]) -> Self {
        Self { tenant, groups, next: Cell::new(0) }
    }

    /// The rows of a list: their attributes, then what their relations lead to.
    pub(crate) fn rows(&self, selection: &Selection, list: &List) -> Result<(String, SqlxValues), Error> {
        let resource = selection.resource();
        let (mut select, alias) = self.owned(resource);
        for &attribute in selection.attributes() {
            select.expr(column(&alias, resource.attributes[attribute].name));
        }
        for reach in selection.reaches() {
            select.expr(self.reach(reach, resource, &alias)?);
        }
        self.narrow(&mut select, resource, &alias, list)?;
        Ok(select.build_sqlx(PostgresQueryBuilder))
    }

    /// How many rows a list has on all its pages.
    pub(crate) fn count(&self, resource: &'static Resource, list: &List) -> (String, SqlxValues) {
        let (mut select, alias) = self.owned(resource);
        select.expr(Expr::cust("count(*)")).and_where(self.passes(&list.filter, resource, &alias));
        select.build_sqlx(PostgresQueryBuilder)
    }

    fn alias(&self) -> String {
        let number = self.next.get();
        self.next.set(number + 1);
        format!("t{number}")
    }

    fn owned(&self, resource: &Resource) -> (SelectStatement, String) {
        let alias = self.alias();
        let mut select = Query::select();
        select
            .from_as(table(resource.table), Alias::new(alias.as_str()))
            .and_where(column(&alias, "tenant_id").eq(self.tenant.get()));
        (select, alias)
    }

    fn narrow(
        &self,
        select: &mut SelectStatement,
        resource: &'static Resource,
        alias: &str,
        list: &List,
    ) -> Result<(), Error> {
        if list.filter != Filter::default() {
            select.and_where(self.passes(&list.filter, resource, alias));
        }
        sort::apply(select, resource, alias, &list.sort, &list.request)
    }

    /// What a relation of a row leads to, as JSON: an array of values; or of such arrays, with their count.
    fn reach(&self, reach: &Reach, resource: &'static Resource, alias: &str) -> Result<Expr, Error> {
        let relation = &resource.relations[reach.relation];
        let (mut select, target) = self.along(relation, alias);
        let Some(list) = &reach.list else {
            select.expr(self.array(&reach.selection, &target)?).limit(1);
            return Ok(subquery(select));
        };
        let rows = if list.only_counted {
            Expr::cust("'[]'::json")
        } else {
            select.expr_as(self.array(&reach.selection, &target)?, "row");
            self.narrow(&mut select, relation.target, &target, list)?;
            let rows = self.alias();
            let aggregate = Func::cust("json_agg").arg(column(&rows, "row"));
            let mut all = Query::select();
            all.expr(Func::coalesce([aggregate.into(), Expr::cust("'[]'::json")]))
                .from_subquery(select, Alias::new(rows));
            subquery(all)
        };
        let count = if list.counted {
            let (mut count, counted) = self.along(relation, alias);
            count.expr(Expr::cust("count(*)")).and_where(self.passes(
                &list.filter,
                relation.target,
                &counted,
            ));
            subquery(count)
        } else {
            Expr::cust("NULL")
        };
        Ok(Func::cust("json_build_array").args([rows, count]).into())
    }

    fn array(&self, selection: &Selection, alias: &str) -> Result<Expr, Error> {
        let resource = selection.resource();
        let values = selection.attributes().iter().map(|&it| Ok(column(alias, resource.attributes[it].name)));
        let reaches = selection.reaches().iter().map(|reach| self.reach(reach, resource, alias));
        let members = values.chain(reaches).collect::<Result<Vec<_>, Error>>()?;
        Ok(Func::cust("json_build_array").args(members).into())
    }

    /// The rows that a relation leads to from the row with this alias.
    fn along(&self, relation: &Relation, from: &str) -> (SelectStatement, String) {
        let alias = self.alias();
        let mut select = Query::select();
        select.from_as(table(relation.target.table), Alias::new(alias.as_str()));
        let same_tenant = |one: &str, other: &str| column(one, "tenant_id").eq(column(other, "tenant_id"));
        match relation.join {
            Join::Columns { ours, theirs } => {
                select
                    .and_where(same_tenant(&alias, from))
                    .and_where(column(&alias, theirs).eq(column(from, ours)));
            }
            Join::Through { table: through, ours, theirs } => {
                let link = self.alias();
                select
                    .inner_join(
                        TableRef::from(table(through)).alias(Alias::new(link.as_str())),
                        same_tenant(&link, &alias).and(column(&link, theirs.0).eq(column(&alias, theirs.1))),
                    )
                    .and_where(same_tenant(&link, from))
                    .and_where(column(&link, ours.1).eq(column(from, ours.0)));
            }
            Join::GroupsOfDevice => {
                select.and_where(same_tenant(&alias, from)).and_where(belongs(self.groups, from, &alias));
            }
            Join::DevicesOfGroup => {
                select.and_where(same_tenant(&alias, from)).and_where(belongs(self.groups, &alias, from));
            }
        }
        (select, alias)
    }

    fn passes(&self, filter: &Filter, resource: &'static Resource, alias: &str) -> Expr {
        self.formula(Formula::new(filter, resource), &Scope::new(alias, resource))
    }

    fn formula(&self, formula: Formula, scope: &Scope) -> Expr {
        match formula {
            Formula::Const(constant) => Expr::val(constant),
            Formula::Any(parts) => {
                let parts = parts.into_iter().map(|part| self.formula(part, scope));
                parts.reduce(|one, other| one.or(other)).unwrap_or_else(|| Expr::val(false))
            }
            Formula::All(parts) => {
                let groups = formula::groups(parts, &|path: &[usize]| scope.knows(path));
                let parts =
                    groups.into_iter().map(|(steps, parts)| match (steps.into_iter().next(), parts.len()) {
                        (Some(step), 2..) => self.bind(step, Formula::All(parts), scope),
                        _ => {
                            let parts = parts.into_iter().map(|part| self.formula(part, scope));
                            parts.reduce(|one, other| one.and(other)).unwrap_or_else(|| Expr::val(true))
                        }
                    });
                parts.reduce(|one, other| one.and(other)).unwrap_or_else(|| Expr::val(true))
            }
            Formula::Is { ref path, .. } | Formula::None { ref path, .. } => {
                if let Some(step) = formula::first_unknown(path, &|path: &[usize]| scope.knows(path)) {
                    let step = step.to_vec();
                    return self.bind(step, formula, scope);
                }
                self.leaf(formula, scope)
            }
        }
    }

    /// A leaf whose row is known.
    fn leaf(&self, formula: Formula, scope: &Scope) -> Expr {
        match formula {
            Formula::Is { path, attribute, condition, negated } => {
                let Some((alias, resource)) = scope.rows.get(&path) else { return Expr::val(false) };
                let holds = holds(alias, &resource.attributes[attribute], condition);
                if negated { holds.not() } else { holds }
            }
            Formula::None { path, of } => {
                let Some((alias, resource)) = scope.rows.get(&path) else { return Expr::val(false) };
                self.formula(*of, &Scope::new(alias, resource)).not()
            }
            other => self.formula(other, scope),
        }
    }

    /// Looks for a row at the path with which the formula holds; where there is none, for what the formula says then.
    fn bind(&self, path: Path, formula: Formula, scope: &Scope) -> Expr {
        let Some((&relation, before)) = path.split_last() else { return Expr::val(false) };
        let Some((from, resource)) = scope.rows.get(before) else { return Expr::val(false) };
        let relation = &resource.relations[relation];
        let absent = formula.without(&path);

        let (mut some, alias) = self.along(relation, from);
        let mut inner = scope.clone();
        inner.rows.insert(path, (alias, relation.target));
        some.expr(Expr::val(1)).and_where(self.formula(formula, &inner));
        let exists = Expr::exists(some);
        if absent == Formula::Const(false) {
            return exists;
        }
        let (mut any, _) = self.along(relation, from);
        any.expr(Expr::val(1));
        let none = Expr::exists(any).not();
        exists.or(match absent {
            Formula::Const(true) => none,
            absent => none.and(self.formula(absent, scope)),
        })
    }
}

fn subquery(select: SelectStatement) -> Expr {
    Expr::SubQuery(None, Box::new(select.into()))
}

fn holds(alias: &str, attribute: &Attribute, condition: Condition) -> Expr {
    let value = column(alias, attribute.name);
    match condition {
        Condition::IsNull(true) => value.is_null(),
        Condition::IsNull(false) => value.is_not_null(),
        // Nothing compares to no value.
        Condition::Compare(_, Value::Null) => Expr::cust("NULL::boolean"),
        Condition::Compare(comparison, other) => {
            let other = parameter(other);
            match comparison {
                Comparison::Equal => value.eq(other),
                Comparison::NotEqual => value.ne(other),
                Comparison::Less => value.lt(other),
                Comparison::LessOrEqual => value.lte(other),
                Comparison::Greater => value.gt(other),
                Comparison::GreaterOrEqual => value.gte(other),
            }
        }
        Condition::In(values) => value.eq(parameters(&values, attribute.kind)),
        Condition::DistinctFrom(Value::Null) => value.is_not_null(),
        Condition::NotDistinctFrom(Value::Null) => value.is_null(),
        Condition::DistinctFrom(other) => binary(value, "IS DISTINCT FROM", parameter(other)),
        Condition::NotDistinctFrom(other) => binary(value, "IS NOT DISTINCT FROM", parameter(other)),
        Condition::Text(form, text) => has_form(value, form, text),
    }
}

fn has_form(value: Expr, form: TextMatch, text: String) -> Expr {
    match form {
        TextMatch::Contains => Expr::from(Func::cust("strpos").args([value, Expr::val(text)])).gt(0),
        TextMatch::StartsWith => Func::cust("starts_with").args([value, Expr::val(text)]).into(),
        TextMatch::EndsWith => {
            let length = i32::try_from(text.chars().count()).unwrap_or(i32::MAX);
            Expr::from(Func::cust("right").args([value, Expr::val(length)])).eq(text)
        }
        TextMatch::Like => binary(value, "LIKE", Expr::val(text)),
        TextMatch::Ilike => binary(value, "ILIKE", Expr::val(text)),
    }
}
