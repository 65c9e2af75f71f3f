//! Tenants by the command line, on a real database.

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::processes::{KEY, Site};

fn run(site: &Site, args: &[&str], input: &str) -> Output {
    let mut command = site.command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that asks nothing may have ended by now.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// Operators list tenants for themselves and for programs, and delete one only when they mean it.
#[tokio::test]
async fn tenants_come_and_go() {
    let site = Site::new().await;
    let create = |slug: &str, name: &str| {
        let args = site.description(slug, name);
        let args: Vec<_> = ["tenant", "create"].into_iter().chain(args.iter().map(String::as_str)).collect();
        run(&site, &args, "")
    };
    assert_eq!(text(&create("plant-two", "Plant \u{1b}[2JTwo").stdout), "plant-two is made\n");
    assert_eq!(text(&create("plant-two", "Plant \u{1b}[2J2").stdout), "plant-two is changed\n");
    let refused = create("Plant Three", "Plant One");
    assert!(!refused.status.success() && text(&refused.stderr).contains("slug"), "{refused:?}");

    let listed = run(&site, &["tenant", "list"], "");
    assert_eq!(text(&listed.stdout), "plant-one  en-US  Plant One\nplant-two  en-US  Plant  [2J2\n");
    let json: Value = serde_json::from_slice(&run(&site, &["tenant", "list", "--json"], "").stdout).unwrap();
    assert_eq!((&json[0]["slug"], &json[1]["name"]), (&"plant-one".into(), &"Plant \u{1b}[2J2".into()));
    assert!(json[0]["tenant_id"].is_i64() && json[0]["public_key"].is_string(), "{json}");

    for answer in ["", "\n", "yes\n", "plant-one\n"] {
        let kept = run(&site, &["tenant", "delete", "plant-two"], answer);
        assert_eq!(kept.status.code(), Some(1), "{answer:?}");
        assert!(
            text(&kept.stderr).contains("0 devices") && text(&kept.stderr).ends_with("nothing is deleted\n")
        );
    }
    assert_eq!(run(&site, &["tenant", "list"], "").stdout, listed.stdout);
    let deleted = run(&site, &["tenant", "delete", "plant-two"], "plant-two\n");
    assert_eq!(text(&deleted.stdout), "plant-two is deleted\n", "{deleted:?}");
    assert!(run(&site, &["tenant", "delete", "plant-one", "--yes"], "").status.success());
    let gone = run(&site, &["tenant", "delete", "plant-one", "--yes"], "");
    assert!(text(&gone.stderr).contains("there is no tenant plant-one"), "{gone:?}");
    assert_eq!(text(&run(&site, &["tenant", "list"], "").stdout), "");
    assert_eq!(text(&run(&site, &["tenant", "list", "--json"], "").stdout), "[]\n");
}

/// Operators see how realms are, and have a server look after one; without a server they are told what is the matter.
#[tokio::test]
async fn realms_are_looked_after() {
    let site = Site::new().await;
    let status = |slug: &[&str]| run(&site, &[&["tenant", "status"], slug].concat(), "");
    assert!(text(&status(&[]).stdout).starts_with("plant-one  not looked at yet, next at "));
    assert!(text(&status(&["plant-two"]).stderr).contains("there is no tenant plant-two"));
    let _server = site.serve().await;
    let done = run(&site, &["tenant", "reconcile", "plant-one"], "");
    // Nothing listens where its Astarte should be.
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    assert!(text(&done.stdout).starts_with("plant-one  failed "), "{done:?}");
    assert!(text(&status(&["plant-one"]).stdout).starts_with("plant-one  failed "));
    let nobody = run(&site, &["tenant", "reconcile", "plant-two"], "");
    assert!(text(&nobody.stderr).contains("there is no tenant plant-two"), "{nobody:?}");
}

/// A key can be exchanged for another one; with keys that seal nothing of it the command says so, and fails.
#[tokio::test]
async fn keys_can_be_exchanged() {
    const NEW: &str = "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let site = Site::new().await;
    let rotate = |keys: &str| {
        let mut command = site.command(&["rotate-keys"]);
        command.env("EDGEHOG_ENCRYPTION_KEYS", keys).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.output().unwrap()
    };
    let lost = rotate(NEW);
    assert_eq!(lost.status.code(), Some(1), "{lost:?}");
    assert!(text(&lost.stderr).contains("keys that are not given"), "{lost:?}");
    let both = format!("{NEW},{KEY}");
    assert_eq!(text(&rotate(&both).stdout), "1 realms' secrets are sealed anew\n");
    assert_eq!(text(&rotate(&both).stdout), "0 realms' secrets are sealed anew\n");
    assert!(rotate(NEW).status.success());
}
