//! From records to the answer.

use std::collections::VecDeque;
use std::collections::vec_deque::Drain;

use async_graphql::futures_util::future::join_all;
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::Field;
use async_graphql::{ContextBase, Name, Positioned, Value};
use chrono::SecondsFormat;
use edgehog_engine::store::{Kind, Page, Record, Related, Value as Stored};
use futures::future::BoxFuture;

use super::plan::{Connection, ConnectionMember, EdgeMember, Member, Members, PageInfoMember};
use super::{Extra, shown};
use crate::graphql::ids;

/// An object of a record. What its modules compute is computed first, all at once.
pub(in crate::graphql) async fn object<T: Copy + Sync>(
    context: &ContextBase<'_, T>,
    members: &Members<'_>,
    record: &Record,
) -> Value {
    let mut extras = Vec::new();
    extras_of_object(context, members, record, &mut extras);
    let mut computed = VecDeque::from(join_all(extras).await);
    Renderer { computed: computed.drain(..) }.object(members, record)
}

/// A connection of a page.
pub(in crate::graphql) async fn connection<T: Copy + Sync>(
    context: &ContextBase<'_, T>,
    connection: &Connection<'_>,
    page: &Page<Record>,
) -> Value {
    let mut extras = Vec::new();
    extras_of_connection(context, connection, page, &mut extras);
    let mut computed = VecDeque::from(join_all(extras).await);
    Renderer { computed: computed.drain(..) }.connection(connection, page)
}

type Extras<'r> = Vec<BoxFuture<'r, Value>>;

/// Collects what is to be computed, in the order in which the renderer comes by.
fn extras_of_object<'r, T: Copy + Sync>(
    context: &'r ContextBase<'_, T>,
    members: &'r Members<'_>,
    record: &'r Record,
    extras: &mut Extras<'r>,
) {
    for (_, member) in members {
        match (member, record.related()) {
            (Member::Extra(fields), _) => {
                if let Some(extra) = shown(record.resource()).and_then(|shown| shown.extra.as_ref()) {
                    extras.push(Box::pin(compute(context, extra, fields, record)));
                }
            }
            (Member::One(reach, members), related) => {
                if let Some(Related::One(Some(record))) = related.get(*reach) {
                    extras_of_object(context, members, record, extras);
                }
            }
            (Member::Pages(reach, connection), related) => {
                if let Some(Related::Many(page)) = related.get(*reach) {
                    extras_of_connection(context, connection, page, extras);
                }
            }
            (Member::List(reach, members), related) => {
                if let Some(Related::Many(page)) = related.get(*reach) {
                    for record in &page.rows {
                        extras_of_object(context, members, record, extras);
                    }
                }
            }
            (Member::TypeName | Member::GlobalId | Member::Attribute(_), _) => {}
        }
    }
}

fn extras_of_connection<'r, T: Copy + Sync>(
    context: &'r ContextBase<'_, T>,
    connection: &'r Connection<'_>,
    page: &'r Page<Record>,
    extras: &mut Extras<'r>,
) {
    for (_, member) in &connection.members {
        let ConnectionMember::Edges(members) = member else { continue };
        for record in &page.rows {
            for (_, member) in members {
                if let EdgeMember::Node(members) = member {
                    extras_of_object(context, members, record, extras);
                }
            }
        }
    }
}

async fn compute<T: Copy + Sync>(
    context: &ContextBase<'_, T>,
    extra: &Extra,
    fields: &[&Positioned<Field>],
    record: &Record,
) -> Value {
    let mut value = Value::Null;
    for &field in fields {
        let context = context.with_field(field);
        match (extra.resolve)(record, &context).await {
            Ok(computed) => merge(&mut value, computed.unwrap_or_default()),
            Err(error) => context.add_error(error),
        }
    }
    value
}

/// Puts together what was selected of the same thing in different places.
fn merge(value: &mut Value, other: Value) {
    match (value, other) {
        (Value::Object(members), Value::Object(others)) => {
            for (name, other) in others {
                match members.get_mut(&name) {
                    Some(value) => merge(value, other),
                    None => {
                        members.insert(name, other);
                    }
                }
            }
        }
        (Value::List(items), Value::List(others)) => {
            items.iter_mut().zip(others).for_each(|(item, other)| merge(item, other));
        }
        (value @ Value::Null, other) => *value = other,
        _ => {}
    }
}

