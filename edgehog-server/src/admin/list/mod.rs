//! What a client may ask of a list, in the query of its URL: `filter[..]`, `sort`, `page[..]`, `fields[..]`.
//!
//! Tenants number in thousands at most, so the list is filtered, sorted and cut in memory.

mod fields;
mod filter;
mod page;
mod sort;

use edgehog_engine::store::Tenant;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use url::form_urlencoded;

pub(super) use self::fields::Fields;
pub(super) use self::filter::Filter;
pub(super) use self::page::Page;
pub(super) use self::sort::Sort;
use super::problem::{Kind, Problem};

/// What clients know of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    Name,
    Slug,
    DefaultLocale,
    PublicKey,
}

impl Attribute {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "name" => Self::Name,
            "slug" => Self::Slug,
            "default_locale" => Self::DefaultLocale,
            "public_key" => Self::PublicKey,
            _ => return None,
        })
    }

    fn of(self, tenant: &Tenant) -> &str {
        match self {
            Self::Name => &tenant.name,
            Self::Slug => &tenant.slug,
            Self::DefaultLocale => &tenant.default_locale,
            Self::PublicKey => &tenant.public_key,
        }
    }
}

/// Parameters that belong together, such as `page[limit]` and `page[offset]`.
pub(super) trait Family: Sized + Send {
    const NAME: &'static str;
    /// How the OpenAPI document describes them.
    type Schema: Type;

    fn schema() -> MetaSchemaRef {
        Self::Schema::schema_ref()
    }

    /// Takes one of them in, of which there may be several.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    fn take(&mut self, path: &[&str], value: &str) -> Result<(), &'static str>;
}

/// A family of parameters as it came in, and what is wrong with it.
pub(super) struct Parameter<F> {
    family: F,
    problems: Vec<Problem>,
}

impl<F> Parameter<F> {
    /// Adds its problems to the others.
    pub(super) fn take(self, problems: &mut Vec<Problem>) -> F {
        problems.extend(self.problems);
        self.family
    }
}

impl<'a, F: Family + Default> ApiExtractor<'a> for Parameter<F> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        F::Schema::register(registry);
    }

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Query)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(F::schema())
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let mut parameter = Self { family: F::default(), problems: Vec::new() };
        for (name, value) in pairs(request) {
            let (family, path) = split(&name);
            if family == F::NAME
                && let Err(problem) = parameter.family.take(&path, &value)
            {
                parameter.problems.push(invalid(&name, problem));
            }
        }
        Ok(parameter)
    }
}

/// A problem for each parameter that no family knows.
pub(super) fn unknown_parameters(request: &Request) -> Vec<Problem> {
    let families = [Filter::NAME, Sort::NAME, Page::NAME, Fields::NAME];
    pairs(request)
        .filter(|(name, _)| !families.contains(&split(name).0))
        .map(|(name, _)| invalid(&name, "is not known here"))
        .collect()
}

fn invalid(parameter: &str, detail: &str) -> Problem {
    Problem::new(Kind::InvalidQuery, detail).in_parameter(parameter)
}

fn pairs(request: &Request) -> impl Iterator<Item = (String, String)> {
    let query = request.uri().query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).into_owned()
}

/// `page[limit]` is `limit` of the family `page`.
fn split(name: &str) -> (&str, Vec<&str>) {
    let parts = name.split_once('[').and_then(|(family, rest)| Some((family, rest.strip_suffix(']')?)));
    match parts {
        Some((family, path)) => (family, path.split("][").collect()),
        None => (name, Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parameters_are_taken_apart() {
        for (name, family, path) in [
            ("sort", "sort", &[][..]),
            ("page[limit]", "page", &["limit"]),
            ("filter[name][eq]", "filter", &["name", "eq"]),
            ("filter[name][in][]", "filter", &["name", "in", ""]),
            ("page[limit", "page[limit", &[]),
            ("page[]", "page", &[""]),
        ] {
            assert_eq!(split(name), (family, path.to_vec()), "{name}");
        }
    }
}
