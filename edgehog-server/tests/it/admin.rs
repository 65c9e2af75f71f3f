//! The admin API: tenants come and go, for administrators alone.

use edgehog_engine::{SigningKey, VerifyingKey, mint_admin_token};
use edgehog_server::Settings;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::KeyPair;
use reqwest::{Method, RequestBuilder};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::{Server, key_pair, token};

const MEDIA_TYPE: &str = "application/vnd.api+json";

/// A server that has an administrator, and the administrator.
pub(crate) struct Administrator {
    pub(crate) server: Server,
    key: KeyPair,
    pub(crate) token: String,
}

impl Administrator {
    pub(crate) async fn start() -> Self {
        let key = key_pair();
        let settings =
            Settings::default().admin_key(Some(VerifyingKey::from_pem(&key.public_key_pem()).unwrap()));
        let server = Server::with_settings("http://127.0.0.1:9", settings).await;
        let signing_key = SigningKey::from_pem(key.serialize_pem().as_str()).unwrap();
        let token = mint_admin_token(&signing_key, None).unwrap().expose_secret().to_owned();
        Self { server, key, token }
    }

    /// A request of nobody.
    pub(crate) fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.server.http.request(method, format!("{}/admin-api/v1{path}", self.server.url))
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, path)).await
    }

    async fn delete(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn post(&self, body: &Value) -> (u16, Value) {
        let request = self.request(Method::POST, "/tenants").header("Content-Type", MEDIA_TYPE);
        answer(request.body(body.to_string())).await
    }
}

/// The status and the document of an answer, which must be JSON:API.
pub(crate) async fn answer(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], MEDIA_TYPE);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// A body that makes a tenant.
pub(crate) fn plant(slug: &str) -> Value {
    plant_with(slug, &key_pair().public_key_pem())
}

fn plant_with(slug: &str, public_key: &str) -> Value {
    json!({ "data": { "type": "tenant", "attributes": {
        "name": slug.to_uppercase(),
        "slug": slug,
        "default_locale": "it-IT",
        "public_key": public_key,
        "astarte_config": {
            "base_api_url": "https://api.astarte.example/",
            "realm_name": slug.replace('-', ""),
            "realm_private_key": key_pair().serialize_pem(),
        },
    }, "relationships": {} } })
}

/// What is wrong, as status, code, title, detail, pointer and pattern.
pub(crate) fn problems(document: &Value) -> Vec<[String; 6]> {
    assert_eq!(document["jsonapi"]["version"], "1.0");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let errors = document["errors"].as_array().unwrap();
    let all = errors.iter().map(|error| {
        assert!(error["id"].as_str().unwrap().parse::<uuid::Uuid>().is_ok(), "{error}");
        let fields = [&error["status"], &error["code"], &error["title"], &error["detail"]];
        let [status, code, title, detail] = fields.map(text);
        [status, code, title, detail, text(&error["source"]["pointer"]), text(&error["meta"]["match"])]
    });
    all.collect()
}

/// A document without what is another one in each run.
fn stable(document: &Value) -> Value {
    let mut document = document.clone();
    document["links"]["self"] = json!("[url]");
    let stabilize = |tenant: &mut Value| {
        tenant["id"] = json!("[id]");
        tenant["attributes"]["public_key"] = json!("[pem]");
    };
    match &mut document["data"] {
        Value::Array(tenants) => tenants.iter_mut().for_each(stabilize),
        tenant => stabilize(tenant),
    }
    document
}

