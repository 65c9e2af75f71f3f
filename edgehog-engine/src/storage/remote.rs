//! The stores of others, reached by HTTP.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsAuthorizer, AwsCredential};
use object_store::azure::{MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};
use object_store::signer::Method;
use object_store::{ClientOptions, HeaderValue, RetryConfig};
use secrecy::ExposeSecret;

use super::StorageError;
use super::config::{AzureConfig, GcsConfig, S3Config};

/// Someone is waiting for the answer: a few attempts, and then the truth.
fn retries() -> RetryConfig {
    RetryConfig { max_retries: 3, retry_timeout: Duration::from_secs(60), ..RetryConfig::default() }
}

/// No limit for a whole request, since files are large; but none may stand still. Requests are signed for one address,
/// so that to follow a redirection would be of no use.
pub(super) fn http_client() -> Result<reqwest::Client, StorageError> {
    reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_secs(120))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(StorageError::refused)
}

/// The store as it is reached from here, and as the URLs that it signs are reached from elsewhere.
pub(super) fn s3(config: &S3Config, http: reqwest::Client) -> Result<(AmazonS3, AmazonS3), StorageError> {
    let build = |endpoint: String, has_bucket: bool, http: Connector| {
        AmazonS3Builder::new()
            .with_bucket_name(&config.bucket)
            .with_region(&config.region)
            .with_access_key_id(config.access_key_id.expose_secret())
            .with_secret_access_key(config.secret_access_key.expose_secret())
            .with_allow_http(true)
            .with_virtual_hosted_style_request(has_bucket)
            .with_endpoint(endpoint)
            // One by one: not all stores know how to delete many.
            .with_disable_bulk_delete(true)
            .with_retry(retries())
            .with_http_connector(http)
            .build()
    };
    let credential = AwsCredential {
        key_id: config.access_key_id.expose_secret().to_owned(),
        secret_key: config.secret_access_key.expose_secret().to_owned(),
        token: None,
    };
    let acl = if config.public_read_acl {
        Acl::S3 { credential: Arc::new(credential), region: config.region.as_str().into() }
    } else {
        Acl::Unsaid
    };
    let from_elsewhere = Connector { http: http.clone(), acl: Acl::Unsaid };
    let signer = build(config.signing(), config.signing_has_bucket(), from_elsewhere)?;
    let objects = build(config.internal(), config.internal_has_bucket(), Connector { http, acl })?;
    Ok((objects, signer))
}

pub(super) fn gcs(config: &GcsConfig, http: reqwest::Client) -> Result<GoogleCloudStorage, StorageError> {
    let acl = if config.public_read_acl { Acl::Google } else { Acl::Unsaid };
    let builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(&config.bucket)
        .with_service_account_key(config.credentials.expose_secret())
        .with_retry(retries())
        .with_http_connector(Connector { http, acl });
    Ok(builder.build()?)
}

pub(super) fn azure(config: &AzureConfig, http: reqwest::Client) -> Result<MicrosoftAzure, StorageError> {
    let builder = MicrosoftAzureBuilder::new()
        .with_account(&config.account)
        .with_access_key(config.key.expose_secret())
        .with_container_name(&config.container)
        .with_endpoint(config.endpoint.as_str().trim_end_matches('/').to_owned())
        .with_allow_http(true)
        .with_retry(retries())
        .with_http_connector(Connector { http, acl: Acl::Unsaid });
    Ok(builder.build()?)
}

/// Makes new objects readable for everyone, on their way out. The library has no word for it.
#[derive(Clone, Debug)]
enum Acl {
    Unsaid,
    Google,
    /// The header is part of what is signed, so that the request is signed again.
    S3 {
        credential: Arc<AwsCredential>,
        region: Arc<str>,
    },
}

impl Acl {
    fn say(&self, request: &mut HttpRequest) -> object_store::Result<()> {
        const PUBLIC: HeaderValue = HeaderValue::from_static("public-read");
        match self {
            Self::Unsaid => {}
            Self::Google => {
                request.headers_mut().insert("x-goog-acl", PUBLIC);
            }
            Self::S3 { credential, region } => {
                request.headers_mut().insert("x-amz-acl", PUBLIC);
                // The digest stays as it was: the authorizer mistakes bodies with content for empty ones.
                let digest = request.headers().get("x-amz-content-sha256").and_then(from_hex);
                AwsAuthorizer::new(credential, "s3", region).try_authorize(request, digest.as_deref())?;
            }
        }
        Ok(())
    }
}

fn from_hex(text: &HeaderValue) -> Option<Vec<u8>> {
    let digits = text.to_str().ok()?;
    let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// Whether the request begins the life of an object: stores it whole, or begins to store it in parts.
fn creates(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    match *request.method() {
        Method::PUT => !query.contains("partNumber="),
        Method::POST => query.split('&').any(|part| matches!(part, "uploads" | "uploads=")),
        _ => false,
    }
}

/// Our HTTP client, with what new objects need.
#[derive(Clone, Debug)]
struct Connector {
    http: reqwest::Client,
    acl: Acl,
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Connector {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if creates(&request) {
            self.acl.say(&mut request).map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        }
        self.http.call(request).await
    }
}
