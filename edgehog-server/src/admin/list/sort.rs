use std::cmp::Ordering;

use edgehog_engine::store::Tenant;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use serde::{Deserialize, Serialize};

use super::{Attribute, Family};

/// The order of the list. Tenants that are equal by it are in the order of their numbers.
#[derive(Debug, Default)]
pub(in crate::admin) struct Sort(Vec<Term>);

#[derive(Debug)]
struct Term {
    /// None is the number.
    attribute: Option<Attribute>,
    descends: bool,
}

/// What decides where in the list a tenant stands.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Key {
    id: i64,
    values: Vec<String>,
}

impl Sort {
    fn attributes(&self) -> impl Iterator<Item = Attribute> {
        self.0.iter().filter_map(|term| term.attribute)
    }

    pub(super) fn key(&self, tenant: &Tenant) -> Key {
        let values = self.attributes().map(|attribute| attribute.of(tenant).to_owned()).collect();
        Key { id: tenant.tenant_id.get(), values }
    }

    /// Whether the key is one of this order.
    pub(super) fn fits(&self, key: &Key) -> bool {
        key.values.len() == self.attributes().count()
    }

    pub(super) fn compare(&self, one: &Key, other: &Key) -> Ordering {
        let mut values = one.values.iter().zip(&other.values);
        let by_id = one.id.cmp(&other.id);
        let by_terms = self.0.iter().map(|term| {
            let order = match term.attribute {
                Some(_) => values.next().map_or(Ordering::Equal, |(one, other)| one.cmp(other)),
                None => by_id,
            };
            if term.descends { order.reverse() } else { order }
        });
        by_terms.fold(Ordering::Equal, Ordering::then).then(by_id)
    }
}

impl Family for Sort {
    const NAME: &'static str = "sort";
    type Schema = String;

    fn schema() -> MetaSchemaRef {
        const NAME: &str = "-?(id|name|slug|default_locale|public_key)";
        let pattern = Some(format!("^{NAME}(,{NAME})*$"));
        MetaSchemaRef::Inline(Box::new(MetaSchema { pattern, ..MetaSchema::new("string") }))
    }

    fn take(&mut self, path: &[&str], value: &str) -> Result<(), &'static str> {
        if !path.is_empty() {
            return Err("takes no brackets");
        }
        let terms = value.split(',').map(|term| {
            let (name, descends) = term.strip_prefix('-').map_or((term, false), |name| (name, true));
            let attribute = Attribute::parse(name);
            (attribute.is_some() || name == "id").then_some(Term { attribute, descends })
        });
        let terms: Option<Vec<_>> = terms.collect();
        self.0 = terms.ok_or("names what is no attribute to sort by")?;
        Ok(())
    }
}
