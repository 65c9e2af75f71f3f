//! The arguments of lists: which items, in what order, which part of them.

use async_graphql::{Context, Enum, InputType, InputValueResult, Name, Value, registry};
use edgehog_engine::store::{
    Attribute, Comparison, Condition, Cursor, Filter, Kind, List, MAX_PAGE_SIZE, PageRequest, Resource, Sort,
    TextMatch, Value as Stored,
};

use super::names::snake_case;
use crate::graphql::error::{Code, Failure, failure};
use crate::graphql::scalars::DateTime;

/// In which direction to sort. Items without a value come last going up and first going down, if not told otherwise.
#[derive(Clone, Copy, Debug, Enum, PartialEq, Eq)]
pub(in crate::graphql) enum SortOrder {
    /// Going down, items without a value first.
    Desc,
    /// Going down, items without a value first.
    DescNullsFirst,
    /// Going down, items without a value last.
    DescNullsLast,
    /// Going up, items without a value last.
    Asc,
    /// Going up, items without a value first.
    AscNullsFirst,
    /// Going up, items without a value last.
    AscNullsLast,
}

/// What a client wrote for an argument, its variables replaced.
pub(in crate::graphql) struct Argument(Option<Value>);

impl InputType for Argument {
    type RawValueType = Self;

    fn type_name() -> std::borrow::Cow<'static, str> {
        "Argument".into()
    }

    fn create_type_info(_: &mut registry::Registry) -> String {
        Self::type_name().into_owned()
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        // Null is as good as nothing, for every argument that may be left out.
        Ok(Self(value.filter(|value| *value != Value::Null)))
    }

    fn to_value(&self) -> Value {
        self.0.clone().unwrap_or_default()
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        Some(self)
    }
}

fn argument(context: &Context<'_>, name: &str) -> Result<Option<Value>, Failure> {
    Ok(context.param_value::<Argument>(name, None)?.1.0)
}

/// The filter argument of a field.
pub(in crate::graphql) fn filter(context: &Context<'_>, resource: &Resource) -> Result<Filter, Failure> {
    argument(context, "filter")?.map_or(Ok(Filter::default()), |value| read_filter(resource, &value))
}

/// The list that the arguments of a field ask for, in pages.
pub(super) fn pages(context: &Context<'_>, resource: &Resource, base: Filter) -> Result<List, Failure> {
    let number = |name| argument(context, name).map(|value| value.as_ref().and_then(as_integer));
    let text = |name| match argument(context, name)? {
        Some(Value::String(text)) => Ok(Some(text)),
        _ => Ok::<_, Failure>(None),
    };
    let request = page_request(
        number("first")?,
        text("before")?.as_deref(),
        text("after")?.as_deref(),
        number("last")?,
    )?;
    sorted(context, resource, base, request)
}

/// The list that the arguments of a field ask for, by positions.
pub(super) fn window(context: &Context<'_>, resource: &Resource) -> Result<List, Failure> {
    let number = |name: &'static str| match argument(context, name)?.and_then(|value| as_integer(&value)) {
        None => Ok(None),
        Some(number) => u32::try_from(number).map(Some).map_err(|_| {
            failure(Code::InvalidQuery, &[name], "must not be negative, nor greater than 4294967295")
        }),
    };
    let request = PageRequest::Window { limit: number("limit")?, offset: number("offset")?.unwrap_or(0) };
    sorted(context, resource, Filter::default(), request)
}

fn sorted(
    context: &Context<'_>,
    resource: &Resource,
    base: Filter,
    request: PageRequest,
) -> Result<List, Failure> {
    let sort = argument(context, "sort")?.map_or(Ok(Vec::new()), |value| read_sort(resource, &value))?;
    Ok(List::new(base.and(filter(context, resource)?)).sort(sort).page(request))
}

/// Reads the arguments that every connection has.
fn page_request(
    first: Option<i64>,
    before: Option<&str>,
    after: Option<&str>,
    last: Option<i64>,
) -> Result<PageRequest, Failure> {
    let invalid = |field, message| failure(Code::InvalidQuery, &[field], message);
    let size = |field, wanted: Option<i64>| match wanted {
        None => Ok(MAX_PAGE_SIZE),
        Some(wanted) if wanted <= 0 => Err(invalid(field, "must be greater than 0")),
        Some(wanted) => Ok(u32::try_from(wanted).unwrap_or(MAX_PAGE_SIZE)),
    };
    let cursor = |text: &str| text.parse::<Cursor>().map_err(|_| Failure::invalid_keyset());
    match (first, after, last, before) {
        (Some(_), _, Some(_), _) => Err(invalid("first", "cannot be given together with last")),
        (Some(_), _, _, Some(_)) => Err(invalid("first", "cannot be given together with before")),
        (_, Some(_), Some(_), _) => Err(invalid("last", "cannot be given together with after")),
        (_, _, Some(_), None) => Err(invalid("last", "can be given only together with before")),
        (_, Some(_), _, Some(_)) => Err(invalid("after", "cannot be given together with before")),
        (None, None, last, Some(before)) => {
            Ok(PageRequest::Backward { last: size("last", last)?, before: cursor(before)? })
        }
        (first, after, None, None) => {
            Ok(PageRequest::Forward { first: size("first", first)?, after: after.map(cursor).transpose()? })
        }
    }
}

