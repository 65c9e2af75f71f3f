//! Subscriptions to changes of records.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::futures_util::stream::{self, BoxStream, StreamExt};
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{
    Context, ContextBase, ID, OutputType, Positioned, Result, ServerResult, Subscription, Value,
};
use edgehog_engine::Changes;
use edgehog_engine::store::{
    Change, ChangeKind, DEVICE, DEVICE_GROUP, Filter, HARDWARE_TYPE, HARDWARE_TYPE_PART_NUMBER, List,
    PageRequest, Record, Resource, SYSTEM_MODEL_PART_NUMBER, Selection, Value as Key,
};

use tokio::sync::Notify;

use super::error::Failure;
use super::resources::{
    fields, filter, filter_input, members, meta_field, meta_object, object, register_object, selections,
    with_keys,
};
use super::{TenantContext, ids};

/// The pause before records are read again that could not be read.
const AGAIN: Duration = Duration::from_secs(1);

/// Records read at once.
const BATCH: usize = 200;

/// By which a subscription tells whoever runs it that no later event will escape it. It is in the data of its request.
#[derive(Clone, Default)]
pub(crate) struct Opened(Arc<Notify>);

impl Opened {
    pub(crate) fn tell(&self) {
        self.0.notify_one();
    }

    /// Returns once it was told.
    pub(crate) async fn told(&self) {
        self.0.notified().await;
    }
}

/// A change as it is told.
pub(super) enum Told {
    Created(Arc<Record>),
    Updated(Arc<Record>),
    Destroyed(Key),
}

/// Declares what subscriptions tell: of which resource, and the filter that they take.
macro_rules! told {
    ($($event:ident as $name:literal of $resource:path [$($member:literal),+] by $filter:ident,)+) => {
        $(
            struct $event(Told);

            impl From<Told> for $event {
                fn from(told: Told) -> Self {
                    Self(told)
                }
            }

            impl OutputType for $event {
                fn type_name() -> std::borrow::Cow<'static, str> {
                    $name.into()
                }

                fn create_type_info(registry: &mut Registry) -> String {
                    register(registry, $name, &$resource, &[$($member),+])
                }

                async fn resolve(
                    &self,
                    context: &async_graphql::ContextSelectionSet<'_>,
                    field: &Positioned<Field>,
                ) -> ServerResult<Value> {
                    resolve(context, field, $name, &$resource, &self.0).await
                }
            }

            /// Which records to tell of. It is read from the request itself.
            struct $filter;

            impl async_graphql::InputType for $filter {
                type RawValueType = Self;

                fn type_name() -> std::borrow::Cow<'static, str> {
                    concat!(stringify!($filter), "Input").into()
                }

                fn create_type_info(registry: &mut Registry) -> String {
                    filter_input(registry, &$resource)
                }

                fn parse(_: Option<Value>) -> async_graphql::InputValueResult<Self> {
                    Ok(Self)
                }

                fn to_value(&self) -> Value {
                    Value::Null
                }

                fn as_raw_value(&self) -> Option<&Self> {
                    Some(self)
                }
            }
        )+
    };
}

told! {
    DeviceChanged as "device_changed_result" of DEVICE ["created", "updated"] by DeviceFilter,
    DeviceGroupChanged as "device_group_result" of DEVICE_GROUP ["created", "updated", "destroyed"]
        by DeviceGroupFilter,
    HardwareTypeChanged as "hardware_type_result" of HARDWARE_TYPE ["created", "updated", "destroyed"]
        by HardwareTypeFilter,
    HardwareTypePartNumberChanged as "hardware_type_part_number_result"
        of HARDWARE_TYPE_PART_NUMBER ["created", "updated", "destroyed"] by HardwareTypePartNumberFilter,
    SystemModelPartNumberChanged as "system_model_part_number_result"
        of SYSTEM_MODEL_PART_NUMBER ["created", "updated", "destroyed"] by SystemModelPartNumberFilter,
}

type ToldStream<T> = BoxStream<'static, Option<T>>;

/// Where every subscription begins.
#[derive(Default)]
pub struct RootSubscriptionType;

