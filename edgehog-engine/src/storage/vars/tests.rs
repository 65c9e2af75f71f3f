use std::collections::BTreeMap;

use super::super::Key;
use super::super::Storage;
use super::*;

const S3: [&str; 3] = ["S3_BUCKET=bucket", "S3_ACCESS_KEY_ID=id", "S3_SECRET_ACCESS_KEY=hush"];
const GOOGLE: [&str; 3] = ["S3_HOST=Storage.GoogleAPIs.com", "S3_BUCKET=bucket", SERVICE_ACCOUNT];
const AZURE: [&str; 4] = [
    "STORAGE_TYPE=Azure",
    "AZURE_CONTAINER=box",
    "AZURE_STORAGE_ACCOUNT_NAME=acc",
    "AZURE_STORAGE_ACCOUNT_KEY=aHVzaA==",
];
const SERVICE_ACCOUNT: &str = r#"S3_GCP_CREDENTIALS={"client_email": "a@b.c", "private_key": "hush"}"#;

fn read(vars: &[&str]) -> Result<Option<StorageConfig>, StorageConfigError> {
    let vars: BTreeMap<_, _> = vars.iter().map(|line| line.split_once('=').unwrap()).collect();
    let base_url = "https://edgehog.example".parse().unwrap();
    StorageConfig::from_vars(|name| vars.get(name).map(|value| (*value).to_owned()), &base_url)
}

fn with(vars: &[&'static str], more: &[&'static str]) -> Vec<&'static str> {
    [vars, more].concat()
}

fn s3(more: &[&'static str]) -> S3Config {
    match read(&with(&S3, more)) {
        Ok(Some(StorageConfig::S3(config))) => config,
        other => panic!("{more:?}: {other:?}"),
    }
}

fn mistakes(vars: &[&str]) -> Vec<&'static str> {
    let error = read(vars).unwrap_err();
    let told = error.to_string();
    assert!(error.mistakes().iter().all(|mistake| told.contains(mistake.variable)), "{told}");
    assert!(!told.contains("hush"), "{told}");
    error.mistakes().iter().map(|mistake| mistake.variable).collect()
}

/// Without a variable of the chosen store, there is no storage; an empty one is none.
#[test]
fn nothing_configured_is_no_storage() {
    for vars in [&[][..], &["STORAGE_TYPE=s3"], &["S3_BUCKET= ", "S3_HOST="], &["AZURE_CONTAINER=box"]] {
        assert!(matches!(read(vars), Ok(None)), "{vars:?}");
    }
}

/// Where the store is reached, what public URLs begin with, and what signed ones do.
#[test]
fn s3_is_reached_as_the_variables_say() {
    for (vars, internal, base, signing) in [
        (
            &[][..],
            "https://s3.us-east-1.amazonaws.com",
            "https://bucket.s3.amazonaws.com",
            "https://s3.us-east-1.amazonaws.com",
        ),
        (
            &[
                "STORAGE_TYPE=S3",
                "S3_REGION=eu-west-1",
                "S3_ASSET_HOST=https://bucket.s3.eu-west-1.amazonaws.com/",
            ],
            "https://s3.eu-west-1.amazonaws.com",
            "https://bucket.s3.eu-west-1.amazonaws.com",
            "https://bucket.s3.eu-west-1.amazonaws.com",
        ),
        (
            &[
                "S3_SCHEME=http://",
                "S3_HOST=minio",
                "S3_PORT=9000",
                "S3_ASSET_HOST=http://localhost:9000/bucket",
            ],
            "http://minio:9000",
            "http://localhost:9000/bucket",
            "http://localhost:9000",
        ),
        // The asset host's own scheme wins, in signed URLs too.
        (
            &["S3_SCHEME=http", "S3_HOST=minio", "S3_ASSET_HOST=https://files.example/bucket"],
            "http://minio",
            "https://files.example/bucket",
            "https://files.example",
        ),
        (
            &["S3_SCHEME=http://", "S3_HOST=minio", "S3_ASSET_HOST=files.example:8080/bucket"],
            "http://minio",
            "http://files.example:8080/bucket",
            "http://files.example:8080",
        ),
        (&["S3_HOST=minio", "S3_PORT=443"], "https://minio", "https://minio/bucket", "https://minio"),
        (
            &["S3_HOST=s3.amazonaws.com"],
            "https://s3.amazonaws.com",
            "https://bucket.s3.amazonaws.com",
            "https://s3.amazonaws.com",
        ),
    ] {
        let config = s3(vars);
        assert_eq!(
            (config.internal(), config.base(), config.signing()),
            (internal.into(), base.into(), signing.into())
        );
    }
    assert_eq!(
        (s3(&[]).region, s3(&["S3_REGION=eu-west-1"]).region),
        ("us-east-1".into(), "eu-west-1".into())
    );
    assert!(s3(&[]).public_read_acl && s3(&["S3_OBJECT_ACL=public-read"]).public_read_acl);
    assert!(!s3(&["S3_OBJECT_ACL=none"]).public_read_acl);
}

