//! The limit: axum, the same pages, and nothing else.

use std::hint::black_box;
use std::net::SocketAddr;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::Failure;
use crate::page::page;

/// Serves the pages of the bench site to anybody, as axum does (`axum::serve`), or as Cloakroom does.
pub(crate) async fn serve(addr: SocketAddr, by_cloakroom: bool) -> Result<(), Failure> {
    let listener = TcpListener::bind(addr).await?;
    let app = Router::new().route("/", get(home)).route("/profile/", get(profile)).route("/count/", get(count));
    let end = cloakroom::end_signal();
    if by_cloakroom {
        cloakroom::serve(listener, app, end).await;
    } else {
        axum::serve(listener, app).with_graceful_shutdown(end).await?;
    }
    Ok(())
}

async fn home() -> Html<String> {
    page("Welcome.")
}

async fn profile() -> Html<String> {
    // Known when the program runs, as on the other servers.
    page(&format!("You are {}.", black_box("alice")))
}

async fn count() -> Html<String> {
    page(&format!("You have been here {} times.", black_box(1)))
}
