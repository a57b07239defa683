//! A small application, written on the library as its users write one, for benchmarks.
//!
//! `GET /` needs no session, `GET /profile/` names the signed-in user, `GET /count/` counts in the session, `POST /login/` is the
//! stock view. Each GET answers HTML of exactly 1,024 bytes, so that answers differ in what they need and not in size.

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

/// The bytes of every page.
const SIZE: usize = 1_024;

const END: &str = "--></html>";

const PADDING: &str = match std::str::from_utf8(&[b'.'; SIZE]) {
    Ok(text) => text,
    Err(_) => "",
};

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

/// A page of exactly [`SIZE`] bytes, as long as the text leaves room. Names hold no character that means something in HTML
/// (A10), but a row may have been written by anybody.
fn page(text: &str) -> Html<String> {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let mut page = String::with_capacity(SIZE);
    page.push_str("<!doctype html><html lang=\"en\"><title>Benchmark</title><p>");
    page.push_str(&text);
    page.push_str("</p><!--");
    page.push_str(&PADDING[..SIZE.saturating_sub(page.len() + END.len())]);
    page.push_str(END);
    Html(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_the_same_size() {
        for text in ["", "Welcome.", "You are Zoë.", &"x".repeat(150), "<script>"] {
            let Html(page) = page(text);
            assert_eq!(page.len(), SIZE, "{page}");
            assert!(!page.contains("<script"));
        }
    }
}
