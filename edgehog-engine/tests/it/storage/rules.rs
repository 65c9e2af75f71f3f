use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use edgehog_engine::storage::{Key, ObjectInfo, Storage, StorageError};
use futures::TryStreamExt;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::sync::Notify;

use super::places::Place;

const HOUR: Duration = Duration::from_hours(1);
const MIB: u64 = 1024 * 1024;

/// Two parts, to the byte.
const WHOLE_PARTS: usize = 16 * 1024 * 1024;

/// All rules. Nothing may be left in the store at the end.
pub(crate) async fn check(place: &Place) {
    objects_come_and_go(place).await;
    large_objects_are_stored_in_pieces(place).await;
    names_survive(place).await;
    uploads_never_meet(place).await;
    a_failed_upload_leaves_nothing(place).await;
    an_abandoned_upload_leaves_nothing(place).await;
    public_urls_are_good_for_ever(place).await;
    signed_urls_open_one_object(place).await;
    only_own_urls_have_a_key(place);
    a_tenants_files_go_with_it(place).await;
    assert_eq!(place.contents().await, [""; 0]);
}

pub(crate) fn picture(name: &str) -> Key {
    Key::system_model_picture(1, "board", name)
}

async fn read(storage: &Storage, key: &Key) -> (ObjectInfo, Vec<u8>) {
    let object = storage.get(key).await.unwrap();
    let pieces: Vec<_> = object.content.try_collect().await.unwrap();
    (object.info, pieces.concat())
}

async fn is_gone(storage: &Storage, key: &Key) -> bool {
    let (got, head) = (storage.get(key).await.map(drop), storage.head(key).await.map(drop));
    matches!((got, head), (Err(StorageError::NotFound), Err(StorageError::NotFound)))
}

/// What was stored is there as it was, until it is deleted; deleting it again does no harm.
pub(crate) async fn objects_come_and_go(place: &Place) {
    let storage = &place.storage;
    for (content, name, content_type) in [
        (&b"picture"[..], "a.png", "image/png"),
        (b"", "empty.jpg", "image/jpeg"),
        (b"\0\xff", "firmware", "application/octet-stream"),
    ] {
        let key = picture(name);
        assert!(is_gone(storage, &key).await);
        let stored = storage.put_reader(&key, content, content_type).await.unwrap();
        assert_eq!((stored.size, &stored.url), (content.len() as u64, &storage.public_url(&key)));
        let (info, read) = read(storage, &key).await;
        assert_eq!((info.size, info.content_type.as_str()), (content.len() as u64, content_type));
        assert_eq!((storage.head(&key).await.unwrap(), read.as_slice()), (info, content));
        storage.delete(&key).await.unwrap();
        storage.delete(&key).await.unwrap();
        assert!(is_gone(storage, &key).await);
    }
}

/// A file larger than a part, and one that ends with a part; from the disk, as uploads come.
pub(crate) async fn large_objects_are_stored_in_pieces(place: &Place) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("large");
    for size in [20_000_000, WHOLE_PARTS] {
        let content: Vec<u8> = (0..251).cycle().take(size).collect();
        std::fs::write(&file, &content).unwrap();
        let key = picture("large.gif");
        let stored = place.storage.put_file(&key, &file, "image/gif").await.unwrap();
        let (info, read) = read(&place.storage, &key).await;
        assert_eq!(
            (stored.size, info.size, info.content_type.as_str()),
            (size as u64, size as u64, "image/gif")
        );
        assert!(read == content, "{size} bytes came back otherwise");
        place.storage.delete(&key).await.unwrap();
    }
    let missing = place.storage.put_file(&picture("a.png"), directory.path().join("none"), "image/png").await;
    assert!(matches!(missing, Err(StorageError::Unreadable(_))), "{missing:?}");
}

/// Whatever the client calls its file: it is stored, found by its URL, and lies in the tenant's directory.
async fn names_survive(place: &Place) {
    let long = "ß".repeat(300);
    for name in [
        "front view.png",
        "Fotó → 漢字 🦔.png",
        "100%.png",
        "50%25 a+b&c=d;e@f$g!'()[]{}^`~,.png",
        "%2e%2e%2fescape.png",
        "../../../../etc/passwd",
        "..\\..\\x.png",
        "..",
        "",
        "page#1",
        "q?x=1#y.png",
        "line\nbreak\0.png",
        ".signing-key",
        &long,
    ] {
        let key = picture(name);
        let stored = place.storage.put_reader(&key, &b"named"[..], "image/png").await.unwrap();
        assert_eq!(read(&place.storage, &key).await.1, b"named", "{name:?}");
        assert_eq!(place.storage.key_of_url(&stored.url), Some(key.clone()), "{name:?}");
        let directory = "uploads/tenants/1/system_models/board/picture/";
        assert!(stored.url.contains(directory) && key.as_str().starts_with(directory), "{name:?}");
        if place.serves() {
            assert_eq!(place.fetch(&stored.url).await.unwrap().content, b"named", "{name:?}");
        }
        place.storage.delete(&key).await.unwrap();
    }
}

