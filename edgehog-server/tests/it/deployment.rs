//! The files of `deploy/` and the page for operators say what the server knows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Server;
use crate::commands::{run, stdout};

type Environment = BTreeMap<String, String>;

fn file(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn documents(path: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of all settings, as `--help` lists them.
fn settings() -> BTreeSet<String> {
    let help = run(&["serve", "--help"], &[]);
    let names = stdout(&help).split("[env: ").skip(1).map(|rest| rest.split(']').next().unwrap().to_owned());
    let names: BTreeSet<_> = names.collect();
    assert!(names.contains("DATABASE_URL") && names.contains("EDGEHOG_FORWARDER_HOSTNAME"), "{names:?}");
    names
}

/// The objects for Kubernetes, by kind and name, of exactly the files that are named to it.
fn objects() -> BTreeMap<(String, String), Value> {
    let kustomization = documents("deploy/kubernetes/kustomization.yaml").remove(0);
    let listed: BTreeSet<_> = kustomization["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap().to_owned())
        .collect();
    let files = std::fs::read_dir(root().join("deploy/kubernetes")).unwrap();
    let mut there: BTreeSet<_> = files.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    there.remove("kustomization.yaml");
    assert_eq!(listed, there);
    let all = listed.iter().flat_map(|name| documents(&format!("deploy/kubernetes/{name}")));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    all.map(|it| ((text(&it["kind"]), text(&it["metadata"]["name"])), it)).collect()
}

fn object<'a>(objects: &'a BTreeMap<(String, String), Value>, kind: &str, name: &str) -> &'a Value {
    objects.get(&(kind.to_owned(), name.to_owned())).unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

/// The template of pods, and its one container.
fn pod(object: &Value) -> (&Value, &Value) {
    let spec = &object["spec"]["template"]["spec"];
    assert_eq!(spec["containers"].as_array().unwrap().len(), 1);
    (spec, &spec["containers"][0])
}

fn strings(map: &Value) -> Environment {
    let entries = map.as_object().unwrap().iter();
    entries.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

/// What the container finds in its environment.
fn environment(objects: &BTreeMap<(String, String), Value>, container: &Value) -> Environment {
    let mut variables = Environment::new();
    for source in container["envFrom"].as_array().unwrap() {
        let (kind, field, name) = match &source["configMapRef"]["name"] {
            Value::String(name) => ("ConfigMap", "data", name.as_str()),
            _ => ("Secret", "stringData", source["secretRef"]["name"].as_str().unwrap()),
        };
        variables.extend(strings(&object(objects, kind, name)[field]));
    }
    for one in container["env"].as_array().into_iter().flatten() {
        variables.insert(one["name"].as_str().unwrap().to_owned(), one["value"].as_str().unwrap().to_owned());
    }
    variables
}

/// What the server of the compose file finds in its environment, where nothing else is said.
fn compose_environment() -> Environment {
    let compose = documents("deploy/compose.yaml").remove(0);
    let mut variables = strings(&compose["services"]["edgehog"]["environment"]);
    for value in variables.values_mut() {
        if let Some(inner) = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
            *value = inner.split_once(":-").unwrap().1.to_owned();
        }
    }
    variables
}

/// What the image says, each instruction with its argument. An argument of many lines is not among those asked for.
fn image(instruction: &str) -> Vec<String> {
    let text = file("deploy/Dockerfile");
    let last_stage = text.rsplit("\nFROM ").next().unwrap();
    let lines = last_stage.lines().filter_map(|line| line.strip_prefix(instruction)?.strip_prefix(' '));
    lines.map(str::to_owned).collect()
}

/// The page for operators has each setting in a table, and in its tables no other names.
#[test]
fn every_setting_is_in_the_documentation() {
    let page = file("docs/operating.md");
    let cells = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let words = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let is_name =
        |word: &&str| word.len() > 3 && word.bytes().all(|it| matches!(it, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
    let documented: BTreeSet<_> = words.filter(is_name).map(str::to_owned).collect();
    assert_eq!(documented, settings());
}

/// Whatever is set by the files of `deploy/` is a setting that can be used, by the server itself.
#[test]
fn deployments_can_be_used() {
    let (known, objects) = (settings(), objects());
    let dir = tempfile::tempdir().unwrap();
    let authorities = dir.path().join("ca.pem");
    std::fs::write(&authorities, "-----BEGIN CERTIFICATE-----\n").unwrap();
    let (_, server) = pod(object(&objects, "Deployment", "edgehog-server"));
    let (_, migrate) = pod(object(&objects, "Job", "edgehog-migrate"));
    for (what, mut variables) in [
        ("compose", compose_environment()),
        ("server", environment(&objects, server)),
        ("migrate", environment(&objects, migrate)),
    ] {
        for name in variables.keys() {
            assert!(known.contains(name), "{what}: {name}");
        }
        for name in ["DATABASE_HOSTNAME", "DATABASE_NAME", "DATABASE_USERNAME", "DATABASE_PASSWORD"] {
            assert!(variables.contains_key(name), "{what}: {name}");
        }
        if what == "migrate" {
            continue;
        }
        // What is there on the other machine only.
        variables.insert("UPLOAD_DIRECTORY".to_owned(), dir.path().to_str().unwrap().to_owned());
        variables.insert("DATABASE_SSL_CACERTFILE".to_owned(), authorities.to_str().unwrap().to_owned());
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let checked = run(&["check-config"], &variables);
        assert!(checked.status.success(), "{what}: {checked:?}");
    }
    for assignment in image("ENV") {
        assert!(known.contains(assignment.split('=').next().unwrap()), "{assignment}");
    }
    assert_ne!(
        environment(&objects, server)["DATABASE_USERNAME"],
        environment(&objects, migrate)["DATABASE_USERNAME"],
        "the server's login owns nothing"
    );
}

/// What containers run is a command of the program.
#[test]
fn containers_run_what_there_is() {
    let objects = objects();
    let of = |kind, name| {
        let args = pod(object(&objects, kind, name)).1["args"].as_array().unwrap();
        args.iter().map(|it| it.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let health = image("HEALTHCHECK").remove(0);
    let health = health.split_once(" CMD ").unwrap().1;
    let health: Vec<String> = serde_json::from_str(health).unwrap();
    let entry: Vec<String> = serde_json::from_str(&image("ENTRYPOINT").remove(0)).unwrap();
    assert_eq!(health[..1], entry[..]);
    let serve: Vec<String> = serde_json::from_str(&image("CMD").remove(0)).unwrap();
    assert_eq!(serve, ["serve"]);
    for args in
        [of("Deployment", "edgehog-server"), of("Job", "edgehog-migrate"), health[1..].to_vec(), serve]
    {
        // All of a command's flags are looked at before its help is told.
        let args: Vec<_> = args.iter().map(String::as_str).chain(["--help"]).collect();
        assert!(run(&args, &[]).status.success(), "{args:?}");
    }
}

/// Probes ask what the server answers, at the port that it listens on: who restarts does not ask for the database.
#[tokio::test]
async fn probes_ask_what_is_answered() {
    let server = Server::start().await;
    let objects = objects();
    let (_, container) = pod(object(&objects, "Deployment", "edgehog-server"));
    let port = &container["ports"][0];
    assert_eq!(port["containerPort"].to_string(), environment(&objects, container)["PORT"]);
    assert_eq!(image("EXPOSE"), [port["containerPort"].to_string()]);
    for (probe, path) in
        [("startupProbe", "/health"), ("livenessProbe", "/health"), ("readinessProbe", "/ready")]
    {
        let get = &container[probe]["httpGet"];
        assert_eq!((&get["path"], &get["port"]), (&path.into(), &port["name"]), "{probe}");
        let answer = server.http.get(format!("{}{path}", server.url)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{probe}");
    }
    let service = object(&objects, "Service", "edgehog");
    assert_eq!(service["spec"]["ports"][0]["targetPort"], port["name"]);
    let labels = &object(&objects, "Deployment", "edgehog-server")["spec"]["template"]["metadata"]["labels"];
    let budget = object(&objects, "PodDisruptionBudget", "edgehog-server");
    assert_eq!((&service["spec"]["selector"], &budget["spec"]["selector"]["matchLabels"]), (labels, labels));
    let ingress = &object(&objects, "Ingress", "edgehog")["spec"]["rules"][0];
    let backend = &ingress["http"]["paths"][0]["backend"]["service"];
    assert_eq!(backend["name"], service["metadata"]["name"]);
    assert_eq!(backend["port"]["name"], service["spec"]["ports"][0]["name"]);
    assert_eq!(ingress["host"], environment(&objects, container)["URL_HOST"].as_str());
}

/// Nothing runs as root, or could become it, and a server is given the time that its settings promise.
#[test]
fn containers_may_do_little() {
    let user = image("USER").remove(0);
    let ids: Vec<u32> = user.split(':').map(|id| id.parse().unwrap()).collect();
    assert!(ids.iter().all(|id| *id > 0), "{user}");
    let objects = objects();
    for (kind, name) in [("Deployment", "edgehog-server"), ("Job", "edgehog-migrate")] {
        let (spec, container) = pod(object(&objects, kind, name));
        let (of_pod, of_container) = (&spec["securityContext"], &container["securityContext"]);
        assert_eq!(of_pod["runAsNonRoot"], true, "{name}");
        assert_eq!(of_pod["runAsUser"], ids[0], "{name}");
        assert_eq!(of_container["readOnlyRootFilesystem"], true, "{name}");
        assert_eq!(of_container["allowPrivilegeEscalation"], false, "{name}");
        assert_eq!(of_container["capabilities"]["drop"][0], "ALL", "{name}");
        assert_eq!(spec["enableServiceLinks"], false, "{name}");
        assert!(container["resources"]["limits"]["memory"].is_string(), "{name}");
    }
    let (spec, container) = pod(object(&objects, "Deployment", "edgehog-server"));
    let variables = environment(&objects, container);
    let seconds = |name: &str| variables[name].parse::<u64>().unwrap();
    let needed = seconds("SHUTDOWN_DELAY_SECONDS") + 2 * seconds("SHUTDOWN_GRACE_SECONDS");
    assert!(spec["terminationGracePeriodSeconds"].as_u64().unwrap() > needed);
}

/// The image is built by a compiler that the workspace can be built with, and from all that it consists of.
#[test]
fn the_image_is_built_from_the_workspace() {
    let version =
        |text: &str| -> Vec<u32> { text.split(['.', '-']).take(2).map(|it| it.parse().unwrap()).collect() };
    let (manifest, dockerfile) = (file("Cargo.toml"), file("deploy/Dockerfile"));
    let wanted = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")).unwrap();
    let given = dockerfile.lines().find_map(|line| line.strip_prefix("FROM rust:")).unwrap();
    assert!(version(given) >= version(wanted.trim_end_matches('"')), "{given} {wanted}");
    let kept = file(".dockerignore");
    let kept: BTreeSet<_> = kept.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let members = manifest.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    for member in members.split('"').skip(1).step_by(2) {
        assert!(kept.contains(member.split('/').next().unwrap()), "{member}");
    }
}
