use edgehog_astarte::{AppEngine as _, Error};
use serde_json::json;
use wiremock::Mock;
use wiremock::matchers::any;

use crate::harness::{DEVICE, claims, count, data, device, error, request, server};

/// By the status, an expired token and a missing permission look the same: a fresh token decides.
#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    for status in [401, 403] {
        let (server, client) = server().await;
        Mock::given(any()).respond_with(error(status, "Forbidden")).up_to_n_times(1).mount(&server).await;
        request("GET", &format!("/appengine/v1/test/devices/{DEVICE}"), "a_aea")
            .respond_with(data(json!({"id": DEVICE})))
            .mount(&server)
            .await;
        client.device_status(&device()).await.unwrap();
        // The replacement is kept.
        client.device_status(&device()).await.unwrap();

        let requests = server.received_requests().await.unwrap();
        let tokens: Vec<_> = requests.iter().map(|request| &request.headers["authorization"]).collect();
        assert_eq!(tokens.len(), 3);
        assert_ne!(tokens[0], tokens[1]);
        assert_eq!(tokens[1], tokens[2]);
    }
}

#[tokio::test]
async fn a_token_refused_twice_is_reported() {
    for status in [401, 403] {
        let (server, client) = server().await;
        Mock::given(any()).respond_with(error(status, "Forbidden")).mount(&server).await;
        let error = client.device_status(&device()).await.unwrap_err();
        assert!(matches!(error, Error::Refused(_)), "{error:?}");
        assert_eq!(count(&server).await, 2);
    }
}

/// A message was not taken when its token was refused, so sending it again cannot double it.
#[tokio::test]
async fn a_datastream_message_survives_a_refused_token() {
    let (server, client) = server().await;
    Mock::given(any()).respond_with(error(403, "Forbidden")).up_to_n_times(1).mount(&server).await;
    Mock::given(any()).respond_with(data(json!(1))).mount(&server).await;
    client.send_datastream(&device(), "a.B", "/x", &json!(1)).await.unwrap();
    assert_eq!(count(&server).await, 2);
}

#[tokio::test]
async fn a_token_is_minted_once_and_lives_for_five_minutes() {
    let (server, client) = server().await;
    Mock::given(any()).respond_with(data(json!({"id": DEVICE}))).mount(&server).await;
    for _ in 0..3 {
        client.device_status(&device()).await.unwrap();
    }
    let requests = server.received_requests().await.unwrap();
    assert!(
        requests.windows(2).all(|pair| pair[0].headers["authorization"] == pair[1].headers["authorization"])
    );
    let claims = claims(&requests[0]);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
}

/// Neither the client nor an error shows a token.
#[tokio::test]
async fn tokens_are_never_shown() {
    let (server, client) = server().await;
    Mock::given(any()).respond_with(error(403, "Forbidden")).mount(&server).await;
    let error = client.device_status(&device()).await.unwrap_err();
    let requests = server.received_requests().await.unwrap();
    let token = requests[0].headers["authorization"].to_str().unwrap().to_owned();
    let (_, token) = token.split_once(' ').unwrap();
    for shown in [format!("{client:?}"), format!("{error:?}"), error.to_string()] {
        assert!(!shown.contains(&token[..20]), "{shown}");
    }
}