/// Two uploads of one name are two objects, and deleting one leaves the other.
async fn uploads_never_meet(place: &Place) {
    let (first, second) = (picture("a.png"), picture("a.png"));
    for (key, content) in [(&first, &b"first"[..]), (&second, b"second")] {
        place.storage.put_reader(key, content, "image/png").await.unwrap();
    }
    assert_eq!(read(&place.storage, &first).await.1, b"first");
    place.storage.delete(&first).await.unwrap();
    assert_eq!(read(&place.storage, &second).await.1, b"second");
    place.storage.delete(&second).await.unwrap();
}

/// A reader that breaks, early or in the middle of an upload in parts.
async fn a_failed_upload_leaves_nothing(place: &Place) {
    for good in [0, 10, 20 * MIB] {
        let key = picture("a.png");
        let reader = tokio::io::repeat(7).take(good).chain(Broken);
        let result = place.storage.put_reader(&key, reader, "image/png").await;
        assert!(matches!(result, Err(StorageError::Unreadable(_))), "{result:?}");
        assert!(is_gone(&place.storage, &key).await);
        assert_eq!(place.contents().await, [""; 0]);
    }
}

/// A caller that stops waiting in the middle of an upload, as for a client that has hung up.
async fn an_abandoned_upload_leaves_nothing(place: &Place) {
    let stalled = Arc::new(Notify::new());
    let reader = tokio::io::repeat(7).take(9 * MIB).chain(Stalled(Arc::clone(&stalled)));
    let key = picture("a.png");
    tokio::select! {
        result = place.storage.put_reader(&key, reader, "image/png") => panic!("{result:?}"),
        () = stalled.notified() => {}
    }
    // It is taken back in the background.
    for _ in 0..500 {
        if place.contents().await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(place.contents().await, [""; 0]);
    assert!(is_gone(&place.storage, &key).await);
}

/// Anyone can follow a public URL, and gets the file with its content type; a URL that is not quite it leads nowhere.
async fn public_urls_are_good_for_ever(place: &Place) {
    let key = picture("front view.png");
    let stored = place.storage.put_reader(&key, &b"picture"[..], "image/png").await.unwrap();
    assert_eq!(stored.url, place.storage.public_url(&key));
    if place.serves() {
        let fetched = place.fetch(&stored.url).await.unwrap();
        assert_eq!(
            (fetched.content.as_slice(), fetched.content_type.as_str()),
            (&b"picture"[..], "image/png")
        );
        assert!(place.fetch(&stored.url.replace("front", "back")).await.is_none());
    }
    place.storage.delete(&key).await.unwrap();
    assert!(place.fetch(&stored.url).await.is_none());
}

/// A signed URL reads or writes the one object that it was made for.
async fn signed_urls_open_one_object(place: &Place) {
    if !place.serves() {
        return;
    }
    let key = picture("50% off.bin");
    let put = place.storage.signed_put_url(&key, HOUR).await.unwrap();
    let get = place.storage.signed_get_url(&key, HOUR).await.unwrap();
    assert!(place.fetch(&get).await.is_none());
    assert!(place.send(&put, b"from a device").await);
    assert_eq!(place.fetch(&get).await.unwrap().content, b"from a device");
    assert_eq!(read(&place.storage, &key).await.1, b"from a device");
    assert_eq!(place.storage.key_of_url(&get), Some(key.clone()));
    place.storage.delete(&key).await.unwrap();
}

/// A URL of somewhere else, or of nowhere in a tenant's directory, is not the store's to delete.
fn only_own_urls_have_a_key(place: &Place) {
    let url = place.storage.public_url(&picture("a.png"));
    let base = url.split("/uploads/").next().unwrap();
    let (scheme, rest) = base.split_once("://").unwrap();
    let path = "uploads/tenants/1/system_models/board/picture/a.png";
    assert!(place.storage.key_of_url(&format!("{base}/{path}")).is_some());
    for foreign in [
        format!("https://elsewhere.example/{path}"),
        format!("{scheme}://elsewhere.example@{rest}/{path}"),
        format!("{base}.elsewhere.example/{path}"),
        format!("{base}/other/{path}"),
        format!("{base}/uploads/tenants/1/../2/a.png"),
        format!("{base}/uploads/tenants/x/a.png"),
        format!("{base}/.signing-key"),
        format!("/{path}"),
        path.to_owned(),
        String::new(),
    ] {
        assert_eq!(place.storage.key_of_url(&foreign), None, "{foreign}");
    }
}

struct Broken;

impl AsyncRead for Broken {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::other("broken")))
    }
}

/// Never has anything, and says when it was asked.
struct Stalled(Arc<Notify>);

impl AsyncRead for Stalled {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.0.notify_one();
        Poll::Pending
    }
}

/// The files of a tenant are deleted together, those of others stay: also of one whose number begins with the same digits.
async fn a_tenants_files_go_with_it(place: &Place) {
    let storage = &place.storage;
    let keys = [1, 1, 12, 2].map(|tenant| Key::system_model_picture(tenant, "board", "a.png"));
    for key in &keys {
        storage.put_reader(key, &b"picture"[..], "image/png").await.unwrap();
    }
    storage.delete_tenant(1).await.unwrap();
    for key in &keys {
        assert_eq!(is_gone(storage, key).await, key.belongs_to(1), "{key}");
    }
    storage.delete_tenant(1).await.unwrap();
    for tenant in [12, 2] {
        storage.delete_tenant(tenant).await.unwrap();
    }
}
