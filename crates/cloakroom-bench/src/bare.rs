//! The limit: axum, the same pages, and nothing else.

use std::net::SocketAddr;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::Failure;
use crate::page::page;

/// Serves the pages of the bench site to anybody, the same way (`cloakroom::serve`).
pub(crate) async fn serve(addr: SocketAddr) -> Result<(), Failure> {
    let listener = TcpListener::bind(addr).await?;
    let app = Router::new().route("/", get(home)).route("/profile/", get(profile)).route("/count/", get(count));
    cloakroom::serve(listener, app, cloakroom::end_signal()).await;
    Ok(())
}

async fn home() -> Html<String> {
    page("Welcome.")
}

async fn profile() -> Html<String> {
    page(&format!("You are {}.", "alice"))
}

async fn count() -> Html<String> {
    page(&format!("You have been here {} times.", 1))
}