/// A tenant that was made is there for its users at once, and shown by number and in the list; nobody sees its secret.
#[tokio::test]
async fn a_tenant_is_made_and_used() {
    let admin = Administrator::start().await;
    let users_key = key_pair();
    let (status, made) = admin.post(&plant_with("plant-two", &users_key.public_key_pem())).await;
    assert_eq!(status, 201, "{made}");
    let id = made["data"]["id"].as_str().unwrap();
    insta::assert_json_snapshot!("admin_tenant", stable(&made));
    assert_eq!(made["links"]["self"], format!("{}/admin-api/v1/tenants", admin.server.url));
    let user = Server { slug: "plant-two", token: token(&users_key), ..admin.server };
    let info = user.query("{ tenantInfo { slug name defaultLocale } }").await;
    let told = json!({ "slug": "plant-two", "name": "PLANT-TWO", "defaultLocale": "it-IT" });
    assert_eq!(info["data"]["tenantInfo"], told);

    let admin = Administrator { server: user, ..admin };
    let (status, found) = admin.get(&format!("/tenants/{id}/")).await;
    assert_eq!((status, &found["data"]), (200, &made["data"]));
    let (status, list) = admin.get("/tenants").await;
    assert_eq!((status, &list["data"][1]), (200, &made["data"]));
    insta::assert_json_snapshot!("admin_tenants", stable(&list));
    for secret in ["PRIVATE", "realm_private_key", "inserted_at", "updated_at"] {
        assert!(!format!("{made}{list}").contains(secret), "{secret}");
    }
}

/// Realms of several tenants lie in one cluster, whose address may have slashes at its end; texts lose the blanks around
/// them; what is optional may be left out or null.
#[tokio::test]
async fn what_is_optional_may_be_missing() {
    let admin = Administrator::start().await;
    let mut body = plant("plant-two");
    body["data"]["attributes"]["name"] = json!("\t Plant Two \n");
    body["data"]["attributes"]["default_locale"] = Value::Null;
    body["data"]["relationships"] = Value::Null;
    let (status, made) = admin.post(&body).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["data"]["attributes"]["name"], "Plant Two");
    assert_eq!(made["data"]["attributes"]["default_locale"], "en-US");
    let mut body = plant("plant-three");
    let data = body["data"].as_object_mut().unwrap();
    data.remove("type");
    data.remove("relationships");
    data["attributes"].as_object_mut().unwrap().remove("default_locale");
    assert_eq!(admin.post(&body).await.0, 201);
}

/// A deleted tenant is shown once more, and nothing is left of it: its users are refused, and so is a second deletion.
#[tokio::test]
async fn a_tenant_is_deleted() {
    let admin = Administrator::start().await;
    let (_, list) = admin.get("/tenants").await;
    let tenant = &list["data"][0];
    let path = format!("/tenants/{}", tenant["id"].as_str().unwrap());
    let (status, deleted) = admin.delete(&path).await;
    assert_eq!((status, &deleted["data"]), (200, tenant));
    let query = admin.server.post("/tenants/plant-one/api").bearer_auth(&admin.server.token);
    assert_eq!(query.json(&json!({ "query": "{ __typename }" })).send().await.unwrap().status(), 403);
    for path in [&path, "/tenants/0", "/tenants/9223372036854775808", "/tenants/plant-one", "/tenants/+1"] {
        for (status, document) in [admin.delete(path).await, admin.get(path).await] {
            assert_eq!(status, 404, "{path}");
            let [problem] = &problems(&document)[..] else { panic!("{document}") };
            assert_eq!(problem[..3], ["404", "not_found", "Entity Not Found"], "{path}");
        }
    }
    assert_eq!(admin.get("/tenants").await.1["data"], json!([]));
    assert_eq!(admin.request(Method::DELETE, "/tenants/%ff").send().await.unwrap().status(), 400);
}

