//! The limit: axum, the same bytes, and nothing else.

use std::net::SocketAddr;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::Failure;

/// Serves the same 1,024 bytes at every address that the bench site has, the same way (`cloakroom::serve`).
pub(crate) async fn serve(addr: SocketAddr) -> Result<(), Failure> {
    let listener = TcpListener::bind(addr).await?;
    let app = Router::new().route("/", get(page)).route("/profile/", get(page)).route("/count/", get(page));
    cloakroom::serve(listener, app, cloakroom::end_signal()).await;
    Ok(())
}

async fn page() -> Html<String> {
    let mut page = String::with_capacity(1_024);
    page.push_str("<!doctype html><html lang=\"en\"><title>Benchmark</title><p>You are alice.</p><!--");
    page.extend(std::iter::repeat_n('.', 1_014 - page.len()));
    page.push_str("--></html>");
    Html(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_page_has_the_size_of_all() {
        assert_eq!(page().await.0.len(), 1_024);
    }
}
