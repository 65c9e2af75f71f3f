use std::path::{Path, PathBuf};
use std::process::Stdio;

use edgehog_engine::storage::{LOCAL_ROUTE, S3Config, Storage, StorageConfig, StorageError};
use reqwest::{Client, Url};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

const BUCKET: &str = "edgehog-files";

/// A store, and ways to look at it from outside.
pub(crate) struct Place {
    pub(crate) storage: Storage,
    outside: Outside,
    client: Client,
}

enum Outside {
    Directory(TempDir),
    Memory,
    S3 { bucket: Url },
}

/// What someone gets who follows a URL.
pub(crate) struct Fetched {
    pub(crate) content: Vec<u8>,
    pub(crate) content_type: String,
}

impl Place {
    pub(crate) fn directory() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = StorageConfig::local(directory.path(), "https://edgehog.example/".parse().unwrap());
        Self::new(&config, Outside::Directory(directory))
    }

    pub(crate) fn memory() -> Self {
        Self::new(&StorageConfig::Memory, Outside::Memory)
    }

    fn new(config: &StorageConfig, outside: Outside) -> Self {
        Self { storage: Storage::open(config).unwrap(), outside, client: Client::new() }
    }

    /// Whether its URLs lead anywhere.
    pub(crate) fn serves(&self) -> bool {
        !matches!(self.outside, Outside::Memory)
    }

    /// Follows a URL as a client or device does; `None` where it is turned away or finds nothing.
    pub(crate) async fn fetch(&self, url: &str) -> Option<Fetched> {
        match &self.outside {
            Outside::Memory => None,
            Outside::Directory(_) => {
                let (key, signature, expires) = local_request(url);
                let mut object = self.storage.open_local(&key, &signature, expires).await.ok()?;
                let mut content = Vec::new();
                object.file.read_to_end(&mut content).await.unwrap();
                assert_eq!(object.size, content.len() as u64);
                Some(Fetched { content, content_type: object.content_type.to_owned() })
            }
            Outside::S3 { .. } => {
                let response = self.client.get(url).send().await.unwrap();
                let response = response.error_for_status().ok()?;
                let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
                Some(Fetched { content: response.bytes().await.unwrap().into(), content_type })
            }
        }
    }

    /// Sends a file to a signed URL, as a device does; whether it was taken.
    pub(crate) async fn send(&self, url: &str, content: &'static [u8]) -> bool {
        match &self.outside {
            Outside::Memory => false,
            Outside::Directory(_) => {
                let (key, signature, expires) = local_request(url);
                match self.storage.receive_local(&key, &signature, expires, content).await {
                    Ok(_) => true,
                    Err(StorageError::InvalidSignature | StorageError::Expired) => false,
                    Err(error) => panic!("{error:?}"),
                }
            }
            Outside::S3 { .. } => {
                self.client.put(url).body(content).send().await.unwrap().status().is_success()
            }
        }
    }

    /// All that lies in the store, whole or begun.
    pub(crate) async fn contents(&self) -> Vec<String> {
        match &self.outside {
            Outside::Memory => Vec::new(),
            Outside::Directory(directory) => entries(directory.path()),
            Outside::S3 { bucket } => {
                let mut all = Vec::new();
                for query in ["list-type=2", "uploads"] {
                    let mut url = bucket.clone();
                    url.set_query(Some(query));
                    let text = self.client.get(url).send().await.unwrap().text().await.unwrap();
                    assert!(text.contains(BUCKET), "{text}");
                    let keys = text.split("<Key>").skip(1).filter_map(|rest| rest.split('<').next());
                    all.extend(keys.map(str::to_owned));
                }
                all
            }
        }
    }
}

/// What the server's route takes from a request.
pub(crate) fn local_request(url: &str) -> (String, String, Option<i64>) {
    let url = Url::parse(url).unwrap();
    let path = url.path().strip_prefix(LOCAL_ROUTE).unwrap().strip_prefix('/').unwrap();
    let key = percent_encoding::percent_decode_str(path).decode_utf8().unwrap().into_owned();
    let parameter =
        |name| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let expires = parameter("expires").map(|text| text.parse().unwrap());
    (key, parameter("signature").unwrap_or_default(), expires)
}

/// Files and directories, but the key that signs.
fn entries(directory: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in directory.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(entries(&path));
        }
        all.push(path.display().to_string());
    }
    all.retain(|path| !path.ends_with("/.signing-key"));
    all
}

/// An S3 server of this test.
pub(crate) struct S3Server {
    url: Url,
    _process: Child,
}

impl S3Server {
    pub(crate) async fn start() -> Self {
        let program = std::env::var_os("EDGEHOG_S3_SERVER").map(PathBuf::from);
        let program = program.unwrap_or_else(|| {
            panic!("EDGEHOG_S3_SERVER must name the program moto_server; `cargo xtask test` sets it")
        });
        let mut process = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .env("PYTHONUNBUFFERED", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        // It says where it listens, then one line for each request: somebody must read them.
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let url = loop {
            let line =
                lines.next_line().await.unwrap().unwrap_or_else(|| panic!("the S3 server did not start"));
            if let Some((_, url)) = line.split_once("Running on ") {
                break url.trim().parse().unwrap();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { url, _process: process }
    }

    /// A bucket that everyone may read and write.
    pub(crate) async fn open_place(&self) -> Place {
        self.place("id", "secret").await
    }

    /// A bucket that only one user may touch, and the store as someone sees it who knows that user's name alone.
    pub(crate) async fn guarded_place(&self) -> (Place, Storage) {
        let policy =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
        self.manage("CreateUser", &[]).await;
        self.manage("PutUserPolicy", &[("PolicyName", "all"), ("PolicyDocument", policy)]).await;
        let key = self.manage("CreateAccessKey", &[]).await;
        let part = |name: &str| {
            let (_, rest) = key.split_once(&format!("<{name}>")).unwrap();
            rest.split('<').next().unwrap().to_owned()
        };
        let id = part("AccessKeyId");
        let place = self.place(&id, &part("SecretAccessKey")).await;
        let url = self.url.join("moto-api/reset-auth").unwrap();
        place.client.post(url).body("0").send().await.unwrap().error_for_status().unwrap();
        (place, Storage::open(&self.config(&id, "guessed")).unwrap())
    }

    async fn place(&self, id: &str, secret: &str) -> Place {
        let bucket = self.bucket();
        Client::new().put(bucket.clone()).send().await.unwrap().error_for_status().unwrap();
        Place::new(&self.config(id, secret), Outside::S3 { bucket })
    }

    fn bucket(&self) -> Url {
        self.url.join(BUCKET).unwrap()
    }

    fn config(&self, id: &str, secret: &str) -> StorageConfig {
        let config = S3Config::new(BUCKET, id.into(), secret.into());
        config.endpoint(self.url.clone()).public_url(self.bucket()).into()
    }

    /// Asks the server's management of users.
    async fn manage(&self, action: &str, parameters: &[(&str, &str)]) -> String {
        let mut url = self.url.clone();
        url.query_pairs_mut()
            .extend_pairs([("Action", action), ("UserName", "edgehog"), ("Version", "2010-05-08")])
            .extend_pairs(parameters);
        // The server tells its services apart by the name in the signature.
        let request = Client::new().post(url).header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=id/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=x",
        );
        request.send().await.unwrap().error_for_status().unwrap().text().await.unwrap()
    }
}
