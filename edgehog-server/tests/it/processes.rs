//! Several servers of one database, each a process of its own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use edgehog_engine::{SigningKey, mint_tenant_token};
use futures::StreamExt;
use reqwest::Client;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use crate::{DEVICE, key_pair};

/// Seals the secrets of realms.
pub(crate) const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A database with the tenant `plant-one`, and what its servers and users need.
pub(crate) struct Site {
    pub(crate) database: String,
    keys: TempDir,
    pub(crate) token: String,
}

/// A server; it is killed when this is dropped, without a chance to tidy up.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) port: u16,
    pub(crate) api: String,
    pub(crate) http: Client,
    pub(crate) token: String,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let options = edgehog_test_database::create().await;
        let mut database: Url = std::env::var("DATABASE_URL").unwrap().parse().unwrap();
        database.set_path(options.get_database().unwrap());
        Self::on(&database)
    }

    /// The same on a database that is empty yet.
    pub(crate) fn on(database: &Url) -> Self {
        let keys = tempfile::tempdir().unwrap();
        let tenant_key = key_pair();
        std::fs::write(keys.path().join("tenant.pub"), tenant_key.public_key_pem()).unwrap();
        std::fs::write(keys.path().join("realm"), key_pair().serialize_pem()).unwrap();
        let signing_key = SigningKey::from_pem(tenant_key.serialize_pem().as_str()).unwrap();
        let token = mint_tenant_token(&signing_key, None).unwrap().expose_secret().to_owned();
        let site = Self { database: database.to_string(), keys, token };
        let tenant = site.description("plant-one", "Plant One");
        // Astarte is played by the tests, whose triggers show no secret.
        assert!(site.command(&["provision", "--no-trigger-secret"]).args(tenant).status().unwrap().success());
        site
    }

    /// Flags that describe a tenant, whose realm is called like it.
    pub(crate) fn description(&self, slug: &str, name: &str) -> Vec<String> {
        let key = |name| self.keys.path().join(name).to_str().unwrap().to_owned();
        let (tenant, realm) = (key("tenant.pub"), key("realm"));
        let realm_name = slug.replace('-', "");
        let flags = [
            ["--name", name],
            ["--slug", slug],
            ["--public-key", &tenant],
            ["--astarte-url", "http://127.0.0.1:9"],
            ["--realm", &realm_name],
            ["--realm-key", &realm],
        ];
        flags.concat().into_iter().map(str::to_owned).collect()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.command_after("", args)
    }

    /// The server's command, run by a shell that does something before.
    pub(crate) fn command_after(&self, before: &str, args: &[&str]) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("{before}\nexec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_edgehog-server")]);
        command.args(args).env_clear().stdout(Stdio::null());
        command.env("DATABASE_URL", &self.database).env("EDGEHOG_ENCRYPTION_KEYS", KEY);
        command
    }

    pub(crate) async fn serve(&self) -> Process {
        self.serve_after("", &[]).await
    }

    /// A server that a shell prepared something for, with more variables.
    pub(crate) async fn serve_after(&self, before: &str, vars: &[(&str, &str)]) -> Process {
        let process = self.launch(before, vars);
        process.lives().await;
        process
    }

    pub(crate) async fn serve_with(&self, set_up: impl FnOnce(&mut Command) -> &mut Command) -> Process {
        let mut command = self.command(&["serve"]);
        set_up(&mut command);
        Process::start(command, &self.token).await
    }

    /// A server that may not be ready yet.
    pub(crate) fn launch(&self, before: &str, vars: &[(&str, &str)]) -> Process {
        let mut command = self.command_after(before, &["serve"]);
        command.env("RUST_LOG", "off").envs(vars.iter().copied());
        Process::launch(command, &self.token)
    }
}

impl Process {
    /// Starts what `command` says on a port of its own, and waits until it serves.
    pub(crate) async fn start(command: Command, token: &str) -> Self {
        let process = Self::launch(command, token);
        process.lives().await;
        process
    }

    fn launch(mut command: Command, token: &str) -> Self {
        let port = TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port();
        command.env("PORT", port.to_string()).env("URL_HOST", "localhost");
        Self {
            child: command.spawn().unwrap(),
            port,
            api: format!("http://127.0.0.1:{port}/tenants/plant-one/api"),
            http: Client::new(),
            token: token.to_owned(),
        }
    }

    /// Waits until it serves.
    pub(crate) async fn lives(&self) {
        let lives = async {
            while self.status("/health").await.is_none() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, lives).await.unwrap();
    }