/// Other media types are refused by name, in a document of JSON:API; a client that takes no JSON gets no document.
#[tokio::test]
async fn media_types_are_negotiated() {
    let admin = Administrator::start().await;
    for (name, value, status, code, title) in [
        ("Content-Type", "application/json", 415, "unsupported_media_type", "Unsupported Media Type"),
        (
            "Content-Type",
            "application/vnd.api+json; charset=utf-8",
            415,
            "unsupported_media_type",
            "Unsupported Media Type",
        ),
        (
            "Accept",
            "application/vnd.api+json; charset=utf-8",
            406,
            "unacceptable_media_type",
            "Unacceptable Media Type",
        ),
    ] {
        let request = admin.request(Method::POST, "/tenants").header(name, value);
        let (answered, document) = answer(request.body(plant("plant-two").to_string())).await;
        assert_eq!(answered, status, "{value}");
        let [problem] = &problems(&document)[..] else { panic!("{document}") };
        assert_eq!(problem[1..3], [code, title]);
    }
    let html = admin.request(Method::GET, "/tenants").header("Accept", "text/html").send().await.unwrap();
    assert_eq!(html.status(), 406);
    let body: Value = html.json().await.unwrap();
    assert_eq!(body, json!({ "errors": { "detail": "Not Acceptable" } }));
}

/// Administrators come in, and nobody else: without token 401, with any other token 403. Whoever may not come in does not
/// learn which paths there are.
#[tokio::test]
async fn administrators_alone_come_in() {
    let admin = Administrator::start().await;
    let sign = |key: &KeyPair, claims: Value| {
        let key = EncodingKey::from_ec_pem(key.serialize_pem().as_bytes()).unwrap();
        encode(&Header::new(Algorithm::ES256), &claims, &key).unwrap()
    };
    let paths = [
        (Method::GET, "/tenants"),
        (Method::POST, "/tenants"),
        (Method::GET, "/tenants/1"),
        (Method::DELETE, "/tenants/1"),
        (Method::GET, "/nowhere"),
        (Method::GET, "/"),
        (Method::PATCH, "/tenants/1"),
    ];
    let tokens = [
        sign(&key_pair(), json!({ "e_ara": "*" })),
        sign(&admin.key, json!({ "e_tga": "*" })),
        sign(&admin.key, json!({ "e_ara": "tenants" })),
        sign(&admin.key, json!({ "e_ara": true })),
        sign(&admin.key, json!({ "e_ara": ["tenants"] })),
        sign(&admin.key, json!({ "e_ara": "*", "exp": 1 })),
        admin.server.token.clone(),
        "nonsense".to_owned(),
    ];
    let told = async |request: RequestBuilder| -> (u16, Value) {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    };
    for (method, path) in paths {
        // Neither is told what is wrong with the rest of the request.
        let request = || admin.anonymous(method.clone(), path).header("Content-Type", "text/plain");
        let unauthorized = (401, json!({ "errors": { "detail": "Unauthorized" } }));
        assert_eq!(told(request()).await, unauthorized, "{method} {path}");
        assert_eq!(told(request().basic_auth("u", Some("p"))).await, unauthorized, "{method} {path}");
        for token in &tokens {
            let forbidden = (403, json!({ "errors": { "detail": "Forbidden" } }));
            assert_eq!(told(request().bearer_auth(token)).await, forbidden, "{method} {path} {token}");
        }
    }
    for claims in [json!({ "e_ara": "*" }), json!({ "e_ara": ["a", "*"], "exp": null })] {
        for scheme in ["Bearer", "bearer", "Bearer:"] {
            let authorization = format!("{scheme} {}", sign(&admin.key, claims.clone()));
            let request = admin.anonymous(Method::GET, "/tenants").header("Authorization", authorization);
            assert_eq!(told(request).await.0, 200, "{scheme} {claims}");
        }
    }
}

/// Paths and methods that do not exist are told so to administrators.
#[tokio::test]
async fn unknown_routes_are_told() {
    let admin = Administrator::start().await;
    for (method, path) in [
        (Method::GET, ""),
        (Method::GET, "/nowhere"),
        (Method::GET, "/tenants/1/realm"),
        (Method::PATCH, "/tenants/1"),
        (Method::DELETE, "/tenants"),
    ] {
        let (status, document) = answer(admin.request(method.clone(), path)).await;
        assert_eq!(status, 404, "{method} {path}");
        let expected = ["404", "no_route_found", "NoRouteFound", "no route found", "", ""];
        assert_eq!(problems(&document), [expected.map(str::to_owned)], "{method} {path}");
    }
    let head = admin.request(Method::HEAD, "/tenants").send().await.unwrap();
    assert_eq!(head.status(), 200);
}