/// The bucket stands once in URLs, be it in the host or in the path.
#[tokio::test]
async fn signed_urls_name_the_bucket_once() {
    let key = Key::parse("uploads/tenants/1/a b.png").unwrap();
    for (vars, begin) in [
        (
            &["S3_ASSET_HOST=https://bucket.s3.amazonaws.com"][..],
            "https://bucket.s3.amazonaws.com/uploads/tenants/1/a%20b.png?",
        ),
        (
            &["S3_ASSET_HOST=https://bucket.example/bucket"],
            "https://bucket.example/bucket/uploads/tenants/1/a%20b.png?",
        ),
        (
            &["S3_ASSET_HOST=http://s3.example:9000/bucket"],
            "http://s3.example:9000/bucket/uploads/tenants/1/a%20b.png?",
        ),
        (&[], "https://s3.us-east-1.amazonaws.com/bucket/uploads/tenants/1/a%20b.png?"),
        (&["S3_HOST=bucket.example"], "https://bucket.example/bucket/uploads/tenants/1/a%20b.png?"),
    ] {
        let storage = Storage::open(&s3(vars).into()).unwrap();
        let url = storage.signed_put_url(&key, super::super::SIGNED_URL_VALIDITY).await.unwrap();
        assert!(url.starts_with(begin), "{url}");
        assert!(url.contains("X-Amz-Expires=3600") && url.contains("X-Amz-SignedHeaders=host"), "{url}");
    }
}

/// Google's store is chosen by its host name.
#[test]
fn google_is_reached_as_the_variables_say() {
    for (asset_host, base) in [
        (None, "https://storage.googleapis.com/bucket"),
        (Some("S3_ASSET_HOST=storage.googleapis.com"), "https://storage.googleapis.com/bucket"),
        (Some("S3_ASSET_HOST=https://storage.googleapis.com/"), "https://storage.googleapis.com/bucket"),
        (Some("S3_ASSET_HOST=files.example"), "https://files.example"),
        (Some("S3_ASSET_HOST=https://files.example/x/"), "https://files.example/x"),
    ] {
        let config = read(&[&GOOGLE[..], asset_host.as_slice()].concat());
        let Ok(Some(StorageConfig::Gcs(config))) = config else { panic!("{asset_host:?}: {config:?}") };
        assert_eq!((config.base().as_str(), config.bucket.as_str()), (base, "bucket"));
    }
}

/// Azure's account stands in variables of its own or in a connection string, which wins.
#[test]
fn azure_is_reached_as_the_variables_say() {
    const CONNECTION: &str = "AZURE_CONNECTION_STRING=DefaultEndpointsProtocol=http;AccountName=other;\
                              AccountKey=aHVzaA==;BlobEndpoint=http://127.0.0.1:10000/other;";
    for (more, base) in [
        (&[][..], "https://acc.blob.core.windows.net/box"),
        (&["AZURE_REGION=west"], "https://acc.west.blob.core.windows.net/box"),
        (&["AZURE_REGION=west", "AZURE_BLOB_ENDPOINT=https://blobs.example/"], "https://blobs.example/box"),
        (&[CONNECTION], "http://127.0.0.1:10000/other/box"),
        (
            &["AZURE_CONNECTION_STRING=AccountName=other;AccountKey=aHVzaA=="],
            "https://other.blob.core.windows.net/box",
        ),
    ] {
        let config = read(&with(&AZURE, more));
        let Ok(Some(StorageConfig::Azure(config))) = config else { panic!("{more:?}: {config:?}") };
        assert_eq!(config.base(), base);
        Storage::open(&config.into()).unwrap();
    }
}

