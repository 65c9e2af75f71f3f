//! Small made-up fleets, and strategies to make them up.

use std::collections::{BTreeSet, HashMap};

use edgehog_store::{
    Cardinality, DEVICE, DEVICE_GROUP, HARDWARE_TYPE, HARDWARE_TYPE_PART_NUMBER, List, PageRequest, Reach,
    Record, Related, Resource, SYSTEM_MODEL, SYSTEM_MODEL_PART_NUMBER, Selection, TAG, TenantTx, Value,
};
use proptest::prelude::*;
use sqlx::{AssertSqlSafe, Executor};

/// Names, tags and part numbers: few, so that they meet.
pub(crate) const WORDS: [&str; 3] = ["a", "b", "c"];

/// What there is, by numbers from 1 that are the keys too.
#[derive(Clone, Debug)]
pub(crate) struct World {
    devices: Vec<Device>,
    /// How many, named by the words.
    tags: usize,
    hardware_types: usize,
    /// The hardware types of the part numbers, which are the words.
    hardware_part_numbers: Vec<Option<usize>>,
    /// The hardware types of the system models.
    system_models: Vec<usize>,
    system_part_numbers: Vec<Option<usize>>,
    /// A tag that the devices of each group have, or in the second case have not.
    groups: Vec<(usize, bool)>,
}

#[derive(Clone, Debug)]
struct Device {
    name: usize,
    online: bool,
    serial_number: Option<usize>,
    part_number: Option<usize>,
    tags: BTreeSet<usize>,
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    let number = 0..WORDS.len();
    let device = (
        number.clone(),
        any::<bool>(),
        prop::option::of(number.clone()),
        prop::option::weighted(0.8, number.clone()),
        prop::collection::btree_set(number.clone(), 0..3),
    );
    let device = device.prop_map(|(name, online, serial_number, part_number, tags)| Device {
        name,
        online,
        serial_number,
        part_number,
        tags,
    });
    let owners =
        || prop::collection::vec(prop::option::weighted(0.8, any::<prop::sample::Index>()), 0..=WORDS.len());
    (
        prop::collection::vec(device, 2..6),
        prop_oneof![1 => Just(0), 9 => 1_usize..4],
        owners(),
        prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        owners(),
        prop::collection::vec((number, any::<bool>()), 0..4),
    )
        .prop_map(|(devices, hardware_types, hardware_owners, models, model_owners, groups)| {
            let system_models: Vec<_> = match hardware_types {
                0 => Vec::new(),
                types => models.into_iter().map(|it| it.index(types)).collect(),
            };
            let owned = |owners: Vec<Option<prop::sample::Index>>, by: usize| {
                owners.into_iter().map(|it| it.filter(|_| by > 0).map(|it| it.index(by))).collect()
            };
            World {
                hardware_part_numbers: owned(hardware_owners, hardware_types),
                system_part_numbers: owned(model_owners, system_models.len()),
                tags: WORDS.len(),
                devices,
                hardware_types,
                system_models,
                groups,
            }
        })
}

fn key(place: Option<usize>) -> String {
    place.map_or("NULL".to_owned(), |place| (place + 1).to_string())
}

fn word(place: Option<usize>) -> String {
    place.map_or("NULL".to_owned(), |place| format!("'{}'", WORDS[place]))
}

