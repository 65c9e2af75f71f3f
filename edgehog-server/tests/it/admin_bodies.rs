//! Bodies that make no tenant: what is wrong with them is told, all of it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::admin::{Administrator, answer, plant, problems};

/// Each thing that is wrong with a body is told by code, text and place; the texts of the rules are those that scripts
/// match on.
#[tokio::test]
async fn what_is_wrong_is_told() {
    const REQUIRED: [&str; 3] = ["required", "Required", "is required"];
    const ATTRIBUTE: [&str; 2] = ["invalid_attribute", "InvalidAttribute"];
    const BODY: [&str; 2] = ["invalid_body", "InvalidBody"];
    let admin = Administrator::start().await;
    let taken = [ATTRIBUTE[0], ATTRIBUTE[1], "has already been taken"];
    let slug = "should only contain lower case ASCII letters (from a to z), digits and -";
    let realm = "should only contain lower case ASCII letters (from a to z) and digits, and start with a lower case \
                 ASCII letter";
    let (long, nul) = ("x".repeat(501), "a\0b");
    let too_long = "must not have more than 500 characters";
    let rule = |text: &'static str| [ATTRIBUTE[0], ATTRIBUTE[1], text];
    let form = |text: &'static str| [BODY[0], BODY[1], text];
    let config = |name: &str| format!("/data/attributes/astarte_config/{name}");
    let cases = [
        ("/data/attributes/name", json!(null), REQUIRED, ""),
        ("/data/attributes/name", json!(" \n"), REQUIRED, ""),
        ("/data/attributes/slug", json!(""), REQUIRED, ""),
        ("/data/attributes/public_key", json!(null), REQUIRED, ""),
        ("/data/attributes/astarte_config", json!(null), REQUIRED, ""),
        ("/data/attributes", json!(null), REQUIRED, ""),
        ("/data", json!(null), REQUIRED, ""),
        (&config("base_api_url"), json!(" "), REQUIRED, ""),
        (&config("realm_name"), json!(null), REQUIRED, ""),
        (&config("realm_private_key"), json!("\n"), REQUIRED, ""),
        ("/data/attributes/slug", json!("Plant_Two"), rule(slug), r"^[a-z\d\-]+$"),
        (
            "/data/attributes/default_locale",
            json!("it"),
            rule("is not a valid locale"),
            r"^[a-z]{2,3}-[A-Z]{2}$",
        ),
        ("/data/attributes/public_key", json!("-----BEGIN"), rule("is not a valid PEM public key"), ""),
        ("/data/attributes/name", json!(long), rule(too_long), ""),
        ("/data/attributes/slug", json!(long), rule(too_long), ""),
        ("/data/attributes/name", json!(nul), rule("must not have the character NUL"), ""),
        (&config("base_api_url"), json!("ftp://astarte.example"), rule("is not a valid URL"), ""),
        (&config("base_api_url"), json!(format!("http://a/{long}")), rule(too_long), ""),
        (&config("base_api_url"), json!("https://a.example/\0"), rule("must not have the character NUL"), ""),
        (&config("realm_name"), json!("2nd"), rule(realm), ""),
        (&config("realm_private_key"), json!("no key"), rule("is not a valid PEM private key"), ""),
        ("/data/attributes/default_locale", json!(nul), rule("must not have the character NUL"), ""),
        (&config("realm_private_key"), json!(nul), rule("must not have the character NUL"), ""),
        ("/data/attributes/name", json!("plant-one"), taken, ""),
        ("/data/attributes/slug", json!("plant-one"), taken, ""),
        ("/data/attributes/name", json!(7), form("must be a string"), ""),
        ("/data/attributes/default_locale", json!({}), form("must be a string"), ""),
        (&config("realm_private_key"), json!(["key"]), form("must be a string"), ""),
        ("/data/attributes/astarte_config", json!("no object"), form("must be an object"), ""),
        ("/data/attributes", json!([]), form("must be an object"), ""),
        ("/data", json!([]), form("must be an object"), ""),
        ("/data/type", json!("tenants"), form("must be \"tenant\", not \"tenants\""), ""),
        ("/data/relationships", json!([]), form("must be an object"), ""),
        ("/data/relationships/realm", json!({}), form("is not known here"), ""),
        ("/data/id", json!("7"), form("is not known here"), ""),
        ("/data/attributes/tenant_id", json!(7), form("is not known here"), ""),
        (&config("realm"), json!("x"), form("is not known here"), ""),
        ("/data/attributes/a~1b~0c", json!("x"), form("is not known here"), ""),
        ("/included", json!([]), form("is not known here"), ""),
    ];
    for (pointer, value, [code, title, detail], pattern) in cases {
        let mut body = plant("plant-two");
        set(&mut body, pointer, value);
        let (status, document) = admin.post(&body).await;
        assert_eq!(status, 400, "{pointer}: {document}");
        assert_eq!(problems(&document), [["400", code, title, detail, pointer, pattern]], "{body}");
    }
    assert_eq!(admin.get("/tenants").await.1["data"].as_array().unwrap().len(), 1);
}

