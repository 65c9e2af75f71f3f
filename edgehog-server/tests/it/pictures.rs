//! Pictures of system models: uploaded in the console's form, kept in a directory, and gone when nobody shows them.

use std::path::Path;

use edgehog_engine::storage::{Storage, StorageConfig};
use edgehog_server::Settings;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Server;
use crate::records::{global_id, refused};

const CREATE: &str = "mutation ($input: CreateSystemModelInput!) { createSystemModel(input: $input) {
    result { id pictureUrl }
} }";

const UPDATE: &str =
    "mutation ($id: ID!, $input: UpdateSystemModelInput) { updateSystemModel(id: $id, input: $input) {
    result { id pictureUrl }
} }";

const DELETE: &str = "mutation ($id: ID!) { deleteSystemModel(id: $id) { result { pictureUrl } } }";

/// What the storage's URLs begin with: any host, as the path alone is used here.
const BASE: &str = "http://edgehog.example";

/// A server that keeps files, with a hardware type.
struct Album {
    server: Server,
    files: TempDir,
    uploads: TempDir,
    hardware_type: String,
}

impl Album {
    async fn new() -> Self {
        let (files, uploads) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let storage = Storage::open(&StorageConfig::local(files.path(), BASE.parse().unwrap())).unwrap();
        let settings = Settings::default().upload_directory(uploads.path());
        let server =
            Server::with("http://127.0.0.1:9", settings, |engine| engine.storage(Some(storage))).await;
        let hardware_type = server.make_hardware_type("board", &["B"]).await;
        Self { server, files, uploads, hardware_type }
    }

    fn input(&self, handle: &str, more: Value) -> Value {
        let mut input = json!({
            "handle": handle, "name": handle, "partNumbers": [handle], "hardwareTypeId": self.hardware_type,
        });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    }

    /// Sends a document with a file, in the order of the console: the file first.
    async fn upload(&self, file_name: &str, content: &str, document: &str, variables: Value) -> Value {
        upload(&self.server, file_name, content, document, variables).await
    }

    async fn create(&self, handle: &str, file_name: &str, content: &str) -> (String, String) {
        let input = self.input(handle, json!({ "pictureFile": "pictureFile" }));
        let answer = self.upload(file_name, content, CREATE, json!({ "input": input })).await;
        let result = &answer["data"]["createSystemModel"]["result"];
        let text = |name: &str| result[name].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        (text("id"), text("pictureUrl"))
    }

    async fn update(&self, id: &str, input: Value) -> Value {
        self.server.done(UPDATE, json!({ "id": id, "input": input })).await["pictureUrl"].clone()
    }

    /// The status and content behind a URL of the storage.
    async fn fetch(&self, url: &str) -> (u16, String) {
        let url = url.replace(BASE, &self.server.url);
        let answer = self.server.http.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// The names of the pictures that are kept.
    fn kept(&self) -> Vec<String> {
        assert_eq!(std::fs::read_dir(self.uploads.path()).unwrap().count(), 0);
        let mut names = Vec::new();
        collect(self.files.path(), &mut names);
        names.sort();
        names
    }
}

pub(crate) async fn upload(
    server: &Server,
    file_name: &str,
    content: &str,
    document: &str,
    variables: Value,
) -> Value {
    let part = Part::text(content.to_owned()).file_name(file_name.to_owned()).mime_str("image/png").unwrap();
    let form = Form::new().part("pictureFile", part);
    let form = form.text("query", document.to_owned()).text("variables", variables.to_string());
    let path = format!("/tenants/{}/api", server.slug);
    let answer = server.post(&path).bearer_auth(&server.token).multipart(form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

fn collect(directory: &Path, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), names);
        } else if name.ends_with(".png") || name.ends_with(".jpg") {
            names.push(name);
        }
    }
}

/// An uploaded picture is at its URL, for whoever has the whole of it, until the model is deleted.
#[tokio::test]
async fn a_picture_is_served_while_its_model_lasts() {
    let album = Album::new().await;
    let (id, url) = album.create("lift", "Lift 1.png", "one").await;
    assert_eq!(album.fetch(&url).await, (200, "one".to_owned()));
    let (bare, proof) = url.split_once('?').unwrap();
    let changed = format!("{url}0");
    for url in [bare, &changed, &format!("{bare}x?{proof}")] {
        let (status, body) = album.fetch(url).await;
        assert!(status == 403 && !body.contains("one"), "{url}: {status} {body}");
    }
    let deleted = album.server.done(DELETE, json!({ "id": id })).await;
    assert_eq!(deleted["pictureUrl"], *url);
    assert_eq!(album.fetch(&url).await.0, 404);
    assert!(album.kept().is_empty());
}

