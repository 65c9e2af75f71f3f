//! Who may come in, and what the others are told.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{Server, key_pair};

const QUERY: &str = r#"{"query":"{ tenantInfo { slug } }"}"#;

async fn status(server: &Server, slug: &str, authorization: Option<&str>) -> (StatusCode, Value) {
    let mut request = server.post(&format!("/tenants/{slug}/api")).header("Content-Type", "application/json");
    if let Some(authorization) = authorization {
        request = request.header("Authorization", authorization);
    }
    let answer = request.body(QUERY).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

pub(crate) fn sign(server: &Server, claims: &Value) -> String {
    let key = EncodingKey::from_ec_pem(server.tenant_key.serialize_pem().as_bytes()).unwrap();
    encode(&Header::new(Algorithm::ES256), claims, &key).unwrap()
}

fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

/// The claim's value has no meaning; times may be missing or null; some clients write a colon behind the scheme.
#[tokio::test]
async fn good_tokens_are_let_in() {
    let server = Server::start().await;
    for claims in [
        json!({ "e_tga": "*" }),
        json!({ "e_tga": null }),
        json!({ "e_tga": true, "exp": null, "nbf": null }),
        json!({ "e_tga": "*", "exp": now() + 60, "nbf": now() - 60 }),
        json!({ "e_tga": "*", "aud": ["a", "b"], "sub": 7, "iat": 1.5 }),
    ] {
        let token = sign(&server, &claims);
        for scheme in ["Bearer", "bearer", "Bearer:"] {
            let (status, body) = status(&server, "plant-one", Some(&format!("{scheme} {token}"))).await;
            assert_eq!(status, 200, "{scheme} {claims}");
            assert_eq!(body["data"]["tenantInfo"]["slug"], "plant-one");
        }
    }
}

/// Without token 401, with a bad one 403; an unknown tenant is 403 before anything else is looked at.
#[tokio::test]
async fn bad_tokens_are_refused() {
    let server = Server::start().await;
    let claims = json!({ "e_tga": "*" });
    let good = sign(&server, &claims);
    let other_key = EncodingKey::from_ec_pem(key_pair().serialize_pem().as_bytes()).unwrap();
    let foreign = encode(&Header::new(Algorithm::ES256), &claims, &other_key).unwrap();
    // The public key is public: a server that took it for a shared secret would let everybody in.
    let public_as_secret = EncodingKey::from_secret(server.tenant_key.public_key_pem().as_bytes());
    let confused = encode(&Header::new(Algorithm::HS256), &claims, &public_as_secret).unwrap();
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", good.split('.').nth(1).unwrap());
    let expired = sign(&server, &json!({ "e_tga": "*", "exp": now() - 2 }));
    let early = sign(&server, &json!({ "e_tga": "*", "nbf": now() + 60 }));
    let timeless = sign(&server, &json!({ "e_tga": "*", "exp": "tomorrow" }));
    let claimless = sign(&server, &json!({ "e_ara": "*" }));
    let unauthorized = json!({ "errors": { "detail": "Unauthorized" } });
    for authorization in [None, Some("Basic dTpw"), Some("Bearer"), Some(good.as_str())] {
        let answer = status(&server, "plant-one", authorization).await;
        assert_eq!(answer, (StatusCode::UNAUTHORIZED, unauthorized.clone()), "{authorization:?}");
    }
    let forbidden = json!({ "errors": { "detail": "Forbidden" } });
    for token in
        [&foreign, &confused, &unsigned, &expired, &early, &timeless, &claimless, "nonsense", "a.b.c"]
    {
        let answer = status(&server, "plant-one", Some(&format!("Bearer {token}"))).await;
        assert_eq!(answer, (StatusCode::FORBIDDEN, forbidden.clone()), "{token}");
    }
    for authorization in [None, Some(format!("Bearer {good}"))] {
        let answer = status(&server, "plant-two", authorization.as_deref()).await;
        assert_eq!(answer, (StatusCode::FORBIDDEN, forbidden.clone()));
    }
}

/// One tenant's token does not open another's door.
#[tokio::test]
async fn a_token_is_good_for_one_tenant() {
    let server = Server::start().await;
    server.provision("plant-two", &key_pair().public_key_pem(), "http://127.0.0.1:9").await;
    let (status, _) = status(&server, "plant-two", Some(&format!("Bearer {}", server.token))).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

/// RSA keys verify all the RSA algorithms.
#[tokio::test]
async fn rsa_keys_are_fine() {
    let server = Server::start().await;
    let key = include_str!("../../../fixtures/keys/rsa-2048.pem");
    let public = include_str!("../../../fixtures/keys/rsa-2048.pub.pem");
    server.provision("plant-rsa", public, "http://127.0.0.1:9").await;
    let key = EncodingKey::from_rsa_pem(key.as_bytes()).unwrap();
    for algorithm in [Algorithm::RS256, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384] {
        let token = encode(&Header::new(algorithm), &json!({ "e_tga": "*" }), &key).unwrap();
        let (status, _) = status(&server, "plant-rsa", Some(&format!("Bearer {token}"))).await;
        assert_eq!(status, 200, "{algorithm:?}");
    }
}
