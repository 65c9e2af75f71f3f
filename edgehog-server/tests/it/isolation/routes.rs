//! Every route of the table with every token that is not for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use edgehog_server::{Access, ServedRoute, routes};
use reqwest::{Method, RequestBuilder, Url};
use serde_json::{Value, json};

use super::world::{THEIRS, World};
use crate::auth::sign;
use crate::sockets::{ask, open};
use crate::{Server, key_pair};

const NOBODY: &str = "plant-nine";

/// How something is sent that might be taken for a token.
#[derive(Clone, Debug)]
enum Given {
    Nothing,
    Bearer(String),
    Basic(String),
    Cookie(String),
    Parameter(String),
}

impl Given {
    fn on(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Nothing | Self::Parameter(_) => request,
            Self::Bearer(token) => request.bearer_auth(token),
            Self::Basic(token) => request.header("Authorization", format!("Basic {token}")),
            Self::Cookie(token) => request.header("Cookie", format!("token={token}")),
        }
    }
}

/// What is of no use at their door: wrong tokens in the right places, and the right one in wrong places.
fn given(world: &World, route: &ServedRoute) -> Vec<Given> {
    let (ours, theirs) = (&world.ours, &world.theirs);
    let nobody = Server { tenant_key: key_pair(), ..ours.again() };
    let posing = json!({ "e_tga": "*", "iss": theirs.slug, "sub": theirs.slug, "tenant": theirs.slug });
    let admin = json!({ "e_ara": "*" });
    let wrong = [
        "nonsense".to_owned(),
        ours.token.clone(),
        sign(ours, &posing),
        sign(&nobody, &posing),
        sign(ours, &admin),
        sign(theirs, &admin),
    ];
    let mut given = vec![Given::Nothing];
    given.extend(
        wrong.iter().cloned().flat_map(|token| [Given::Bearer(token.clone()), Given::Parameter(token)]),
    );
    let right = theirs.token.clone();
    given.extend([Given::Basic(right.clone()), Given::Cookie(right.clone())]);
    let in_path = route.path.contains(":slug");
    match route.access {
        Access::TenantToken => given.push(Given::Parameter(right)),
        Access::SocketToken if in_path => {}
        Access::SocketToken => given.push(Given::Bearer(right)),
        _ => given.extend([Given::Bearer(right.clone()), Given::Parameter(right)]),
    }
    given
}

/// The status that they are answered with, where the tenant exists.
fn status(route: &ServedRoute, given: &Given) -> u16 {
    let in_path = route.path.contains(":slug");
    match (route.access, given) {
        // There is no recorder here whose metrics could be told.
        (Access::Anyone, _) if route.path == "/metrics" => 503,
        (Access::Anyone, _) => 200,
        (Access::TenantToken | Access::AdminToken, Given::Bearer(_)) => 403,
        (Access::TenantToken | Access::AdminToken, _) => 401,
        (Access::SocketToken, Given::Bearer(_) | Given::Parameter(_)) => 403,
        // The token might have come on the socket, which this is not.
        (Access::SocketToken, _) if in_path => 400,
        (Access::SocketToken | Access::SignedUrl, _) => 403,
        // No realm.
        (Access::Astarte, _) => 400,
        (access, _) => panic!("say in `routes::status` how {access:?} answers wrong tokens"),
    }
}

fn url(world: &World, route: &ServedRoute, slug: &str) -> Url {
    let path = route.path.replace(":slug", slug).replace("*key", "uploads/tenants/1/x").replace(":id", "1");
    assert!(!path.contains([':', '*']), "say in `routes::url` what to put into {path}");
    let mut url: Url = format!("{}{path}", world.ours.url).parse().unwrap();
    if route.access == Access::SocketToken && !route.path.contains(":slug") {
        url.query_pairs_mut().append_pair("tenant", slug).append_pair("vsn", "2.0.0");
    }
    url
}