/// Without a key nobody is an administrator.
#[tokio::test]
async fn without_a_key_there_is_no_administrator() {
    let server = Server::start().await;
    let url = format!("{}/admin-api/v1/tenants", server.url);
    assert_eq!(server.http.get(&url).send().await.unwrap().status(), 401);
    assert_eq!(server.http.get(&url).bearer_auth(&server.token).send().await.unwrap().status(), 403);
}

/// A database that fails is told by a number that the log has too, and by nothing of itself.
#[tokio::test]
async fn failures_are_told_by_number() {
    let admin = Administrator::start().await;
    let pool = sqlx::PgPool::connect_with(admin.server.database.clone()).await.unwrap();
    sqlx::query("ALTER TABLE edgehog.tenants RENAME TO gone").execute(&pool).await.unwrap();
    for (status, document) in [
        admin.get("/tenants").await,
        admin.get("/tenants/1").await,
        admin.delete("/tenants/1").await,
        admin.post(&plant("plant-two")).await,
    ] {
        assert_eq!(status, 500, "{document}");
        let error = &document["errors"][0];
        let [problem] = &problems(&document)[..] else { panic!("{document}") };
        assert_eq!(problem[1..3], ["something_went_wrong", "SomethingWentWrong"]);
        assert!(problem[3].contains(error["id"].as_str().unwrap()), "{error}");
        assert!(!problem[3].contains("tenants") && error.get("source").is_none(), "{error}");
    }
}

/// How a realm is, is told; whoever asks for a reconciliation gets one that begins after that.
#[tokio::test]
async fn a_reconciliation_can_be_asked_for() {
    let admin = Administrator::start().await;
    let (_, tenants) = admin.get("/tenants").await;
    let path = format!("/tenants/{}/reconciliation", tenants["data"][0]["id"].as_str().unwrap());
    let (status, before) = admin.get(&path).await;
    assert_eq!((status, &before["data"]["type"]), (200, &json!("reconciliation")));
    assert_eq!(before["data"]["attributes"]["succeeded"], Value::Null);
    let stop = tokio_util::sync::CancellationToken::new();
    let background = tokio::spawn(admin.server.engine.clone().run(stop.clone()));
    let (status, asked) = answer(admin.request(Method::POST, &path)).await;
    assert_eq!(status, 202, "{asked}");
    let requested_at = asked["meta"]["requested_at"].as_str().unwrap().to_owned();
    let attributes = tokio::time::timeout(crate::processes::PATIENCE, async {
        loop {
            let (_, known) = admin.get(&path).await;
            let attributes = known["data"]["attributes"].clone();
            let began = attributes["began_at"].as_str().unwrap_or_default();
            if began > requested_at.as_str() && attributes["succeeded"].is_boolean() {
                return attributes;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    });
    let attributes = attributes.await.unwrap();
    // Nothing listens where its Astarte should be.
    assert_eq!(attributes["succeeded"], false, "{attributes}");
    assert!(attributes["error"].is_string() && attributes["failures"].as_i64() >= Some(1), "{attributes}");
    stop.cancel();
    background.await.unwrap();
    for method in [Method::GET, Method::POST] {
        for unknown in ["/tenants/999999/reconciliation", "/tenants/x/reconciliation"] {
            let (status, problem) = answer(admin.request(method.clone(), unknown)).await;
            assert_eq!((status, &problem["errors"][0]["code"]), (404, &json!("not_found")), "{unknown}");
        }
    }
}