/// A new picture takes the place of the old one, which is gone; null takes it away; other changes leave it.
#[tokio::test]
async fn a_picture_is_replaced() {
    let album = Album::new().await;
    let (id, first) = album.create("lift", "a.png", "one").await;
    assert_eq!(album.update(&id, json!({ "name": "x", "pictureFile": null })).await, *first);
    let variables = json!({ "id": id, "input": { "pictureFile": "pictureFile", "pictureUrl": null } });
    let answer = album.upload("b.jpg", "two", UPDATE, variables).await;
    let second = answer["data"]["updateSystemModel"]["result"]["pictureUrl"].as_str().unwrap().to_owned();
    assert_eq!(album.fetch(&second).await, (200, "two".to_owned()));
    assert_eq!(album.fetch(&first).await.0, 404);
    assert_eq!(album.kept().len(), 1);
    // With a new handle, or the same URL again, it stays where it is.
    assert_eq!(album.update(&id, json!({ "handle": "crane" })).await, *second);
    assert_eq!(album.update(&id, json!({ "pictureUrl": second })).await, *second);
    assert_eq!(album.fetch(&second).await.0, 200);
    assert_eq!(album.update(&id, json!({ "pictureUrl": null })).await, Value::Null);
    assert!(album.kept().is_empty());
}

/// The same name and content again is a picture that can be seen.
#[tokio::test]
async fn the_same_file_again_is_fine() {
    let album = Album::new().await;
    let (id, _) = album.create("lift", "a.png", "one").await;
    let variables = json!({ "id": id, "input": { "pictureFile": "pictureFile" } });
    for content in ["one", "two"] {
        let answer = album.upload("a.png", content, UPDATE, variables.clone()).await;
        let url = answer["data"]["updateSystemModel"]["result"]["pictureUrl"].as_str().unwrap().to_owned();
        assert_eq!(album.fetch(&url).await, (200, content.to_owned()));
        assert_eq!(album.kept().len(), 1);
    }
}

/// Where a mutation is refused, whyever, no picture is left behind, and none is lost.
#[tokio::test]
async fn refused_uploads_leave_nothing() {
    let album = Album::new().await;
    let (id, url) = album.create("taken", "a.png", "one").await;
    let other = album.server.make_system_model_of(&album.hardware_type, "other", &["O"]).await;
    let file = json!({ "pictureFile": "pictureFile" });
    let taken = "invalid_attribute [handle] has already been taken @";
    let failed = "invalid_attribute [picture_file] failed to upload @";
    let both = "invalid_attribute [picture_url] is mutually exclusive with picture_file @";
    let with = |handle: &str, more: Value| {
        let mut input = album.input(handle, file.clone());
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let unknown = global_id("hardware_type", 999_999);
    for (file_name, input, expected) in [
        ("b.png", with("taken", json!({})), format!("{taken} createSystemModel.input.handle")),
        (
            "b.png",
            with("new", json!({ "hardwareTypeId": unknown })),
            "not_found [id] could not be found @ createSystemModel.input.hardwareTypeId.id".to_owned(),
        ),
        ("b.exe", with("new", json!({})), format!("{failed} createSystemModel.input.pictureFile")),
        ("png", with("new", json!({})), format!("{failed} createSystemModel.input.pictureFile")),
        (
            "b.png",
            with("new", json!({ "pictureUrl": "https://p.example/x.png" })),
            format!("{both} createSystemModel.input.pictureUrl"),
        ),
        (
            "b.png",
            with("new", json!({ "partNumbers": [] })),
            "invalid_argument [part_numbers] must have 1 or more items @ createSystemModel.input.partNumbers"
                .to_owned(),
        ),
    ] {
        let answer = album.upload(file_name, "two", CREATE, json!({ "input": input })).await;
        assert_eq!(refused(&answer), [expected], "{file_name} {input}");
        assert_eq!(album.kept().len(), 1, "{file_name} {input}");
    }
    let missing = global_id("system_model", 999_999);
    for (id, input, expected) in [
        (&other, json!({ "handle": "taken" }), format!("{taken} updateSystemModel.input.handle")),
        (&missing, json!({}), "not_found [id] could not be found @ updateSystemModel.input.id".to_owned()),
        (
            &id,
            json!({ "pictureUrl": "https://p.example/x.png" }),
            format!("{both} updateSystemModel.input.pictureUrl"),
        ),
    ] {
        let mut input = input.clone();
        input["pictureFile"] = json!("pictureFile");
        let answer = album.upload("a.png", "two", UPDATE, json!({ "id": id, "input": input })).await;
        assert_eq!(refused(&answer), [expected], "{input}");
        assert_eq!(album.kept().len(), 1, "{input}");
    }
    assert_eq!(album.fetch(&url).await, (200, "one".to_owned()));
}

/// A name that no file of the request has is no upload.
#[tokio::test]
async fn an_upload_needs_its_part() {
    let album = Album::new().await;
    let input = album.input("lift", json!({ "pictureFile": "elsewhere" }));
    let answer = album.upload("a.png", "one", CREATE, json!({ "input": input })).await;
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("In field \"pictureFile\": Expected type \"Upload\""), "{answer}");
    assert_eq!(answer["errors"][0]["fields"], json!([]), "{answer}");
    let plain = album.server.query_with(CREATE, json!({ "input": input })).await;
    assert!(plain["errors"][0]["message"].is_string(), "{plain}");
    assert!(album.kept().is_empty());
    assert_eq!(album.server.query("{ systemModels { count } }").await["data"]["systemModels"]["count"], 0);
}

