//! One connection that many calls share: made by itself, never mended. Who finds it broken makes another.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cloakroom_core::turn::after_others;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, Pipeline, ProtocolVersion, PushInfo, RedisConnectionInfo, Value};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, crypto};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::failure::Failure;
use crate::url::{Host, Login, Tls};

/// A connection. Commands go out in the order in which they are handed in, whoever does; so a `WAIT` behind a write
/// waits for that write, or fails with the connection.
#[derive(Clone)]
pub(super) struct Link {
    connection: MultiplexedConnection,
    alive: Arc<AtomicBool>,
    _driver: Arc<Driver>,
}

/// How connections to all servers of one cache are made.
pub(super) struct Dial {
    info: RedisConnectionInfo,
    tls: Option<TlsConnector>,
}

impl Dial {
    pub(super) fn new(login: &Login, db: u32, tls: Option<TlsConnector>) -> Self {
        let mut info = RedisConnectionInfo::default()
            .set_db(i64::from(db))
            .set_protocol(ProtocolVersion::RESP2)
            .set_lib_name("cloakroom", env!("CARGO_PKG_VERSION"));
        if let Some(user) = &login.user {
            info = info.set_username(user.expose());
        }
        if let Some(password) = &login.password {
            info = info.set_password(password.expose());
        }
        Self { info, tls }
    }

    /// Connects, signs in and chooses the database. The caller keeps the time.
    pub(super) async fn connect(&self, host: &Host) -> Result<Link, Failure> {
        // Deadlines are the caller's.
        self.connect_with(host, &self.info, AsyncConnectionConfig::new().set_response_timeout(None)).await
    }

    /// The same for a connection on which the server may say what it was not asked. `hear` is told that between the answers,
    /// in the order in which it comes.
    pub(super) async fn connect_hearing(
        &self,
        host: &Host,
        hear: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<Link, Failure> {
        let hear = move |info| {
            hear(info);
            Ok::<(), Infallible>(())
        };
        let config = AsyncConnectionConfig::new().set_response_timeout(None).set_push_sender(hear);
        self.connect_with(host, &self.info.clone().set_protocol(ProtocolVersion::RESP3), config).await
    }

    async fn connect_with(
        &self,
        host: &Host,
        info: &RedisConnectionInfo,
        config: AsyncConnectionConfig,
    ) -> Result<Link, Failure> {
        let failed = |e: &dyn std::fmt::Display| Failure::connection(host, e);
        let stream = TcpStream::connect((host.name.as_str(), host.port)).await.map_err(|e| failed(&e))?;
        stream.set_nodelay(true).map_err(|e| failed(&e))?;
        match &self.tls {
            None => set_up(host, stream, info, config).await,
            Some(tls) => {
                let name = ServerName::try_from(host.name.clone()).map_err(|e| failed(&e))?;
                let stream = tls.connect(name, stream).await.map_err(|e| failed(&e))?;
                set_up(host, stream, info, config).await
            }
        }
    }
}

/// A runtime without a timer is woken for each that is set, by a call of the system. Every command sets one; so one stands, and
/// comes to its end before any of them.
const STANDING: Duration = Duration::from_secs(1);

async fn set_up<S>(
    host: &Host,
    stream: S,
    info: &RedisConnectionInfo,
    config: AsyncConnectionConfig,
) -> Result<Link, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (connection, driver) = MultiplexedConnection::new_with_config(info, stream, config)
        .await
        .map_err(|e| Failure::connection(host, set_up_problem(&e)))?;
    let alive = Arc::new(AtomicBool::new(true));
    let task = tokio::spawn({
        let alive = Arc::clone(&alive);
        async move {
            let mut driver = pin!(after_others(driver));
            while timeout(STANDING, driver.as_mut()).await.is_err() {}
            alive.store(false, Ordering::Release);
        }
    });
    Ok(Link { connection, alive, _driver: Arc::new(Driver(task)) })
}

impl Link {
    /// Whether the server has not closed it yet, as far as is known.
    pub(super) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    /// Uses it no more.
    pub(super) fn close(&self) {
        self.alive.store(false, Ordering::Release);
    }

    /// Sends one command, and returns what was answered. The caller keeps the time.
    pub(super) async fn send_one(&self, host: &Host, command: &Cmd) -> Result<Value, Failure> {
        let mut connection = self.connection.clone();
        connection.send_packed_command(command).await.map_err(|e| Failure::broken(host, &e))
    }

    /// Sends commands at once, and returns what was answered to each. The caller keeps the time.
    pub(super) async fn send(&self, host: &Host, commands: &Pipeline) -> Result<Vec<Value>, Failure> {
        let mut connection = self.connection.clone();
        let sent = connection.send_packed_commands(commands, 0, commands.len()).await;
        sent.map_err(|e| Failure::broken(host, &e))
    }
}

/// Ends with the last clone of its link.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What went wrong while signing in: the server's code, since its text may quote what it was sent.
fn set_up_problem(error: &redis::RedisError) -> String {
    match error.code() {
        Some(code @ ("WRONGPASS" | "NOAUTH" | "NOPERM")) => {
            format!("it refuses user or password ({code}); set them in CACHE_URL")
        }
        Some(code) => format!("it answers {code}"),
        None if error.is_io_error() => error.to_string(),
        None if error.kind() == redis::ErrorKind::AuthenticationFailed => {
            "it refuses user or password; set them in CACHE_URL".to_owned()
        }
        None => error.category().to_owned(),
    }
}

/// What to trust: the file's certificates, or the system's. The file is read once, at the start.
pub(super) fn tls(tls: &Tls) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    match &tls.ca_file {
        Some(path) => {
            let shown = path.display();
            let found = CertificateDer::pem_file_iter(path)
                .map_err(|e| format!("the certificates in {shown} cannot be read: {e}"))?;
            for certificate in found {
                let certificate = certificate.map_err(|e| format!("a certificate in {shown} cannot be read: {e}"))?;
                roots.add(certificate).map_err(|e| format!("a certificate in {shown} cannot be used: {e}"))?;
            }
            if roots.is_empty() {
                return Err(format!("{shown} holds no certificate"));
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                return Err("this system trusts no certificate; name a file by ssl_ca_certs".into());
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
