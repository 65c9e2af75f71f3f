//! Traces on their way to a collector.

use serde_json::json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::processes::{PATIENCE, Site};

/// The span of a request reaches the collector, as a part of its client's trace.
#[tokio::test]
async fn a_request_is_traced() {
    const TRACE: [u8; 16] = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes();
    const PARENT: [u8; 8] = 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes();
    let collector = MockServer::start().await;
    let export = Mock::given(method("POST")).and(path("/v1/traces"));
    export.respond_with(ResponseTemplate::new(200)).mount(&collector).await;
    let site = Site::new().await;
    let process = site
        .serve_with(|command| {
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.uri()).env("OTEL_BSP_SCHEDULE_DELAY", "50")
        })
        .await;
    let request = process.request().json(&json!({ "query": "{ tenantInfo { slug } }" }));
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    assert_eq!(request.header("traceparent", parent).send().await.unwrap().status(), 200);
    let contains = |body: &[u8], part: &[u8]| body.windows(part.len()).any(|window| window == part);
    let exported = async {
        loop {
            let requests = collector.received_requests().await.unwrap();
            if requests.iter().any(|it| {
                [&TRACE[..], &PARENT, b"request", b"/tenants/:slug/api", b"edgehog-server"]
                    .iter()
                    .all(|part| contains(&it.body, part))
            }) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, exported).await.unwrap();
}