/// Models of the same handle at different times, and with files of the same name, never share a file.
#[tokio::test]
async fn models_have_files_of_their_own() {
    let album = Album::new().await;
    let (one, first) = album.create("one", "a.png", "first").await;
    album.update(&one, json!({ "handle": "moved", "name": "moved" })).await;
    let (two, second) = album.create("one", "a.png", "second").await;
    let (_, third) = album.create("three", "a.png", "first").await;
    assert_eq!(album.kept().len(), 3);
    album.server.done(DELETE, json!({ "id": two })).await;
    assert_eq!(album.fetch(&second).await.0, 404);
    assert_eq!(album.fetch(&first).await, (200, "first".to_owned()));
    // Two models may show the same picture: it goes with the last.
    let (four, fourth) = album.create("four", "a.png", "fourth").await;
    album.update(&four, json!({ "pictureUrl": first })).await;
    assert_eq!(album.fetch(&fourth).await.0, 404);
    album.server.done(DELETE, json!({ "id": one })).await;
    assert_eq!(album.fetch(&first).await, (200, "first".to_owned()));
    album.update(&four, json!({ "pictureUrl": null })).await;
    assert_eq!(album.fetch(&first).await.0, 404);
    assert_eq!(album.fetch(&third).await.0, 200);
}

/// What lies elsewhere, or is another tenant's, is shown but never deleted.
#[tokio::test]
async fn foreign_pictures_are_left_alone() {
    let album = Album::new().await;
    let neighbour = album.server.neighbour().await;
    let hardware_type = neighbour.make_hardware_type("board", &["B"]).await;
    let theirs = json!({
        "handle": "lift", "name": "lift", "partNumbers": ["x"], "hardwareTypeId": hardware_type,
        "pictureFile": "pictureFile",
    });
    let answer = upload(&neighbour, "a.png", "theirs", CREATE, json!({ "input": theirs })).await;
    let theirs = answer["data"]["createSystemModel"]["result"]["pictureUrl"].as_str().unwrap();
    let id = album.server.make_system_model_of(&album.hardware_type, "lift", &["P"]).await;
    let external = "https://pictures.example/storage/uploads/a.png";
    for url in [theirs, external, "no URL at all", "file:///etc/hostname"] {
        assert_eq!(album.update(&id, json!({ "pictureUrl": url })).await, *url);
        assert_eq!(album.update(&id, json!({ "pictureUrl": null })).await, Value::Null);
        assert_eq!(album.fetch(theirs).await, (200, "theirs".to_owned()), "{url}");
    }
    album.update(&id, json!({ "pictureUrl": theirs })).await;
    album.server.done(DELETE, json!({ "id": id })).await;
    assert_eq!(album.fetch(theirs).await, (200, "theirs".to_owned()));
}

/// An upload that breaks off leaves nothing, neither where uploads wait nor where pictures are kept.
#[tokio::test]
async fn uploads_that_break_off_leave_nothing() {
    let album = Album::new().await;
    let address = album.server.url.trim_start_matches("http://");
    let begin =
        "--b\r\nContent-Disposition: form-data; name=\"pictureFile\"; filename=\"a.png\"\r\n\r\nhalf of it";
    // Whoever has sent all that was announced gets an answer; who hangs up does not, so the directory is looked at.
    for (length, waits) in [(begin.len(), true), (1_000_000, false)] {
        let mut connection = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /tenants/plant-one/api HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\nContent-Length: {length}\r\n\
             Content-Type: multipart/form-data; boundary=b\r\n\r\n{begin}",
            album.server.token
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        if waits {
            let mut answer = [0; 12];
            connection.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 400");
        } else {
            while std::fs::read_dir(album.uploads.path()).unwrap().count() == 0 {
                tokio::task::yield_now().await;
            }
        }
        drop(connection);
        while std::fs::read_dir(album.uploads.path()).unwrap().count() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(album.kept().is_empty());
    }
}

/// Without a storage pictures cannot be uploaded, but shown from elsewhere.
#[tokio::test]
async fn without_storage_there_are_no_uploads() {
    let server = Server::start().await;
    let hardware_type = server.make_hardware_type("board", &["B"]).await;
    let mut input = json!({
        "handle": "lift", "name": "lift", "partNumbers": ["x"], "hardwareTypeId": hardware_type,
        "pictureFile": "pictureFile",
    });
    let answer = upload(&server, "a.png", "one", CREATE, json!({ "input": input })).await;
    let failed = "invalid_attribute [picture_file] failed to upload @ createSystemModel.input.pictureFile";
    assert_eq!(refused(&answer), [failed]);
    input["pictureFile"] = Value::Null;
    input["pictureUrl"] = json!("https://p.example/x");
    let made = server.done(CREATE, json!({ "input": input })).await;
    assert_eq!(made["pictureUrl"], "https://p.example/x");
}
