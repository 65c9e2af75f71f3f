//! Orders, and the places in them: keyset pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_query::{Expr, ExprTrait, NullOrdering, Order, SelectStatement};
use serde_json::Value as Json;

use super::expressions::{column, parameter};
use crate::resource::from_json;
use crate::{Cursor, Error, PageRequest, Resource, Value};

/// To sort by one attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The attribute's place in [`Resource::attributes`].
    pub attribute: usize,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// Whether rows without a value come first.
    pub nulls_first: bool,
}

impl Sort {
    /// From the smallest to the greatest, and then those without a value.
    #[must_use]
    pub const fn ascending(attribute: usize) -> Self {
        Self { attribute, descending: false, nulls_first: false }
    }

    /// Those without a value, and then from the greatest to the smallest.
    #[must_use]
    pub const fn descending(attribute: usize) -> Self {
        Self { attribute, descending: true, nulls_first: true }
    }

    const fn reversed(self) -> Self {
        Self { attribute: self.attribute, descending: !self.descending, nulls_first: !self.nulls_first }
    }

    const KEY: Self = Self::ascending(0);
}

/// The whole order: no attribute twice, the key last.
fn total(sort: &[Sort]) -> Vec<Sort> {
    let mut order: Vec<Sort> = Vec::with_capacity(sort.len() + 1);
    for by in sort.iter().chain([&Sort::KEY]) {
        if order.iter().all(|earlier| earlier.attribute != by.attribute) {
            order.push(*by);
        }
        // Nothing is equal in its key.
        if by.attribute == 0 {
            break;
        }
    }
    order
}

/// What a cursor is good for, and the values of the row it was made from.
pub(super) fn cursor(sort: &[Sort], resource: &Resource, value: impl Fn(usize) -> Json) -> Cursor {
    let order = total(sort);
    let values = order.iter().map(|by| value(by.attribute));
    let parts: Vec<_> = [Json::from(signature(resource, &order))].into_iter().chain(values).collect();
    Cursor(URL_SAFE_NO_PAD.encode(Json::from(parts).to_string()))
}

fn signature(resource: &Resource, order: &[Sort]) -> String {
    let mut text = resource.type_name.to_owned();
    for by in order {
        let name = resource.attributes.get(by.attribute).map_or("", |attribute| attribute.name);
        let direction = if by.descending { '-' } else { '+' };
        let nulls = if by.nulls_first { '0' } else { '1' };
        text.push_str(&format!(" {name}{direction}{nulls}"));
    }
    text
}

fn read(cursor: &Cursor, resource: &Resource, order: &[Sort]) -> Option<Vec<Value>> {
    let parts: Vec<Json> = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&cursor.0).ok()?).ok()?;
    let (made_for, values) = parts.split_first()?;
    if made_for.as_str()? != signature(resource, order) || values.len() != order.len() {
        return None;
    }
    let values = order.iter().zip(values).map(|(by, value)| {
        let attribute = &resource.attributes[by.attribute];
        from_json(value.clone(), attribute.kind).filter(|value| attribute.nullable || *value != Value::Null)
    });
    values.collect()
}

/// Orders a query, and limits it to the part that was asked for.
pub(super) fn apply(
    select: &mut SelectStatement,
    resource: &Resource,
    alias: &str,
    sort: &[Sort],
    request: &PageRequest,
) -> Result<(), Error> {
    let order = total(sort);
    let (cursor, backward) = match request {
        PageRequest::Forward { after, .. } => (after.as_ref(), false),
        PageRequest::Backward { before, .. } => (Some(before), true),
        PageRequest::Window { .. } => (None, false),
    };
    // Cursors tell the order of the list; going backward is the reader's affair.
    let values =
        cursor.map(|cursor| read(cursor, resource, &order).ok_or(Error::InvalidCursor)).transpose()?;
    let order: Vec<_> = order.into_iter().map(|by| if backward { by.reversed() } else { by }).collect();
    if let Some(values) = values {
        select.and_where(beyond(resource, alias, &order, values));
    }
    for by in &order {
        let attribute = &resource.attributes[by.attribute];
        let direction = if by.descending { Order::Desc } else { Order::Asc };
        let by_column = column(alias, attribute.name);
        // Said only where it matters: an index has one order of nulls.
        if attribute.nullable {
            let nulls = if by.nulls_first { NullOrdering::First } else { NullOrdering::Last };
            select.order_by_expr_with_nulls(by_column, direction, nulls);
        } else {
            select.order_by_expr(by_column, direction);
        }
    }
    if let Some(limit) = request.limit() {
        select.limit(limit);
    }
    if let PageRequest::Window { offset: offset @ 1.., .. } = request {
        select.offset(u64::from(*offset));
    }
    Ok(())
}

