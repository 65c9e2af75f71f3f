//! Two tenants on one server, who have one of everything.

use std::collections::BTreeMap;

use edgehog_engine::ForwarderConfig;
use edgehog_engine::storage::{Storage, StorageConfig};
use edgehog_server::Settings;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::records::Records;
use super::schema::Schema;
use crate::pictures::upload;
use crate::{DEVICE, Server};

/// What every text of the one, and of the other, begins with.
pub(super) const OURS: &str = "homely";
pub(super) const THEIRS: &str = "nextdoor";

/// Where keys begin for their records, and for all that is made afterwards.
const THEIR_KEYS: i64 = 7_141_000_000;
const LATER_KEYS: i64 = 8_282_000_000;

/// What the storage's URLs begin with.
pub(super) const STORAGE: &str = "http://edgehog.example";

/// What went wrong, in one line each.
pub(super) type Findings = Vec<String>;

pub(super) struct World {
    pub(super) schema: Schema,
    pub(super) astarte: MockServer,
    pub(super) ours: Server,
    pub(super) theirs: Server,
    pub(super) our: Records,
    /// Without what both have.
    pub(super) their: Records,
    pub(super) shutdown: CancellationToken,
    _files: TempDir,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(true).await
    }

    /// The same, with both in one tenant: everything that is tried succeeds.
    pub(super) async fn without_walls() -> Self {
        Self::with(false).await
    }

    async fn with(walls: bool) -> Self {
        let schema = Schema::ours();
        let astarte = MockServer::start().await;
        Mock::given(any()).respond_with(answer).mount(&astarte).await;
        let files = tempfile::tempdir().unwrap();
        let storage = Storage::open(&StorageConfig::local(files.path(), STORAGE.parse().unwrap())).unwrap();
        let forwarder = ForwarderConfig::new("forwarder.example", 4001, false).unwrap();
        let shutdown = CancellationToken::new();
        let settings = Settings::default().shutdown(shutdown.clone());
        let ours = Server::with(&astarte.uri(), settings, |engine| {
            engine.storage(Some(storage)).forwarder(Some(forwarder))
        })
        .await;
        seed(&ours, OURS, "2026-01-02T03:04").await;
        // Before there is anything else to be seen.
        let our = Records::of(&ours, &schema).await;
        number_from(&ours, THEIR_KEYS).await;
        let theirs = if walls { ours.neighbour_on(&astarte.uri()).await } else { ours.again() };
        seed(&theirs, THEIRS, "2027-07-07T07:07").await;
        let their = Records::of(&theirs, &schema).await;
        number_from(&ours, LATER_KEYS).await;
        let seen = their.texts.iter().find(|text| text.contains(OURS));
        assert!(!walls || seen.is_none(), "the neighbour sees {seen:?}");
        let their = their.without(&our);
        Self { schema, astarte, ours, theirs, our, their, shutdown, _files: files }
    }

    /// Something of theirs in a text that shows nothing of it by right.
    pub(super) fn leak(&self, text: &str) -> Option<&str> {
        self.their.texts.iter().find(|marker| text.contains(marker.as_str())).map(String::as_str)
    }

    /// The requests to their realm so far.
    pub(super) async fn asked_of_their_realm(&self) -> usize {
        let requests = self.astarte.received_requests().await.unwrap();
        requests.iter().filter(|it| it.url.path().contains(&self.theirs.realm())).count()
    }
}

/// A device of either realm, which tells whose it is.
fn answer(request: &Request) -> ResponseTemplate {
    let path = request.url.path();
    let mark = if path.contains("/planttwo/") { THEIRS } else { OURS };
    let told = match request.method.as_str() {
        "GET" if path.contains("OSInfo") => json!({ "osName": format!("{mark}-os"), "osVersion": "1" }),
        "GET" if path.contains("ForwarderSessionState") => {
            json!({ format!("{mark}-session"): { "status": "Connected" } })
        }
        "GET" => return ResponseTemplate::new(404),
        _ => json!({}),
    };
    ResponseTemplate::new(200).set_body_json(json!({ "data": told }))
}

impl Server {
    pub(super) fn realm(&self) -> String {
        format!("/{}/", self.slug.replace('-', ""))
    }

