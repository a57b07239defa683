//! [`FaultProxy`]: a TCP proxy that fails as networks and servers do.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// What a [`FaultProxy`] does to its connections, those that exist included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing: bytes pass both ways.
    Pass,
    /// Nobody listens, as after a crash of the server: existing connections are reset, new ones refused.
    Refuse,
    /// Connections are accepted and nothing passes, as behind a network that drops packets. What was held back passes
    /// as soon as this ends.
    Hang,
    /// The next answer is passed by half, then the connection is reset.
    ResetInAnswer,
    /// Each connection is closed, in good order, after this many more bytes of the server's answers.
    CloseAfter(u64),
}

/// A TCP proxy on a port of its own of the loopback address, which stops when it is dropped.
///
/// ```
/// use cloakroom_testservers::{Fault, FaultProxy};
/// use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
/// use tokio::net::{TcpListener, TcpStream};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let server = TcpListener::bind("127.0.0.1:0").await?;
/// let proxy = FaultProxy::before(server.local_addr()?).await;
///
/// let mut client = TcpStream::connect(proxy.address()).await?;
/// let (mut accepted, _) = server.accept().await?;
/// proxy.set(Fault::CloseAfter(3)).await;
/// accepted.write_all(b"a long answer").await?;
/// let mut received = String::new();
/// client.read_to_string(&mut received).await?;
/// assert_eq!(received, "a l");
///
/// proxy.set(Fault::Refuse).await;
/// assert!(TcpStream::connect(proxy.address()).await.is_err());
/// proxy.set(Fault::Pass).await;
/// assert!(TcpStream::connect(proxy.address()).await.is_ok());
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    orders: mpsc::UnboundedSender<Order>,
}

impl FaultProxy {
    /// Stands before `server` and lets everything pass. Call it within a Tokio runtime.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (orders, inbox) = mpsc::unbounded_channel();
        tokio::spawn(accept(listener, address, server, inbox));
        Self { address, orders }
    }

    /// Where clients connect to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what happens, at once: when this returns, a new connection meets `fault`.
    ///
    /// # Panics
    ///
    /// When the runtime in which the proxy was made is gone, or another process took its port while it refused.
    pub async fn set(&self, fault: Fault) {
        let (done, wait) = oneshot::channel();
        self.orders.send(Order { fault, done }).expect("the proxy's task runs");
        wait.await.expect("the proxy's task runs");
    }
}

struct Order {
    fault: Fault,
    done: oneshot::Sender<()>,
}

/// A fault, and how many orders came before it: the same one given anew counts anew.
#[derive(Clone, Copy)]
struct Current {
    fault: Fault,
    order: u64,
}

/// How a connection ends.
enum End {
    InOrder,
    Reset,
}

const BUFFER_BYTES: usize = 16 * 1024;

async fn accept(
    listener: TcpListener,
    address: SocketAddr,
    server: SocketAddr,
    mut inbox: mpsc::UnboundedReceiver<Order>,
) {
    let (current, watched) = watch::channel(Current { fault: Fault::Pass, order: 0 });
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            order = inbox.recv() => {
                let Some(Order { fault, done }) = order else { return };
                current.send_modify(|c| *c = Current { fault, order: c.order + 1 });
                if fault == Fault::Refuse {
                    listener = None;
                    // Whoever waits for the order expects the old connections to be gone.
                    while connections.join_next().await.is_some() {}
                } else if listener.is_none() {
                    listener = Some(listen_again(address).await);
                }
                // A caller that went away meanwhile needs no answer.
                let _ = done.send(());
            }
            Ok((client, _)) = accepted => {
                connections.spawn(connection(client, server, watched.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn listen_again(address: SocketAddr) -> TcpListener {
    let mut tries = 0;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(e) if tries == 100 => panic!("{address} cannot be listened on again: {e}"),
            Err(_) => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn connection(mut client: TcpStream, server: SocketAddr, mut current: watch::Receiver<Current>) {
    // A connection that was made while nothing passes gets its server when something does.
    let Some(mut server) = connect(server, &mut current).await else {
        reset(&client);
        return;
    };
    // Small packets are what is sent here; waiting to join them would only slow the tests.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let end = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            end = questions(from_client, to_server, current.clone()) => end,
            end = answers(from_server, to_client, current) => end,
        }
    };
    match end {
        Ok(End::InOrder) => {
            // The other side may have gone already.
            let _ = (client.shutdown().await, server.shutdown().await);
        }
        Ok(End::Reset) | Err(_) => {
            reset(&client);
            reset(&server);
        }
    }
}

async fn connect(server: SocketAddr, current: &mut watch::Receiver<Current>) -> Option<TcpStream> {
    while current.borrow_and_update().fault == Fault::Hang {
        current.changed().await.ok()?;
    }
    TcpStream::connect(server).await.ok()
}

async fn questions(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut current: watch::Receiver<Current>,
) -> io::Result<End> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        if passing(&mut current).await.is_none() {
            return Ok(End::Reset);
        }
        tokio::select! {
            biased;
            changed = current.changed() => if changed.is_err() { return Ok(End::Reset) },
            read = from.read(&mut buffer) => match read? {
                0 => return Ok(End::InOrder),
                count => to.write_all(&buffer[..count]).await?,
            },
        }
    }
}

async fn answers(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut current: watch::Receiver<Current>,
) -> io::Result<End> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut passed = 0;
    let mut order = 0;
    loop {
        let Some(now) = passing(&mut current).await else { return Ok(End::Reset) };
        if now.order != order {
            (passed, order) = (0, now.order);
        }
        if now.fault == Fault::CloseAfter(passed) {
            return Ok(End::InOrder);
        }
        tokio::select! {
            biased;
            changed = current.changed() => if changed.is_err() { return Ok(End::Reset) },
            read = from.read(&mut buffer) => {
                let count = read?;
                if count == 0 {
                    return Ok(End::InOrder);
                }
                match now.fault {
                    Fault::ResetInAnswer => {
                        to.write_all(&buffer[..count.div_ceil(2)]).await?;
                        return Ok(End::Reset);
                    }
                    Fault::CloseAfter(bytes) => {
                        let rest = usize::try_from(bytes - passed).unwrap_or(usize::MAX);
                        to.write_all(&buffer[..count.min(rest)]).await?;
                        passed += count.min(rest) as u64;
                    }
                    Fault::Pass | Fault::Hang | Fault::Refuse => to.write_all(&buffer[..count]).await?,
                }
            }
        }
    }
}

