//! Making connections.

use std::pin::{Pin, pin};
use std::time::Duration;

use cloakroom_core::turn::after_others;
use deadpool_postgres::Connect;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Error};

use super::{sql, tls};
use crate::error::DbError;
use crate::network::{Address, Endpoint, TlsMode};
use crate::options::Options;

/// Makes connections to one address.
pub(super) struct Connector {
    address: Address,
    tls: Option<tls::Tls>,
    connect_timeout: Duration,
    deadline: Duration,
    set_up: String,
    name: String,
}

impl Connector {
    pub(super) fn new(address: &Address, options: &Options) -> Result<Self, DbError> {
        let encrypted = address.tls != TlsMode::Disable && matches!(address.endpoint, Endpoint::Tcp { .. });
        Ok(Self {
            address: address.clone(),
            tls: if encrypted { Some(tls::Tls::new(address)?) } else { None },
            connect_timeout: address.connect_timeout(options),
            deadline: options.deadline,
            set_up: sql::set_up(options.deadline),
            name: "cloakroom".to_owned(),
        })
    }

    /// Makes connections of this `application_name`.
    pub(super) fn with_name(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    pub(super) const fn tls(&self) -> Option<&tls::Tls> {
        self.tls.as_ref()
    }

    pub(super) fn config(&self) -> Config {
        let address = &self.address;
        let mut config = Config::new();
        match &address.endpoint {
            Endpoint::Tcp { host, port } => config.host(host).port(*port),
            #[cfg(unix)]
            Endpoint::Unix { path, port } => config.host_path(path).port(*port),
            #[cfg(not(unix))]
            Endpoint::Unix { path, port } => config.host(path.to_string_lossy()).port(*port),
        };
        config.user(&address.user).dbname(&address.database).application_name(&self.name);
        if let Some(password) = &address.password {
            config.password(password.expose());
        }
        config.ssl_mode(match address.tls {
            _ if self.tls.is_none() => SslMode::Disable,
            TlsMode::Disable | TlsMode::Prefer => SslMode::Prefer,
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
        });
        config.connect_timeout(self.connect_timeout);
        // A peer that went away without a word is noticed by this, or by data that nobody acknowledges.
        config.keepalives_idle(KEEPALIVE).keepalives_interval(KEEPALIVE).keepalives_retries(3);
        config.tcp_user_timeout(self.deadline);
        config
    }
}

const KEEPALIVE: Duration = Duration::from_secs(15);

impl Connect for Connector {
    fn connect(
        &self,
        config: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        let config = config.clone();
        Box::pin(async move {
            let (client, task) = match &self.tls {
                Some(tls) => {
                    let (client, connection) = config.connect(tls.clone()).await?;
                    (client, tokio::spawn(attend(connection)))
                }
                None => {
                    let (client, connection) = config.connect(tokio_postgres::NoTls).await?;
                    (client, tokio::spawn(attend(connection)))
                }
            };
            let aborted = Aborted(Some(task));
            client.batch_execute(&self.set_up).await?;
            Ok((client, aborted.keep()))
        })
    }
}

/// A runtime without a timer is woken for each that is set, by a call of the system. Every statement sets one; so one stands,
/// and comes to its end before any of them.
const STANDING: Duration = Duration::from_secs(1);

async fn attend(connection: impl Future<Output = Result<(), Error>>) {
    let mut connection = pin!(after_others(connection));
    let ended = loop {
        if let Ok(ended) = timeout(STANDING, connection.as_mut()).await {
            break ended;
        }
    };
    // Whoever waits for an answer is told the error by itself.
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to PostgreSQL broke");
    }
}

/// Ends a task if the connection that it attends to does not come about.
struct Aborted(Option<JoinHandle<()>>);

impl Aborted {
    fn keep(mut self) -> JoinHandle<()> {
        self.0.take().unwrap_or_else(|| tokio::spawn(async {}))
    }
}

impl Drop for Aborted {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}
