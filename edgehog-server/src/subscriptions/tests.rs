use std::sync::Arc;

use async_graphql::Variables;
use serde_json::Value as Json;

use super::*;
use crate::documents::parrot::Parrot;

const HEARD: &str = "subscription { heard { word } }";

fn hub() -> Hub {
    Hub::new(&Limits::default())
}

async fn subscribe(hub: &Hub, parrot: &Parrot, document: &str) -> Result<Subscription, Refused> {
    hub.subscribe(parrot, Request::new(document)).await
}

async fn next(subscription: &mut Subscription) -> Option<Result<Json, TooSlow>> {
    subscription.next().await.map(|event| event.map(|event| serde_json::from_str(&event).unwrap()))
}

fn word(word: &str) -> Option<Result<Json, TooSlow>> {
    Some(Ok(json!({ "data": { "heard": { "word": word } } })))
}

/// Waits for what another task does.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Equal subscriptions are one stream, of which each hears everything; it ends with the last of them.
#[tokio::test]
async fn equal_subscriptions_run_once() {
    let (hub, parrot) = (hub(), Parrot::new(1));
    let mut one = subscribe(&hub, &parrot, HEARD).await.unwrap();
    let mut other = subscribe(&hub, &parrot, HEARD).await.unwrap();
    assert_eq!((parrot.begun(), one.id()), (1, other.id()));
    parrot.say("a");
    assert_eq!(next(&mut one).await, word("a"));
    assert_eq!(next(&mut other).await, word("a"));
    drop(one);
    parrot.say("b");
    assert_eq!(next(&mut other).await, word("b"));
    drop(other);
    until(|| parrot.running() == 0).await;
    assert!(hub.0.running().is_empty());
    let mut again = subscribe(&hub, &parrot, HEARD).await.unwrap();
    parrot.say("c");
    assert_eq!(next(&mut again).await, word("c"));
    assert_eq!(parrot.begun(), 2);
}

/// Those that begin at the same time wait for the same stream.
#[tokio::test]
async fn subscriptions_at_the_same_time_run_once() {
    let (hub, parrot) = (hub(), Parrot::new(1));
    let all = futures::future::join_all((0..20).map(|_| subscribe(&hub, &parrot, HEARD))).await;
    assert_eq!(parrot.begun(), 1);
    parrot.say("a");
    for subscription in all {
        assert_eq!(next(&mut subscription.unwrap()).await, word("a"));
    }
}

/// An id stands for the tenant, the document and its variables, and has the form that clients know.
#[test]
fn ids_tell_subscriptions_apart() {
    let request =
        |document: &str, variables: Json| Request::new(document).variables(Variables::from_json(variables));
    let first = || request(HEARD, json!({ "a": 1, "b": [null] }));
    let one = TenantId::from(1);
    assert_eq!(id(one, &first()), id(one, &request(HEARD, json!({ "b": [null], "a": 1 }))));
    assert!(id(one, &first()).starts_with("__absinthe__:doc:"));
    for other in [
        id(TenantId::from(2), &first()),
        id(one, &request("subscription { once }", json!({ "a": 1, "b": [null] }))),
        id(one, &request(HEARD, json!({ "a": 1 }))),
        id(one, &first().operation_name("A")),
    ] {
        assert_ne!(id(one, &first()), other);
    }
}

/// Tenants never share a stream.
#[tokio::test]
async fn tenants_hear_their_own() {
    let hub = hub();
    let (one, two) = (Parrot::new(1), Parrot::new(2));
    let mut of_one = subscribe(&hub, &one, HEARD).await.unwrap();
    let mut of_two = subscribe(&hub, &two, HEARD).await.unwrap();
    one.say("a");
    two.say("b");
    assert_eq!(next(&mut of_one).await, word("a"));
    assert_eq!(next(&mut of_two).await, word("b"));
}

/// What is wrong with a subscription is told before it begins, and nothing of it stays.
#[tokio::test]
async fn refused_subscriptions_say_why() {
    let (hub, parrot) = (hub(), Parrot::new(1));
    for (document, code) in [
        ("subscription {", None),
        ("subscription { nothing }", None),
        ("subscription { heard(of: 7) { word } }", None),
        (r#"subscription { heard(of: "nobody") { word } }"#, Some("not_found")),
    ] {
        let Err(Refused(answer)) = subscribe(&hub, &parrot, document).await else { panic!("{document}") };
        let answer: Json = serde_json::from_str(&answer).unwrap();
        assert!(answer["errors"][0]["message"].is_string(), "{answer}");
        assert_eq!(answer["errors"][0]["code"].as_str(), code, "{answer}");
        assert!(answer.get("data").is_none(), "{answer}");
    }
    until(|| hub.0.running().is_empty()).await;
}

/// A subscriber that does not keep up is cut off. The others hear everything.
#[tokio::test]
async fn a_slow_subscriber_is_cut_off_alone() {
    let hub = Hub::new(&Limits { events_behind: 4, ..Limits::default() });
    let parrot = Parrot::new(1);
    let mut slow = subscribe(&hub, &parrot, HEARD).await.unwrap();
    let mut fast = subscribe(&hub, &parrot, HEARD).await.unwrap();
    for number in 0..20 {
        parrot.say(&number.to_string());
        assert_eq!(next(&mut fast).await, word(&number.to_string()));
    }
    assert_eq!(next(&mut slow).await, Some(Err(TooSlow)));
}

/// A record that is gone by now makes no event; one of which a part cannot be read makes one.
#[tokio::test]
async fn only_errors_that_say_something_are_told() {
    let (hub, parrot) = (hub(), Parrot::new(1));
    let mut subscription = subscribe(&hub, &parrot, HEARD).await.unwrap();
    for word in ["bad", "odd", "good"] {
        parrot.say(word);
    }
    let odd = next(&mut subscription).await.unwrap().unwrap();
    assert_eq!(odd["errors"][0]["code"], "astarte_api_error", "{odd}");
    assert_eq!(odd["data"]["heard"]["word"], Json::Null);
    assert_eq!(next(&mut subscription).await, word("good"));
}

/// A stream that ends by itself ends for its subscribers.
#[tokio::test]
async fn streams_may_end() {
    let (hub, parrot) = (hub(), Parrot::new(1));
    let mut subscription = subscribe(&hub, &parrot, "subscription { once }").await.unwrap();
    assert_eq!(next(&mut subscription).await, Some(Ok(json!({ "data": { "once": 1 } }))));
    assert_eq!(next(&mut subscription).await, None);
    assert!(hub.0.running().is_empty());
}

/// One that never tells that it has begun is not waited for for ever.
#[tokio::test]
async fn silent_streams_are_taken_as_begun() {
    assert!(subscribe(&hub(), &Parrot::new(1), "subscription { silence }").await.is_ok());
}

/// A tenant has so many subscriptions and no more; another tenant has its own.
#[tokio::test]
async fn tenants_have_their_share() {
    let hub = Hub::new(&Limits { subscriptions_per_tenant: 1, ..Limits::default() });
    let (one, two): (Arc<_>, _) = (Arc::new(Parrot::new(1)), Parrot::new(2));
    let first = subscribe(&hub, &one, HEARD).await.unwrap();
    assert!(subscribe(&hub, &one, HEARD).await.is_err());
    assert!(subscribe(&hub, &two, HEARD).await.is_ok());
    drop(first);
    assert!(subscribe(&hub, &one, HEARD).await.is_ok());
}
