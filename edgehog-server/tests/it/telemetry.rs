//! What Astarte keeps of devices, on whole pages, and where devices are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use edgehog_engine::{Geolocation, GoogleGeocoding, GoogleWifi, HttpConfig};
use edgehog_server::Settings;
use futures::future::join_all;
use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::Json;
use poem::{EndpointExt, IntoResponse, Request, Response, Route, Server as HttpServer, handler};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::records::column;
use crate::{DEVICE, Server};

/// How many requests the client has under way at most.
const AT_ONCE: usize = 16;

/// An Astarte that answers reads only when as many are under way as the client allows.
struct Gate {
    barrier: Barrier,
    under_way: AtomicUsize,
    most: AtomicUsize,
    reads: AtomicUsize,
}

#[handler]
async fn read(request: &Request, gate: poem::web::Data<&Arc<Gate>>) -> Response {
    if !request.uri().path().contains("/interfaces/") {
        return StatusCode::NOT_FOUND.into_response();
    }
    gate.reads.fetch_add(1, Ordering::SeqCst);
    gate.most.fetch_max(gate.under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    gate.barrier.wait().await;
    gate.under_way.fetch_sub(1, Ordering::SeqCst);
    Json(json!({ "data": { "osName": "linux" } })).into_response()
}

/// The devices of a page are read side by side, each once however often it is shown, and no more than the client bears.
#[tokio::test]
async fn a_page_is_read_at_once() {
    let gate = Arc::new(Gate {
        barrier: Barrier::new(AT_ONCE),
        under_way: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
        reads: AtomicUsize::new(0),
    });
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = acceptor.local_addr()[0].as_socket_addr().copied().unwrap();
    let endpoint = Route::new().at("/*path", read).data(gate.clone());
    tokio::spawn(HttpServer::new_with_acceptor(acceptor).run(endpoint));
    let server = Server::with(&format!("http://{address}"), Settings::default(), |engine| {
        engine.read_timeout(Duration::from_mins(1))
    })
    .await;
    let devices: Vec<_> =
        (0..2 * AT_ONCE).map(|n| URL_SAFE_NO_PAD.encode([u8::try_from(n).unwrap(); 16])).collect();
    let told = devices.iter().map(async |device| {
        let event = json!({
            "device_id": device, "timestamp": "2026-01-02T03:04:05Z", "event": { "type": "device_registered" },
        });
        assert_eq!(server.deliver(event.to_string()).await.status(), 200);
    });
    join_all(told).await;
    let document = "{
        devices { edges { node { osInfo { name } again: osInfo { name } } } }
        again: devices(first: 5) { edges { node { osInfo { name } } } }
    }";
    let answer = server.query(document).await;
    let linux = json!({ "name": "linux" });
    assert_eq!(column(&answer["data"]["devices"], "osInfo"), vec![linux.clone(); devices.len()], "{answer}");
    assert_eq!(column(&answer["data"]["devices"], "again"), vec![linux.clone(); devices.len()]);
    assert_eq!(column(&answer["data"]["again"], "osInfo"), vec![linux; 5]);
    assert_eq!(gate.reads.load(Ordering::SeqCst), devices.len());
    assert_eq!(gate.most.load(Ordering::SeqCst), AT_ONCE);
}

const PLACES: &str = "{ devices { edges { node {
    position { latitude longitude accuracy altitude timestamp } again: position { latitude }
    location { formattedAddress timestamp }
} } } }";

/// A server with services that know places, and one device that sees an access point.
async fn located(wifi: ResponseTemplate, geocoding: ResponseTemplate) -> (MockServer, MockServer, Server) {
    let (astarte, services) = (MockServer::start().await, MockServer::start().await);
    let scan = json!({ "data": { "ap": [{
        "channel": 11, "essid": "home", "macAddress": "01:23:45:67:89:ab", "rssi": -43,
        "timestamp": "2026-01-02T03:04:05.120Z",
    }] } });
    Mock::given(method("GET"))
        .and(path_regex("WiFiScanResults"))
        .respond_with(ResponseTemplate::new(200).set_body_json(scan))
        .mount(&astarte)
        .await;
    Mock::given(path("/wifi")).respond_with(wifi).mount(&services).await;
    Mock::given(path("/geo")).respond_with(geocoding).mount(&services).await;
    let http = HttpConfig::default().build_client().unwrap();
    let url = |path: &str| format!("{}/{path}", services.uri()).parse().unwrap();
    let chain = Geolocation::builder()
        .locate_with(GoogleWifi::new(http.clone(), "key".into()).endpoint(url("wifi")))
        .geocode_with(GoogleGeocoding::new(http, "key".into()).endpoint(url("geo")))
        .build();
    let server = Server::with(&astarte.uri(), Settings::default(), |engine| engine.geolocation(chain)).await;
    assert_eq!(server.event(json!({ "type": "device_registered" })).await, 200);
    (astarte, services, server)
}

/// Where a device is and what that place is called is found out together, and once.
#[tokio::test]
async fn position_and_location_share_what_is_known() {
    let found = json!({ "location": { "lat": 45.4, "lng": 11.9 }, "accuracy": 12.5 });
    let address = json!({ "results": [{ "formatted_address": "Padova" }] });
    let ok = |body: &Value| ResponseTemplate::new(200).set_body_json(body);
    let (astarte, services, server) = located(ok(&found), ok(&address)).await;
    let answer = server.query(PLACES).await;
    let seen = "2026-01-02T03:04:05.120Z";
    assert_eq!(
        answer["data"]["devices"]["edges"][0]["node"],
        json!({
            "position": {
                "latitude": 45.4, "longitude": 11.9, "accuracy": 12.5, "altitude": null, "timestamp": seen,
            },
            "again": { "latitude": 45.4 },
            "location": { "formattedAddress": "Padova", "timestamp": seen },
        }),
        "{answer}"
    );
    let asked = services.received_requests().await.unwrap();
    let paths: Vec<_> = asked.iter().map(|request| request.url.path()).collect();
    assert_eq!(paths, ["/wifi", "/geo"]);
    let scans = astarte.received_requests().await.unwrap();
    let scans = scans
        .iter()
        .filter(|it| it.url.path().contains(&format!("{DEVICE}/interfaces/io.edgehog.devicemanager.WiFi")));
    assert_eq!(scans.count(), 1);
}

/// Whoever does not know where a device is says nothing, without an error.
#[tokio::test]
async fn unknown_places_are_null() {
    let found = json!({ "location": { "lat": 45.4, "lng": 11.9 } });
    let nothing = || ResponseTemplate::new(500);
    let (_astarte, _services, server) = located(nothing(), nothing()).await;
    let nowhere = json!({ "position": null, "again": null, "location": null });
    let answer = server.query(PLACES).await;
    assert_eq!(answer, json!({ "data": { "devices": { "edges": [{ "node": nowhere }] } } }));
    let (_astarte, _services, server) = located(
        ResponseTemplate::new(200).set_body_json(found),
        ResponseTemplate::new(200).set_body_string("<>"),
    )
    .await;
    let answer = server.query(PLACES).await;
    let device = &answer["data"]["devices"]["edges"][0]["node"];
    assert_eq!(
        (&device["again"], &device["location"]),
        (&json!({ "latitude": 45.4 }), &Value::Null),
        "{answer}"
    );
    assert!(answer.get("errors").is_none(), "{answer}");
}