    /// An event of a device at a second of a minute.
    pub(super) async fn at(&self, device: &str, moment: &str, event: Value) {
        let event = json!({ "device_id": device, "timestamp": moment, "event": event });
        assert_eq!(self.deliver(event.to_string()).await.status(), 200);
    }

    pub(super) async fn superuser(&self) -> PgConnection {
        self.database.connect().await.unwrap()
    }

    /// All rows of the tenant, by table.
    pub(super) async fn rows(&self) -> BTreeMap<String, Vec<String>> {
        let mut connection = self.superuser().await;
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT c.oid::regclass::text FROM pg_class c \
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' \
             WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'edgehog'::regnamespace",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        let mut rows = BTreeMap::new();
        for table in tables {
            let select = format!(
                "SELECT t::text FROM {table} t \
                 WHERE tenant_id = (SELECT tenant_id FROM edgehog.tenants WHERE slug = $1) ORDER BY 1"
            );
            let found = sqlx::query_scalar(AssertSqlSafe(select)).bind(self.slug);
            rows.insert(table, found.fetch_all(&mut connection).await.unwrap());
        }
        connection.close().await.unwrap();
        rows
    }
}

/// Has all keys from now on begin at a number that no others are near.
async fn number_from(server: &Server, first: i64) {
    let mut connection = server.superuser().await;
    let renumber = format!(
        "DO $$ DECLARE numbers regclass; BEGIN \
         FOR numbers IN SELECT oid FROM pg_class WHERE relkind = 'S' AND relnamespace = 'edgehog'::regnamespace \
         LOOP EXECUTE format('ALTER SEQUENCE %s RESTART WITH {first}', numbers); END LOOP; END $$"
    );
    connection.execute(AssertSqlSafe(renumber)).await.unwrap();
    connection.close().await.unwrap();
}

/// One record of every kind, with all its fields. Whatever is new in the schema has its place here; a test says so.
async fn seed(server: &Server, mark: &str, minute: &str) {
    let named = |what: &str| format!("{mark}-{what}");
    let hardware_type = server.make_hardware_type(&named("hardware"), &[&named("board")]).await;
    let model =
        "mutation ($input: CreateSystemModelInput!) { createSystemModel(input: $input) { result { id } } }";
    let input = json!({
        "handle": named("model"), "name": named("model"), "partNumbers": [named("model-number")],
        "hardwareTypeId": hardware_type, "pictureFile": "pictureFile",
        "localizedDescriptions": [{ "languageTag": "en", "value": named("description") }],
    });
    let picture = named("picture");
    let made = upload(server, &named("picture.png"), &picture, model, json!({ "input": input })).await;
    assert!(made.get("errors").is_none(), "{made}");
    // Both realms have a device of the same id.
    let address = format!("2001:db8::{}", mark.len());
    for device in [DEVICE.to_owned(), named("device")] {
        let tell =
            async |second: u32, event| server.at(&device, &format!("{minute}:{second:02}Z"), event).await;
        tell(1, json!({ "type": "device_connected", "device_ip_address": address })).await;
        tell(2, json!({ "type": "device_disconnected" })).await;
        tell(3, json!({ "type": "device_connected", "device_ip_address": address })).await;
        for (path, value) in [("/serialNumber", named("serial")), ("/partNumber", named("model-number"))] {
            let interface = "io.edgehog.devicemanager.SystemInfo";
            tell(4, json!({ "type": "incoming_data", "interface": interface, "path": path, "value": value }))
                .await;
        }
    }
    let answer = server.query("{ devices { edges { node { id } } } }").await;
    let rename = "mutation ($id: ID!, $input: UpdateDeviceInput) { updateDevice(id: $id, input: $input) { result { id } } }";
    for (place, edge) in answer["data"]["devices"]["edges"].as_array().unwrap().iter().enumerate() {
        let device = edge["node"]["id"].as_str().unwrap();
        server.tag(device, &[&named("tag")]).await;
        server
            .done(rename, json!({ "id": device, "input": { "name": named(&format!("name-{place}")) } }))
            .await;
    }
    server.make_group(&named("group"), &format!(r#""{mark}-tag" in tags"#)).await;
}