/// Writes the answer; what was computed is taken from the front.
struct Renderer<'c> {
    computed: Drain<'c, Value>,
}

impl Renderer<'_> {
    fn object(&mut self, members: &Members<'_>, record: &Record) -> Value {
        let mut object = IndexMap::with_capacity(members.len());
        for (name, member) in members {
            object.insert(name.clone(), self.member(member, record));
        }
        Value::Object(object)
    }

    fn member(&mut self, member: &Member<'_>, record: &Record) -> Value {
        let resource = record.resource();
        match member {
            Member::TypeName => resource.name.into(),
            Member::GlobalId => ids::global_id(resource, record.key()).as_str().into(),
            Member::Attribute(place) => attribute(resource.attributes[*place].kind, record.value(*place)),
            Member::One(reach, members) => match record.related().get(*reach) {
                Some(Related::One(Some(record))) => self.object(members, record),
                _ => Value::Null,
            },
            Member::Pages(reach, connection) => match record.related().get(*reach) {
                Some(Related::Many(page)) => self.connection(connection, page),
                _ => Value::Null,
            },
            Member::List(reach, members) => match record.related().get(*reach) {
                Some(Related::Many(page)) => {
                    page.rows.iter().map(|record| self.object(members, record)).collect()
                }
                _ => Value::Null,
            },
            Member::Extra(_) => self.computed.next().unwrap_or_default(),
        }
    }

    fn connection(&mut self, connection: &Connection<'_>, page: &Page<Record>) -> Value {
        let mut object = IndexMap::with_capacity(connection.members.len());
        for (name, member) in &connection.members {
            let value = match member {
                ConnectionMember::TypeName => Value::String(format!("{}Connection", connection.type_name)),
                ConnectionMember::Count => page.count.map_or(Value::Null, Into::into),
                ConnectionMember::PageInfo(members) => page_info(connection, members, page),
                ConnectionMember::Edges(members) => {
                    page.rows.iter().map(|record| self.edge(connection, members, record)).collect()
                }
            };
            object.insert(name.clone(), value);
        }
        Value::Object(object)
    }

    fn edge(
        &mut self,
        connection: &Connection<'_>,
        members: &[(Name, EdgeMember<'_>)],
        record: &Record,
    ) -> Value {
        let mut object = IndexMap::with_capacity(members.len());
        for (name, member) in members {
            let value = match member {
                EdgeMember::TypeName => Value::String(format!("{}Edge", connection.type_name)),
                EdgeMember::Cursor => connection.list.cursor(record).to_string().into(),
                EdgeMember::Node(members) => self.object(members, record),
            };
            object.insert(name.clone(), value);
        }
        Value::Object(object)
    }
}

fn page_info(connection: &Connection<'_>, members: &[(Name, PageInfoMember)], page: &Page<Record>) -> Value {
    let cursor = |record: Option<&Record>| {
        record.map_or(Value::Null, |record| connection.list.cursor(record).to_string().into())
    };
    let value = |member: PageInfoMember| match member {
        PageInfoMember::TypeName => "PageInfo".into(),
        PageInfoMember::HasPreviousPage => page.has_previous.into(),
        PageInfoMember::HasNextPage => page.has_next.into(),
        PageInfoMember::StartCursor => cursor(page.rows.first()),
        PageInfoMember::EndCursor => cursor(page.rows.last()),
    };
    Value::Object(members.iter().map(|(name, member)| (name.clone(), value(*member))).collect())
}

fn attribute(kind: Kind, value: &Stored) -> Value {
    match (kind, value) {
        (_, Stored::Integer(number)) => (*number).into(),
        (_, Stored::Boolean(flag)) => (*flag).into(),
        (_, Stored::Text(text)) => text.as_str().into(),
        (Kind::Seconds, Stored::Time(at)) => at.to_rfc3339_opts(SecondsFormat::Secs, true).into(),
        (_, Stored::Time(at)) => at.to_rfc3339_opts(SecondsFormat::Micros, true).into(),
        (_, Stored::Uuid(uuid)) => uuid.to_string().into(),
        (_, Stored::Json(json)) => json.to_string().into(),
        _ => Value::Null,
    }
}
