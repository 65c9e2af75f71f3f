//! Everything of the schema that follows from the declarations of resources: types, root queries, `node`.
//!
//! The types are put into the registry by hand and the answers written in one go, since both follow from data rather than
//! from Rust types: what a page selects is asked for in one statement however deep it goes, and a field costs no future.
//! `async_graphql::registry` is hidden from the library's documentation, so its minor versions are taken up with care.

mod arguments;
mod names;
mod plan;
mod render;
mod types;

use std::borrow::Cow;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::Field;
use async_graphql::registry::{MetaField, MetaInputValue, MetaType, Registry};
use async_graphql::{ContainerType, Context, ContextSelectionSet, ID, InputType, OutputType, Positioned};
use async_graphql::{ServerResult, Value};
use edgehog_engine::store::{
    Condition, DEVICE, DEVICE_GROUP, Filter, HARDWARE_TYPE, HARDWARE_TYPE_PART_NUMBER, Record, Resource,
    SYSTEM_MODEL, SYSTEM_MODEL_PART_NUMBER, Selection, TAG,
};
use futures::future::BoxFuture;

pub(super) use arguments::filter;
pub(super) use plan::{fields, members, selections};
pub(super) use render::object;
pub(super) use types::{filter_input, meta_field, meta_object, object as register_object};

use super::error::Failure;
use super::{TenantContext, devices, ids, system_models};

/// The one abstract type.
const NODE: &str = "Node";

/// How a resource appears in the schema beyond its declaration.
pub(super) struct Shown {
    pub(super) resource: &'static Resource,
    /// Whether `node` finds it.
    pub(super) is_node: bool,
    /// The root field that finds one by its global id.
    get: Option<&'static str>,
    /// The root field that lists them.
    list: Option<RootList>,
    /// What its module computes.
    pub(super) extra: Option<Extra>,
}

/// A root field that lists records of a resource.
#[derive(Clone, Copy)]
struct RootList {
    name: &'static str,
    /// Which of them.
    base: fn() -> Filter,
}

impl RootList {
    const fn all(name: &'static str) -> Option<Self> {
        Some(Self { name, base: Filter::default })
    }
}

/// Fields of a resource that are no attributes or relations.
pub(super) struct Extra {
    /// The attributes that they are computed from.
    pub(super) needs: &'static [&'static str],
    /// Their declarations.
    pub(super) register: fn(&mut Registry) -> IndexMap<String, MetaField>,
    /// Computes one.
    pub(super) resolve: for<'r> fn(&'r Record, &'r Context<'r>) -> BoxFuture<'r, ServerResult<Option<Value>>>,
}

static SHOWN: [Shown; 7] = [
    Shown {
        resource: &DEVICE,
        is_node: true,
        get: Some("device"),
        list: RootList::all("devices"),
        extra: Some(devices::EXTRA),
    },
    Shown {
        resource: &DEVICE_GROUP,
        is_node: true,
        get: Some("deviceGroup"),
        list: RootList::all("deviceGroups"),
        extra: None,
    },
    Shown {
        resource: &HARDWARE_TYPE,
        is_node: true,
        get: Some("hardwareType"),
        list: RootList::all("hardwareTypes"),
        extra: None,
    },
    Shown { resource: &HARDWARE_TYPE_PART_NUMBER, is_node: false, get: None, list: None, extra: None },
    Shown {
        resource: &SYSTEM_MODEL,
        is_node: true,
        get: Some("systemModel"),
        list: RootList::all("systemModels"),
        extra: Some(system_models::EXTRA),
    },
    Shown { resource: &SYSTEM_MODEL_PART_NUMBER, is_node: false, get: None, list: None, extra: None },
    Shown {
        resource: &TAG,
        is_node: false,
        get: None,
        list: Some(RootList { name: "existingDeviceTags", base: tags_in_use }),
        extra: None,
    },
];

/// Tags outlive their last use, but nobody sees them then.
fn tags_in_use() -> Filter {
    TAG.relation("devices").map_or_else(Filter::default, Filter::has)
}

pub(super) fn shown(resource: &Resource) -> Option<&'static Shown> {
    SHOWN.iter().find(|shown| shown.resource == resource)
}

/// The root fields of all resources.
#[derive(Default)]
pub(super) struct ResourceQuery;

