//! Traces for a collector, by OTLP over HTTP: the spans of the log, continued from those of the client.
//!
//! The variables are those that OpenTelemetry gives to all programs: `OTEL_EXPORTER_OTLP_ENDPOINT` switches it on, and
//! `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER` and the others of their kind say how.

use std::sync::Arc;

use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{Status, TracerProvider};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use poem::http::{HeaderMap, StatusCode};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

/// The export of this process.
#[derive(Clone, Debug)]
pub struct Export(SdkTracerProvider);

impl Export {
    /// Begins to export, where the environment says where to. Must not be called on a thread of a runtime.
    ///
    /// # Errors
    ///
    /// [`ExporterBuildError`] where the environment makes no sense.
    pub fn from_env() -> Result<Option<Self>, ExporterBuildError> {
        let var = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let endpoint = var("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or(var("OTEL_EXPORTER_OTLP_ENDPOINT"));
        let disabled = var("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if endpoint.is_none() || disabled {
            return Ok(None);
        }
        let exporter = SpanExporter::builder().with_http().build()?;
        let mut resource = Resource::builder();
        if var("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name(env!("CARGO_PKG_NAME"));
        }
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter);
        Ok(Some(Self(provider.with_resource(resource.build()).build())))
    }

    /// The layer that sees the spans.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        tracing_opentelemetry::layer().with_tracer(self.0.tracer(env!("CARGO_PKG_NAME")))
    }

    /// Sends what is left. Blocks for as long as that takes, five seconds at most.
    ///
    /// # Errors
    ///
    /// [`OTelSdkError`] where the collector did not take it.
    pub fn finish(&self) -> Result<(), OTelSdkError> {
        self.0.shutdown()
    }
}

/// Makes a request's span a part of its client's trace.
pub(crate) fn adopt(span: &Span, headers: &HeaderMap) {
    let context = TraceContextPropagator::new().extract(&Headers(headers));
    // Without an export there is nothing to be a part of.
    let _ = span.set_parent(context);
}

/// Tells the trace what became of a request.
pub(crate) fn answered(span: &Span, route: Option<&Arc<str>>, status: StatusCode) {
    if let Some(route) = route {
        span.set_attribute("http.route", route.to_string());
    }
    span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.set_status(Status::error(""));
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}
