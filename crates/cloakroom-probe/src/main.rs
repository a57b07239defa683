//! The site and the probe routes of the conformance contract; and the golden vectors.

mod routes;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use cloakroom::db::migrations;
use cloakroom::settings::{RawSettings, Settings};
use cloakroom::{Cloakroom, end_signal};
use cloakroom_probe::vectors;
use cloakroom_site::prelude::*;
use tokio::net::TcpListener;

/// Answers like the reference site, for the differential runner.
#[derive(Debug, Parser)]
#[command(
    name = "cloakroom-probe",
    version,
    after_help = "\
Examples:
  cloakroom-probe --addr 127.0.0.1:8001
  cloakroom-probe vectors crates/cloakroom-probe/vectors"
)]
struct Cli {
    /// Listen on this address and port
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8000")]
    addr: SocketAddr,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check every golden vector of a folder
    Vectors {
        /// The folder
        dir: PathBuf,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Some(Command::Vectors { dir }) => return check_vectors(&dir),
        None => serve(cli.addr),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => fail(&e.to_string()),
    }
}

fn check_vectors(dir: &std::path::Path) -> ExitCode {
    match vectors::check_dir(dir, &mut std::io::stdout().lock()) {
        Ok(tally) if tally.failed == 0 && tally.passed > 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(e) => fail(&format!("{}: {e}", dir.display())),
    }
}

fn fail(message: &str) -> ExitCode {
    writeln!(std::io::stderr(), "error: {message}").ok();
    ExitCode::FAILURE
}

#[tokio::main]
async fn serve(addr: SocketAddr) -> Result<(), Box<dyn std::error::Error>> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let listener = TcpListener::bind(addr).await?;
    let address = listener.local_addr()?;
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut raw = RawSettings::read(None, variables)?;
    // Django has no throttle, and scenarios guess a lot; the reference's pages show no messages.
    for name in ["THROTTLE", "SHOW_MESSAGES"] {
        if !raw.contains(name) {
            raw.set(name, false)?;
        }
    }
    let settings = Settings::parse(&raw)?;
    let site = Cloakroom::builder().settings(settings).build().await?;
    migrations::migrate(site.db(), site.clock().now(), &mut |_| {}).await?;
    let accounts = site.account_pages()?;
    let routes = cloakroom_site::routes(&accounts, None).merge(routes::router());
    let app = cloakroom_site::finish(routes, &accounts, routes::exempt(site.layer()));
    writeln!(std::io::stdout(), "listening on http://{address}")?;
    cloakroom::serve(listener, app, end_signal()).await;
    site.close().await;
    Ok(())
}