async fn send(world: &World, route: &ServedRoute, slug: &str, given: &Given) -> (u16, String) {
    let document = "{ devices { edges { node { name } } } tenantInfo { name } }";
    let mut url = url(world, route, slug);
    url.query_pairs_mut().append_pair("query", document);
    if let Given::Parameter(token) = given {
        url.query_pairs_mut().append_pair("token", token);
    }
    let request = world.ours.http.request(route.method.as_str().parse().unwrap(), url);
    let posts = route.method.as_str() == "POST";
    let request = if posts { request.json(&json!({ "query": document })) } else { request };
    let answer = given.on(request).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// A wrong token opens nothing, and what it is told does not depend on the neighbour's being there: only whoever sends no
/// token at all learns that, by the contract.
#[tokio::test]
async fn wrong_tokens_open_nothing() {
    let world = World::new().await;
    let rows = (world.ours.rows().await, world.theirs.rows().await);
    for route in routes() {
        let mut bodies: BTreeMap<u16, BTreeSet<String>> = BTreeMap::new();
        for given in given(&world, &route) {
            let told = send(&world, &route, world.theirs.slug, &given).await;
            assert_eq!(told.0, status(&route, &given), "{route:?} {given:?}: {told:?}");
            assert_eq!(world.leak(&told.1), None, "{route:?} {given:?}");
            bodies.entry(told.0).or_default().insert(told.1.clone());
            if route.path.contains(":slug") {
                let of_nobody = send(&world, &route, NOBODY, &given).await;
                assert_eq!(of_nobody.0, 403, "{route:?} {given:?}: {of_nobody:?}");
                bodies.entry(403).or_default().insert(of_nobody.1);
            } else if route.access == Access::SocketToken {
                assert_eq!(told, send(&world, &route, NOBODY, &given).await, "{route:?} {given:?}");
            }
        }
        for (status, bodies) in bodies {
            assert_eq!(bodies.len(), 1, "{route:?} answers {status} in different ways: {bodies:?}");
        }
    }
    assert_eq!((world.ours.rows().await, world.theirs.rows().await), rows);
}

/// What is not in the table is not there, not even for the tenant itself.
#[tokio::test]
async fn other_methods_are_no_routes() {
    let world = World::new().await;
    let all = routes();
    for route in &all {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            if all.iter().any(|it| it.path == route.path && it.method.as_str() == method) {
                continue;
            }
            let method: Method = method.parse().unwrap();
            let request = world.theirs.http.request(method.clone(), url(&world, route, world.theirs.slug));
            let answer = request.bearer_auth(&world.theirs.token).send().await.unwrap();
            let told = (answer.status().as_u16(), answer.json::<Value>().await.unwrap());
            // Nobody but administrators learns what there is below their door.
            let guarded = route.path.starts_with("/admin-api/v1/tenants");
            let (status, detail) = if guarded { (403, "Forbidden") } else { (404, "Not Found") };
            assert_eq!(told, (status, json!({ "errors": { "detail": detail } })), "{method} {}", route.path);
        }
    }
}

/// All routes come from the table: nothing else in the server makes one.
#[test]
fn routes_are_made_by_the_table() {
    fn makers(directory: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                // The admin API has a description, which is held against the table.
                if name != "admin" {
                    makers(&path, found);
                }
            } else if name != "tests.rs" {
                let source = std::fs::read_to_string(&path).unwrap();
                if ["Route::new(", "Route::default(", "RouteDomain", "RouteScheme"]
                    .iter()
                    .any(|it| source.contains(it))
                {
                    found.insert(name);
                }
            }
        }
    }
    let mut found = BTreeSet::new();
    makers(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert_eq!(
        found,
        BTreeSet::from(["routes.rs".to_owned()]),
        "add a line to the table in routes.rs instead"
    );
    let readme = include_str!("../../../README.md");
    for route in routes() {
        let segments = route.path.split('/').map(|it| match it.strip_prefix([':', '*']) {
            Some(name) => format!("{{{name}}}"),
            None => it.to_owned(),
        });
        let path = segments.collect::<Vec<_>>().join("/");
        assert!(readme.contains(&path), "{path} is not in the README");
    }
}

/// Sockets take no token of another tenant in their first message either.
#[tokio::test]
async fn sockets_take_no_token_of_others() {
    let world = World::new().await;
    let path = format!("/tenants/{}/api/socket", world.theirs.slug);
    for tokens in [json!({}), json!({ "token": world.ours.token }), json!({ "Authorization": "Bearer x" })] {
        let protocol = [("sec-websocket-protocol", "graphql-transport-ws")];
        let mut socket = open(&world.ours, &path, &protocol).await.unwrap();
        let answer = ask(&mut socket, json!({ "type": "connection_init", "payload": tokens })).await;
        assert_eq!(answer, json!({ "closed": 4403 }), "{tokens}");
        let protocol = [("sec-websocket-protocol", "graphql-transport-ws")];
        let early =
            json!({ "type": "subscribe", "id": "1", "payload": { "query": "{ tenantInfo { name } }" } });
        let mut socket = open(&world.ours, &path, &protocol).await.unwrap();
        assert_eq!(ask(&mut socket, early).await, json!({ "closed": 4401 }));
    }
}

/// Events count for the tenant in the path, and only with its own realm; a realm of another tenant's is one that nobody
/// has, and so is a device.
#[tokio::test]
async fn events_reach_their_own_tenant() {
    let world = World::new().await;
    let (ours, theirs) = (&world.ours, &world.theirs);
    let rows = (ours.rows().await, theirs.rows().await);
    let send = async |slug: &str, realm: &str, device: &str| {
        let event = json!({
            "device_id": device, "timestamp": "2028-01-01T00:00:00Z", "event": { "type": "device_deletion_finished" },
        });
        let request = ours.post(&format!("/tenants/{slug}/triggers")).header("Astarte-Realm", realm);
        let answer = request.bearer_auth(&ours.token).json(&event).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let device = format!("{THEIRS}-device");
    let realms = ["plantone", "planttwo", "plantnine"];
    let no_realm = send(ours.slug, realms[2], &device).await;
    assert_eq!(no_realm.0, 404);
    assert_eq!(send(ours.slug, realms[1], &device).await, no_realm);
    assert_eq!(send(theirs.slug, realms[0], &device).await, no_realm);
    let no_tenant = send(NOBODY, realms[1], &device).await;
    assert_eq!(no_tenant.0, 403);
    let no_device = send(ours.slug, realms[0], "nobodys-device").await;
    assert_eq!(no_device.0, 422);
    assert_eq!(send(ours.slug, realms[0], &device).await, no_device);
    assert_eq!((ours.rows().await, theirs.rows().await), rows);
}