/// One value stands for a list of one.
fn items(value: &Value) -> &[Value] {
    match value {
        Value::List(items) => items,
        Value::Null => &[],
        single => std::slice::from_ref(single),
    }
}

fn read_sort(resource: &Resource, value: &Value) -> Result<Vec<Sort>, Failure> {
    let invalid = || failure(Code::InvalidQuery, &["sort"], "is not an order of this list");
    let one = |value: &Value| {
        let Value::Object(members) = value else { return Err(invalid()) };
        let name = |value: &Value| match value {
            Value::Enum(name) => Some(name.to_string()),
            Value::String(name) => Some(name.clone()),
            _ => None,
        };
        let by = members.get("field").and_then(name).ok_or_else(invalid)?;
        let attribute = resource.attribute(&by.to_lowercase()).ok_or_else(invalid)?;
        let order = members.get("order").and_then(name);
        let (descending, nulls_first) = match order.as_deref() {
            None | Some("ASC" | "ASC_NULLS_LAST") => (false, false),
            Some("ASC_NULLS_FIRST") => (false, true),
            Some("DESC" | "DESC_NULLS_FIRST") => (true, true),
            Some("DESC_NULLS_LAST") => (true, false),
            Some(_) => return Err(invalid()),
        };
        Ok(Sort { attribute, descending, nulls_first })
    };
    items(value).iter().filter(|value| **value != Value::Null).map(one).collect()
}

fn invalid_filter() -> Failure {
    failure(Code::InvalidQuery, &["filter"], "is not a filter of this list")
}

fn read_filter(resource: &Resource, value: &Value) -> Result<Filter, Failure> {
    let Value::Object(members) = value else { return Err(invalid_filter()) };
    let mut all = Vec::with_capacity(members.len());
    for (name, value) in members.iter().filter(|(_, value)| **value != Value::Null) {
        all.extend(read_member(resource, name, value)?);
    }
    Ok(Filter::All(all))
}

fn read_member(resource: &Resource, name: &Name, value: &Value) -> Result<Option<Filter>, Failure> {
    let parts = || items(value).iter().map(|part| read_filter(resource, part)).collect::<Result<Vec<_>, _>>();
    Ok(Some(match name.as_str() {
        "and" => Filter::All(parts()?),
        "or" => Filter::Any(parts()?),
        "not" => match parts()? {
            none if none.is_empty() => return Ok(None),
            parts => Filter::Not(Box::new(Filter::All(parts))),
        },
        name => {
            let name = snake_case(name);
            if let Some(place) = resource.attribute(&name) {
                return read_conditions(place, &resource.attributes[place], value).map(Some);
            }
            let place = resource.relation(&name).ok_or_else(invalid_filter)?;
            Filter::Related(place, Box::new(read_filter(resource.relations[place].target, value)?))
        }
    }))
}

fn read_conditions(place: usize, attribute: &Attribute, value: &Value) -> Result<Filter, Failure> {
    let Value::Object(operators) = value else { return Err(invalid_filter()) };
    let mut all = Vec::with_capacity(operators.len());
    for (operator, operand) in operators {
        if let Some(condition) = read_condition(attribute.kind, operator, operand)? {
            all.push(Filter::Attribute(place, condition));
        }
    }
    Ok(Filter::All(all))
}

fn read_condition(kind: Kind, operator: &str, operand: &Value) -> Result<Option<Condition>, Failure> {
    let stored = || read_value(kind, operand);
    let compare = |comparison| Ok(Some(Condition::Compare(comparison, stored()?)));
    let text = |form| match operand {
        Value::String(text) => Ok(Some(Condition::Text(form, text.clone()))),
        _ => Ok(None),
    };
    match operator {
        "isNil" => Ok(if let Value::Boolean(flag) = operand { Some(Condition::IsNull(*flag)) } else { None }),
        "eq" => compare(Comparison::Equal),
        "notEq" => compare(Comparison::NotEqual),
        "lessThan" => compare(Comparison::Less),
        "greaterThan" => compare(Comparison::Greater),
        "lessThanOrEqual" => compare(Comparison::LessOrEqual),
        "greaterThanOrEqual" => compare(Comparison::GreaterOrEqual),
        "in" if *operand == Value::Null => Ok(None),
        "in" => {
            let values = items(operand).iter().map(|item| read_value(kind, item));
            Ok(Some(Condition::In(values.collect::<Result<_, _>>()?)))
        }
        "isDistinctFrom" => Ok(Some(Condition::DistinctFrom(stored()?))),
        "isNotDistinctFrom" => Ok(Some(Condition::NotDistinctFrom(stored()?))),
        "contains" => text(TextMatch::Contains),
        "stringStartsWith" => text(TextMatch::StartsWith),
        "stringEndsWith" => text(TextMatch::EndsWith),
        "like" => text(TextMatch::Like),
        "ilike" => text(TextMatch::Ilike),
        _ => Err(invalid_filter()),
    }
}

