//! The admin API.

use poem::http::Method;
use serde_json::Value;

use crate::answer::head_and_body;
use crate::world::{World, world};

const PREFIX: &str = "/admin-api/v1";

/// Every request has an answer in JSON, and what was made is deleted again.
pub(crate) fn ask(input: &[u8]) {
    let world = world();
    let Some((head, body)) = head_and_body(input) else { return };
    let mut words = head.splitn(3, ' ');
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return };
    let Ok(method) = method.parse::<Method>() else { return };
    // The pages of the description are no JSON, and the targets' own tenant is to stay.
    if path.contains("swagger") || (method == Method::DELETE && path.contains('1')) {
        return;
    }
    let media_type = words.next().unwrap_or("application/vnd.api+json");
    let body = with_keys(world, body);
    let uri = format!("{PREFIX}{path}");
    let Some(answer) = world.send_as_user(&method, &uri, media_type.as_bytes(), body) else { return };
    if answer.status == 201 {
        let made = answer.json();
        let id = made["data"]["id"].as_str().unwrap();
        let uri = format!("{PREFIX}/tenants/{id}");
        assert_eq!(world.send_as_user(&Method::DELETE, &uri, b"*/*", Vec::new()).unwrap().status, 200);
    } else if method != Method::HEAD && path.starts_with("/tenants") && !answer.body.is_empty() {
        answer.json();
    }
}

fn with_keys(world: &World, body: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(body) else { return body.to_vec() };
    let quoted = |pem: String| Value::from(pem).to_string().trim_matches('"').to_owned();
    let text = text.replace("PUBLIC_KEY", &quoted(world.keys.public_pem()));
    text.replace("PRIVATE_KEY", &quoted(world.keys.private_pem())).into_bytes()
}
