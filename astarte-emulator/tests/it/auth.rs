//! Tokens: who is let in, and how the others are told.

use std::time::Duration;

use astarte_emulator::RealmKey;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512};
use reqwest::StatusCode;
use secrecy::ExposeSecret as _;
use serde_json::{Value as Json, json};

use crate::world::{REALM, World};

fn token(key: &RealmKey, claims: &Json) -> String {
    let key = EncodingKey::from_ec_pem(key.private_key_pem().expose_secret().as_bytes()).unwrap();
    encode(&Header::new(Algorithm::ES256), claims, &key).unwrap()
}

async fn status(world: &World, path: &str, authorization: Option<String>) -> u16 {
    let mut request = reqwest::Client::new().get(format!("{}{path}", world.emulator.base_url()));
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    request.send().await.unwrap().status().as_u16()
}

// An expired token and one without permission cannot be told apart: both are 403.
#[tokio::test]
async fn statuses() {
    let world = World::new().await;
    let stranger = RealmKey::generate().unwrap();
    let now = Utc::now().timestamp();
    let all = json!([".*::.*"]);
    let symmetric = encode(
        &Header::new(Algorithm::HS256),
        &json!({"a_aea": all}),
        &EncodingKey::from_secret(world.key.public_key_pem().as_bytes()),
    )
    .unwrap();
    let good = token(&world.key, &json!({"a_aea": all}));
    let cases = [
        ("no header", None, 401),
        ("another scheme", Some("Basic YTpi".to_owned()), 401),
        ("never expires", Some(format!("Bearer {good}")), 200),
        ("extra colon", Some(format!("Bearer: {good}")), 200),
        ("lower case", Some(format!("bearer {good}")), 200),
        ("no token", Some("Bearer junk".to_owned()), 403),
        ("symmetric", Some(format!("Bearer {symmetric}")), 403),
        (
            "expired",
            Some(format!("Bearer {}", token(&world.key, &json!({"a_aea": all, "exp": now - 1})))),
            403,
        ),
        (
            "not yet",
            Some(format!("Bearer {}", token(&world.key, &json!({"a_aea": all, "nbf": now + 60})))),
            403,
        ),
        ("another key", Some(format!("Bearer {}", token(&stranger, &json!({"a_aea": all})))), 403),
        ("another API", Some(format!("Bearer {}", token(&world.key, &json!({"a_rma": all})))), 403),
        ("one colon", Some(format!("Bearer {}", token(&world.key, &json!({"a_aea": [".*:.*"]})))), 403),
        ("not a list", Some(format!("Bearer {}", token(&world.key, &json!({"a_aea": ".*::.*"})))), 403),
        (
            "this path",
            Some(format!("Bearer {}", token(&world.key, &json!({"a_aea": ["GET::devices"]})))),
            200,
        ),
        (
            "another path",
            Some(format!("Bearer {}", token(&world.key, &json!({"a_aea": ["GET::groups"]})))),
            403,
        ),
        ("another verb", Some(format!("Bearer {}", token(&world.key, &json!({"a_aea": ["POST::.*"]})))), 403),
    ];
    for (name, authorization, expected) in cases {
        let path = format!("appengine/v1/{REALM}/devices");
        assert_eq!(status(&world, &path, authorization).await, expected, "{name}");
    }
}

// A realm that does not exist is 401 in AppEngine and 403 elsewhere.
#[tokio::test]
async fn unknown_realms() {
    let world = World::new().await;
    let bearer = Some(format!("Bearer {}", world.key.token(Duration::from_secs(60)).unwrap()));
    for (path, expected) in [
        ("appengine/v1/other/devices", 401),
        ("realmmanagement/v1/other/interfaces", 403),
        ("pairing/v1/other/devices/AAAAAAAAAAAAAAAAAAAAAA", 403),
    ] {
        assert_eq!(status(&world, path, bearer.clone()).await, expected, "{path}");
    }
}

// Claims are matched against the path as it was sent.
#[tokio::test]
async fn percent_encoding_is_kept_for_claims() {
    let world = World::new().await;
    let bearer = format!("Bearer {}", token(&world.key, &json!({"a_aea": ["GET::groups/a%2Fb"]})));
    let path = format!("appengine/v1/{REALM}/groups/a%2Fb");
    assert_eq!(status(&world, &path, Some(bearer)).await, 404);
}

#[tokio::test]
async fn a_replaced_key_shuts_old_tokens_out() {
    let world = World::new().await;
    let path = format!("realmmanagement/v1/{REALM}/config/auth");
    let next = RealmKey::generate().unwrap();
    let bad = world.put(&path, json!({"jwt_public_key_pem": "junk"})).await;
    assert_eq!(bad.0, StatusCode::UNPROCESSABLE_ENTITY);
    let answer = world.put(&path, json!({"jwt_public_key_pem": next.public_key_pem()})).await;
    assert_eq!(answer.0, StatusCode::NO_CONTENT);
    assert_eq!(world.get(&path).await.0, StatusCode::FORBIDDEN);
    let bearer = format!("Bearer {}", next.token(Duration::from_secs(60)).unwrap());
    assert_eq!(status(&world, &path, Some(bearer)).await, 200);
}

// Each curve has its algorithm; a token that claims another one is refused.
#[tokio::test]
async fn curves_have_their_algorithms() {
    let path = format!("realmmanagement/v1/{REALM}/config/auth");
    for (curve, signing, fitting) in [
        (&PKCS_ECDSA_P256_SHA256, &ECDSA_P256_SHA256_FIXED_SIGNING, "ES256"),
        (&PKCS_ECDSA_P384_SHA384, &ECDSA_P384_SHA384_FIXED_SIGNING, "ES384"),
        (&PKCS_ECDSA_P521_SHA512, &ECDSA_P521_SHA512_FIXED_SIGNING, "ES512"),
    ] {
        let world = World::new().await;
        let key = KeyPair::generate_for(curve).unwrap();
        let answer = world.put(&path, json!({"jwt_public_key_pem": key.public_key_pem()})).await;
        assert_eq!(answer.0, StatusCode::NO_CONTENT, "{fitting}");
        let key = EcdsaKeyPair::from_pkcs8(signing, key.serialized_der()).unwrap();
        for algorithm in ["ES256", "ES384", "ES512", "RS256", "HS256", "none"] {
            let part = |json: Json| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
            let signed =
                format!("{}.{}", part(json!({"alg": algorithm})), part(json!({"a_rma": [".*::.*"]})));
            let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
            let token = format!("Bearer {signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature));
            let expected = if algorithm == fitting { 200 } else { 403 };
            assert_eq!(status(&world, &path, Some(token)).await, expected, "{fitting} {algorithm}");
        }
    }
}

#[tokio::test]
async fn open_routes_need_no_token() {
    let world = World::new().await;
    for service in ["appengine", "realmmanagement", "pairing", "housekeeping"] {
        for route in ["health", "version", "metrics"] {
            assert_eq!(status(&world, &format!("{service}/{route}"), None).await, 200, "{service}/{route}");
        }
    }
    assert_eq!(status(&world, "other/health", None).await, 404);
}
