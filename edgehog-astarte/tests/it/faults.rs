//! What the client makes of servers in trouble.

use std::time::Duration;

use edgehog_astarte::{AppEngine as _, DataQuery, Error, HttpConfig};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::harness::{DEVICE, client_of, count, data, device, error, impatient, server};

#[tokio::test]
async fn passing_troubles_are_sat_out() {
    for status in [429, 500, 502, 503, 504] {
        let (server, client) = server().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(status)).up_to_n_times(2).mount(&server).await;
        Mock::given(any()).respond_with(data(json!({"id": DEVICE}))).mount(&server).await;
        client.device_status(&device()).await.unwrap();
        assert_eq!(count(&server).await, 3, "{status}");
    }
}

#[tokio::test]
async fn lasting_troubles_are_reported_after_three_attempts() {
    let (server, client) = server().await;
    Mock::given(any()).respond_with(error(500, "Internal server error")).mount(&server).await;
    let error = client.set_property(&device(), "a.B", "/x", &json!(1)).await.unwrap_err();
    assert!(error.is_retryable());
    let response = error.response().unwrap();
    assert_eq!((response.status(), response.attempt()), (500, 3));
    assert_eq!(response.detail(), Some("Internal server error"));
    assert_eq!(count(&server).await, 3);
}

/// Attempts and pauses together end when the caller wants to know; the next call finds its turn free.
#[tokio::test]
async fn a_call_has_a_time_limit_over_all_attempts() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).up_to_n_times(1).mount(&server).await;
    let config = HttpConfig::default()
        .max_in_flight(1)
        .backoff(Duration::from_secs(3600), Duration::from_secs(3600))
        .call_timeout(Duration::from_millis(200));
    let client = client_of(&server.uri(), config);
    let error = client.device_status(&device()).await.unwrap_err();
    assert!(error.is_retryable());
    let Error::Unreachable { source, .. } = error else { panic!("{error:?}") };
    assert!(source.is::<tokio::time::error::Elapsed>());
    assert_eq!(count(&server).await, 1);

    Mock::given(any()).respond_with(data(json!({"id": DEVICE}))).mount(&server).await;
    client.device_status(&device()).await.unwrap();
}

#[tokio::test]
async fn other_statuses_are_not_repeated() {
    for status in [302, 400, 404, 405, 409, 413, 422, 501] {
        let (server, client) = server().await;
        Mock::given(any()).respond_with(error(status, "x")).mount(&server).await;
        client.device_status(&device()).await.unwrap_err();
        assert_eq!(count(&server).await, 1, "{status}");
    }
}

/// The message may have been sent: a repeat could double it.
#[tokio::test]
async fn a_datastream_message_is_not_sent_twice() {
    for status in [429, 500, 502, 503, 504] {
        let (server, client) = server().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(status)).mount(&server).await;
        let error = client.send_datastream(&device(), "a.B", "/x", &json!(1)).await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
        assert_eq!(count(&server).await, 1, "{status}");
    }
}

#[tokio::test]
async fn a_device_without_session_is_not_tried_again() {
    let (server, client) = server().await;
    Mock::given(any()).respond_with(error(503, "Cannot push to device")).mount(&server).await;
    let send = client.send_datastream(&device(), "a.B", "/x", &json!(1)).await.unwrap_err();
    assert!(matches!(send, Error::CannotPush(_)) && !send.is_retryable());
    let set = client.set_property(&device(), "a.B", "/x", &json!(1)).await.unwrap_err();
    assert!(matches!(set, Error::CannotPush(_)));
    assert_eq!(count(&server).await, 2);
}

/// Redirects are a wrong base URL, and following one would carry the token elsewhere.
#[tokio::test]
async fn redirects_are_not_followed() {
    let (server, client) = server().await;
    let elsewhere = format!("{}/elsewhere", server.uri());
    Mock::given(any())
        .respond_with(ResponseTemplate::new(302).insert_header("location", elsewhere.as_str()))
        .mount(&server)
        .await;
    assert!(matches!(client.device_status(&device()).await, Err(Error::Rejected(_))));
    assert_eq!(count(&server).await, 1);
}

#[tokio::test]
async fn a_slow_answer_is_not_waited_for() {
    let (server, _) = server().await;
    let config = impatient().attempts(2).request_timeout(Duration::from_millis(100));
    let client = client_of(&server.uri(), config);
    let slow = data(json!({"id": DEVICE})).set_delay(Duration::from_secs(3600));
    Mock::given(any()).respond_with(slow).mount(&server).await;
    let error = client.device_status(&device()).await.unwrap_err();
    let Error::Unreachable { source, .. } = error else { panic!("{error:?}") };
    assert!(source.downcast_ref::<reqwest::Error>().unwrap().is_timeout());
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = client_of(&url, impatient());
    for error in [
        client.device_status(&device()).await.unwrap_err(),
        client.send_datastream(&device(), "a.B", "/x", &json!(1)).await.unwrap_err(),
    ] {
        let Error::Unreachable { source, .. } = error else { panic!("{error:?}") };
        assert!(source.downcast_ref::<reqwest::Error>().unwrap().is_connect());
    }
}

