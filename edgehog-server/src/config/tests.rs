use super::*;

const DATABASE: (&str, &str) = ("DATABASE_URL", "postgres://user:secret@127.0.0.1:1/edgehog");
const HOST: (&str, &str) = ("URL_HOST", "localhost");
const KEYS: (&str, &str) = ("EDGEHOG_ENCRYPTION_KEYS", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");

fn mistakes(variables: &[(&str, &str)]) -> Vec<String> {
    match Config::read(&Given::of(variables)) {
        Ok(_) => Vec::new(),
        Err(Mistakes(lines)) => lines,
    }
}

/// The names that the mistakes begin with.
fn named(variables: &[(&str, &str)]) -> Vec<String> {
    let first_word = |line: &String| line.split([' ', ':']).next().unwrap().to_owned();
    mistakes(variables).iter().map(first_word).collect()
}

/// Three settings are enough, and all others have a value that suits.
#[test]
fn little_is_asked() {
    assert_eq!(mistakes(&[DATABASE, HOST, KEYS]), [""; 0]);
    let config = Config::read(&Given::of(&[DATABASE, HOST, KEYS])).unwrap();
    assert_eq!(config.public_url.as_str(), "https://localhost/");
    assert_eq!((config.port, config.store.pool_size), (4000, 10));
    assert_eq!((config.shutdown_delay.as_secs(), config.shutdown_grace.as_secs()), (0, 10));
}

/// Each mistake is told by the name of its setting, and a value that is nothing but blanks is none.
#[test]
fn mistakes_are_told_by_name() {
    const PARTS: [(&str, &str); 6] = [
        HOST,
        KEYS,
        ("DATABASE_HOSTNAME", "127.0.0.1"),
        ("DATABASE_NAME", "edgehog"),
        ("DATABASE_USERNAME", "edgehog"),
        ("DATABASE_PASSWORD", "secret"),
    ];
    const TLS: [(&str, &str); 2] = [("DATABASE_ENABLE_SSL", "true"), ("DATABASE_SSL_VERIFY", "true")];
    assert_eq!(named(&PARTS), [""; 0]);
    let parts = ["DATABASE_HOSTNAME", "DATABASE_NAME", "DATABASE_USERNAME", "DATABASE_PASSWORD"];
    assert_eq!(named(&[HOST, KEYS]), parts);
    assert_eq!(named(&[HOST, KEYS, ("DATABASE_URL", " "), ("DATABASE_NAME", "")]), parts);
    assert_eq!(named(&[DATABASE, KEYS]), ["URL_HOST"]);
    assert_eq!(named(&[&PARTS[..], &TLS].concat()), ["DATABASE_SSL_VERIFY"]);
    let file = ("DATABASE_SSL_CACERTFILE", file!());
    let nowhere = ("DATABASE_SSL_CACERTFILE", "/nowhere");
    assert_eq!(named(&[&PARTS[..], &TLS, &[nowhere]].concat()), ["DATABASE_SSL_CACERTFILE"]);
    assert_eq!(named(&[&[DATABASE, HOST, KEYS], &TLS[..], &[file]].concat()), ["DATABASE_SSL_CACERTFILE"]);
    for (name, value) in [
        ("DATABASE_URL", "http://user:secret@host/"),
        ("DATABASE_ENABLE_SSL", "yes"),
        ("DATABASE_USE_OS_CERTS", "1"),
        ("POOL_SIZE", "0"),
        ("POOL_SIZE", "-1"),
        ("URL_HOST", "https://edgehog.example"),
        ("URL_HOST", "http://edgehog.example"),
        ("URL_HOST", "edgehog.example:443"),
        ("URL_HOST", "edgehog.example/path"),
        ("URL_PORT", "0"),
        ("URL_SCHEME", "ftp"),
        ("PORT", "70000"),
        ("PORT", "http"),
        ("MAX_UPLOAD_SIZE_BYTES", "much"),
        ("UPLOAD_DIRECTORY", "/nowhere"),
        ("GQL_SUBSCRIPTIONS_ALLOWED_ORIGINS", "//a, localhost"),
        ("ADMIN_JWT_PUBLIC_KEY_PATH", "/nowhere"),
        ("ADMIN_JWT_PUBLIC_KEY_PATH", "-----BEGIN PUBLIC KEY-----"),
        ("SHUTDOWN_DELAY_SECONDS", "1h"),
        ("SHUTDOWN_GRACE_SECONDS", "100000"),
        ("DATABASE_WAIT_SECONDS", "-1"),
        ("RECONCILE_INTERVAL_SECONDS", "0"),
        ("TENANT_REQUESTS_PER_SECOND", "many"),
        ("EDGEHOG_ENCRYPTION_KEYS", "c2VjcmV0"),
        ("LOG_FORMAT", "xml"),
        ("RUST_LOG", "edgehog=loud"),
        ("STORAGE_TYPE", "tape"),
        ("EDGEHOG_FORWARDER_HOSTNAME", "https://forwarder.example"),
    ] {
        assert_eq!(named(&[(name, value), DATABASE, HOST, KEYS]), [name], "{name}={value}");
    }
}

/// All that is wrong is told, not only what is found first, and without any value that may be a secret.
#[test]
fn all_mistakes_are_told_at_once() {
    let variables = [
        ("DATABASE_URL", "secret"),
        ("DATABASE_ENABLE_SSL", "maybe"),
        ("POOL_SIZE", "few"),
        ("URL_PORT", "x"),
        ("MAX_UPLOAD_SIZE_BYTES", "x"),
        ("PORT", "x"),
        ("ADMIN_JWT_PUBLIC_KEY_PATH", "-----BEGIN PUBLIC KEY-----secret"),
        ("EDGEHOG_ENCRYPTION_KEYS", "secret"),
        ("LOG_FORMAT", "x"),
        ("EDGEHOG_FORWARDER_HOSTNAME", "http://f"),
        ("EDGEHOG_FORWARDER_PORT", "x"),
        ("S3_HOST", "http://s3"),
        ("S3_SECRET_ACCESS_KEY", "secret"),
    ];
    let lines = mistakes(&variables);
    let mut names = named(&variables);
    names.sort();
    let mut expected: Vec<_> = variables.iter().map(|(name, _)| *name).collect();
    expected.retain(|name| *name != "S3_SECRET_ACCESS_KEY");
    expected.extend(["URL_HOST", "S3_BUCKET", "S3_ACCESS_KEY_ID"]);
    expected.sort_unstable();
    assert_eq!(names, expected, "{lines:?}");
    assert!(!lines.concat().contains("secret"), "{lines:?}");
}

/// What is given by blanks alone counts as not given, also where the engine reads it.
#[test]
fn blanks_are_nothing() {
    let blanks: Vec<_> = settings::all().map(|setting| (setting.name, " ")).collect();
    assert_eq!(named(&blanks[..]).len(), 6, "the database's four parts, a key, and URL_HOST");
    let given = Given::of(&[("EDGEHOG_FORWARDER_SECURE_SESSIONS", ""), ("POOL_SIZE", "")]);
    assert_eq!(given.get("EDGEHOG_FORWARDER_SECURE_SESSIONS"), None);
    assert_eq!(given.get("POOL_SIZE").as_deref(), Some("10"));
}

/// With verification, the file that was named is used rather than the system's, in a URL's place as in that of its parts.
#[test]
fn the_database_is_verified_with_the_named_authorities() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    std::fs::write(&file, "-----BEGIN CERTIFICATE-----\n").unwrap();
    let given = Given::of(&[
        DATABASE,
        KEYS,
        ("DATABASE_ENABLE_SSL", "true"),
        ("DATABASE_SSL_VERIFY", "true"),
        ("DATABASE_USE_OS_CERTS", "true"),
        ("DATABASE_SSL_CACERTFILE", file.to_str().unwrap()),
    ]);
    let options = format!("{:?}", database(&given).unwrap().options);
    assert!(options.contains("VerifyFull") && options.contains(file.to_str().unwrap()), "{options}");
}

