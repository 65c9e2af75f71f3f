//! What is counted, and that everybody who names a metric names the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use serde_json::{Value, json};

use crate::processes::Site;
use crate::{DEVICE, Server};

/// The kinds of all metrics that are described, by their names.
#[derive(Default)]
struct Described(Mutex<BTreeMap<String, &'static str>>);

impl Described {
    fn all() -> BTreeMap<String, &'static str> {
        let described = Self::default();
        metrics::with_local_recorder(&described, edgehog_server::describe_metrics);
        described.0.into_inner().unwrap()
    }

    fn add(&self, name: &KeyName, kind: &'static str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(all.insert(name.as_str().to_owned(), kind), None, "{name:?} is described twice");
    }
}

impl Recorder for Described {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.add(&name, "counter");
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.add(&name, "gauge");
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.add(&name, "histogram");
    }

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// The words of a text that begin as our metrics do.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    words.filter(|word| word.starts_with("edgehog_")).collect()
}

/// The dashboard, the alerts and the manual speak of metrics that there are, as what they are; and the manual of all.
#[test]
fn what_is_written_of_metrics_is_true() {
    let described = Described::all();
    let is_series = |name: &str| {
        let parts = ["_bucket", "_sum", "_count"];
        match parts.iter().find_map(|part| name.strip_suffix(part)) {
            Some(family) if described.get(family) == Some(&"histogram") => true,
            _ => described.get(name).is_some_and(|kind| *kind != "histogram"),
        }
    };
    let dashboard = include_str!("../../../deploy/grafana/edgehog.json");
    serde_json::from_str::<Value>(dashboard).unwrap();
    for (file, text) in
        [("dashboard", dashboard), ("alerts", include_str!("../../../deploy/prometheus/alerts.yaml"))]
    {
        let names = names(text);
        assert!(names.len() > 5, "{file}");
        for name in names {
            assert!(is_series(name), "{file}: {name}");
        }
    }
    let manual = include_str!("../../../docs/operating.md");
    let documented: BTreeMap<_, _> = (manual.lines())
        .filter_map(|line| line.strip_prefix("| `edgehog_")?.split_once("` | "))
        .map(|(name, rest)| (format!("edgehog_{name}"), rest.split(' ').next().unwrap()))
        .collect();
    assert_eq!(documented, described);
}

/// A name says what is counted in which unit.
#[test]
fn names_have_units() {
    for (name, kind) in Described::all() {
        assert!(name.starts_with("edgehog_"), "{name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
        if kind == "histogram" {
            assert!(name.ends_with("_seconds") || name.ends_with("_events"), "{name}");
        }
    }
}

/// A server that records nothing has nothing to tell; whoever embeds it may give it what to tell.
#[tokio::test]
async fn an_endpoint_installs_no_recorder() {
    let server = Server::start().await;
    let answer = server.http.get(format!("{}/metrics", server.url)).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(
        answer.json::<Value>().await.unwrap(),
        json!({ "errors": { "detail": "Service Unavailable" } })
    );
    let metrics = edgehog_server::Metrics::rendered_by(|| "mine 1\n".to_owned());
    let settings = edgehog_server::Settings::default().metrics(metrics);
    let server = Server::with_settings("http://127.0.0.1:9", settings).await;
    let answer = server.http.get(format!("{}/metrics/", server.url)).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "mine 1\n");
}

/// After some traffic each family of it is there, told by route and never by path; nothing is told that is not described.
#[tokio::test]
async fn traffic_is_counted() {
    let site = Site::new().await;
    let process = site.serve().await;
    process.run("{ devices { count } tenantInfo { slug } }", json!({})).await;
    let event = json!({
        "device_id": DEVICE, "timestamp": "2026-01-02T03:04:05.678Z", "event": { "type": "device_connected" },
    });
    let events = process.url("/tenants/plant-one/triggers");
    let post =
        |realm: &str| process.http.post(&events).header("Astarte-Realm", realm).body(event.to_string());
    assert_eq!(post("plantone").send().await.unwrap().status(), 200);
    assert_eq!(post("another").send().await.unwrap().status(), 404);
    for path in ["/nowhere/at-all", "/tenants/no-such-tenant/api", "/tenants/plant-one/api"] {
        process.http.get(process.url(path)).send().await.unwrap();
    }
    let refused = process.run_or_not("{ made_up }").await;
    assert!(refused["errors"].is_array());
    let _subscription = process.watch("subscription { deviceGroup { created { name } } }").await;

    let answer = process.http.get(process.url("/metrics")).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
    let text = answer.text().await.unwrap();
    for line in [
        r#"edgehog_build_info{version="0.1.0"} 1"#,
        r#"edgehog_http_requests_total{method="POST",route="/tenants/:slug/api",status="200"} 3"#,
        r#"edgehog_http_requests_total{method="POST",route="/tenants/:slug/triggers",status="404"} 1"#,
        r#"edgehog_http_requests_total{method="GET",route="none",status="404"} 1"#,
        r#"edgehog_http_requests_total{method="GET",route="/tenants/:slug/api",status="403"} 1"#,
        r#"edgehog_http_request_seconds_bucket{method="GET",route="/tenants/:slug/api",status="401",le="+Inf"} 1"#,
        "edgehog_http_requests_in_flight 0",
        r#"edgehog_graphql_operation_seconds_count{kind="query",field="devices"} 1"#,
        r#"edgehog_graphql_refusals_total{reason="invalid"} 1"#,
        r#"edgehog_trigger_events_total{kind="device_connected",status="200"} 1"#,
        r#"edgehog_trigger_events_total{kind="device_connected",status="404"} 1"#,
        r#"edgehog_tenant_events_total{tenant="plant-one"} 2"#,
        "edgehog_ingest_batch_events_sum 1",
        r#"edgehog_tenant_lookups_total{found="unknown"} 1"#,
        "edgehog_subscriptions_open 1",
        "edgehog_sql_connections_limit 10",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
    }
    for family in [
        "edgehog_sql_begin_seconds_bucket{kind=\"tenant\",",
        "edgehog_sql_transaction_seconds_bucket{kind=\"registry\",outcome=\"commit\",",
        "edgehog_sql_connections{state=\"idle\"}",
        "edgehog_astarte_call_seconds_bucket{api=\"appengine\",method=\"GET\",outcome=\"unreachable\",",
        "process_start_time_seconds",
        "process_resident_memory_bytes",
    ] {
        assert!(text.lines().any(|it| it.starts_with(family)), "{family} is not in\n{text}");
    }
    for secret in [DEVICE, "no-such-tenant", "at-all"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let kinds: BTreeSet<_> = text.lines().filter_map(|line| line.strip_prefix("# HELP ")).collect();
    for line in text.lines().filter(|line| line.starts_with("# TYPE ")) {
        let name = line.split(' ').nth(2).unwrap();
        assert!(kinds.iter().any(|help| help.split(' ').next() == Some(name)), "{name} has no description");
    }
}
