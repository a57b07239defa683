//! Serving an application over HTTP: header deadlines, header limits, graceful end.

mod deadline;
mod socket;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use cloakroom_core::hosts::Scheme;
use cloakroom_web::Connection;
use http::{Extensions, Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service as _;

use self::deadline::{Activity, Answering, CoarseClock, Deadline, SentBody};
use self::socket::Socket;

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
/// Speaks HTTP/1.1 and HTTP/2 without TLS. A client from which no whole header comes for 15 seconds is cut off (over
/// HTTP/2: no first one), one that sends more than 64 KiB of it is answered 431. The client's address is in the request's
/// extensions as [`ConnectInfo`] and [`Connection`].
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
    serve_within(HEADER_DEADLINE, listener, app, end).await;
}

async fn serve_within(deadline: Duration, listener: TcpListener, app: Router, end: impl Future<Output = ()>) {
    // Otherwise each request puts all layers on its handler anew.
    let app = app.with_state(());
    let graceful = GracefulShutdown::new();
    let clock = CoarseClock::start();
    let mut end = std::pin::pin!(end);
    let mut standing = tokio::time::interval(STANDING_TIMER);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    let limit = Limit { clock: clock.clone(), deadline };
                    spawn_connection(stream, address, app.clone(), &graceful, limit);
                }
                Err(error) => pause_after(&error).await,
            },
            _ = standing.tick() => clock.tick(),
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

/// How long a connection may wait for a header.
struct Limit {
    clock: CoarseClock,
    deadline: Duration,
}

fn spawn_connection(stream: TcpStream, address: SocketAddr, app: Router, graceful: &GracefulShutdown, limit: Limit) {
    // Small answers must not wait for an acknowledgement.
    stream.set_nodelay(true).ok();
    let facts = Connection { peer: Some(address), local: stream.local_addr().ok(), scheme: Scheme::Http };
    let activity = Activity::new(limit.clock);
    let visit = Visit { app, extensions: extensions(address, facts), activity: Arc::clone(&activity) };
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().max_buf_size(MAX_HEADER_BYTES);
    builder.http2().max_header_list_size(MAX_HEADER_BYTES as u32).enable_connect_protocol();
    let connection = builder.serve_connection_with_upgrades(Socket::new(stream), visit).into_owned();
    let connection = Deadline::new(graceful.watch(connection), activity, limit.deadline);
    tokio::spawn(async move {
        match connection.await {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::debug!(error, "a connection ended early"),
            None => tracing::debug!("a connection was cut off: no header came in time"),
        }
    });
}

/// What is known of a connection, in a map with room for what routers and layers add: the router what it matched, the layer
/// its context. A map that must grow on the way is built twice for each request.
fn extensions(address: SocketAddr, facts: Connection) -> Extensions {
    #[derive(Clone)]
    struct Room<const N: usize>;

    let mut extensions = Extensions::new();
    extensions.insert(Room::<0>);
    extensions.insert(Room::<1>);
    extensions.insert(Room::<2>);
    extensions.insert(ConnectInfo(address));
    extensions.insert(facts);
    extensions.remove::<Room<0>>();
    extensions.remove::<Room<1>>();
    extensions.remove::<Room<2>>();
    extensions
}

/// The application, as one connection sees it.
struct Visit {
    app: Router,
    /// What each request begins with.
    extensions: Extensions,
    activity: Arc<Activity>,
}

impl hyper::service::Service<Request<Incoming>> for Visit {
    type Response = Response<SentBody>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, mut request: Request<Incoming>) -> Answering {
        let under_way = self.activity.begin(request.version());
        request.extensions_mut().extend(self.extensions.clone());
        // A router is always ready.
        Answering::new(self.app.clone().call(request), under_way)
    }
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
        (address, stop, tokio::spawn(serve_within(Duration::from_secs(1), listener, app, end)))
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

    /// Seconds until the server closes a connection on which `sent` is all that comes.
    async fn cut_off_after(address: SocketAddr, sent: &[u8]) -> f32 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let began = std::time::Instant::now();
        tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut Vec::new())).await.unwrap().ok();
        began.elapsed().as_secs_f32()
    }

    /// F04: neither silence, nor half a header, nor rest after a request keeps a connection.
    #[tokio::test]
    async fn who_sends_no_header_is_cut_off() {
        let (address, _stop, _server) = site().await;
        let half = b"GET / HTTP/1.1\r\nHost: a\r\n";
        let whole = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for sent in [&b""[..], b"PRI * HTTP/2.0\r\n", half, whole] {
            let seconds = cut_off_after(address, sent).await;
            assert!((0.9..10.0).contains(&seconds), "{seconds} after {:?}", String::from_utf8_lossy(sent));
        }
    }

    /// A request that takes longer than a header may is not cut off, nor is an answer that is sent bit by bit.
    #[tokio::test]
    async fn requests_under_way_are_not_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bits = get(|| async {
            axum::body::Body::from_stream(futures_util::stream::unfold(0, |n| async move {
                tokio::time::sleep(Duration::from_millis(1500)).await;
                (n < 3).then(|| (Ok::<_, Infallible>(n.to_string()), n + 1))
            }))
        });
        let late = get(|| async {
            tokio::time::sleep(Duration::from_millis(3500)).await;
            "late"
        });
        let app = Router::new().route("/bits", bits).route("/late", late);
        tokio::spawn(serve_within(Duration::from_secs(1), listener, app, std::future::pending()));
        let ask = |path| async move {
            talk(address, format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes()).await
        };
        let (bits, late) = tokio::join!(ask("/bits"), ask("/late"));
        assert!(late.ends_with("late"), "{late}");
        assert!(bits.ends_with("0\r\n\r\n") && bits.contains("\r\n2\r\n"), "{bits}");
    }

    /// Small answers go out in one piece, large ones as they are: all bytes arrive in order either way.
    #[tokio::test]
    async fn answers_of_every_size_arrive() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let text = |size: usize| (0..size).map(|n| char::from(b'a' + (n % 23) as u8)).collect::<String>();
        let sized = get(move |axum::extract::Path(size): axum::extract::Path<usize>| async move { text(size) });
        let app = Router::new().route("/{size}", sized);
        tokio::spawn(serve(listener, app, std::future::pending()));
        for size in [0, 1, 1024, 3900, 4000, 4096, 5000, 100_000, 3_000_000] {
            let answer =
                talk(address, format!("GET /{size} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes()).await;
            let body = answer.split_once("\r\n\r\n").unwrap().1;
            assert_eq!((body.len(), body == text(size)), (size, true));
        }
    }
}
