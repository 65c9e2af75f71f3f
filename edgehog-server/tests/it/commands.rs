//! The command line, as an operator uses it.

use std::process::{Command, Output};

use edgehog_engine::VerifyingKey;

use crate::key_pair;

fn run(args: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_edgehog-server"));
    command.args(args).env_clear().envs(settings.iter().copied()).output().unwrap()
}

fn stdout(output: &Output) -> &str {
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

/// Settings that cannot work end the program with one line that names them, and no secret.
#[test]
fn wrong_settings_are_named() {
    const DATABASE: (&str, &str) = ("DATABASE_URL", "postgres://user:secret@127.0.0.1:1/edgehog");
    const HOST: (&str, &str) = ("URL_HOST", "localhost");
    const PARTS: [(&str, &str); 4] = [
        ("DATABASE_HOSTNAME", "127.0.0.1"),
        ("DATABASE_NAME", "edgehog"),
        ("DATABASE_USERNAME", "edgehog"),
        ("DATABASE_PASSWORD", "secret"),
    ];
    let unverifiable =
        [PARTS.as_slice(), &[HOST, ("DATABASE_ENABLE_SSL", "true"), ("DATABASE_SSL_VERIFY", "true")]];
    for (settings, named) in [
        (vec![DATABASE], "URL_HOST"),
        (vec![HOST], "DATABASE_PASSWORD"),
        (vec![HOST, ("DATABASE_URL", "http://user:secret@host/")], "DATABASE_URL"),
        (vec![("URL_HOST", "https://edgehog.example"), DATABASE], "URL_HOST"),
        (vec![HOST, DATABASE, ("URL_SCHEME", "ftp")], "URL_SCHEME"),
        (vec![HOST, DATABASE, ("PORT", "70000")], "PORT"),
        (vec![HOST, DATABASE, ("POOL_SIZE", "0")], "POOL_SIZE"),
        (vec![HOST, DATABASE, ("MAX_UPLOAD_SIZE_BYTES", "much")], "MAX_UPLOAD_SIZE_BYTES"),
        (vec![HOST, DATABASE, ("UPLOAD_DIRECTORY", "/nowhere")], "UPLOAD_DIRECTORY"),
        (
            vec![HOST, DATABASE, ("GQL_SUBSCRIPTIONS_ALLOWED_ORIGINS", "//a, localhost")],
            "GQL_SUBSCRIPTIONS_ALLOWED_ORIGINS",
        ),
        (vec![HOST, DATABASE, ("ADMIN_JWT_PUBLIC_KEY_PATH", "/nowhere")], "ADMIN_JWT_PUBLIC_KEY_PATH"),
        (
            vec![HOST, DATABASE, ("ADMIN_JWT_PUBLIC_KEY_PATH", "-----BEGIN PUBLIC KEY-----")],
            "ADMIN_JWT_PUBLIC_KEY_PATH",
        ),
        (unverifiable.concat(), "DATABASE_SSL_CACERTFILE"),
        (vec![HOST, DATABASE, ("DATABASE_WAIT_SECONDS", "0")], "database"),
    ] {
        let output = run(&["serve"], &settings);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{settings:?}");
        assert!(
            told.to_lowercase().replace('-', "_").contains(&named.to_lowercase()),
            "{settings:?}: {told}"
        );
        assert!(
            !told.contains("secret") && !stdout(&Output { stderr: Vec::new(), ..output }).contains("secret"),
            "{told}"
        );
    }
}