/// Waits until something may pass; `None` when the connection is to be reset.
async fn passing(current: &mut watch::Receiver<Current>) -> Option<Current> {
    loop {
        let now = *current.borrow_and_update();
        match now.fault {
            Fault::Refuse => return None,
            Fault::Hang => current.changed().await.ok()?,
            Fault::Pass | Fault::ResetInAnswer | Fault::CloseAfter(_) => return Some(now),
        }
    }
}

/// Makes the end of this connection a reset instead of a close.
fn reset(stream: &TcpStream) {
    // A socket that is dead already is reset enough.
    let _ = stream.set_zero_linger();
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(150);

    /// Answers each line by itself, twice.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let mut buffer = [0; 64];
                    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                        let twice = [&buffer[..count], &buffer[..count]].concat();
                        if stream.write_all(&twice).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        address
    }

    async fn ask(stream: &mut TcpStream, question: &str) -> io::Result<String> {
        stream.write_all(question.as_bytes()).await?;
        let mut answer = vec![0; question.len() * 2];
        stream.read_exact(&mut answer).await?;
        Ok(String::from_utf8(answer).unwrap())
    }

    #[tokio::test]
    async fn bytes_pass() {
        let proxy = FaultProxy::before(echo().await).await;
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(ask(&mut client, "ab").await.unwrap(), "abab");
        assert_eq!(ask(&mut client, "c").await.unwrap(), "cc");
    }

    #[tokio::test]
    async fn refuse_resets_what_is_and_refuses_what_comes() {
        let proxy = FaultProxy::before(echo().await).await;
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        ask(&mut client, "ab").await.unwrap();
        proxy.set(Fault::Refuse).await;
        assert_eq!(client.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        proxy.set(Fault::Pass).await;
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(ask(&mut client, "ab").await.unwrap(), "abab");
    }

    #[tokio::test]
    async fn hang_holds_old_and_new_connections_until_it_ends() {
        let proxy = FaultProxy::before(echo().await).await;
        let mut old = TcpStream::connect(proxy.address()).await.unwrap();
        ask(&mut old, "ab").await.unwrap();
        proxy.set(Fault::Hang).await;
        let mut new = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(timeout(SOON, ask(&mut old, "cd")).await.is_err());
        assert!(timeout(SOON, ask(&mut new, "ef")).await.is_err());
        proxy.set(Fault::Pass).await;
        let mut answer = [0; 4];
        old.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"cdcd");
        new.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"efef");
    }

    #[tokio::test]
    async fn reset_in_answer_gives_half_of_it() {
        let proxy = FaultProxy::before(echo().await).await;
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        proxy.set(Fault::ResetInAnswer).await;
        client.write_all(b"abc").await.unwrap();
        let mut received = Vec::new();
        let end = client.read_to_end(&mut received).await;
        assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
        // A reset may overtake what was sent before it.
        assert!(b"abcabc"[..3].starts_with(&received), "{received:?}");
    }

    #[tokio::test]
    async fn close_after_counts_from_the_order_on() {
        let proxy = FaultProxy::before(echo().await).await;
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        ask(&mut client, "ab").await.unwrap();
        proxy.set(Fault::CloseAfter(5)).await;
        assert_eq!(ask(&mut client, "ab").await.unwrap(), "abab");
        client.write_all(b"cd").await.unwrap();
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"c");
    }

    #[tokio::test]
    async fn close_after_nothing_closes_at_once() {
        let proxy = FaultProxy::before(echo().await).await;
        proxy.set(Fault::CloseAfter(0)).await;
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(client.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_proxy_that_is_dropped_lets_go() {
        let proxy = FaultProxy::before(echo().await).await;
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        ask(&mut client, "ab").await.unwrap();
        drop(proxy);
        assert!(matches!(timeout(Duration::from_secs(5), client.read_u8()).await, Ok(Err(_))));
    }
}