fn as_integer(value: &Value) -> Option<i64> {
    if let Value::Number(number) = value { number.as_i64() } else { None }
}

fn read_value(kind: Kind, value: &Value) -> Result<Stored, Failure> {
    let read = match (kind, value) {
        (_, Value::Null) => Some(Stored::Null),
        (Kind::Key | Kind::Integer, value) => as_integer(value).map(Stored::Integer),
        (Kind::Boolean, Value::Boolean(flag)) => Some(Stored::Boolean(*flag)),
        (Kind::Text, Value::String(text)) => Some(Stored::Text(text.clone())),
        (Kind::Seconds | Kind::Time, value) => {
            <DateTime as InputType>::parse(Some(value.clone())).ok().map(|it| Stored::Time(it.instant()))
        }
        (Kind::Uuid, Value::String(text)) => text.parse().ok().map(Stored::Uuid),
        _ => None,
    };
    read.ok_or_else(invalid_filter)
}

#[cfg(test)]
mod tests {
    use edgehog_engine::store::DEVICE;

    use super::*;

    #[test]
    fn a_page_is_asked_for_in_one_direction() {
        let all = PageRequest::default();
        assert_eq!(page_request(None, None, None, None).unwrap(), all);
        let after: Option<Cursor> = Some("a".parse().unwrap());
        let forward = |first| PageRequest::Forward { first, after: after.clone() };
        assert_eq!(page_request(Some(2), None, Some("a"), None).unwrap(), forward(2));
        assert_eq!(page_request(Some(10_000), None, Some("a"), None).unwrap(), forward(10_000));
        assert_eq!(page_request(Some(i64::MAX), None, Some("a"), None).unwrap(), forward(MAX_PAGE_SIZE));
        let backward = PageRequest::Backward { last: 2, before: "a".parse().unwrap() };
        assert_eq!(page_request(None, Some("a"), None, Some(2)).unwrap(), backward);
    }

    #[test]
    fn senseless_pages_are_refused() {
        let (one, cursor) = (Some(1), Some("a"));
        for (first, before, after, last) in [
            (one, None, None, one),
            (one, cursor, None, None),
            (None, cursor, cursor, None),
            (None, None, cursor, one),
            (None, None, None, one),
            (Some(0), None, None, None),
            (Some(-1), None, None, None),
            (None, cursor, None, Some(0)),
            (None, None, Some("?"), None),
        ] {
            assert!(
                page_request(first, before, after, last).is_err(),
                "{first:?} {before:?} {after:?} {last:?}"
            );
        }
    }

    fn read(filter: serde_json::Value) -> Result<Filter, Failure> {
        read_filter(&DEVICE, &Value::from_json(filter).unwrap())
    }

    /// Everything in one object must hold; null is as good as nothing; empty lists restrict nothing.
    #[test]
    fn filters_are_read_as_written() {
        let name = DEVICE.attribute("name").unwrap();
        let tags = DEVICE.relation("tags").unwrap();
        let filter = serde_json::json!({
            "or": [], "not": [], "lastSeenIp": null,
            "name": { "eq": "a", "in": ["b", null], "like": null },
            "tags": { "name": { "isNil": true } },
        });
        let expected = Filter::All(vec![
            Filter::Any(vec![]),
            Filter::All(vec![
                Filter::Attribute(name, Condition::Compare(Comparison::Equal, Stored::Text("a".into()))),
                Filter::Attribute(name, Condition::In(vec![Stored::Text("b".into()), Stored::Null])),
            ]),
            Filter::Related(
                tags,
                Box::new(Filter::All(vec![Filter::All(vec![Filter::Attribute(1, Condition::IsNull(true))])])),
            ),
        ]);
        assert_eq!(read(filter).unwrap(), expected);
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for filter in [
            serde_json::json!([]),
            serde_json::json!({ "colour": {} }),
            serde_json::json!({ "id": { "eq": "x" } }),
            serde_json::json!({ "online": { "eq": 1 } }),
            serde_json::json!({ "lastConnection": { "eq": "yesterday" } }),
            serde_json::json!({ "name": { "resembles": "x" } }),
        ] {
            assert!(read(filter.clone()).is_err(), "{filter}");
        }
    }
}
