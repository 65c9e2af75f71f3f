use edgehog_engine::store::Tenant;
use poem_openapi::Object;

use super::{Attribute, Family};

/// What a tenant must be to be shown: all of these.
#[derive(Debug, Default)]
pub(in crate::admin) struct Filter(Vec<(Attribute, Test)>);

#[derive(Debug)]
enum Test {
    Is(String),
    IsNot(String),
    IsOneOf(Vec<String>),
    Contains(String),
}

impl Filter {
    pub(in crate::admin) fn keeps(&self, tenant: &Tenant) -> bool {
        self.0.iter().all(|(attribute, test)| {
            let value = attribute.of(tenant);
            match test {
                Test::Is(wanted) => value == wanted,
                Test::IsNot(unwanted) => value != unwanted,
                Test::IsOneOf(wanted) => wanted.iter().any(|wanted| wanted == value),
                Test::Contains(part) => value.contains(part),
            }
        })
    }

    fn add_to_list(&mut self, attribute: Attribute, value: &str) {
        for (known, test) in &mut self.0 {
            if let Test::IsOneOf(values) = test
                && *known == attribute
            {
                values.push(value.to_owned());
                return;
            }
        }
        self.0.push((attribute, Test::IsOneOf(vec![value.to_owned()])));
    }
}

/// The attributes that tenants must have.
#[derive(Object)]
pub(in crate::admin) struct FilterParameter {
    name: Option<String>,
    slug: Option<String>,
    default_locale: Option<String>,
    public_key: Option<String>,
}

impl Family for Filter {
    const NAME: &'static str = "filter";
    type Schema = FilterParameter;

    fn take(&mut self, path: &[&str], value: &str) -> Result<(), &'static str> {
        let [name, operator @ ..] = path else { return Err("names no attribute") };
        let attribute = Attribute::parse(name).ok_or("names no attribute to filter by")?;
        let value = value.to_owned();
        let test = match operator {
            [] | ["eq"] => Test::Is(value),
            ["not_eq"] => Test::IsNot(value),
            ["contains"] => Test::Contains(value),
            ["in", _] => {
                self.add_to_list(attribute, &value);
                return Ok(());
            }
            _ => return Err("names no operator; there are eq, not_eq, contains, and in with [] behind it"),
        };
        self.0.push((attribute, test));
        Ok(())
    }
}
