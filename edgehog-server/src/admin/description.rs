//! What the API says of itself: the OpenAPI document, and a page to read it and to try it.

use poem_openapi::OpenApiService;
use serde_json::{Value, json};

use super::PREFIX;
use super::api::Admin;
use super::new_tenant::PATTERNS;

/// The objects that have no members but those described. The library has no word for that.
const CLOSED: [&str; 8] = [
    "AstarteConfig",
    "Empty",
    "FieldsParameter",
    "FilterParameter",
    "NewTenantAttributes",
    "NewTenantDocument",
    "NewTenantResource",
    "Page",
];

pub(super) fn service(api: Admin) -> OpenApiService<Admin, ()> {
    OpenApiService::new(api, "Edgehog Admin API", "1")
        .description("Makes, shows and deletes tenants, by JSON:API 1.0.")
        .url_prefix(PREFIX)
}

/// The OpenAPI document.
pub(super) fn document(service: &OpenApiService<Admin, ()>) -> String {
    complete(&service.spec()).to_string()
}

/// A page that needs nothing from elsewhere.
pub(super) fn page(service: &OpenApiService<Admin, ()>) -> String {
    service.swagger_ui_html().replace(&service.spec(), &document(service))
}

/// Adds what the library cannot say.
fn complete(spec: &str) -> Value {
    // The library writes JSON; a test reads the document.
    let mut document: Value = serde_json::from_str(spec).unwrap_or_default();
    document["security"] = json!([{ "administrator": [] }]);
    document["components"]["securitySchemes"]["administrator"] = json!({
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token signed by the administrators' key, whose claim e_ara is \"*\".",
    });
    let schemas = &mut document["components"]["schemas"];
    for name in CLOSED {
        schemas[name]["additionalProperties"] = Value::Bool(false);
    }
    for (attribute, pattern) in PATTERNS {
        schemas["NewTenantAttributes"]["properties"][attribute]["pattern"] = Value::from(pattern);
    }
    document
}