/// Files in a directory are asked for by name; the server gives the rest.
#[test]
fn a_directory_must_be_asked_for() {
    let config = read(&["STORAGE_TYPE=local", "STORAGE_LOCAL_DIRECTORY=/srv/files"]);
    let Ok(Some(StorageConfig::Local(config))) = config else { panic!("{config:?}") };
    assert_eq!(
        (config.directory.to_str(), config.base_url.as_str()),
        (Some("/srv/files"), "https://edgehog.example/")
    );
}

/// Every mistake is told by the name of its variable, all of them at once, and no value is.
#[test]
fn mistakes_are_told_by_name() {
    let cases: &[(&[&str], &[&str], &[&str])] = &[
        (&[], &["STORAGE_TYPE=hush"], &["STORAGE_TYPE"]),
        (&[], &["STORAGE_TYPE=local"], &["STORAGE_LOCAL_DIRECTORY"]),
        (&[], &["S3_HOST=minio"], &["S3_BUCKET", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"]),
        (&S3, &["S3_SCHEME=hush", "S3_PORT=hush"], &["S3_SCHEME", "S3_PORT"]),
        (&S3, &["S3_HOST=minio", "S3_PORT=65536"], &["S3_PORT"]),
        (&S3, &["S3_PORT=0"], &["S3_PORT"]),
        (&S3, &["S3_HOST=https://hush"], &["S3_HOST"]),
        (&S3, &["S3_HOST=hush:9000"], &["S3_HOST"]),
        (&S3, &["S3_HOST=hush/bucket"], &["S3_HOST"]),
        (&S3, &["S3_HOST=a hush"], &["S3_HOST"]),
        (&S3, &["S3_ASSET_HOST=ftp://hush"], &["S3_ASSET_HOST"]),
        (&S3, &["S3_ASSET_HOST=https://hush?x=1"], &["S3_ASSET_HOST"]),
        (&S3, &["S3_OBJECT_ACL=hush"], &["S3_OBJECT_ACL"]),
        (&[], &["S3_HOST=storage.googleapis.com"], &["S3_BUCKET", "S3_GCP_CREDENTIALS"]),
        (&GOOGLE[..2], &["S3_GCP_CREDENTIALS=hush"], &["S3_GCP_CREDENTIALS"]),
        (&GOOGLE[..2], &[r#"S3_GCP_CREDENTIALS={"client_email": "hush"}"#], &["S3_GCP_CREDENTIALS"]),
        (
            &[],
            &["STORAGE_TYPE=azure"],
            &["AZURE_CONTAINER", "AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"],
        ),
        (&AZURE[..3], &["AZURE_STORAGE_ACCOUNT_KEY=hush!"], &["AZURE_STORAGE_ACCOUNT_KEY"]),
        (&AZURE, &["AZURE_BLOB_ENDPOINT=hush"], &["AZURE_BLOB_ENDPOINT"]),
        (&AZURE, &["AZURE_REGION=h ush"], &["AZURE_STORAGE_ACCOUNT_NAME"]),
        (&AZURE, &["AZURE_CONNECTION_STRING=hush"], &["AZURE_CONNECTION_STRING", "AZURE_CONNECTION_STRING"]),
        (
            &AZURE,
            &["AZURE_CONNECTION_STRING=AccountName=a;AccountKey=hush!;BlobEndpoint=hush"],
            &["AZURE_CONNECTION_STRING", "AZURE_CONNECTION_STRING"],
        ),
    ];
    for (vars, more, names) in cases {
        assert_eq!(mistakes(&with(vars, more)), *names, "{more:?}");
    }
}

/// No secret is printed with a configuration or with what was opened with it.
#[test]
fn secrets_are_not_shown() {
    for vars in [&S3[..], &GOOGLE, &AZURE] {
        let config = read(vars).unwrap().unwrap();
        let shown = format!("{config:?}");
        assert!(!shown.contains("hush") && !shown.contains("aHVzaA"), "{shown}");
    }
    let storage = Storage::open(&s3(&[]).into()).unwrap();
    assert!(!format!("{storage:?}").contains("hush"), "{storage:?}");
    // The key in it is none.
    let error = Storage::open(&read(&GOOGLE).unwrap().unwrap()).unwrap_err();
    assert!(!format!("{error:?}").contains("hush"), "{error:?}");
}