impl World {
    /// Makes all of it, in an empty tenant.
    pub(crate) async fn insert(&self, tx: &mut TenantTx) {
        let mut sql = String::new();
        let mut insert = |table: &str, columns: &str, values: String| {
            sql.push_str(&format!(
                "INSERT INTO {table} (tenant_id, {columns}) OVERRIDING SYSTEM VALUE SELECT current_tenant(), {values};"
            ));
        };
        for tag in 0..self.tags {
            insert("tags", "id, name", format!("{}, {}", key(Some(tag)), word(Some(tag))));
        }
        for (place, it) in self.devices.iter().enumerate() {
            let values = format!(
                "{}, (SELECT id FROM realms), 'd{place}', {}, {}, {}, {}",
                place + 1,
                word(Some(it.name)),
                it.online,
                word(it.serial_number),
                word(it.part_number)
            );
            insert("devices", "id, realm_id, device_id, name, connected, serial_number, part_number", values);
            for tag in &it.tags {
                insert("devices_tags", "tag_id, device_id", format!("{}, {}", tag + 1, place + 1));
            }
        }
        let named = |place: usize| format!("{0}, {1}, {1}", place + 1, word(Some(place)));
        for place in 0..self.hardware_types {
            insert("hardware_types", "id, handle, name", named(place));
        }
        for (place, owner) in self.hardware_part_numbers.iter().enumerate() {
            let values = format!("{}, {}, {}", place + 1, word(Some(place)), key(*owner));
            insert("hardware_type_part_numbers", "id, part_number, hardware_type_id", values);
        }
        for (place, hardware) in self.system_models.iter().enumerate() {
            let values = format!("{}, {}", named(place), key(Some(*hardware)));
            insert("system_models", "id, handle, name, hardware_type_id", values);
        }
        for (place, owner) in self.system_part_numbers.iter().enumerate() {
            let values = format!("{}, {}, {}", place + 1, word(Some(place)), key(*owner));
            insert("system_model_part_numbers", "id, part_number, system_model_id", values);
        }
        for (place, (tag, has)) in self.groups.iter().enumerate() {
            let predicate =
                format!(r#"{{"{}": {{"is": "{}"}}}}"#, if *has { "some" } else { "none" }, WORDS[*tag]);
            let values = format!("{}, '{}', '{predicate}'", named(place), WORDS[*tag]);
            insert("device_groups", "id, name, handle, selector, predicate", values);
        }
        tx.connection().execute(AssertSqlSafe(sql)).await.unwrap();
    }

    /// Where a relation leads from the record with this number, if this world knows the relation.
    pub(crate) fn leads_to(&self, resource: &Resource, relation: &str, from: usize) -> Option<Vec<usize>> {
        let owned = |owners: &[Option<usize>], owner| {
            (0..owners.len()).filter(|place| owners[*place] == Some(owner)).collect::<Vec<_>>()
        };
        let in_group = |device: usize, group: usize| {
            let (tag, has) = self.groups[group];
            self.devices[device].tags.contains(&tag) == has
        };
        let known: [(_, _, &dyn Fn() -> Vec<usize>); 9] = [
            (&DEVICE, "system_model", &|| {
                let part_number = self.devices[from].part_number;
                let model = part_number.and_then(|it| *self.system_part_numbers.get(it)?);
                model.into_iter().collect()
            }),
            (&DEVICE, "tags", &|| self.devices[from].tags.iter().copied().collect()),
            (&DEVICE, "device_groups", &|| {
                (0..self.groups.len()).filter(|group| in_group(from, *group)).collect()
            }),
            (&DEVICE_GROUP, "devices", &|| {
                (0..self.devices.len()).filter(|device| in_group(*device, from)).collect()
            }),
            (&HARDWARE_TYPE, "part_numbers", &|| owned(&self.hardware_part_numbers, from)),
            (&HARDWARE_TYPE_PART_NUMBER, "hardware_type", &|| {
                self.hardware_part_numbers[from].into_iter().collect()
            }),
            (&SYSTEM_MODEL, "part_numbers", &|| owned(&self.system_part_numbers, from)),
            (&SYSTEM_MODEL, "hardware_type", &|| vec![self.system_models[from]]),
            (&SYSTEM_MODEL_PART_NUMBER, "system_model", &|| {
                self.system_part_numbers[from].into_iter().collect()
            }),
        ];
        known.iter().find(|it| it.0 == resource && it.1 == relation).map(|it| it.2())
    }
}

/// All records of a tenant in memory, and what each relation leads to.
pub(crate) struct Fleet {
    /// By their resources and keys.
    records: HashMap<(&'static str, i64), Record>,
    /// By resource, key and relation.
    links: HashMap<(&'static str, i64, usize), Vec<i64>>,
}

fn number(record: &Record) -> i64 {
    record.key().as_integer().unwrap()
}

impl Fleet {
    pub(crate) async fn read(tx: &mut TenantTx) -> Self {
        let mut fleet = Self { records: HashMap::new(), links: HashMap::new() };
        for resource in Resource::all() {
            let mut selection = Selection::all(resource);
            for (place, relation) in resource.relations.iter().enumerate() {
                let target = Selection::key(relation.target);
                let all = List::default().page(PageRequest::all());
                let reach = match relation.cardinality {
                    Cardinality::One => Reach::one(resource, place, target),
                    _ => Reach::many(resource, place, target, all),
                };
                selection.reach(reach.unwrap());
            }
            let all = List::default().page(PageRequest::all());
            for record in tx.list(&selection, &all).await.unwrap().rows {
                for (place, related) in record.related().iter().enumerate() {
                    let keys = match related {
                        Related::One(one) => one.iter().map(|it| number(it)).collect(),
                        Related::Many(page) => page.rows.iter().map(number).collect(),
                        other => panic!("a new form of related records: {other:?}"),
                    };
                    fleet.links.insert((resource.name, number(&record), place), keys);
                }
                fleet.records.insert((resource.name, number(&record)), record);
            }
        }
        fleet
    }

    pub(crate) fn value(&self, resource: &Resource, key: i64, attribute: usize) -> &Value {
        self.records[&(resource.name, key)].value(attribute)
    }

    pub(crate) fn links(&self, resource: &Resource, key: i64, relation: usize) -> &[i64] {
        &self.links[&(resource.name, key, relation)]
    }

    pub(crate) fn keys(&self, resource: &Resource) -> Vec<i64> {
        let keys = self.records.keys().filter(|(name, _)| *name == resource.name).map(|(_, key)| *key);
        let mut keys: Vec<_> = keys.collect();
        keys.sort_unstable();
        keys
    }
}

/// The tags must be those that a relation from them leads to, too.
#[tokio::test]
async fn relations_lead_where_they_should() {
    let store = crate::store().await;
    let (scope, _) = crate::tenant(&store, "plant-one").await;
    let worlds = crate::samples(world(), 20);
    for world in worlds {
        let mut tx = scope.begin().await.unwrap();
        world.insert(&mut tx).await;
        let fleet = Fleet::read(&mut tx).await;
        for resource in Resource::all() {
            for (place, relation) in resource.relations.iter().enumerate() {
                for key in fleet.keys(resource) {
                    let from = usize::try_from(key).unwrap() - 1;
                    let found: Vec<_> = fleet
                        .links(resource, key, place)
                        .iter()
                        .map(|it| usize::try_from(*it).unwrap() - 1)
                        .collect();
                    if let Some(expected) = world.leads_to(resource, relation.name, from) {
                        assert_eq!(found, expected, "{} {key} {} in {world:?}", resource.name, relation.name);
                    }
                }
            }
        }
        assert_eq!(fleet.keys(&TAG).len(), WORDS.len());
    }
}
