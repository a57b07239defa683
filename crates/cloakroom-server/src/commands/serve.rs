//! `cloakroom serve`: the site on a socket.

use cloakroom::db::users;
use cloakroom::settings::{SecretKeySource, Settings};
use cloakroom::{Cloakroom, end_signal};
use cloakroom_site::check_settings;
use cloakroom_site::prelude::*;
use cloakroom_site::setup::SetupLink;
use tokio::net::TcpListener;

use super::CommandError;
use crate::cli::ServeArgs;
use crate::telemetry;
use crate::terminal::Terminal;

/// Serves until SIGTERM or SIGINT, then lets requests in flight end.
///
/// The address is taken before anything is written, so a taken port leaves the folder as it was.
///
/// # Errors
///
/// Settings, address, key file or database, each with what to do.
pub async fn run(settings: Settings, args: &ServeArgs, terminal: &mut dyn Terminal) -> Result<(), CommandError> {
    let listen = |source| CommandError::Listen { addr: args.addr, source };
    let listener = TcpListener::bind(args.addr).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let metrics = match settings.metrics_addr {
        Some(addr) => {
            Some(telemetry::Metrics::bind(addr).await.map_err(|source| CommandError::Listen { addr, source })?)
        }
        None => None,
    };
    check_settings(&settings)?;
    // From here on a signal ends it well.
    let end = end_signal();
    let site = Cloakroom::builder().settings(settings).build().await?;
    let accounts = site.account_pages()?;
    let report = site
        .migrate(&mut |step| {
            tracing::debug!("{}", super::migrate::describe(step));
        })
        .await?;
    users::check(site.db()).await?;
    for made in site.create_permissions().await? {
        tracing::debug!("{}", super::migrate::describe_model(&made));
    }
    if report.applied > 0 {
        tracing::info!(migrations = report.applied, permissions = report.permissions, "Django's tables were made");
    }

    let filling = tokio::spawn(fill_index(site.clone()));
    let setup = match site.auth().has_superuser().await? {
        true => None,
        false => Some(SetupLink::new(&accounts, &**site.random(), site.clock().now())),
    };
    let url = format!("http://{address}");
    terminal.say(&format!("\x1b[1mCloakroom\x1b[0m serves {url}/  (Ctrl-C ends it)"));
    if site.settings().debug {
        terminal.say(&format!(
            "\x1b[33mDEBUG is on.\x1b[0m Who you are, and why, is told at \x1b[36m{url}{}\x1b[0m",
            cloakroom_site::panel::PATH
        ));
    }
    if let Some(metrics) = metrics {
        terminal.say(&format!("Metrics are at {}", metrics.url()));
        metrics.serve();
    }
    if site.secret_key_source() == SecretKeySource::NewFile {
        terminal.say(&format!(
            "A secret key was made in {}; keep it, and give it to nobody.",
            site.settings().secret_key_file
        ));
    }
    if let Some(link) = &setup {
        terminal.say(&format!(
            "Nobody can administer this site yet. Make the first superuser here, within an hour, once:\n  \
             \x1b[36m{url}{}\x1b[0m\nor run `cloakroom createsuperuser`.",
            link.path()
        ));
    }
    let app = cloakroom_site::server(&site, &accounts, setup.as_ref());
    cloakroom::serve(listener, app, end).await;
    filling.abort();
    site.close().await;
    terminal.say("Ended.");
    Ok(())
}

/// Enters the sessions of a database that Django made into the index, once, beside the requests (D13). Until that is done
/// a list of sessions reads all of them.
async fn fill_index(site: Cloakroom) {
    let sessions = site.sessions();
    let done = match sessions.needs_backfill().await {
        Ok(true) => sessions.backfill(&mut |_| {}).await,
        Ok(false) => return,
        Err(e) => Err(e),
    };
    match done {
        Ok(done) => {
            tracing::info!(sessions = done.sessions, signed_in = done.signed_in, "the index of sessions is filled")
        }
        Err(e) => tracing::warn!(
            error = &e as &(dyn std::error::Error + 'static),
            "the index of sessions is not filled; the next start or `cloakroom sessions backfill` tries again"
        ),
    }
}
