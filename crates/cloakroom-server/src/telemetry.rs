//! Logs: lines for people on a terminal, JSON where `LOG_FORMAT=json`, levels by `RUST_LOG`. Metrics for Prometheus, where
//! `METRICS_ADDR` says so.

use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use cloakroom::auth::metrics;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

/// How often what was counted is put together when nobody asks.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Starts logging to standard error. A second call changes nothing.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match std::env::var("LOG_FORMAT").as_deref() {
        Ok("json") => builder.json().try_init(),
        _ => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
    // Only a test harness that logs already gets here twice, and its logger does.
    started.ok();
}

/// `GET /metrics` on an address of its own, so that it is never on the site's: counts tell a stranger how a site is doing.
#[derive(Debug)]
pub struct Metrics {
    listener: TcpListener,
    address: SocketAddr,
}

impl Metrics {
    /// Takes the address. Nothing is counted yet.
    ///
    /// # Errors
    ///
    /// What the system says of the address.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self { address: listener.local_addr()?, listener })
    }

    /// Where it answers.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/metrics", self.address)
    }

    /// Counts from now on, and answers until the process ends. A recorder that is there already stays, and nothing is
    /// served.
    pub fn serve(self) {
        let handle = match PrometheusBuilder::new().install_recorder() {
            Ok(handle) => handle,
            Err(error) => {
                tracing::warn!(%error, "metrics are recorded elsewhere already");
                return;
            }
        };
        metrics::describe();
        let upkeep = handle.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(UPKEEP_EVERY).await;
                upkeep.run_upkeep();
            }
        });
        tokio::spawn(cloakroom::serve(self.listener, router(handle), std::future::pending()));
    }
}

fn router(handle: PrometheusHandle) -> Router {
    let page = async move || ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render());
    Router::new().route("/metrics", get(page))
}
