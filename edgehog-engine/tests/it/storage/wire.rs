//! What is said to the stores of others, and what becomes of their answers.

use aws_lc_rs::digest::{SHA256, digest};
use edgehog_engine::storage::{AzureConfig, GcsConfig, Key, S3Config, Storage, StorageError};
use wiremock::matchers::{any, method, path_regex, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const MIB: usize = 1024 * 1024;

fn key() -> Key {
    Key::system_model_picture(1, "board", "front view.png")
}

fn s3(server: &MockServer) -> S3Config {
    S3Config::new("bucket", "id".into(), "secret".into()).endpoint(server.uri().parse().unwrap())
}

fn gcs(server: &MockServer) -> GcsConfig {
    let account = serde_json::json!({
        "client_email": "", "private_key": "", "private_key_id": "",
        "disable_oauth": true, "gcs_base_url": server.uri(),
    });
    GcsConfig::new("bucket", account.to_string().into())
}

fn azure(server: &MockServer) -> AzureConfig {
    AzureConfig::new("acc", "aHVzaA==".into(), "box", format!("{}/acc", server.uri()).parse().unwrap())
}

/// Answers uploads as all three stores do; the parts of one in parts with `part`.
async fn upload_server(part: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    let begun = "<InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>key</Key>\
                 <UploadId>upload-1</UploadId></InitiateMultipartUploadResult>";
    let done = ResponseTemplate::new(200).insert_header("etag", "\"etag\"");
    for mock in [
        Mock::given(method("POST"))
            .and(query_param_is_missing("uploadId"))
            .respond_with(ResponseTemplate::new(200).set_body_string(begun)),
        Mock::given(method("PUT")).and(query_param("uploadId", "upload-1")).respond_with(part),
        Mock::given(method("PUT")).and(query_param_is_missing("uploadId")).respond_with(done),
        Mock::given(method("DELETE")).respond_with(ResponseTemplate::new(204)),
    ] {
        mock.mount(&server).await;
    }
    server
}

async fn requests(server: &MockServer, wanted: &str) -> Vec<Request> {
    let all = server.received_requests().await.unwrap();
    all.into_iter().filter(|request| request.method.as_str() == wanted).collect()
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.get(name).map(|value| value.to_str().unwrap())
}

/// New objects are made readable for everyone, with a header that is signed like the others; unless told not to.
#[tokio::test]
async fn new_objects_are_public_where_asked() {
    for public in [true, false] {
        let server = upload_server(ResponseTemplate::new(403)).await;
        let said = public.then_some("public-read");

        let storage = Storage::open(&s3(&server).public_read_acl(public).into()).unwrap();
        storage.put_reader(&key(), &b"picture"[..], "image/png").await.unwrap();
        let _ = storage.put_reader(&key(), std::io::Cursor::new(vec![0; 9 * MIB]), "image/png").await;
        let (puts, posts) = (requests(&server, "PUT").await, requests(&server, "POST").await);
        for request in [&puts[0], &posts[0]] {
            assert_eq!(header(request, "x-amz-acl"), said);
            assert_eq!(header(request, "content-type"), Some("image/png"));
            let signature = header(request, "authorization").unwrap();
            assert_eq!(signature.contains(";x-amz-acl;"), public, "{signature}");
            let digest = digest(&SHA256, &request.body);
            let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(header(request, "x-amz-content-sha256"), Some(digest.as_str()));
        }
        assert_eq!(header(&puts[1], "x-amz-acl"), None);

        let storage = Storage::open(&gcs(&server).public_read_acl(public).into()).unwrap();
        storage.put_reader(&key(), &b"picture"[..], "image/png").await.unwrap();
        let puts = requests(&server, "PUT").await;
        let put = puts.last().unwrap();
        assert_eq!((header(put, "x-goog-acl"), header(put, "content-type")), (said, Some("image/png")));
    }
}

/// Azure has no such header; its objects get their content type and a path that is encoded.
#[tokio::test]
async fn azure_objects_are_stored_by_their_path() {
    let server = MockServer::start().await;
    let stored = ResponseTemplate::new(201).insert_header("etag", "\"etag\"");
    Mock::given(method("PUT"))
        .and(path_regex("^/acc/box/uploads/tenants/1/system_models/board/picture/[^/]+/front%20view.png$"))
        .respond_with(stored)
        .expect(1)
        .mount(&server)
        .await;
    let storage = Storage::open(&azure(&server).into()).unwrap();
    let key = key();
    let stored = storage.put_reader(&key, &b"picture"[..], "image/png").await.unwrap();
    assert_eq!(storage.key_of_url(&stored.url), Some(key.clone()));
    let put = &requests(&server, "PUT").await[0];
    assert_eq!(header(put, "x-ms-blob-content-type").or(header(put, "content-type")), Some("image/png"));
    assert!(stored.url.ends_with(put.url.path()), "{}", put.url);
    let hour = edgehog_engine::storage::SIGNED_URL_VALIDITY;
    let signed = storage.signed_put_url(&key, hour).await.unwrap();
    assert!(signed.starts_with(&stored.url) && signed.contains("sig="), "{signed}");
}

/// An upload in parts that the store ends is taken back.
#[tokio::test]
async fn a_refused_part_takes_the_upload_back() {
    let server = upload_server(ResponseTemplate::new(403)).await;
    let storage = Storage::open(&s3(&server).into()).unwrap();
    let result = storage.put_reader(&key(), std::io::Cursor::new(vec![0; 9 * MIB]), "image/png").await;
    assert!(matches!(result, Err(StorageError::Refused(_))), "{result:?}");
    let taken_back = requests(&server, "DELETE").await;
    assert!(
        taken_back.iter().any(|request| request.url.query() == Some("uploadId=upload-1")),
        "{taken_back:?}"
    );
}

/// A store that says no is told apart from one that says nothing.
#[tokio::test]
async fn answers_are_told_from_silence() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(403)).mount(&server).await;
    let configs = [s3(&server).into(), gcs(&server).into(), azure(&server).into()];
    for config in &configs {
        let storage = Storage::open(config).unwrap();
        let refused = storage.put_reader(&key(), &b"picture"[..], "image/png").await;
        assert!(matches!(refused, Err(StorageError::Refused(_))), "{refused:?}");
        let refused = storage.delete(&key()).await;
        assert!(matches!(refused, Err(StorageError::Refused(_))), "{refused:?}");
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = S3Config::new("bucket", "id".into(), "secret".into());
    let storage =
        Storage::open(&config.endpoint(format!("http://{nobody}").parse().unwrap()).into()).unwrap();
    let silent = storage.put_reader(&key(), &b"picture"[..], "image/png").await;
    assert!(matches!(silent, Err(StorageError::Unreachable(_))), "{silent:?}");
}
