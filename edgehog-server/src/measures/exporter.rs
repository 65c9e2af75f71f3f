//! Metrics in the form that Prometheus reads.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};

/// How often what was timed is put into its buckets, where nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);

const SECONDS: [f64; 16] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
const EVENTS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Where `GET /metrics` finds what it tells.
#[derive(Clone)]
pub struct Metrics(Arc<dyn Fn() -> String + Send + Sync>);

/// Why there are no metrics.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// This process has a recorder already. Give [`Metrics::rendered_by`] what renders it.
    #[error("this process records its metrics elsewhere already")]
    Taken,
    /// The recorder cannot be made.
    #[error("the recorder cannot be made")]
    Recorder(#[from] BuildError),
}

impl Metrics {
    /// Records all metrics of this process from now on, its use of processors and memory too. Do it before anything else:
    /// what was made earlier may go on recording nowhere. Needs a Tokio runtime.
    ///
    /// # Errors
    ///
    /// [`MetricsError::Taken`] in a process that has a recorder.
    pub fn install() -> Result<Self, MetricsError> {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
            .set_buckets_for_metric(Matcher::Suffix("_events".to_owned()), &EVENTS)?
            .build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|_| MetricsError::Taken)?;
        super::describe_metrics();
        super::build_info();
        let process = metrics_process::Collector::default();
        process.describe();
        let upkeep = handle.clone();
        tokio::spawn(async move {
            let mut times = tokio::time::interval(UPKEEP);
            loop {
                times.tick().await;
                upkeep.run_upkeep();
            }
        });
        Ok(Self::rendered_by(move || {
            process.collect();
            handle.render()
        }))
    }

    /// For programs that have a recorder of their own: `render` gives all metrics in the text format of Prometheus. Such a
    /// program calls [`describe_metrics`](crate::describe_metrics) once its recorder is installed, and installs it before
    /// it makes the endpoint.
    pub fn rendered_by(render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(render))
    }

    pub(crate) fn render(&self) -> String {
        (self.0)()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
