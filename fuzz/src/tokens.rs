//! Tokens, made in several ways of which none but one is right.

use arbitrary::{Arbitrary, Result, Unstructured};
use poem::http::Method;
use poem::http::header::AUTHORIZATION;
use serde_json::{Map, Value};

use crate::keys::HEADER;
use crate::world::{API, World, world};

const CLAIMS: &str = r#"{"e_tga":"*","e_ara":["a","*"],"exp":4102444800}"#;

/// How a token is made.
#[derive(Arbitrary)]
enum Recipe<'a> {
    /// Of these bytes alone.
    Raw(&'a str),
    /// A good one, of which some bytes are others, are missing, or are too many.
    Changed { at: u16, taken: u8, put: &'a str },
    /// Signed by the key, whatever it says.
    Signed { header: &'a str, claims: &'a str },
    /// A good one in a header of this form.
    Shown { before: &'a [u8], after: &'a [u8] },
}

/// A recipe as a line of text, in which `|` stands between its parts; else as the bytes decide.
fn recipe(input: &[u8]) -> Result<Recipe<'_>> {
    let mut parts = std::str::from_utf8(input).unwrap_or_default().trim_end_matches('\n').splitn(3, '|');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("raw"), Some(text), None) => Ok(Recipe::Raw(text)),
        (Some("signed"), Some(header), Some(claims)) => Ok(Recipe::Signed { header, claims }),
        (Some("shown"), Some(before), Some(after)) => {
            Ok(Recipe::Shown { before: before.as_bytes(), after: after.as_bytes() })
        }
        _ => Recipe::arbitrary(&mut Unstructured::new(input)),
    }
}

/// No token passes that was not signed by the key for the purpose, as it is.
pub(crate) fn show(input: &[u8]) {
    let world = world();
    let Ok(recipe) = recipe(input) else { return };
    match recipe {
        Recipe::Raw(text) => refuse(world, text),
        Recipe::Changed { at, taken, put } => {
            let good = world.keys.sign(HEADER.as_bytes(), CLAIMS.as_bytes());
            assert!(world.verifying_key.verify_tenant_token(&good).is_ok());
            assert!(world.verifying_key.verify_admin_token(&good).is_ok());
            let start = usize::from(at) % good.len();
            let end = good.len().min(start + usize::from(taken));
            let changed = format!("{}{put}{}", &good[..start], &good[end..]);
            if changed != good {
                refuse(world, &changed);
            }
        }
        Recipe::Signed { header, claims } => signed(world, header, claims),
        Recipe::Shown { before, after } => {
            let value = [before, world.token.as_bytes(), after].concat();
            let answer = world.send(
                &Method::GET,
                &format!("{API}?query={{__typename}}"),
                &[(AUTHORIZATION, &value)],
                Vec::new(),
            );
            // Whoever is let in has shown the token with no more than blanks behind it.
            if answer.is_some_and(|answer| !matches!(answer.status.as_u16(), 401 | 403)) {
                assert!(value.trim_ascii_end().ends_with(world.token.as_bytes()));
            }
        }
    }
}

fn refuse(world: &World, token: &str) {
    assert!(world.verifying_key.verify_tenant_token(token).is_err(), "{token}");
    assert!(world.verifying_key.verify_admin_token(token).is_err(), "{token}");
    let answer =
        world.send(&Method::GET, API, &[(AUTHORIZATION, format!("Bearer {token}").as_bytes())], Vec::new());
    assert!(answer.is_none_or(|answer| matches!(answer.status.as_u16(), 401 | 403)), "{token}");
}

/// A token of the key's own passes only with what it must have.
fn signed(world: &World, header: &str, claims: &str) {
    let token = world.keys.sign(header.as_bytes(), claims.as_bytes());
    let of_tenant = world.verifying_key.verify_tenant_token(&token).is_ok();
    let of_admin = world.verifying_key.verify_admin_token(&token).is_ok();
    if !of_tenant && !of_admin {
        return;
    }
    let header: Value = serde_json::from_str(header).unwrap();
    assert!(header["alg"] == "ES256" && header["crit"].is_null(), "{header}");
    let claims: Map<String, Value> = serde_json::from_str(claims).unwrap();
    assert!(!of_tenant || claims.contains_key("e_tga"), "{claims:?}");
    assert!(!of_admin || claims.contains_key("e_ara"), "{claims:?}");
    let expired = claims.get("exp").is_some_and(|end| end.as_f64().is_some_and(|end| end < 1.7e9));
    assert!(!expired, "{claims:?}");
}