enum Root {
    Get(&'static Shown),
    List(&'static Shown, RootList),
}

fn root(name: &str) -> Option<Root> {
    SHOWN.iter().find_map(|shown| match (shown.get, shown.list) {
        (Some(get), _) if get == name => Some(Root::Get(shown)),
        (_, Some(list)) if list.name == name => Some(Root::List(shown, list)),
        _ => None,
    })
}

fn id_argument(registry: &mut Registry, doc: &str) -> IndexMap<String, MetaInputValue> {
    let ty = <ID as InputType>::create_type_info(registry);
    let mut arguments = IndexMap::new();
    types::add_input(&mut arguments, types::meta_input("id", doc, ty));
    arguments
}

impl OutputType for ResourceQuery {
    fn type_name() -> Cow<'static, str> {
        "ResourceQuery".into()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        let mut fields = IndexMap::new();
        let mut add = |field: MetaField| fields.insert(field.name.clone(), field);
        for shown in &SHOWN {
            let resource = shown.resource;
            if let Some(name) = shown.get {
                let ty = types::object(registry, resource);
                let arguments = id_argument(registry, "A global id.");
                add(meta_field(name, "One by its global id, or null.".into(), ty, arguments));
            }
            if let Some(RootList { name, .. }) = shown.list {
                let ty = types::connection(registry, resource);
                let arguments = types::list_arguments(registry, resource, &types::PAGE_ARGUMENTS);
                add(meta_field(
                    name,
                    "All of them, in the order in which they were made.".into(),
                    ty,
                    arguments,
                ));
            }
        }
        let arguments = id_argument(registry, "A global id.");
        add(meta_field("node", "Anything by its global id.".into(), format!("{NODE}!"), arguments));
        let node = node_interface(registry);
        registry.types.insert(NODE.to_owned(), node);
        let name = Self::type_name().into_owned();
        registry.types.insert(name.clone(), meta_object(&name, "Records of all resources.".into(), fields));
        Self::qualified_type_name()
    }

    async fn resolve(&self, context: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        async_graphql::resolver_utils::resolve_container(context, self).await
    }
}

fn node_interface(registry: &mut Registry) -> MetaType {
    let id = <ID as OutputType>::create_type_info(registry);
    let id = meta_field("id", "The global id.".into(), id, IndexMap::new());
    MetaType::Interface {
        name: NODE.to_owned(),
        description: Some("Anything that has a global id and can be fetched by it.".to_owned()),
        fields: IndexMap::from([("id".to_owned(), id)]),
        possible_types: SHOWN.iter().filter(|it| it.is_node).map(|it| it.resource.name.to_owned()).collect(),
        extends: false,
        keys: None,
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        rust_typename: None,
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    }
}

impl ContainerType for ResourceQuery {
    async fn resolve_field(&self, context: &Context<'_>) -> ServerResult<Option<Value>> {
        let name = context.item.node.name.node.as_str();
        if name == "node" {
            let found = node(context).await;
            return found.map(Some).map_err(|failure| failure.into_server_error(context));
        }
        let Some(root) = root(name) else { return Ok(None) };
        let value = match root {
            Root::Get(shown) => get(context, shown).await,
            Root::List(shown, root) => list(context, shown.resource, (root.base)()).await,
        };
        // All of these may be null: an error of one must not take the others along.
        Ok(Some(value.unwrap_or_else(|failure| {
            failure.report(context, context.item.pos);
            Value::Null
        })))
    }
}

fn id_of(context: &Context<'_>) -> Result<ID, Failure> {
    Ok(context.param_value::<ID>("id", None)?.1)
}

async fn get(context: &Context<'_>, shown: &Shown) -> Result<Value, Failure> {
    let key = ids::key(shown.resource, &id_of(context)?)?;
    let mut wanted = Selection::key(shown.resource);
    let planned = members(context, shown.resource, &[&context.item.node.selection_set], &mut wanted)?;
    match TenantContext::of(context)?.tenant.get(&wanted, key).await? {
        Some(record) => Ok(object(context, &planned, &record).await),
        None => Ok(Value::Null),
    }
}

async fn list(context: &Context<'_>, resource: &'static Resource, base: Filter) -> Result<Value, Failure> {
    let list = arguments::pages(context, resource, base)?;
    let mut wanted = Selection::key(resource);
    let selected = [&context.item.node.selection_set];
    let connection = plan::connection(context, resource, &selected, list, &mut wanted)?;
    let page = TenantContext::of(context)?.tenant.list(&wanted, &connection.list).await?;
    Ok(render::connection(context, &connection, &page).await)
}

async fn node(context: &Context<'_>) -> Result<Value, Failure> {
    let id = id_of(context)?;
    let known = SHOWN.iter().filter(|shown| shown.is_node);
    let found = known.into_iter().find_map(|shown| Some((shown, ids::key(shown.resource, &id).ok()?)));
    let (shown, key) = found.ok_or_else(Failure::invalid_primary_key)?;
    let mut wanted = Selection::key(shown.resource);
    let planned = members(context, shown.resource, &[&context.item.node.selection_set], &mut wanted)?;
    let record =
        TenantContext::of(context)?.tenant.get(&wanted, key).await?.ok_or_else(Failure::not_found)?;
    Ok(object(context, &planned, &record).await)
}

/// Records with one of these keys, among those that a filter lets pass.
pub(super) fn with_keys(filter: Filter, keys: Vec<edgehog_engine::store::Value>) -> Filter {
    filter.and(Filter::Attribute(0, Condition::In(keys)))
}
