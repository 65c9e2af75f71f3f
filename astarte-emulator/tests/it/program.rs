//! The emulator as a program.

use std::process::Stdio;

use astarte_emulator::RealmKey;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::world::within;

// It says where it listens, serves the realm it was given, and ends on SIGTERM.
#[tokio::test]
async fn it_serves_until_it_is_told_to_stop() {
    let dir = tempfile::tempdir().unwrap();
    let key = RealmKey::generate().unwrap();
    let key_file = dir.path().join("demo.pub");
    std::fs::write(&key_file, key.public_key_pem()).unwrap();
    let ca_dir = dir.path().join("ca");
    let mut child = Command::new(env!("CARGO_BIN_EXE_astarte-emulator"))
        .args(["--http-addr", "127.0.0.1:0", "--mqtt-addr", "127.0.0.1:0"])
        .arg("--ca-dir")
        .arg(&ca_dir)
        .arg("--realm")
        .arg(format!("demo={}", key_file.display()))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = within("the ready line", lines.next_line()).await.unwrap().unwrap();
    let field = |name: &str| ready.split(' ').find_map(|field| field.strip_prefix(name)).unwrap().to_owned();
    assert!(field("mqtt=").starts_with("mqtts://localhost:"));
    assert!(std::fs::exists(field("ca=")).unwrap());
    let url = format!("{}appengine/v1/demo/devices", field("api="));
    let token = key.token(std::time::Duration::from_secs(60)).unwrap();
    let response = reqwest::Client::new().get(url).bearer_auth(token).send().await.unwrap();
    assert!(response.status().is_success());

    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    assert!(within("the end", child.wait()).await.unwrap().success());
}
