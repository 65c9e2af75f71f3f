use poem_openapi::Object;

use super::{Attribute, Family};

/// The attributes to show; all of them where the client does not say.
#[derive(Debug, Default)]
pub(in crate::admin) struct Fields(Option<Vec<Attribute>>);

impl Fields {
    pub(in crate::admin) const fn all() -> Self {
        Self(None)
    }

    pub(in crate::admin) fn show(&self, attribute: Attribute) -> bool {
        self.0.as_ref().is_none_or(|shown| shown.contains(&attribute))
    }
}

/// The attributes to show of each type of resource.
#[derive(Object)]
pub(in crate::admin) struct FieldsParameter {
    /// Names of attributes, with commas between them.
    #[oai(validator(
        pattern = "^((name|slug|default_locale|public_key)(,(name|slug|default_locale|public_key))*)?$"
    ))]
    tenant: Option<String>,
}

impl Family for Fields {
    const NAME: &'static str = "fields";
    type Schema = FieldsParameter;

    fn take(&mut self, path: &[&str], value: &str) -> Result<(), &'static str> {
        if path != ["tenant"] {
            return Err("names no type of resource; there is tenant");
        }
        let names = value.split(',').filter(|name| !name.is_empty());
        let attributes: Option<Vec<_>> = names.map(Attribute::parse).collect();
        self.0 = Some(attributes.ok_or("names what is no attribute")?);
        Ok(())
    }
}