    /// What it answers, if it does.
    pub(crate) async fn status(&self, path: &str) -> Option<u16> {
        let answer = self.http.get(self.url(path)).send().await;
        answer.ok().map(|answer| answer.status().as_u16())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// A request to the tenant's API, from one of its users.
    pub(crate) fn request(&self) -> reqwest::RequestBuilder {
        self.http.post(&self.api).bearer_auth(&self.token)
    }

    pub(crate) async fn run_or_not(&self, document: &str) -> Value {
        let request = self.request().json(&json!({ "query": document }));
        request.send().await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn run(&self, document: &str, variables: Value) -> Value {
        let body = json!({ "query": document, "variables": variables });
        let answer: Value = self.request().json(&body).send().await.unwrap().json().await.unwrap();
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"].clone()
    }

    /// What a subscription tells, as it comes.
    pub(crate) async fn watch(&self, document: &str) -> impl futures::Stream<Item = Value> + Unpin + use<> {
        let request =
            self.request().header("Accept", "text/event-stream").json(&json!({ "query": document }));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let mut text = String::new();
        let events = answer.bytes_stream().map(move |chunk| {
            text.push_str(str::from_utf8(&chunk.unwrap()).unwrap());
            let mut events = Vec::new();
            while let Some((event, rest)) = text.split_once("\n\n") {
                events.extend(event.lines().find_map(|line| line.strip_prefix("data: ")).map(str::to_owned));
                text = rest.to_owned();
            }
            futures::stream::iter(events)
        });
        Box::pin(events.flatten().map(|event| serde_json::from_str(&event).unwrap()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) const GROUP: &str = "subscription { deviceGroup { created { name } updated { name } destroyed } }";

/// The next events of a group, as kind and the number in its name. The name is that at the time of telling.
async fn told(events: &mut (impl futures::Stream<Item = Value> + Unpin), count: usize) -> Vec<(String, u32)> {
    let mut told = Vec::new();
    while told.len() < count {
        let event = tokio::time::timeout(PATIENCE, events.next()).await.unwrap().unwrap();
        let members = event["data"]["deviceGroup"].as_object().unwrap();
        let set: Vec<_> = members.iter().filter(|(_, value)| !value.is_null()).collect();
        assert_eq!(set.len(), 1, "{event}");
        let (kind, value) = set[0];
        let number = value["name"].as_str().and_then(|name| name.parse().ok()).unwrap_or(u32::MAX);
        told.push((kind.clone(), number));
    }
    told
}

async fn lead_a_groups_life(server: &Process, from: u32) {
    let create = "mutation ($n: String!, $h: String!) { createDeviceGroup(input: \
                  {name: $n, handle: $h, selector: \"\\\"a\\\" in tags\"}) { result { id } } }";
    let made = server.run(create, json!({ "n": from.to_string(), "h": format!("group-{from}") })).await;
    let id = made["createDeviceGroup"]["result"]["id"].clone();
    let rename =
        "mutation ($id: ID!, $n: String) { updateDeviceGroup(id: $id, input: {name: $n}) { result { id } } }";
    for number in from + 1..from + 20 {
        server.run(rename, json!({ "id": id, "n": number.to_string() })).await;
    }
    let delete = "mutation ($id: ID!) { deleteDeviceGroup(id: $id) { result { id } } }";
    server.run(delete, json!({ "id": id })).await;
}

/// What is changed through one process is told by another one, all of it and in order; also when the first one is killed,
/// and its place is taken by a new one. Of a record that is gone by the time of telling only that is told.
#[tokio::test]
async fn changes_reach_subscribers_of_other_processes() {
    let site = Site::new().await;
    let (one, other) = (site.serve().await, site.serve().await);
    let mut events = other.watch(GROUP).await;
    for from in [100, 200] {
        lead_a_groups_life(&one, from).await;
        let mut life = Vec::new();
        while life.last().is_none_or(|(kind, _)| kind != "destroyed") {
            life.extend(told(&mut events, 1).await);
        }
        let numbers: Vec<_> = life.iter().map(|(_, number)| *number).collect();
        assert!(numbers.is_sorted(), "{life:?}");
        assert!(
            life.len() <= 21 && life[1..life.len() - 1].iter().all(|(kind, _)| kind == "updated"),
            "{life:?}"
        );
    }
    drop(one);
    let successor = site.serve().await;
    let create = "mutation { createDeviceGroup(input: {name: \"7\", handle: \"kept\", selector: \"\\\"a\\\" in tags\"}) \
                  { result { id } } }";
    successor.run(create, json!({})).await;
    assert_eq!(told(&mut events, 1).await, [("created".to_owned(), 7)]);
}

/// Whatever is said of a request, however deep in the work for it, is said under its id.
#[tokio::test]
async fn each_line_of_a_request_has_its_id() {
    let site = Site::new().await;
    let log = site.keys.path().join("log");
    let file = std::fs::File::create(&log).unwrap();
    let process = site.serve_with(|command| command.env("RUST_LOG", "info").stdout(file)).await;
    let event = json!({
        "device_id": DEVICE, "timestamp": "2026-01-02T03:04:05.678Z", "event": { "type": "device_connected" },
    });
    let event = process.http.post(process.url("/tenants/plant-one/triggers")).json(&event);
    assert_eq!(event.header("Astarte-Realm", "plantone").send().await.unwrap().status(), 200);
    let id = "an-id-of-twenty-chars";
    let query = json!({ "query": "{ devices { edges { node { osInfo { name } } } } }" });
    let answer = process.request().header("x-request-id", id).json(&query).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["x-request-id"]), (200, &id.parse().unwrap()));
    let text = std::fs::read_to_string(&log).unwrap();
    let read = |line: &str| line.contains("a device could not be read from Astarte") && line.contains(id);
    assert!(text.lines().any(read), "{text}");
    assert!(text.lines().any(|line| line.contains("answered") && line.contains(id)), "{text}");
}
