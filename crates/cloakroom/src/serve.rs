//! Serving an application over HTTP: header deadlines, header limits, graceful end.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use cloakroom_core::hosts::Scheme;
use cloakroom_web::Connection;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt as _;

/// How long a client may take to send a request's header.
const HEADER_DEADLINE: Duration = Duration::from_secs(15);

/// How long requests in flight may take once the server has been told to end.
const GRACE: Duration = Duration::from_secs(30);

/// Bytes of a request's line and headers together; more is answered 431.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// A runtime without a timer is woken by a call of the system for each that is set, such as the deadline of a write. So one
/// stands, and comes to its end before most others.
const STANDING_TIMER: Duration = Duration::from_secs(1);

/// After the operating system refused a connection (too many open files, say), accepting pauses this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `app` on `listener` until `end` completes, then lets requests in flight end, for up to 30 seconds.
///
/// Speaks HTTP/1.1 and HTTP/2 without TLS. A client that dawdles over its header is cut off after 15 seconds, one that
/// sends more than 64 KiB of it is answered 431. The client's address is in the request's extensions as
/// [`ConnectInfo`] and [`Connection`].
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
/// let app = axum::Router::new();
/// cloakroom::serve(listener, app, cloakroom::end_signal()).await;
/// # Ok(())
/// # }
/// ```
pub async fn serve(listener: TcpListener, app: Router, end: impl Future<Output = ()>) {
    // Otherwise each request puts all layers on its handler anew.
    let app = app.with_state(());
    let graceful = GracefulShutdown::new();
    let mut end = std::pin::pin!(end);
    let mut standing = tokio::time::interval(STANDING_TIMER);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => spawn_connection(stream, address, app.clone(), &graceful),
                Err(error) => pause_after(&error).await,
            },
            _ = standing.tick() => {}
            () = &mut end => break,
        }
    }
    drop(listener);
    if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
        tracing::warn!(seconds = GRACE.as_secs(), "requests in flight did not end in time and were cut off");
    }
}

/// Completes at the first SIGTERM or SIGINT (Ctrl-C), counted from this call on and not from the first poll.
///
/// # Panics
///
/// Outside of a Tokio runtime.
pub fn end_signal() -> impl Future<Output = ()> + Send {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let [mut terminate, mut interrupt] = [SignalKind::terminate(), SignalKind::interrupt()].map(|k| signal(k).ok());
        async move {
            tokio::select! {
                Some(_) = async { terminate.as_mut()?.recv().await } => {},
                Some(_) = async { interrupt.as_mut()?.recv().await } => {},
                else => std::future::pending().await,
            }
        }
    }
    #[cfg(not(unix))]
    async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn spawn_connection(stream: TcpStream, address: SocketAddr, app: Router, graceful: &GracefulShutdown) {
    // Small answers must not wait for an acknowledgement.
    stream.set_nodelay(true).ok();
    let facts = Connection { peer: Some(address), local: stream.local_addr().ok(), scheme: Scheme::Http };
    let service = service_fn(move |request: Request<Incoming>| {
        let app = app.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(address));
            request.extensions_mut().insert(facts);
            Ok::<_, Infallible>(match app.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            })
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_DEADLINE).max_buf_size(MAX_HEADER_BYTES);
    builder.http2().timer(TokioTimer::new()).max_header_list_size(MAX_HEADER_BYTES as u32);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error, "a connection ended early");
        }
    });
}

async fn pause_after(error: &io::Error) {
    let peer_gave_up = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset
    );
    if !peer_gave_up {
        tracing::error!(%error, "a connection could not be accepted");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    async fn site() -> (SocketAddr, tokio::sync::oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let slow = get(|| async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            "slow"
        });
        let app = Router::new().route("/", get(|| async { "hello" })).route("/slow", slow);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let end = async move {
            stopped.await.ok();
        };
        (address, stop, tokio::spawn(serve(listener, app, end)))
    }

    async fn talk(address: SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Requests in flight end; then the server does.
    #[tokio::test]
    async fn a_request_in_flight_ends_after_the_signal() {
        let (address, stop, server) = site().await;
        let request =
            tokio::spawn(
                async move { talk(address, b"GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await },
            );
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.send(()).unwrap();
        assert!(request.await.unwrap().ends_with("slow"));
        server.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    /// F04: a huge header is refused, not buffered.
    #[tokio::test]
    async fn an_oversized_header_is_431() {
        let (address, _stop, _server) = site().await;
        let cookie = "a".repeat(MAX_HEADER_BYTES + 1);
        let answer = talk(address, format!("GET / HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
}
