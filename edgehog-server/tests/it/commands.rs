//! The command line, as an operator uses it.

use std::net::TcpListener;
use std::process::{Command, Output};

use edgehog_engine::VerifyingKey;

use crate::key_pair;

pub(crate) fn run(args: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_edgehog-server"));
    command.args(args).env_clear().envs(settings.iter().copied()).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap().trim()
}

/// Tokens are good for what they were made for, and nothing else is printed.
#[test]
fn tokens_are_made() {
    let dir = tempfile::tempdir().unwrap();
    let (keys, file) = (key_pair(), dir.path().join("key.pem"));
    std::fs::write(&file, keys.serialize_pem()).unwrap();
    let key = VerifyingKey::from_pem(&keys.public_key_pem()).unwrap();
    let mint =
        |kind| run(&["token", "--kind", kind, "--key", file.to_str().unwrap(), "--seconds", "60"], &[]);
    let (tenant, admin) = (mint("tenant"), mint("admin"));
    key.verify_tenant_token(stdout(&tenant)).unwrap();
    key.verify_admin_token(stdout(&admin)).unwrap();
    assert!(key.verify_admin_token(stdout(&tenant)).is_err());
    assert!(key.verify_tenant_token(stdout(&admin)).is_err());
}

#[test]
fn the_schema_is_printed() {
    let output = run(&["schema"], &[]);
    assert_eq!(stdout(&output), edgehog_server::schema().sdl().trim());
}

const DATABASE: (&str, &str) = ("DATABASE_URL", "postgres://user:secret@127.0.0.1:1/edgehog");
const HOST: (&str, &str) = ("URL_HOST", "localhost");
const KEYS: (&str, &str) = ("EDGEHOG_ENCRYPTION_KEYS", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=");

/// Settings that cannot work end the program before it connects to anything, with a line for each that begins with its
/// name, and no secret. It makes no difference whether they come as flags or from the environment.
#[test]
fn wrong_settings_are_named() {
    let settings = [DATABASE, ("POOL_SIZE", "0"), ("S3_BUCKET", "b"), ("S3_SECRET_ACCESS_KEY", "secret")];
    for args in [&["serve", "--url-scheme", "ftp"], &["check-config", "--url-scheme", "ftp"]] {
        let output = run(args, &settings);
        let (out, told) = (stdout(&output), str::from_utf8(&output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(1), "{told}");
        for name in ["POOL_SIZE", "URL_HOST", "URL_SCHEME", "S3_ACCESS_KEY_ID"] {
            let lines = told.lines().filter(|line| line.starts_with(&format!("edgehog-server: {name} ")));
            assert_eq!(lines.count(), 1, "{name}: {told}");
        }
        assert!(!told.contains("secret") && !out.contains("secret"), "{told}{out}");
        assert!(!told.contains("the database cannot be used"), "{told}");
    }
}

/// Settings that can be used are told to be, with nothing connected to.
#[test]
fn good_settings_are_checked() {
    let output = run(&["check-config"], &[DATABASE, HOST, KEYS]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stdout(&output), "the settings can be used");
}

/// A server begins with its version, tells about names that nobody knows and about settings that change nothing, and
/// ends where its database cannot be reached.
#[test]
fn a_server_tells_what_it_makes_of_its_settings() {
    let settings = [
        DATABASE,
        HOST,
        ("EDGEHOG_FORWARDER_HOST", "f"),
        ("DATABASE_WAIT_SECONDS", "0"),
        ("EDGEHOG_AUTHZ_PROVIDER", "openfga"),
        ("EDGEHOG_OPENFGA_STORE_ID", "id"),
        KEYS,
    ];
    for (format, tag) in [("logfmt", "tag=edgehog_start"), ("json", r#""tag":"edgehog_start""#)] {
        let output = run(&["serve", "--no-migrate", "--log-format", format], &settings);
        let log = stdout(&output);
        let first = log.lines().next().unwrap();
        assert!(first.contains(tag) && first.contains(env!("CARGO_PKG_VERSION")), "{log}");
        let about = |text: &str| log.lines().filter(|line| line.contains(text)).count();
        assert_eq!(about("is EDGEHOG_FORWARDER_HOSTNAME meant?"), 1, "{log}");
        assert_eq!(about("EDGEHOG_AUTHZ_PROVIDER,EDGEHOG_OPENFGA_STORE_ID"), 1, "{log}");
        assert_eq!(about("EDGEHOG_ENCRYPTION_KEYS"), 0, "{log}");
        let told = str::from_utf8(&output.stderr).unwrap();
        assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1), "{told}");
        assert!(told.contains("the database cannot be used") && !told.contains("secret"), "{told}");
        assert!(!log.contains(KEYS.1), "{log}");
    }
}

/// The key that the files of `deploy/` have for a first look is told to be no secret.
#[test]
fn the_key_of_the_examples_is_told() {
    let example = ("EDGEHOG_ENCRYPTION_KEYS", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    for (keys, times) in [(example, 1), (KEYS, 0)] {
        let output = run(&["check-config"], &[DATABASE, HOST, keys]);
        let told = str::from_utf8(&output.stderr).unwrap();
        assert!(output.status.success() && told.matches("key of the examples").count() == times, "{told}");
    }
}

/// A container asks by this whether its server lives.
#[test]
fn health_is_asked_by_port() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    assert!(!run(&["health"], &[("PORT", &closed)]).status.success());
}
