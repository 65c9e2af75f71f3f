//! The body that makes a tenant: what it may hold, and all that is wrong with one.
//!
//! The types describe it in the OpenAPI document. What comes in is read by hand, as parsing into them would end at
//! the first problem.

use edgehog_engine::NewTenant;
use edgehog_engine::store::Error as StoreError;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, Object};
use serde_json::{Map, Value};

use super::documents::{Empty, MEDIA_TYPE, ResourceType};
use super::problem::{Failure, Kind, Problem};
use crate::http::body;

/// The patterns that attributes match, as clients are told them.
pub(super) const PATTERNS: [(&str, &str); 2] =
    [("slug", r"^[a-z\d\-]+$"), ("default_locale", r"^[a-z]{2,3}-[A-Z]{2}$")];

/// The most characters of what is unique: the index of the database takes no more bytes than four for each of them.
const MAX_LENGTH: usize = 500;

/// A tenant to be made.
#[derive(Object)]
struct NewTenantDocument {
    data: NewTenantResource,
}

/// A tenant to be made.
#[derive(Object)]
struct NewTenantResource {
    #[oai(rename = "type")]
    kind: Option<ResourceType>,
    attributes: NewTenantAttributes,
    relationships: Option<Empty>,
}

/// What the tenant is to be. Blanks around texts are removed; a blank text is a missing one.
#[derive(Object)]
struct NewTenantAttributes {
    /// A name for people, unique.
    #[oai(validator(min_length = 1, max_length = 500))]
    name: String,
    /// The name in URLs, unique.
    #[oai(validator(min_length = 1, max_length = 500))]
    slug: String,
    /// The language in which texts without a language tag are meant; `en-US` where not given.
    #[oai(nullable)]
    default_locale: Option<String>,
    /// PEM of the key that verifies the tokens of the tenant's users: RSA, P-256, P-384 or P-521.
    #[oai(validator(min_length = 1))]
    public_key: String,
    astarte_config: AstarteConfig,
}

/// The realm in Astarte where the tenant's devices live.
#[derive(Object)]
struct AstarteConfig {
    /// Where Astarte answers, such as `https://api.astarte.example`.
    #[oai(validator(min_length = 1, max_length = 500))]
    base_api_url: String,
    /// The realm's name.
    #[oai(validator(pattern = "^[a-z][a-z0-9]{0,47}$"))]
    realm_name: String,
    /// PEM of the realm's private key: RSA, P-256, P-384 or P-521. It is never shown again.
    #[oai(validator(min_length = 1))]
    realm_private_key: String,
    /// Whether Astarte must show a secret with the realm's events, which the triggers have that are installed; `true`
    /// where not given. Not where somebody else installs the triggers.
    #[oai(nullable)]
    authenticate_triggers: Option<bool>,
}

/// A body that came in, as bytes.
pub(super) struct Submitted(Vec<u8>);

impl<'a> ApiExtractor<'a> for Submitted {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        NewTenantDocument::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content =
            vec![MetaMediaType { content_type: MEDIA_TYPE, schema: NewTenantDocument::schema_ref() }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        _request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        Ok(Self(body::read(body.take()?).await?))
    }
}

impl Submitted {
    /// The tenant that the body describes, for the engine to judge, and what is wrong already: texts that are missing or
    /// of no use are blank in it, which the engine refuses, while it says what is wrong with the others.
    ///
    /// # Errors
    ///
    /// A body that is not of the form of the API: what it means is not guessed.
    pub(super) fn read(&self) -> Result<(NewTenant, Vec<Problem>), Failure> {
        let mut form = Form(Vec::new());
        let body: Value = serde_json::from_slice(&self.0)
            .map_err(|error| Problem::new(Kind::InvalidBody, format!("is not JSON: {error}")).at(""))?;
        let new = form.tenant(&body);
        if form.0.iter().any(|problem| problem.kind == Kind::InvalidBody) {
            return Err(Failure(form.0));
        }
        Ok((new, form.0))
    }
}

/// Adds what the engine finds wrong to what was found before. What was missing or of no use is not told again.
pub(super) fn failure(mut problems: Vec<Problem>, errors: Vec<edgehog_engine::Error>) -> Failure {
    let known: Vec<String> = problems.iter().filter_map(|it| it.pointer().map(str::to_owned)).collect();
    for error in errors {
        let problem = match error {
            edgehog_engine::Error::Invalid { field, problem } => {
                let pattern = PATTERNS.iter().find(|(name, _)| *name == field).map(|(_, pattern)| *pattern);
                invalid(field, problem).matching(pattern)
            }
            edgehog_engine::Error::Store(StoreError::Taken { field, .. }) => {
                invalid(field, "has already been taken")
            }
            other => Problem::internal(&other),
        };
        let is_told = |pointer: &str| known.iter().any(|known| lies_at_or_below(pointer, known));
        if !problem.pointer().is_some_and(is_told) {
            problems.push(problem);
        }
    }
    Failure(problems)
}

