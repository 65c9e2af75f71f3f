//! GraphQL over HTTP.

use std::sync::LazyLock;

use poem::http::Method;

use crate::answer::head_and_body;
use crate::generate::{Generator, Schema};
use crate::world::{API, world};

/// Whatever is asked is answered or refused.
pub(crate) fn ask(input: &[u8]) {
    let Some((head, body)) = head_and_body(input) else { return };
    let Some((method, rest)) = head.split_once(' ') else { return };
    let Ok(method) = method.parse::<Method>() else { return };
    if method == Method::GET {
        world().send_as_user(&method, &format!("{API}?{rest}"), b"*/*", Vec::new());
    } else {
        world().send_as_user(&method, API, rest.as_bytes(), body.to_vec());
    }
}

/// What the schema allows, or nearly so, is answered with data or errors.
pub(crate) fn ask_by_schema(input: &[u8]) {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::ours);
    let world = world();
    if let Ok((document, variables)) = Generator::new(&SCHEMA, &world.known, input).document() {
        world.query(&document, &variables);
    }
}
