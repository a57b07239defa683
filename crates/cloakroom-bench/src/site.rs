//! A small application, written on the library as its users write one, for benchmarks.
//!
//! `GET /` needs no session, `GET /profile/` names the signed-in user, `GET /count/` counts in the session, `POST /login/` is the
//! stock view. Each GET answers HTML of exactly 1,024 bytes, so that answers differ in what they need and not in size.

mod page;

use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use clap::Parser;
use cloakroom::prelude::*;
use cloakroom::{end_signal, serve};
use cloakroom_site::prelude::*;
use tokio::net::TcpListener;

use crate::page::page;

/// A small application for benchmarks. Settings come from `CLOAKROOM_*`, as everywhere.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8000")]
    addr: SocketAddr,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cli = Cli::parse();
    let listener = TcpListener::bind(cli.addr).await?;
    let end = end_signal();
    let cloakroom = Cloakroom::from_env().await?;
    let app = Router::new()
        .route("/", get(home))
        .route("/profile/", get(profile))
        .route("/count/", get(count))
        .route("/login/", cloakroom.account_pages()?.login())
        .layer(cloakroom.layer());
    serve(listener, app, end).await;
    cloakroom.close().await;
    Ok(())
}

async fn home() -> Html<String> {
    page("Welcome.")
}

async fn profile(user: User) -> Html<String> {
    page(&format!("You are {}.", user.username))
}

async fn count(session: Session) -> Result<Html<String>, GuardRejection> {
    let count = session.get::<u64>("count")?.unwrap_or(0) + 1;
    session.set("count", &count)?;
    Ok(page(&format!("You have been here {count} times.")))
}