fn lies_at_or_below(pointer: &str, other: &str) -> bool {
    pointer.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn invalid(field: &str, detail: &str) -> Problem {
    let place = match field {
        "base_api_url" | "realm_name" | "realm_private_key" => CONFIG,
        _ => ATTRIBUTES,
    };
    Problem::new(Kind::InvalidAttribute, detail).at(format!("{place}/{field}"))
}

const ATTRIBUTES: &str = "/data/attributes";
const CONFIG: &str = "/data/attributes/astarte_config";

/// Walks a body once, and notes what is wrong with its form.
struct Form(Vec<Problem>);

/// A member of the body, and its JSON pointer. There is none where something around it is wrong, which is told already.
type Members<'a> = Option<&'a Map<String, Value>>;

impl Form {
    fn tenant(&mut self, body: &Value) -> NewTenant {
        let body = self.object("", body, &["data"]);
        let data = self.member(body, "", "data", &["type", "attributes", "relationships"]);
        if let Some(kind) = given(data, "type").filter(|kind| *kind != "tenant") {
            self.problem(Kind::InvalidBody, "/data/type", format!("must be \"tenant\", not {kind}"));
        }
        if let Some(relationships) = given(data, "relationships") {
            self.object("/data/relationships", relationships, &[]);
        }
        let known = ["name", "slug", "default_locale", "public_key", "astarte_config"];
        let attributes = self.member(data, "/data", "attributes", &known);
        let name = self.unique_text(attributes, ATTRIBUTES, "name");
        let slug = self.unique_text(attributes, ATTRIBUTES, "slug");
        let locale = self.optional_text(attributes, ATTRIBUTES, "default_locale");
        let public_key = self.text(attributes, ATTRIBUTES, "public_key");
        let known = ["base_api_url", "realm_name", "realm_private_key", "authenticate_triggers"];
        let config = self.member(attributes, ATTRIBUTES, "astarte_config", &known);
        let base_api_url = self.unique_text(config, CONFIG, "base_api_url");
        let realm_name = self.text(config, CONFIG, "realm_name");
        let realm_private_key = self.untrimmed_text(config, CONFIG, "realm_private_key").into();
        let new = NewTenant::new(name, slug, public_key, base_api_url, realm_name, realm_private_key);
        let new = new.authenticate_triggers(self.flag(config, CONFIG, "authenticate_triggers", true));
        match locale {
            Some(locale) => new.default_locale(locale),
            None => new,
        }
    }

    fn flag(&mut self, of: Members<'_>, place: &str, name: &str, otherwise: bool) -> bool {
        match given(of, name) {
            None => otherwise,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.problem(Kind::InvalidBody, &format!("{place}/{name}"), "must be true or false");
                otherwise
            }
        }
    }

    fn problem(&mut self, kind: Kind, pointer: &str, detail: impl Into<String>) {
        self.0.push(Problem::new(kind, detail).at(pointer));
    }

    /// The members of an object, none of which may be unknown.
    fn object<'a>(&mut self, pointer: &str, value: &'a Value, known: &[&str]) -> Members<'a> {
        let Value::Object(members) = value else {
            self.problem(Kind::InvalidBody, pointer, "must be an object");
            return None;
        };
        for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
            let escaped = name.replace('~', "~0").replace('/', "~1");
            self.problem(Kind::InvalidBody, &format!("{pointer}/{escaped}"), "is not known here");
        }
        Some(members)
    }

    /// The members of an object that must be there.
    fn member<'a>(&mut self, of: Members<'a>, place: &str, name: &str, known: &[&str]) -> Members<'a> {
        let pointer = format!("{place}/{name}");
        match given(of, name) {
            Some(value) => self.object(&pointer, value, known),
            None => {
                if of.is_some() {
                    self.problem(Kind::Required, &pointer, "is required");
                }
                None
            }
        }
    }

    /// A text that may be missing. It is blank where it is of no use.
    fn optional_untrimmed<'a>(&mut self, of: Members<'a>, place: &str, name: &str) -> Option<&'a str> {
        let pointer = format!("{place}/{name}");
        match given(of, name)? {
            // Texts of PostgreSQL cannot hold it.
            Value::String(text) if text.contains('\0') => {
                self.problem(Kind::InvalidAttribute, &pointer, "must not have the character NUL");
                Some("")
            }
            Value::String(text) => Some(text.as_str()).filter(|text| !text.trim().is_empty()),
            _ => {
                self.problem(Kind::InvalidBody, &pointer, "must be a string");
                Some("")
            }
        }
    }

    fn optional_text<'a>(&mut self, of: Members<'a>, place: &str, name: &str) -> Option<&'a str> {
        self.optional_untrimmed(of, place, name).map(str::trim)
    }

    fn untrimmed_text<'a>(&mut self, of: Members<'a>, place: &str, name: &str) -> &'a str {
        self.optional_untrimmed(of, place, name).unwrap_or_else(|| {
            if of.is_some() {
                self.problem(Kind::Required, &format!("{place}/{name}"), "is required");
            }
            ""
        })
    }

    fn text<'a>(&mut self, of: Members<'a>, place: &str, name: &str) -> &'a str {
        self.untrimmed_text(of, place, name).trim()
    }

    fn unique_text<'a>(&mut self, of: Members<'a>, place: &str, name: &str) -> &'a str {
        let text = self.text(of, place, name);
        if text.chars().count() <= MAX_LENGTH {
            return text;
        }
        let detail = format!("must not have more than {MAX_LENGTH} characters");
        self.problem(Kind::InvalidAttribute, &format!("{place}/{name}"), detail);
        ""
    }
}

/// A member that is there. One that is null is not.
fn given<'a>(of: Members<'a>, name: &str) -> Option<&'a Value> {
    of?.get(name).filter(|value| !value.is_null())
}
