//! Files of the neighbour's.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::{OURS, STORAGE, THEIRS, World};
use crate::pictures::upload;

const UPDATE: &str = "mutation ($id: ID!, $input: UpdateSystemModelInput) { updateSystemModel(id: $id, input: $input) { result { id } } }";

async fn ask(world: &World, request: reqwest::RequestBuilder) -> (u16, String) {
    let answer = request.send().await.unwrap();
    let told = (answer.status().as_u16(), answer.text().await.unwrap());
    assert!(told.0 == 200 || world.leak(&told.1).is_none(), "{told:?}");
    told
}

async fn fetch(world: &World, url: &str) -> (u16, String) {
    ask(world, world.ours.http.get(url.replace(STORAGE, &world.ours.url))).await
}

fn picture(records: &super::records::Records) -> String {
    records.column("SystemModel", "pictureUrl")[0].as_str().unwrap().to_owned()
}

/// A file stays as long as its own tenant shows it, whatever another tenant's models show and however they stop.
#[tokio::test]
async fn their_pictures_stay() {
    let world = World::new().await;
    let (our, their) = (picture(&world.our), picture(&world.their));
    let kept = (200, format!("{THEIRS}-picture"));
    assert_eq!(fetch(&world, &their).await, kept);
    let directory = |url: &str| url.split('/').take(7).collect::<Vec<_>>().join("/");
    let (ours, theirs) = (directory(&our), directory(&their));
    assert!(ours != theirs && their.starts_with(&theirs), "{ours} {theirs}");
    let id = theirs.rsplit('/').next().unwrap();
    let bare = their.split('?').next().unwrap();
    for (place, url) in [
        their.clone(),
        bare.to_owned(),
        their.replace(&theirs, &format!("{ours}/../{id}")),
        their.replace(&theirs, &format!("{ours}/%2e%2e/{id}")),
        their.replace(&theirs, &format!("{ours}%2F..%2F{id}")),
        their.replace("/tenants/", "//tenants/"),
        bare.replace("http://", "HTTP://"),
    ]
    .iter()
    .enumerate()
    {
        let model = world.ours.make_system_model(&format!("m{place}"), &[&format!("m{place}")]).await;
        let show = json!({ "id": model, "input": { "pictureUrl": url } });
        world.ours.done(UPDATE, show.clone()).await;
        world.ours.done(UPDATE, json!({ "id": model, "input": { "pictureUrl": null } })).await;
        assert_eq!(fetch(&world, &their).await, kept, "{url} was taken away");
        world.ours.done(UPDATE, show.clone()).await;
        let replace = json!({ "id": model, "input": { "pictureFile": "pictureFile" } });
        let answer = upload(&world.ours, "b.png", "other", UPDATE, replace).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        assert_eq!(fetch(&world, &their).await, kept, "{url} was replaced");
        world.ours.done(UPDATE, show).await;
        let delete = "mutation ($id: ID!) { deleteSystemModel(id: $id) { result { id } } }";
        world.ours.done(delete, json!({ "id": model })).await;
        assert_eq!(fetch(&world, &their).await, kept, "{url} was deleted");
    }
}

/// A signature is good for one file and one use: with any other it is of no more use than none, also for a file that
/// nobody has.
#[tokio::test]
async fn signatures_are_good_for_one_file() {
    let world = World::new().await;
    let (our, their) = (picture(&world.our), picture(&world.their));
    let storage = world.ours.engine.storage().unwrap();
    let key = storage.key_of_url(&our).unwrap();
    let hour = Duration::from_hours(1);
    let written = storage.signed_put_url(&key, hour).await.unwrap();
    let read = storage.signed_get_url(&key, hour).await.unwrap();
    let path = |url: &str| url.split('?').next().unwrap().to_owned();
    let proof = |url: &str| url.split_once('?').map(|(_, proof)| proof.to_owned()).unwrap_or_default();
    assert_eq!(fetch(&world, &our).await, (200, format!("{OURS}-picture")));
    assert_eq!(fetch(&world, &read).await.0, 200);
    let nobodys = path(&their).replace("nextdoor-picture", "nobodys-picture");
    assert_ne!(nobodys, path(&their));
    let refused = json!({ "errors": { "detail": "Forbidden" } });
    for url in [path(&their), nobodys] {
        for proof in [String::new(), "signature=".to_owned(), proof(&our), proof(&read), proof(&written)] {
            let url = format!("{url}?{proof}").replace(STORAGE, &world.ours.url);
            for request in [world.ours.http.get(&url), world.ours.http.put(&url).body("other")] {
                let (status, body) = ask(&world, request.bearer_auth(&world.ours.token)).await;
                assert_eq!(status, 403, "{url}");
                assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), refused, "{url}");
            }
        }
    }
    // What lets somebody read does not let him write.
    let url = their.replace(STORAGE, &world.ours.url);
    assert_eq!(ask(&world, world.ours.http.put(url).body("other")).await.0, 403);
    assert_eq!(fetch(&world, &their).await, (200, format!("{THEIRS}-picture")));
}
