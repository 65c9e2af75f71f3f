//! Who may come in, and what the others are told.

use edgehog_engine::{SigningKey, mint_tenant_token};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512};
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::sockets::open;
use crate::{Server, key_pair};

const RSA: &str = include_str!("../../../fixtures/keys/rsa-2048.pem");
const RSA_PUBLIC: &str = include_str!("../../../fixtures/keys/rsa-2048.pub.pem");

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
        json!({ "e_tga": "*", "aud": ["a", "b"], "sub": 7, "iat": 1.5, "email": {}, "given_name": [] }),
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

/// With which statuses a token is answered at the API, at the console's socket and at the standard one; 0 is an open
/// socket.
async fn doors(server: &Server, slug: &str, token: &str) -> [u16; 3] {
    let (api, _) = status(server, slug, Some(&format!("Bearer {token}"))).await;
    let console = format!("/socket/websocket?vsn=2.0.0&tenant={slug}&token={token}");
    let standard = format!("/tenants/{slug}/api/socket?token={token}");
    let protocol = ("sec-websocket-protocol", "graphql-transport-ws");
    let refused = |result: Result<_, (u16, Vec<u8>)>| result.err().map_or(0, |(status, _)| status);
    [
        api.as_u16(),
        refused(open(server, &console, &[]).await),
        refused(open(server, &standard, &[protocol]).await),
    ]
}

/// A tenant's key may be of any kind, and opens the API and both sockets with each algorithm of its kind. The tokens of
/// one tenant's kind open no other's.
#[tokio::test]
async fn every_algorithm_opens_every_door() {
    let server = Server::start().await;
    let mut tokens = Vec::new();
    for (slug, curve) in [
        ("plant-es256", &PKCS_ECDSA_P256_SHA256),
        ("plant-es384", &PKCS_ECDSA_P384_SHA384),
        ("plant-es512", &PKCS_ECDSA_P521_SHA512),
    ] {
        let key = KeyPair::generate_for(curve).unwrap();
        server.provision(slug, &key.public_key_pem(), "http://127.0.0.1:9").await;
        let key = SigningKey::from_pem(key.serialize_pem().as_str()).unwrap();
        tokens.push((slug, mint_tenant_token(&key, None).unwrap().expose_secret().to_owned()));
    }
    server.provision("plant-rsa", RSA_PUBLIC, "http://127.0.0.1:9").await;
    let key = EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap();
    for algorithm in [
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ] {
        let token = encode(&Header::new(algorithm), &json!({ "e_tga": "*" }), &key).unwrap();
        tokens.push(("plant-rsa", token));
    }
    for (owner, token) in &tokens {
        for slug in ["plant-es256", "plant-es384", "plant-es512", "plant-rsa"] {
            let expected = if slug == *owner { [200, 0, 0] } else { [403; 3] };
            assert_eq!(doors(&server, slug, token).await, expected, "{owner} {slug} {token}");
        }
    }
}

/// A stored key that is none, or too weak, lets nobody in. Of one whose line ends were spelled out only the sockets make
/// a key.
#[tokio::test]
async fn unusable_keys_let_nobody_in() {
    let server = Server::start().await;
    let pool = sqlx::PgPool::connect_with(server.database.clone()).await.unwrap();
    let weak = include_str!("../../../fixtures/keys/rsa-1024.pub.pem").to_owned();
    let spelled_out = server.tenant_key.public_key_pem().replace('\n', "\\n");
    for (slug, key, expected) in [
        ("plant-weak", weak, [403; 3]),
        ("plant-none", "a key".to_owned(), [403; 3]),
        ("plant-spelled", spelled_out, [403, 0, 0]),
    ] {
        server.provision(slug, &key_pair().public_key_pem(), "http://127.0.0.1:9").await;
        let update = sqlx::query("UPDATE edgehog.tenants SET public_key = $1 WHERE slug = $2");
        assert_eq!(update.bind(key).bind(slug).execute(&pool).await.unwrap().rows_affected(), 1);
        assert_eq!(doors(&server, slug, &server.token).await, expected, "{slug}");
    }
}