fn set(body: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let name = name.replace("~1", "/").replace("~0", "~");
    body.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(name, value);
}

/// A realm belongs to one tenant of a cluster, whatever the slashes behind the cluster's address.
#[tokio::test]
async fn a_realm_is_taken_once() {
    let admin = Administrator::start().await;
    assert_eq!(admin.post(&plant("plant-two")).await.0, 201);
    let mut body = plant("plant-three");
    set(&mut body, "/data/attributes/astarte_config/realm_name", json!("planttwo"));
    set(&mut body, "/data/attributes/astarte_config/base_api_url", json!("https://api.astarte.example"));
    let (status, document) = admin.post(&body).await;
    assert_eq!(status, 400);
    let [problem] = &problems(&document)[..] else { panic!("{document}") };
    let place = "/data/attributes/astarte_config/realm_name";
    assert_eq!(problem[3..], ["has already been taken", place, ""]);
    set(&mut body, "/data/attributes/astarte_config/base_api_url", json!("https://api.other.example"));
    assert_eq!(admin.post(&body).await.0, 201);
}

/// All that is wrong is told at once: what is missing together with what breaks a rule, and all that has no place.
#[tokio::test]
async fn all_that_is_wrong_is_told() {
    let admin = Administrator::start().await;
    let at = |document: &Value| -> Vec<(String, String)> {
        problems(document).into_iter().map(|[_, code, _, _, pointer, _]| (code, pointer)).collect()
    };
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(code, at)| ((*code).to_owned(), format!("/data/attributes/{at}"))).collect()
    };
    let mut body = plant("Plant_Two");
    set(&mut body, "/data/attributes/astarte_config", json!({}));
    set(&mut body, "/data/attributes/name", json!(""));
    set(&mut body, "/data/attributes/default_locale", json!("english"));
    let (status, document) = admin.post(&body).await;
    assert_eq!(status, 400);
    let expected = pairs(&[
        ("required", "name"),
        ("required", "astarte_config/base_api_url"),
        ("required", "astarte_config/realm_name"),
        ("required", "astarte_config/realm_private_key"),
        ("invalid_attribute", "slug"),
        ("invalid_attribute", "default_locale"),
    ]);
    assert_eq!(at(&document), expected);
    set(&mut body, "/data/attributes/astarte_config", Value::Null);
    let expected = pairs(&[
        ("required", "name"),
        ("required", "astarte_config"),
        ("invalid_attribute", "slug"),
        ("invalid_attribute", "default_locale"),
    ]);
    assert_eq!(at(&admin.post(&body).await.1), expected);
    set(&mut body, "/data/attributes/public_key", json!(7));
    set(&mut body, "/data/attributes/colour", json!("red"));
    let expected = pairs(&[
        ("invalid_body", "colour"),
        ("required", "name"),
        ("invalid_body", "public_key"),
        ("required", "astarte_config"),
    ]);
    assert_eq!(at(&admin.post(&body).await.1), expected);
}

/// What is no JSON has no place to point at; a body has a limit.
#[tokio::test]
async fn bodies_are_json_of_limited_size() {
    let admin = Administrator::start().await;
    for body in ["", "{", "nonsense", "{\"data\":{}} x", "\u{feff}{}", &"[".repeat(100_000)] {
        let (status, document) = answer(admin.request(Method::POST, "/tenants").body(body.to_owned())).await;
        assert_eq!(status, 400, "{document}");
        let [problem] = &problems(&document)[..] else { panic!("{document}") };
        assert_eq!((&*problem[1], &*problem[4]), ("invalid_body", ""));
    }
    let large = "x".repeat(8_000_001);
    let refused = admin.request(Method::POST, "/tenants").body(large).send().await.unwrap();
    assert_eq!(refused.status(), 413);
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body, json!({ "errors": { "detail": "Request Entity Too Large" } }));
}
