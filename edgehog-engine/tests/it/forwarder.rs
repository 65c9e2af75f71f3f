use edgehog_engine::forwarder::{ForwarderConfig, ForwarderError, request_session, session, sessions};
use edgehog_engine::sdk::interfaces::ForwarderSessionStatus;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::fake_astarte::FakeAstarte;

const READ: &str = "read ForwarderSessionState";

fn forwarder() -> ForwarderConfig {
    ForwarderConfig::new("forwarder.example", 4001, false).unwrap()
}

fn with_sessions(sessions: Value) -> FakeAstarte {
    FakeAstarte::with([("ForwarderSessionState", sessions)])
}

/// A session that is there is used, connected ones first, then by token; also without a forwarder. Nothing is sent.
#[tokio::test]
async fn an_existing_session_is_used() {
    for (states, token) in [
        (json!({"t1": {"status": "Connected"}}), "t1"),
        (json!({"t1": {"status": "Connecting"}}), "t1"),
        (json!({"t1": {"status": "Connecting"}, "t2": {"status": "Connected"}}), "t2"),
        (json!({"t2": {"status": "Connecting"}, "t1": {"status": "Connecting"}}), "t1"),
        (json!({"t2": {"status": "Connected"}, "t1": {"status": "Connected"}}), "t1"),
        (json!({"t0": {"status": "Lost"}, "t1": {}, "t2": {"status": "Connecting"}}), "t2"),
    ] {
        for config in [Some(forwarder()), None] {
            let (astarte, device) = with_sessions(states.clone()).device();
            let found = request_session(&device, true, config.as_ref()).await.unwrap();
            assert_eq!(found.expose_secret(), token, "{states}");
            assert_eq!(astarte.requests(), [READ]);
        }
    }
}

/// Without a session the device is asked for one, with a token of its own; also when its sessions cannot be read.
#[tokio::test]
async fn a_new_session_is_requested() {
    for astarte in [with_sessions(json!({})), with_sessions(json!([])), FakeAstarte::default()] {
        let (astarte, device) = astarte.device();
        let token = request_session(&device, true, Some(&forwarder())).await.unwrap();
        let token = token.expose_secret();
        assert_eq!(token.parse::<uuid::Uuid>().unwrap().get_version_num(), 4);
        let requests = astarte.requests();
        let (_, sent) = requests[1].split_once("send ForwarderSessionRequest /request ").unwrap();
        assert_eq!((requests.len(), requests[0].as_str()), (2, READ));
        assert_eq!(
            serde_json::from_str::<Value>(sent).unwrap(),
            json!({"session_token": token, "host": "forwarder.example", "port": 4001, "secure": false})
        );
        let other = request_session(&device, true, Some(&forwarder())).await.unwrap();
        assert_ne!(other.expose_secret(), token);
    }
}

/// The forwarder is checked before the device; a device that is offline costs no request.
#[tokio::test]
async fn refusals() {
    let running = json!({"t1": {"status": "Connected"}});
    for (online, config, asked) in
        [(true, None, &[READ][..]), (false, None, &[]), (false, Some(forwarder()), &[])]
    {
        let states = if online { json!({}) } else { running.clone() };
        let (astarte, device) = with_sessions(states).device();
        let error = request_session(&device, online, config.as_ref()).await.unwrap_err();
        match config {
            None => assert!(matches!(error, ForwarderError::Disabled), "{error:?}"),
            Some(_) => assert!(matches!(error, ForwarderError::DeviceDisconnected), "{error:?}"),
        }
        assert_eq!(astarte.requests(), asked);
    }
}

/// Astarte's refusal is told as such.
#[tokio::test]
async fn astarte_refuses() {
    for status in [404, 401, 503] {
        let (astarte, device) = FakeAstarte::failing(status).device();
        let error = request_session(&device, true, Some(&forwarder())).await.unwrap_err();
        let ForwarderError::Astarte(edgehog_engine::sdk::Error::Astarte(error)) = error else {
            panic!("{error:?}");
        };
        assert_eq!(error.response().unwrap().status(), status);
        assert_eq!(astarte.requests().len(), 2);
    }
}

/// A session is shown while the device lists it.
#[tokio::test]
async fn a_session_is_found_by_its_token() {
    let states =
        json!({"t1": {"status": "Connecting"}, "t2": {"status": "Connected"}, "t3": {"status": "?"}});
    for (token, status) in [
        ("t1", Some(ForwarderSessionStatus::Connecting)),
        ("t2", Some(ForwarderSessionStatus::Connected)),
        ("t3", None),
        ("t", None),
        ("", None),
    ] {
        let (_, device) = with_sessions(states.clone()).device();
        let found = session(&device, true, token, Some(&forwarder())).await;
        assert_eq!(found.map(|session| session.status), status, "{token}");
    }
}

/// No session of a device that is offline or cannot be read, and none that would lead to no forwarder.
#[tokio::test]
async fn no_session() {
    let running = || with_sessions(json!({"t1": {"status": "Connected"}}));
    for (astarte, online, config, asked) in [
        (running(), false, Some(forwarder()), &[][..]),
        (running(), true, None, &[]),
        (with_sessions(json!({})), true, Some(forwarder()), &[READ]),
        (with_sessions(json!(5)), true, Some(forwarder()), &[READ]),
        (FakeAstarte::default(), true, Some(forwarder()), &[READ]),
        (FakeAstarte::failing(500), true, Some(forwarder()), &[READ]),
    ] {
        let (astarte, device) = astarte.device();
        assert!(session(&device, online, "t1", config.as_ref()).await.is_none());
        assert_eq!(astarte.requests(), asked);
    }
}

/// Tokens are secrets: whoever has one may use the session.
#[tokio::test]
async fn tokens_are_not_shown() {
    let (_, device) = with_sessions(json!({"token-1": {"status": "Connected"}})).device();
    let found = sessions(&device).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(!format!("{found:?}").contains("token-1"));
}
