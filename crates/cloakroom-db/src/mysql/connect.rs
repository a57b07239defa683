//! Making connections.

use std::time::Duration;

use mysql_async::{Conn, Opts, OptsBuilder, SslOpts};

use super::fault;
use super::sql;
use crate::error::DbError;
use crate::network::{Address, Endpoint, TlsMode};
use crate::options::Options;

/// How connections are made.
pub(super) struct Connector {
    address: Address,
    opts: Opts,
    /// The same without TLS, where that is allowed.
    plain: Option<Opts>,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(address: &Address, options: &Options) -> Self {
        let builder = OptsBuilder::default()
            .user(Some(&address.user))
            .pass(address.password.as_ref().map(|password| password.expose().clone()))
            .db_name(Some(&address.database))
            .init(sql::set_up(options.deadline))
            // An update that changes nothing has met its row all the same.
            .client_found_rows(true)
            .stmt_cache_size(STATEMENTS)
            .tcp_keepalive(Some(KEEPALIVE))
            .tcp_nodelay(true)
            // Else the driver asks for these first, and goes by way of the server's socket where it finds one.
            .max_allowed_packet(Some(MAX_PACKET_BYTES))
            .wait_timeout(Some(WAIT_TIMEOUT_SECS))
            .prefer_socket(false);
        let timeout = address.connect_timeout(options);
        match &address.endpoint {
            Endpoint::Unix { path, .. } => {
                let opts = builder.socket(Some(path.to_string_lossy())).into();
                Self { address: address.clone(), opts, plain: None, timeout }
            }
            Endpoint::Tcp { host, port } => {
                let builder = builder.ip_or_hostname(host).tcp_port(*port);
                let opts = builder.clone().ssl_opts(tls(address)).into();
                let plain = (address.tls == TlsMode::Prefer).then(|| builder.into());
                Self { address: address.clone(), opts, plain, timeout }
            }
        }
    }

    pub(super) const fn address(&self) -> &Address {
        &self.address
    }

    /// A new connection, made within `limit` and the time that the address allows.
    pub(super) async fn connect(&self, limit: Duration) -> Result<Conn, DbError> {
        let timeout = self.timeout.min(limit);
        let connecting = async {
            match Conn::new(self.opts.clone()).await {
                Err(e) if fault::is_without_tls(&e) => match &self.plain {
                    Some(plain) => Conn::new(plain.clone()).await,
                    None => Err(e),
                },
                answer => answer,
            }
        };
        match tokio::time::timeout(timeout, connecting).await {
            Ok(answer) => answer.map_err(|e| fault::of_connecting(e, &self.address)),
            Err(_) => Err(DbError::Unreachable {
                server: self.address.place(),
                source: format!("no answer within {timeout:?}").into(),
            }),
        }
    }
}

/// Prepared statements that a connection keeps; more than there are.
const STATEMENTS: usize = 256;

const KEEPALIVE: Duration = Duration::from_secs(30);

/// The largest that a server can be set to take.
const MAX_PACKET_BYTES: usize = 1 << 30;

/// The server's own default: only the driver's pool, which is not used, would act on it.
const WAIT_TIMEOUT_SECS: usize = 28_800;

fn tls(address: &Address) -> Option<SslOpts> {
    let named = address.root_certificates.as_ref();
    let trust_anyone = match address.tls {
        TlsMode::Disable => return None,
        TlsMode::Prefer => true,
        TlsMode::Require => named.is_none(),
        TlsMode::VerifyCa | TlsMode::VerifyFull => false,
    };
    // Taken already means that the program has chosen another, which does as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if trust_anyone {
        // The driver wants some roots even where it does not look at them: its own will do.
        return Some(SslOpts::default().with_danger_accept_invalid_certs(true));
    }
    let opts = SslOpts::default()
        .with_disable_built_in_roots(true)
        .with_danger_skip_domain_validation(address.tls != TlsMode::VerifyFull);
    Some(match named {
        Some(path) => opts.with_root_certs(vec![path.clone().into()]),
        None => opts.with_root_certs(system_roots().into_iter().map(Into::into).collect()),
    })
}

/// The certificates of the system in DER.
fn system_roots() -> Vec<Vec<u8>> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a certificate of the system cannot be read");
    }
    found.certs.iter().map(|certificate| certificate.to_vec()).collect()
}
