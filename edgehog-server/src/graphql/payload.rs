//! What mutations give.

use std::borrow::Cow;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{Context, ContextBase, OutputType, Positioned, ServerResult, SimpleObject, Value};
use edgehog_engine::store::{Record, Resource, Selection, Value as Stored};

use super::TenantContext;
use super::error::Failure;
use super::resources::{fields, members, meta_field, meta_object, object, register_object, selections};
use super::scalars::Json;

/// A problem with a mutation. Clients find them among the errors of the whole answer, with the same members.
#[derive(SimpleObject)]
pub(super) struct MutationError {
    /// What is wrong, for people.
    message: Option<String>,
    /// The same in few words.
    short_message: Option<String>,
    /// What was put into the texts.
    vars: Option<Json>,
    /// What kind of problem it is.
    code: Option<String>,
    /// The members of the input at fault.
    fields: Option<Vec<String>>,
    /// Where they are in the input.
    path: Option<Vec<String>>,
}

/// The outcome of a mutation that succeeded.
pub(super) enum Outcome {
    /// The record with this key, as it is now.
    Key(Stored),
    /// The record as it was: it is gone.
    Gone(Box<Record>),
}

/// Declares the results of mutations, each of one resource.
macro_rules! payloads {
    ($($name:ident of $resource:path,)+) => {
        $(
            pub(super) struct $name($crate::graphql::payload::Outcome);

            impl From<$crate::graphql::payload::Outcome> for $name {
                fn from(outcome: $crate::graphql::payload::Outcome) -> Self {
                    Self(outcome)
                }
            }

            impl async_graphql::OutputType for $name {
                fn type_name() -> std::borrow::Cow<'static, str> {
                    stringify!($name).into()
                }

                fn create_type_info(registry: &mut async_graphql::registry::Registry) -> String {
                    $crate::graphql::payload::register(registry, stringify!($name), &$resource)
                }

                async fn resolve(
                    &self,
                    context: &async_graphql::ContextSelectionSet<'_>,
                    field: &async_graphql::Positioned<async_graphql::parser::types::Field>,
                ) -> async_graphql::ServerResult<async_graphql::Value> {
                    $crate::graphql::payload::resolve(context, field, stringify!($name), &$resource, &self.0).await
                }
            }
        )+
    };
}

pub(super) use payloads;

pub(super) fn register(registry: &mut Registry, name: &str, resource: &'static Resource) -> String {
    if !registry.types.contains_key(name) {
        let mut fields = IndexMap::new();
        let errors = <Vec<MutationError> as OutputType>::create_type_info(registry);
        let result = register_object(registry, resource);
        for (member, doc, ty) in [
            ("result", "The record.", result),
            ("errors", "What went wrong: nothing, as clients are told that with the whole answer.", errors),
        ] {
            fields.insert(member.to_owned(), meta_field(member, doc.to_owned(), ty, IndexMap::new()));
        }
        let doc = "What came of a mutation.".to_owned();
        registry.types.insert(name.to_owned(), meta_object(name, doc, fields));
    }
    format!("{name}!")
}

/// What a client wants to know of the record that a mutation is about.
pub(super) fn wanted(
    context: &Context<'_>,
    type_name: &str,
    resource: &'static Resource,
) -> Result<Selection, Failure> {
    let mut wanted = Selection::key(resource);
    for (_, fields) in fields(context, &[&context.item.node.selection_set], type_name) {
        if fields[0].node.name.node == "result" {
            members(context, resource, &selections(&fields), &mut wanted)?;
        }
    }
    Ok(wanted)
}

pub(super) async fn resolve<'a, T: Copy + Sync>(
    context: &ContextBase<'a, T>,
    field: &'a Positioned<Field>,
    type_name: &'static str,
    resource: &'static Resource,
    outcome: &Outcome,
) -> ServerResult<Value> {
    let mut payload = IndexMap::new();
    // Planned as they were before a record was deleted, in the same order.
    let mut wanted = Selection::key(resource);
    let mut planned = Vec::new();
    for (name, fields) in fields(context, &[&field.node.selection_set], type_name) {
        match fields[0].node.name.node.as_str() {
            "result" => match members(context, resource, &selections(&fields), &mut wanted) {
                Ok(members) => {
                    payload.insert(name.clone(), Value::Null);
                    planned.push((name.clone(), members));
                }
                Err(failure) => {
                    failure.report(context, field.pos);
                    return Ok(Value::Null);
                }
            },
            "errors" => {
                payload.insert(name.clone(), Value::List(Vec::new()));
            }
            _ => {
                payload.insert(name.clone(), type_name.into());
            }
        }
    }
    if planned.is_empty() {
        return Ok(Value::Object(payload));
    }
    let record = match outcome {
        Outcome::Gone(record) => Some(Cow::Borrowed(&**record)),
        Outcome::Key(key) => match read(context, &wanted, key).await {
            Ok(record) => record.map(Cow::Owned),
            Err(failure) => {
                failure.report(context, field.pos);
                None
            }
        },
    };
    if let Some(record) = record {
        for (name, members) in planned {
            payload.insert(name, object(context, &members, &record).await);
        }
    }
    Ok(Value::Object(payload))
}

async fn read<T: Sync>(
    context: &ContextBase<'_, T>,
    wanted: &Selection,
    key: &Stored,
) -> Result<Option<Record>, Failure> {
    let tenant = &TenantContext::of(context)?.tenant;
    Ok(tenant.get(wanted, key.clone()).await?)
}

/// The result of a mutation, or null and all that went wrong.
pub(super) fn finish<P: From<Outcome>>(
    context: &Context<'_>,
    outcome: Result<Outcome, Failure>,
) -> Option<P> {
    match outcome {
        Ok(outcome) => Some(outcome.into()),
        Err(failure) => {
            failure.of_input().report(context, context.item.pos);
            None
        }
    }
}
