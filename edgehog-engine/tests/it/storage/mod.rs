//! One set of rules for all stores: a directory, the memory, and a real S3 server. How we speak to the stores of others
//! is looked at closely in `wire`.

mod places;
mod rules;
mod wire;

use edgehog_engine::storage::StorageError;

use self::places::{Place, S3Server};

/// Files in a directory that the server itself serves.
#[tokio::test]
async fn a_directory_keeps_the_rules() {
    rules::check(&Place::directory()).await;
}

/// The server's own origin never serves anything that a browser would run, whatever the uploader called it.
#[tokio::test]
async fn a_directory_serves_nothing_active() {
    let place = Place::directory();
    for (name, claimed, served) in [
        ("page.html", "text/html", "application/octet-stream"),
        ("script.js", "text/javascript", "application/octet-stream"),
        ("drawing.svg", "image/svg+xml", "image/svg+xml"),
        ("board.png", "text/html", "image/png"),
    ] {
        let stored =
            place.storage.put_reader(&rules::picture(name), &b"<script>"[..], claimed).await.unwrap();
        let (key, signature, expires) = places::local_request(&stored.url);
        let object = place.storage.open_local(&key, &signature, expires).await.unwrap();
        let headers = object.headers();
        assert!(headers.contains(&("content-type", served)), "{headers:?}");
        assert!(headers.contains(&("content-disposition", "attachment")), "{headers:?}");
        assert!(headers.contains(&("x-content-type-options", "nosniff")), "{headers:?}");
        let policy = headers.iter().find(|(name, _)| *name == "content-security-policy").unwrap().1;
        assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"), "{policy}");
    }
}

/// The memory, which stands in for the others in tests.
#[tokio::test]
async fn the_memory_keeps_the_rules() {
    rules::check(&Place::memory()).await;
}

/// A server that we did not write, and that lets everyone in.
#[tokio::test]
async fn an_s3_server_keeps_the_rules() {
    let server = S3Server::start().await;
    rules::check(&server.open_place().await).await;
}

/// The same server, once it checks the signatures of requests, those of uploads in one piece and in parts. It does not
/// check those of signed URLs.
#[tokio::test]
async fn an_s3_server_knows_our_signatures() {
    let server = S3Server::start().await;
    let (place, impostor) = server.guarded_place().await;
    let refused = impostor.put_reader(&rules::picture("a.png"), &b"picture"[..], "image/png").await;
    assert!(matches!(refused, Err(StorageError::Refused(_))), "{refused:?}");
    rules::objects_come_and_go(&place).await;
    rules::large_objects_are_stored_in_pieces(&place).await;
}