/// Nothing that was given is shown.
#[test]
fn secrets_are_not_shown() {
    let given = Given::of(&[DATABASE, ("EDGEHOG_ENCRYPTION_KEYS", "secret"), ("SECRET_KEY_BASE", "secret")]);
    assert!(!format!("{given:?} {given:#?}").contains("secret"));
}

/// Values that are not text are told by name too.
#[test]
fn values_are_text() {
    let mut given = Given::of(&[DATABASE, HOST, KEYS]);
    given.unreadable.push("IPBASE_API_KEY");
    let Err(Mistakes(lines)) = Config::read(&given) else { panic!("that is not text") };
    assert!(lines[0].starts_with("IPBASE_API_KEY"), "{lines:?}");
}

/// Every setting that a reader asks for is one of the list, which its `get` asserts: here all of them are asked.
#[test]
fn every_setting_that_is_read_is_listed() {
    for kind in ["s3", "azure", "local"] {
        let _ =
            Config::read(&Given::of(&[("STORAGE_TYPE", kind), ("EDGEHOG_FORWARDER_HOSTNAME", "f"), HOST]));
    }
    let google = [("S3_HOST", "storage.googleapis.com"), DATABASE, HOST];
    assert!(named(&google).contains(&"S3_GCP_CREDENTIALS".to_owned()));
}

/// Secrets are sealed with keys that were made for it, or else with one that follows from a long secret; without either
/// nothing begins. A database is migrated without.
#[test]
fn something_seals_secrets() {
    let long = "s".repeat(64);
    let base = |secret| ("SECRET_KEY_BASE", secret);
    assert_eq!(named(&[DATABASE, HOST]), ["EDGEHOG_ENCRYPTION_KEYS"]);
    assert_eq!(named(&[DATABASE, HOST, base("short")]), ["SECRET_KEY_BASE"]);
    assert_eq!(named(&[DATABASE, HOST, base(&long)]), [""; 0]);
    assert_eq!(named(&[DATABASE, HOST, KEYS, base("short")]), [""; 0]);
    assert!(database_options(&Given::of(&[DATABASE])).is_ok());
}
