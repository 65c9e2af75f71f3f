//! Disks that have no room.

use std::path::Path;

use reqwest::multipart::{Form, Part};
use reqwest::{Response, StatusCode};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::processes::{Process, Site};

const CREATE: &str = "mutation ($input: CreateSystemModelInput!) { createSystemModel(input: $input) {
    result { id pictureUrl }
} }";

const LARGE: usize = 200_000;

/// A server as a process that keeps pictures in a directory, with a hardware type.
struct Gallery {
    _site: Site,
    server: Process,
    hardware_type: Value,
    uploads: TempDir,
    files: TempDir,
}

impl Gallery {
    async fn after(prepare: impl FnOnce(&Path) -> String) -> Self {
        let (uploads, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = |directory: &TempDir| directory.path().to_str().unwrap().to_owned();
        let (uploads_path, files_path) = (path(&uploads), path(&files));
        let vars = [
            ("UPLOAD_DIRECTORY", uploads_path.as_str()),
            ("STORAGE_TYPE", "local"),
            ("STORAGE_LOCAL_DIRECTORY", &files_path),
        ];
        let site = Site::new().await;
        let server = site.serve_after(&prepare(files.path()), &vars).await;
        let create = "mutation { createHardwareType(input: {handle: \"h\", name: \"h\", partNumbers: [\"h\"]}) \
                      { result { id } } }";
        let hardware_type = server.run(create, json!({})).await["createHardwareType"]["result"]["id"].clone();
        Self { _site: site, server, hardware_type, uploads, files }
    }

    async fn upload(&self, handle: &str, size: usize) -> Response {
        let input = json!({
            "handle": handle, "name": handle, "partNumbers": [handle], "hardwareTypeId": self.hardware_type,
            "pictureFile": "picture",
        });
        let part = Part::bytes(vec![7; size]).file_name("a.png").mime_str("image/png").unwrap();
        let form = Form::new().part("picture", part).text("query", CREATE);
        let form = form.text("variables", json!({ "input": input }).to_string());
        let request = self.server.http.post(&self.server.api).bearer_auth(&self.server.token);
        request.multipart(form).send().await.unwrap()
    }

    /// Uploads a picture, which must succeed; gives the id of its system model.
    async fn keep(&self, handle: &str, size: usize) -> String {
        let answer: Value = self.upload(handle, size).await.json().await.unwrap();
        let result = &answer["data"]["createSystemModel"]["result"];
        let url = result["pictureUrl"].as_str().unwrap_or_else(|| panic!("{answer}"));
        let path = url.split_once("/storage/").unwrap().1;
        let picture =
            self.server.http.get(self.server.url(&format!("/storage/{path}"))).send().await.unwrap();
        assert_eq!(picture.bytes().await.unwrap().len(), size);
        result["id"].as_str().unwrap().to_owned()
    }

    /// The handles of the system models; there is nothing half-made beside.
    async fn handles(&self) -> Vec<String> {
        assert_eq!(std::fs::read_dir(self.uploads.path()).unwrap().count(), 0);
        let read = "{ systemModels { edges { node { handle } } } }";
        let models = self.server.run(read, json!({})).await["systemModels"]["edges"].take();
        let handle = |model: &Value| model["node"]["handle"].as_str().unwrap().to_owned();
        models.as_array().unwrap().iter().map(handle).collect()
    }

    /// How many files lie in the storage, as the server sees it.
    fn kept(&self) -> usize {
        let root = Path::new("/proc").join(self.server.child.id().to_string()).join("root");
        count(&root.join(self.files.path().strip_prefix("/").unwrap()))
    }
}

/// Files other than the hidden key of the storage.
fn count(directory: &Path) -> usize {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    let visible = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    visible.map(|it| if it.file_type().unwrap().is_dir() { count(&it.path()) } else { 1 }).sum()
}

/// Where an upload cannot be written down while it comes, the client is told that it is our fault; what fits is taken, and
/// when there is room again, all is.
#[tokio::test]
async fn uploads_find_no_room() {
    // In units of 512 or 1024 bytes, as the shell has it. Writes beyond that fail, like on a full disk.
    let gallery = Gallery::after(|_| "trap '' XFSZ; ulimit -S -f 64".to_owned()).await;
    for _ in 0..2 {
        let refused = gallery.upload("large", LARGE).await;
        assert_eq!(refused.status(), StatusCode::INTERNAL_SERVER_ERROR);
        // What is left of the file is not read, so nothing else can be asked on this connection.
        assert_eq!(refused.headers()["connection"], "close");
        let body: Value = refused.json().await.unwrap();
        assert_eq!(body, json!({ "errors": { "detail": "Internal Server Error" } }));
        assert_eq!((gallery.handles().await, gallery.kept()), (vec![], 0));
    }
    gallery.keep("small", 1000).await;
    let pid = Pid::from_raw(gallery.server.child.id().try_into().unwrap());
    assert!(pid.is_some());
    prlimit(pid, Resource::Fsize, Rlimit { current: None, ..getrlimit(Resource::Fsize) }).unwrap();
    gallery.keep("large", LARGE).await;
    assert_eq!((gallery.handles().await.len(), gallery.kept()), (2, 2));
}

/// Where the storage has no room, the mutation fails as a whole and leaves nothing behind; a picture that goes makes room.
#[tokio::test]
async fn pictures_find_no_room() {
    // A small disk of its own for the server, which not every machine lets us have.
    let alone = "unshare --user --map-root-user --mount";
    let mount = format!("{alone} mount -t tmpfs tmpfs /mnt");
    let mounted = std::process::Command::new("/bin/sh").args(["-c", &mount]).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("this machine lets us mount nothing: the full disk is not tried");
        return;
    }
    let gallery = Gallery::after(|files| {
        let mount = format!("mount -t tmpfs -o size=300k tmpfs {}", files.display());
        format!("exec {alone} /bin/sh -c '{mount} && exec \"$0\" \"$@\"' \"$0\" \"$@\"")
    })
    .await;
    let first = gallery.keep("first", LARGE).await;
    for _ in 0..2 {
        let refused = gallery.upload("second", LARGE).await;
        assert_eq!(refused.status(), 200);
        let answer: Value = refused.json().await.unwrap();
        assert_eq!(answer["data"], json!({ "createSystemModel": null }), "{answer}");
        assert!(answer["errors"][0]["message"].is_string(), "{answer}");
        assert_eq!((gallery.handles().await, gallery.kept()), (vec!["first".to_owned()], 1));
    }
    let delete = "mutation ($id: ID!) { deleteSystemModel(id: $id) { result { id } } }";
    gallery.server.run(delete, json!({ "id": first })).await;
    gallery.keep("second", LARGE).await;
    assert_eq!((gallery.handles().await, gallery.kept()), (vec!["second".to_owned()], 1));
}