#[Subscription]
impl RootSubscriptionType {
    /// Devices that are new or have changed.
    async fn device_changed(
        &self,
        context: &Context<'_>,
        #[graphql(name = "filter", desc = "Of which devices to tell.")] _filter: Option<DeviceFilter>,
    ) -> Result<ToldStream<DeviceChanged>> {
        watch(context, "device_changed_result", &DEVICE, false).await
    }

    /// Device groups that are new, have changed, or are gone.
    async fn device_group(
        &self,
        context: &Context<'_>,
        #[graphql(name = "filter", desc = "Of which groups to tell.")] _filter: Option<DeviceGroupFilter>,
    ) -> Result<ToldStream<DeviceGroupChanged>> {
        watch(context, "device_group_result", &DEVICE_GROUP, true).await
    }

    /// Hardware types that are new, have changed, or are gone.
    async fn hardware_type(
        &self,
        context: &Context<'_>,
        #[graphql(name = "filter", desc = "Of which hardware types to tell.")] _filter: Option<
            HardwareTypeFilter,
        >,
    ) -> Result<ToldStream<HardwareTypeChanged>> {
        watch(context, "hardware_type_result", &HARDWARE_TYPE, true).await
    }

    /// Part numbers of hardware that are new, have changed, or are gone.
    async fn hardware_type_part_number(
        &self,
        context: &Context<'_>,
        #[graphql(name = "filter", desc = "Of which part numbers to tell.")] _filter: Option<
            HardwareTypePartNumberFilter,
        >,
    ) -> Result<ToldStream<HardwareTypePartNumberChanged>> {
        watch(context, "hardware_type_part_number_result", &HARDWARE_TYPE_PART_NUMBER, true).await
    }

    /// Part numbers of systems that are new, have changed, or are gone.
    async fn system_model_part_number(
        &self,
        context: &Context<'_>,
        #[graphql(name = "filter", desc = "Of which part numbers to tell.")] _filter: Option<
            SystemModelPartNumberFilter,
        >,
    ) -> Result<ToldStream<SystemModelPartNumberChanged>> {
        watch(context, "system_model_part_number_result", &SYSTEM_MODEL_PART_NUMBER, true).await
    }
}

fn register(registry: &mut Registry, name: &str, resource: &'static Resource, kinds: &[&str]) -> String {
    if !registry.types.contains_key(name) {
        let object = register_object(registry, resource);
        <ID as OutputType>::create_type_info(registry);
        let mut fields = IndexMap::new();
        for kind in kinds {
            let (doc, ty) = match *kind {
                "created" => ("The record that is new.", object.as_str()),
                "updated" => ("The record that has changed.", object.as_str()),
                _ => ("The global id of the record that is gone.", "ID"),
            };
            fields
                .insert((*kind).to_owned(), meta_field(kind, doc.to_owned(), ty.to_owned(), IndexMap::new()));
        }
        let doc = "What happened: one of these is set.".to_owned();
        registry.types.insert(name.to_owned(), meta_object(name, doc, fields));
    }
    format!("{name}!")
}

/// What a subscription is about.
struct Watch {
    context: Arc<TenantContext>,
    resource: &'static Resource,
    wanted: Selection,
    filter: Filter,
    /// Whether the client can be told of records that are gone.
    tells_gone: bool,
    changes: Changes,
    ready: std::vec::IntoIter<Told>,
}

