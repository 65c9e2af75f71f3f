use std::sync::Arc;

use edgehog_astarte::{DeviceStatus, HttpConfig};
use edgehog_engine::sdk::{Device, Timestamp};
use edgehog_engine::{
    DeviceSensors, GeocodingProvider, Geolocation, GeolocationError, GeolocationProvider, GoogleGeocoding,
    GoogleWifi, Ipbase, Position, ServiceError,
};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::fake_astarte::FakeAstarte;

const SEEN: &str = "2026-01-02T03:04:05.120Z";

async fn service(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

fn json_answer(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

fn http() -> reqwest::Client {
    HttpConfig::default().build_client().unwrap()
}

fn google(server: &MockServer) -> GoogleWifi {
    GoogleWifi::new(http(), "secret key".into()).endpoint(format!("{}/wifi", server.uri()).parse().unwrap())
}

fn ipbase(server: &MockServer) -> Ipbase {
    Ipbase::new(http(), "secret key".into()).endpoint(format!("{}/info", server.uri()).parse().unwrap())
}

fn geocoding(server: &MockServer) -> GoogleGeocoding {
    GoogleGeocoding::new(http(), "secret key".into())
        .endpoint(format!("{}/geo", server.uri()).parse().unwrap())
}

/// Method, path and query of what the service was asked.
async fn urls(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    let shown = requests.iter().map(|request| {
        let (path, query) = (request.url.path(), request.url.query().unwrap_or_default());
        format!("{} {path}?{query}", request.method)
    });
    shown.collect()
}

fn scanning() -> (Arc<FakeAstarte>, Device) {
    let scan = json!({"ap": [
        {"channel": 11, "essid": "home", "macAddress": "01:23:45:67:89:ab", "rssi": -43, "timestamp": SEEN},
        {"channel": 6, "essid": "", "macAddress": "01:23:45:67:89:ac", "rssi": -70, "timestamp": SEEN},
        {"macAddress": "01:23:45:67:89:ab", "timestamp": "2026-01-02T03:04:01.000Z"},
        {"channel": 1, "macAddress": "01:23:45:67:89:ad", "rssi": -1, "timestamp": "2026-01-02T03:04:00.999Z"},
    ]});
    FakeAstarte::with([("WiFiScanResults", scan)]).device()
}

fn connected(ip: Option<&str>) -> (Arc<FakeAstarte>, Device) {
    let mut status = DeviceStatus::new("d1".parse().unwrap());
    status.last_seen_ip = ip.map(str::to_owned);
    status.last_connection = Timestamp::parse(SEEN).map(Into::into);
    FakeAstarte::default().status(status).device()
}

fn position(latitude: f64, longitude: f64) -> Position {
    Position::new(latitude, longitude, Timestamp::parse(SEEN).unwrap())
}

/// Everything but the source's wording.
fn place(position: &Position) -> (f64, f64, Option<f64>, String) {
    assert!(position.source.is_some());
    let Position { altitude, altitude_accuracy, heading, speed, .. } = position;
    assert_eq!([altitude, altitude_accuracy, heading, speed], [&None; 4]);
    (position.latitude, position.longitude, position.accuracy, position.timestamp.to_string())
}

/// A sensor's sample is copied whole, but for what it does not know.
#[tokio::test]
async fn sensors() {
    let sample = json!({
        "latitude": 45, "longitude": 11.5, "altitude": f64::MIN, "accuracy": 10, "altitudeAccuracy": 11,
        "heading": -1, "speed": 3, "timestamp": SEEN,
    });
    let lost = json!({"latitude": null, "longitude": 1, "accuracy": 1, "timestamp": SEEN});
    let timeless = json!({"latitude": 1, "longitude": 1, "accuracy": 1});
    let (_, device) =
        FakeAstarte::with([("Geolocation", json!({"c": sample, "a": lost, "b": timeless}))]).device();
    let position = DeviceSensors.locate(&device).await.unwrap().unwrap();
    assert_eq!((position.latitude, position.longitude, position.accuracy), (45.0, 11.5, Some(10.0)));
    assert_eq!((position.altitude, position.altitude_accuracy), (None, Some(11.0)));
    assert_eq!((position.heading, position.speed), (None, Some(3.0)));
    assert_eq!(position.timestamp.to_string(), SEEN);
    assert!(position.source.unwrap().contains('c'));
}

/// What a device does not have is no failure; what cannot be read is.
#[tokio::test]
async fn absence_and_failure() {
    let server = service(json_answer(200, &json!({}))).await;
    let providers: [Box<dyn GeolocationProvider>; 3] =
        [Box::new(DeviceSensors), Box::new(google(&server)), Box::new(ipbase(&server))];
    for provider in providers {
        let (_, absent) = FakeAstarte::default().device();
        assert_eq!(provider.locate(&absent).await.unwrap(), None, "{provider:?}");
        let (_, failing) = FakeAstarte::failing(500).device();
        let failure = provider.locate(&failing).await;
        assert!(matches!(failure, Err(GeolocationError::Device(_))), "{failure:?}");
    }
    assert_eq!(urls(&server).await, [""; 0]);
}

/// The whole scan goes to Google, repeated access points and hidden networks too; older scans do not.
#[tokio::test]
async fn google_is_asked_for_the_newest_scan() {
    let answer = json!({"location": {"lat": 45.5, "lng": -11}, "accuracy": 20});
    let server = service(json_answer(200, &answer)).await;
    let (_, device) = scanning();
    let found = google(&server).locate(&device).await.unwrap().unwrap();
    assert_eq!(place(&found), (45.5, -11.0, Some(20.0), SEEN.to_owned()));
    assert_eq!(urls(&server).await, ["POST /wifi?key=secret+key"]);
    let mut body: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
    for access_point in body["wifiAccessPoints"].as_array_mut().unwrap() {
        let age = access_point["age"].take();
        assert!(age.is_u64(), "{age}");
        access_point["age"] = json!("[milliseconds]");
    }
    insta::assert_json_snapshot!(body);
}

/// Position by a body alone, whatever the status; other bodies are none.
#[tokio::test]
async fn answers_of_google() {
    for (status, body, outcome) in [
        (200, json!({"location": {"lat": 1, "lng": 2}}), Ok(Some(None))),
        (200, json!({"location": {"lat": 1, "lng": 2}, "accuracy": "far"}), Ok(Some(None))),
        (500, json!({"location": {"lat": 1, "lng": 2}, "accuracy": 3.5}), Ok(Some(Some(3.5)))),
        (200, json!({"location": {"lat": "1", "lng": 2}}), Ok(None)),
        (200, json!({"location": {"lat": 1}, "accuracy": 3}), Ok(None)),
        (200, json!([]), Ok(None)),
        (200, json!(null), Ok(None)),
        (404, json!({"error": {"code": 404}}), Ok(None)),
        (403, json!({"error": {"code": 403}}), Err(403)),
    ] {
        let server = service(json_answer(status, &body)).await;
        let (_, device) = scanning();
        let found = google(&server).locate(&device).await;
        let found = found.map(|found| found.map(|found| found.accuracy)).map_err(|error| match error {
            GeolocationError::Service(ServiceError::Status(status)) => status,
            error => panic!("{error:?}"),
        });
        assert_eq!(found, outcome, "{status} {body}");
    }
}

/// The last address is looked up; the time is that of the device's last sign.
#[tokio::test]
async fn ipbase_is_asked_for_the_last_address() {
    let location =
        json!({"latitude": 45.5, "longitude": 11, "city": null, "country": null, "region": {"name": 5}});
    let server = service(json_answer(200, &json!({"data": {"location": location}}))).await;
    let (astarte, device) = connected(Some("2001:db8::1"));
    let found = ipbase(&server).locate(&device).await.unwrap().unwrap();
    assert_eq!(place(&found), (45.5, 11.0, None, SEEN.to_owned()));
    assert_eq!(urls(&server).await, ["GET /info?apikey=secret+key&ip=2001%3Adb8%3A%3A1"]);
    assert_eq!(astarte.requests(), ["status"]);
}

/// Without an address, or coordinates that are numbers, there is no position.
#[tokio::test]
async fn ipbase_does_not_know() {
    for body in [
        json!({}),
        json!({"data": null}),
        json!({"data": {"location": null}}),
        json!({"data": {"location": {"latitude": 1, "longitude": null}}}),
        json!({"data": {"location": {"latitude": "1", "longitude": "2"}}}),
    ] {
        let server = service(json_answer(200, &body)).await;
        let (_, device) = connected(Some("192.0.2.1"));
        assert_eq!(ipbase(&server).locate(&device).await.unwrap(), None, "{body}");
    }
    let server = service(json_answer(200, &json!({}))).await;
    for ip in [None, Some("")] {
        let (_, device) = connected(ip);
        assert_eq!(ipbase(&server).locate(&device).await.unwrap(), None);
    }
    assert_eq!(urls(&server).await, [""; 0]);
}

/// The first result's address, at the time of the position.
#[tokio::test]
async fn geocoding_takes_the_first_address() {
    let results = json!([{"formatted_address": "1 Road, Town"}, {"formatted_address": "Town"}]);
    let server = service(json_answer(200, &json!({"results": results, "status": "OK"}))).await;
    let location = geocoding(&server).geocode(&position(45.5, -0.000_000_1)).await.unwrap().unwrap();
    assert_eq!(location.formatted_address, "1 Road, Town");
    assert_eq!(location.timestamp.to_string(), SEEN);
    assert!(location.source.is_some());
    assert_eq!(urls(&server).await, ["GET /geo?key=secret+key&latlng=45.5%2C-0.0000001"]);
}

/// Odd answers are no address; a refusal is told by its name.
#[tokio::test]
async fn geocoding_finds_nothing() {
    for (body, refusal) in [
        (json!({}), None),
        (json!({"results": []}), None),
        (json!({"results": [], "status": "ZERO_RESULTS"}), None),
        (json!({"results": {}, "status": "OK"}), None),
        (json!({"results": [{}], "status": "OK"}), None),
        (json!({"results": [{}, {"formatted_address": "Town"}], "status": "OK"}), None),
        (json!({"results": [{"formatted_address": null}], "status": "secret key"}), None),
        (json!({"results": [], "status": "REQUEST_DENIED"}), Some("REQUEST_DENIED")),
    ] {
        let server = service(json_answer(200, &body)).await;
        let found = geocoding(&server).geocode(&position(1.0, 2.0)).await;
        match (found, refusal) {
            (Ok(None), None) => {}
            (Err(GeolocationError::Service(ServiceError::Refused(found))), Some(refusal)) => {
                assert_eq!(found, refusal);
            }
            (found, _) => panic!("{body}: {found:?}"),
        }
    }
}

/// The same question costs one call, whoever asks it and however often, at the same time too; failures wait as well.
#[tokio::test]
async fn questions_are_asked_once() {
    let known = json!({
        "location": {"lat": 1, "lng": 2},
        "data": {"location": {"latitude": 1, "longitude": 2}},
        "results": [{"formatted_address": "Town"}],
    });
    for (status, body) in [(200, &known), (503, &json!({}))] {
        let server = service(json_answer(status, body)).await;
        let chain = Geolocation::builder()
            .locate_with(google(&server))
            .locate_with(ipbase(&server))
            .geocode_with(geocoding(&server))
            .build();
        let home = position(1.0, 2.0);
        for _ in 0..2 {
            let devices = [scanning().1, scanning().1, connected(Some("192.0.2.1")).1];
            futures::future::join_all(devices.iter().map(|device| chain.position(device))).await;
            futures::future::join(chain.location(&home), chain.location(&home)).await;
        }
        assert_eq!(urls(&server).await.len(), 3, "{body}");
        // Another address is another question.
        chain.position(&connected(Some("192.0.2.2")).1).await;
        assert_eq!(urls(&server).await.len(), 4, "{body}");
    }
}

/// What is remembered is the place alone: each device has the time at which it was there.
#[tokio::test]
async fn times_are_not_remembered() {
    let server = service(json_answer(200, &json!({"results": [{"formatted_address": "Town"}]}))).await;
    let geocoding = geocoding(&server);
    for second in ["05.1", "06.2"] {
        let time = format!("2026-01-02T03:04:{second}Z");
        let position = Position::new(1.0, 2.0, Timestamp::parse(&time).unwrap());
        let location = geocoding.geocode(&position).await.unwrap().unwrap();
        assert_eq!(location.timestamp.to_string(), time);
    }
    assert_eq!(urls(&server).await.len(), 1);
}

/// The first provider that knows wins, and those after it are not asked; failing ones are passed over.
#[tokio::test]
async fn providers_are_tried_in_order() {
    let broken = service(ResponseTemplate::new(200).set_body_string("<html>")).await;
    let knows = service(json_answer(200, &json!({"location": {"lat": 1, "lng": 2}}))).await;
    let unasked = service(json_answer(200, &json!({"location": {"lat": 8, "lng": 9}}))).await;
    let chain = Geolocation::builder()
        .locate_with(DeviceSensors)
        .locate_with(google(&broken))
        .locate_with(google(&knows))
        .locate_with(google(&unasked))
        .build();
    let found = chain.position(&scanning().1).await.unwrap();
    assert_eq!((found.latitude, found.longitude), (1.0, 2.0));
    assert_eq!(urls(&broken).await.len(), 1);
    assert_eq!(urls(&unasked).await, [""; 0]);
}

/// Nobody knows, or nobody is there to be asked.
#[tokio::test]
async fn no_position_and_no_location() {
    let broken = service(ResponseTemplate::new(200).set_body_string("<html>")).await;
    let chain = Geolocation::builder().locate_with(google(&broken)).geocode_with(geocoding(&broken)).build();
    for chain in [chain, Geolocation::default()] {
        assert_eq!(chain.position(&scanning().1).await, None);
        assert_eq!(chain.location(&position(1.0, 2.0)).await, None);
    }
}