/// Whether a row comes after these values.
fn beyond(resource: &Resource, alias: &str, order: &[Sort], values: Vec<Value>) -> Expr {
    let of = |by: &Sort| column(alias, resource.attributes[by.attribute].name);
    let descending = order.iter().filter(|by| by.descending).count();
    let plain = order.iter().all(|by| !resource.attributes[by.attribute].nullable);
    if plain && (descending == 0 || descending == order.len()) {
        // One comparison, which an index can answer.
        let columns = Expr::tuple(order.iter().map(of));
        let values = Expr::tuple(values.into_iter().map(parameter));
        return if descending == 0 { columns.gt(values) } else { columns.lt(values) };
    }
    let mut alternatives: Option<Expr> = None;
    for (place, by) in order.iter().enumerate() {
        let Some(mut this) = after(of(by), by, &values[place], resource.attributes[by.attribute].nullable)
        else {
            continue;
        };
        for (earlier, value) in order.iter().zip(&values).take(place) {
            this = match value {
                Value::Null => of(earlier).is_null().and(this),
                value => of(earlier).eq(parameter(value.clone())).and(this),
            };
        }
        alternatives = Some(match alternatives {
            None => this,
            Some(others) => others.or(this),
        });
    }
    alternatives.unwrap_or_else(|| Expr::val(false))
}

/// Whether one value comes after another. `None` where none can.
fn after(column: Expr, by: &Sort, value: &Value, nullable: bool) -> Option<Expr> {
    if *value == Value::Null {
        return by.nulls_first.then(|| column.is_not_null());
    }
    let value = parameter(value.clone());
    let is_after = if by.descending { column.clone().lt(value) } else { column.clone().gt(value) };
    Some(if nullable && !by.nulls_first { is_after.or(column.is_null()) } else { is_after })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DEVICE;

    const NAME: usize = 2;
    const PART_NUMBER: usize = 8;

    fn cursor_of(sort: &[Sort]) -> Cursor {
        cursor(sort, &DEVICE, |place| match place {
            0 => 7.into(),
            PART_NUMBER => Json::Null,
            _ => "lift".into(),
        })
    }

    fn read_as(cursor: &Cursor, sort: &[Sort]) -> Option<Vec<Value>> {
        read(cursor, &DEVICE, &total(sort))
    }

    /// A cursor holds the values of what the list is sorted by, and the key.
    #[test]
    fn cursors_read_back() {
        let by = [Sort::descending(NAME), Sort::ascending(PART_NUMBER)];
        let cursor = cursor_of(&by);
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        let values = [Value::Text("lift".into()), Value::Null, Value::Integer(7)];
        assert_eq!(read_as(&cursor, &by), Some(values.to_vec()));
        assert_eq!(read_as(&cursor_of(&[]), &[]), Some(vec![Value::Integer(7)]));
    }

    /// A cursor is good for one order of one resource; what somebody made up is good for none.
    #[test]
    fn cursors_of_other_lists_are_refused() {
        let by_name = [Sort::ascending(NAME)];
        let cursor = cursor_of(&by_name);
        for other in [vec![], vec![Sort::descending(NAME)], vec![Sort::ascending(PART_NUMBER)]] {
            assert_eq!(read_as(&cursor, &other), None, "{other:?}");
        }
        assert_eq!(read(&cursor, &crate::TAG, &total(&[])), None);
        for made_up in
            [r#"["device name+1 id+1","lift",null]"#, r#"["device name+1 id+1",3,7]"#, "[]", "{}", "x"]
        {
            let made_up = Cursor(URL_SAFE_NO_PAD.encode(made_up));
            assert_eq!(read_as(&made_up, &by_name), None);
        }
        for text in ["", "a b", "a=", "\u{e4}"] {
            assert!(matches!(text.parse::<Cursor>(), Err(Error::InvalidCursor)), "{text}");
        }
    }

    /// The key decides last, and nothing after it does.
    #[test]
    fn every_order_is_total() {
        let id = Sort::descending(0);
        let name = Sort::ascending(NAME);
        assert_eq!(total(&[]), [Sort::KEY]);
        assert_eq!(total(&[name, Sort::descending(NAME)]), [name, Sort::KEY]);
        assert_eq!(total(&[id, name]), [id]);
    }
}