async fn watch<T: From<Told>>(
    context: &Context<'_>,
    type_name: &'static str,
    resource: &'static Resource,
    tells_gone: bool,
) -> Result<ToldStream<T>> {
    let opened = context.data::<Opened>();
    let begin = async || {
        let mut wanted = Selection::key(resource);
        for (_, fields) in fields(context, &[&context.item.node.selection_set], type_name) {
            if matches!(fields[0].node.name.node.as_str(), "created" | "updated") {
                members(context, resource, &selections(&fields), &mut wanted)?;
            }
        }
        let filter = filter(context, resource)?;
        let context = TenantContext::shared(context)?;
        let changes = context.tenant.changes().await?;
        if let Ok(opened) = opened {
            opened.tell();
        }
        let ready = Vec::new().into_iter();
        Ok::<_, Failure>(Watch { context, resource, wanted, filter, tells_gone, changes, ready })
    };
    let watch = begin().await.map_err(|failure| failure.into_error(context))?;
    let told = stream::unfold(watch, |mut watch| async move {
        loop {
            if let Some(told) = watch.ready.next() {
                return Some((Some(T::from(told)), watch));
            }
            // None: too much was missed, so that whoever watches must begin anew.
            let changes = watch.changes.next().await?;
            let ours: Vec<_> = changes.iter().filter(|change| watch.is_about(change)).collect();
            let mut ready = Vec::with_capacity(ours.len());
            for changes in ours.chunks(BATCH) {
                ready.extend(watch.tell(changes).await);
            }
            watch.ready = ready.into_iter();
        }
    });
    Ok(told.boxed())
}

impl Watch {
    fn is_about(&self, change: &Change) -> bool {
        change.resource == self.resource && (self.tells_gone || change.kind != ChangeKind::Destroyed)
    }

    /// What there is to tell of changes: records that are gone by now, or do not pass the filter, are passed over.
    async fn tell(&self, changes: &[&Change]) -> Vec<Told> {
        // What was read of devices for an earlier event is old news.
        self.context.renew();
        let living = changes.iter().filter(|change| change.kind != ChangeKind::Destroyed);
        let mut keys: Vec<_> = living.map(|change| change.key.clone()).collect();
        keys.dedup();
        let records = if keys.is_empty() { HashMap::new() } else { self.read(keys).await };
        let tell = |change: &&Change| {
            let record = || records.get(&text(&change.key)).cloned();
            Some(match change.kind {
                ChangeKind::Created => Told::Created(record()?),
                ChangeKind::Updated => Told::Updated(record()?),
                ChangeKind::Destroyed => Told::Destroyed(change.key.clone()),
            })
        };
        changes.iter().filter_map(tell).collect()
    }

    /// Reads the records as they are now. A database that is away is waited for: no change is to be lost.
    async fn read(&self, keys: Vec<Key>) -> HashMap<String, Arc<Record>> {
        let list = List::new(with_keys(self.filter.clone(), keys)).page(PageRequest::all());
        loop {
            match self.context.tenant.list(&self.wanted, &list).await {
                Ok(page) => {
                    let by_key = |record: Record| (text(record.key()), Arc::new(record));
                    return page.rows.into_iter().map(by_key).collect();
                }
                Err(error) => {
                    let tenant = &self.context.tenant.info().slug;
                    tracing::warn!(
                        %tenant,
                        error = &error as &dyn std::error::Error,
                        "changed records cannot be read; they are told of later"
                    );
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }
}

fn text(key: &Key) -> String {
    match key {
        Key::Uuid(uuid) => uuid.to_string(),
        key => key.as_integer().unwrap_or_default().to_string(),
    }
}

async fn resolve<'a, T: Copy + Sync>(
    context: &ContextBase<'a, T>,
    field: &'a Positioned<Field>,
    type_name: &'static str,
    resource: &'static Resource,
    told: &Told,
) -> ServerResult<Value> {
    let mut answer = IndexMap::new();
    // Planned as when the subscription began, in the same order.
    let mut wanted = Selection::key(resource);
    for (name, fields) in fields(context, &[&field.node.selection_set], type_name) {
        let kind = fields[0].node.name.node.as_str();
        let value = match (kind, told) {
            ("__typename", _) => type_name.into(),
            ("destroyed", Told::Destroyed(key)) => ids::global_id(resource, key).as_str().into(),
            ("created" | "updated", _) => {
                let Ok(members) = members(context, resource, &selections(&fields), &mut wanted) else {
                    continue;
                };
                match (kind, told) {
                    ("created", Told::Created(record)) | ("updated", Told::Updated(record)) => {
                        object(context, &members, record).await
                    }
                    _ => Value::Null,
                }
            }
            _ => Value::Null,
        };
        answer.insert(name.clone(), value);
    }
    Ok(Value::Object(answer))
}