/// A server that answers each connection with these bytes and hangs up; gives the number of connections so far.
async fn raw_server(answers: Vec<&'static str>) -> (String, tokio::sync::watch::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (served, watch) = tokio::sync::watch::channel(0);
    tokio::spawn(async move {
        for answer in answers {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = [0; 16 * 1024];
            // The requests of these tests arrive in one piece.
            let _ = connection.read(&mut request).await.unwrap();
            served.send_modify(|served| *served += 1);
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
        // Stays bound: further connections hang instead of being refused.
        std::future::pending::<()>().await;
    });
    (url, watch)
}

const CUT_OFF: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"data\":{";
const WHOLE: &str =
    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 19\r\n\r\n{\"data\":{\"id\":\"x\"}}";

#[tokio::test]
async fn an_answer_cut_off_in_its_body_is_asked_for_again() {
    let (url, served) = raw_server(vec![CUT_OFF, WHOLE]).await;
    let status = client_of(&url, impatient()).device_status(&device()).await.unwrap();
    assert_eq!(status.id.as_str(), "x");
    assert_eq!(*served.borrow(), 2);
}

#[tokio::test]
async fn answers_cut_off_every_time_are_unreachable() {
    let (url, served) = raw_server(vec![CUT_OFF; 3]).await;
    let error = client_of(&url, impatient()).device_status(&device()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert_eq!(*served.borrow(), 3);
}

/// The connection was made and the request sent, then it broke: the message may be on its way.
#[tokio::test]
async fn a_datastream_message_is_not_sent_again_after_a_broken_answer() {
    let (url, served) = raw_server(vec!["", WHOLE]).await;
    let client = client_of(&url, impatient());
    let error = client.send_datastream(&device(), "a.B", "/x", &json!(1)).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert_eq!(*served.borrow(), 1);
}

#[tokio::test]
async fn a_wrong_answer_is_located() {
    let (server, client) = server().await;
    let wrong = json!({"id": DEVICE, "introspection": {"a.B": {"major": "one", "minor": 0}}});
    Mock::given(any()).respond_with(data(wrong)).mount(&server).await;
    let error = client.device_status(&device()).await.unwrap_err();
    let Error::Malformed { endpoint, path, .. } = error else { panic!("{error:?}") };
    assert_eq!(endpoint, format!("GET /appengine/v1/test/devices/{DEVICE}"));
    assert_eq!(path, "data.introspection.a.B.major");
}

#[tokio::test]
async fn answers_that_are_no_answers() {
    let deep = format!("{{\"data\":{}", "[".repeat(100_000));
    for body in ["", "<html>login</html>", "{}", "[]", "null", "{\"data\":1} trailing", &deep] {
        let (server, client) = server().await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(200).set_body_string(body))
            .mount(&server)
            .await;
        let error = client.read(&device(), "a.B", None, &DataQuery::new()).await.unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{body:.20}: {error:?}");
    }
}

/// An ingress answers for itself, in HTML.
#[tokio::test]
async fn the_beginning_of_an_html_error_is_kept() {
    let (server, client) = server().await;
    let html = format!("<html>{}</html>", "x".repeat(1_000_000));
    Mock::given(any()).respond_with(ResponseTemplate::new(413).set_body_string(html)).mount(&server).await;
    let error = client.device_status(&device()).await.unwrap_err();
    let response = error.response().unwrap();
    assert_eq!((response.status(), response.detail()), (413, None));
    assert!(response.body().starts_with("<html>xxx") && response.body().len() == 1024);
}

#[tokio::test]
async fn a_too_large_answer_is_not_read() {
    let (server, _) = server().await;
    Mock::given(any()).respond_with(data(json!("x".repeat(1000)))).mount(&server).await;
    for (limit, fits) in [(100, false), (1010, false), (1011, true)] {
        let client = client_of(&server.uri(), impatient().max_reply_bytes(limit));
        match client.read(&device(), "a.B", None, &DataQuery::new()).await {
            Ok(_) => assert!(fits, "{limit}"),
            Err(Error::ReplyTooLarge { limit: told, .. }) => assert!(!fits && told == limit),
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(count(&server).await, 3);
}

/// Without a length ahead, the bytes are counted as they come.
#[tokio::test]
async fn a_too_large_answer_in_chunks_is_not_read() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
                   20\r\n{\"data\":\"xxxxxxxxxxxxxxxxxxxxxxx\r\n20\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n";
    let (url, _) = raw_server(vec![chunked]).await;
    let client = client_of(&url, impatient().max_reply_bytes(40));
    let error = client.read(&device(), "a.B", None, &DataQuery::new()).await.unwrap_err();
    assert!(matches!(error, Error::ReplyTooLarge { .. }), "{error:?}");
}

/// Requests beyond the limit wait for the earlier ones instead of loading the server.
#[tokio::test]
async fn only_so_many_requests_are_in_flight() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = client_of(&url, impatient().max_in_flight(2));
    let requests: Vec<_> = (0..3)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.device_status(&device()).await })
        })
        .collect();
    let (first, _) = listener.accept().await.unwrap();
    let (second, _) = listener.accept().await.unwrap();
    // The third request has no connection yet, and gets one only after an answer to another.
    let third = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(third.is_err());
    for mut connection in [first, second] {
        let _ = connection.read(&mut [0; 16 * 1024]).await.unwrap();
        connection.write_all(WHOLE.as_bytes()).await.unwrap();
    }
    let (mut third, _) = listener.accept().await.unwrap();
    let _ = third.read(&mut [0; 16 * 1024]).await.unwrap();
    third.write_all(WHOLE.as_bytes()).await.unwrap();
    for request in requests {
        request.await.unwrap().unwrap();
    }
}
