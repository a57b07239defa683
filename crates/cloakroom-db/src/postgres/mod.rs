//! The PostgreSQL half of every query.
//!
//! [`Postgres`] owns a bounded pool of connections. [`sql`] holds every statement, and a connection prepares each of
//! them once; the modules named after a table bind its parameters and read its rows. Almost every query is one
//! statement and one round trip, and so atomic by itself.

mod connect;
mod fault;
mod listen;
mod rows;
mod shared;
mod sql;
mod tls;
mod user_sql;

pub(crate) mod admin;
pub(crate) mod content_types;
pub(crate) mod groups;
pub(crate) mod migrations;
pub(crate) mod permissions;
pub(crate) mod session_index;
pub(crate) mod sessions;
pub(crate) mod tokens;
pub(crate) mod users;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cloakroom_core::near::{Line, Stamp, Touched};
use cloakroom_core::user_model::UserTable;
use deadpool_postgres::{Client, Manager, ManagerConfig, Pool, PoolError, Runtime, TimeoutType, Timeouts};
use futures_util::StreamExt;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, RowStream};

use self::connect::Connector;
use self::fault::Failure;
use self::listen::{Heard, Listening};
use self::shared::Shared;
use self::user_sql::UserSql;
use crate::error::DbError;
use crate::network::{Address, Deadline, Repeat};
use crate::options::Options;
use crate::user_table::{self, Users};

/// The users' table, once it is known.
pub(crate) type Known = user_table::Known<UserSql>;

/// A database at a PostgreSQL server.
pub(crate) struct Postgres {
    pool: Pool,
    /// One of the pool's, for short reads.
    shared: Shared,
    address: Address,
    connect_timeout: Duration,
    deadline: Duration,
    lock_timeout: Duration,
    line: Arc<Line>,
    round_trips: AtomicU64,
    users: Users<UserSql>,
    /// Where copies are used for a bounded time.
    listening: Option<Listening>,
}

/// What a statement is given.
type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// What a statement gave.
struct Answer {
    rows: Vec<Row>,
    changed: u64,
}

impl Postgres {
    /// Makes the first connection, and looks whether a Django that is not known has migrated the database.
    pub(crate) async fn open(address: &Address, options: &Options) -> Result<Self, DbError> {
        let line = Arc::new(Line::new());
        let mut connector = Connector::new(address, options)?;
        let mut listening = None;
        if let Some(bound) = options.bound {
            let heard = Heard::new(bound, &line);
            connector = connector.with_name(heard.name());
            listening = Some(Listening::start(Connector::new(address, options)?, &options.user_table, heard));
        }
        let manager = Manager::from_connect(connector.config(), connector, ManagerConfig::default());
        let pool = Pool::builder(manager)
            .max_size(options.connections)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|e| DbError::Unavailable { source: e.into() })?;
        let this = Self {
            pool,
            shared: Shared::default(),
            address: address.clone(),
            connect_timeout: address.connect_timeout(options),
            deadline: options.deadline,
            lock_timeout: options.busy_timeout,
            line,
            listening,
            round_trips: AtomicU64::new(0),
            users: Users::new(options.user_table.clone(), UserSql::new),
        };
        migrations::refuse_what_is_unknown(&this).await?;
        this.look_for_users().await?;
        Ok(this)
    }

    /// The users' table.
    pub(crate) fn users(&self) -> Result<&Arc<Known>, DbError> {
        self.users.get()
    }

    /// Looks for the users' table, if it was not there yet.
    pub(crate) async fn look_for_users(&self) -> Result<(), DbError> {
        if !self.users.is_known() {
            let found = users::find(self, self.declared_users()).await?;
            self.users.learn(found)?;
        }
        Ok(())
    }

    pub(crate) const fn declared_users(&self) -> &UserTable {
        self.users.declared()
    }

    pub(crate) const fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) const fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// The present moment, if everything is known that others acknowledged longer ago than the bound.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        self.listening.as_ref()?.stamp()
    }

    pub(crate) fn bound(&self) -> Option<Duration> {
        self.listening.as_ref().map(Listening::bound)
    }

    pub(crate) fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }

    /// Closes what is idle at once, and waits for what is in use.
    pub(crate) async fn close(&self) {
        if let Some(listening) = &self.listening {
            listening.stop();
        }
        self.pool.close();
        let began = Instant::now();
        loop {
            // Again, since somebody may just have left one.
            self.shared.forget_until(Instant::now());
            if self.pool.status().size == 0 || began.elapsed() >= self.deadline {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Runs a statement that only reads.
    async fn read(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, DbError> {
        Ok(self.ask(Repeat::Safely, &[(sql, params)]).await?.rows)
    }

    /// Runs a statement that only reads, and finds a few rows by an index: it shares its connection with others, and is
    /// behind them if one of them is slow.
    ///
    /// When the connection breaks, all that wait for it ask again, each once. When one of them has waited in vain until its
    /// deadline, nobody else asks on this connection; those that do already wait until theirs.
    async fn read_shared(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, DbError> {
        let deadline = Deadline::after(self.deadline);
        if let Some(link) = self.shared.link() {
            self.round_trips.fetch_add(1, Ordering::Relaxed);
            match deadline.within(link.read(sql, params)).await {
                Ok(Ok(rows)) => return Ok(rows),
                Ok(Err(failure)) => {
                    if failure.is_of_the_connection() {
                        self.forget_until(link.made());
                    }
                    if !failure.may_be_repeated(Repeat::Safely) {
                        return Err(failure.name(&self.address, Repeat::Safely, deadline.waited()));
                    }
                }
                Err(late) => {
                    self.shared.forget_until(link.made());
                    return Err(late);
                }
            }
        }
        // In a box, since it is rare: what waits for the shared connection stays small.
        let (answer, client) = Box::pin(self.ask_until(deadline, Repeat::Safely, &[(sql, params)])).await?;
        if self.pool.status().max_size > 1 {
            self.shared.offer(client);
        }
        Ok(answer.rows)
    }

    /// Runs a statement that may change anything: the rows that it returns.
    async fn write(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, DbError> {
        self.write_touching(Touched::Everything, sql, params).await
    }

    /// Runs a statement that changes nothing but what is `touched`: the rows that it returns.
    async fn write_touching(&self, touched: Touched, sql: &str, params: Params<'_>) -> Result<Vec<Row>, DbError> {
        let _touch = Touch { line: &self.line, touched };
        Ok(self.ask(Repeat::IfUnsent, &[(sql, params)]).await?.rows)
    }

    /// Runs a statement that may change anything: how many rows it changed.
    async fn execute(&self, sql: &str, params: Params<'_>) -> Result<u64, DbError> {
        self.execute_touching(Touched::Everything, sql, params).await
    }

    /// Runs a statement that changes nothing but what is `touched`: how many rows it changed.
    async fn execute_touching(&self, touched: Touched, sql: &str, params: Params<'_>) -> Result<u64, DbError> {
        let _touch = Touch { line: &self.line, touched };
        Ok(self.ask(Repeat::IfUnsent, &[(sql, params)]).await?.changed)
    }

    /// Runs statements that write, all or none, each with the same parameters: how many rows the last one changed.
    async fn execute_together(&self, statements: &[&str], params: Params<'_>) -> Result<u64, DbError> {
        let statements: Vec<_> = statements.iter().map(|sql| (*sql, params)).collect();
        self.execute_all(&statements).await
    }

    /// Runs statements that write, all or none, each with its own parameters: how many rows the last one changed.
    async fn execute_all(&self, statements: &[(&str, Params<'_>)]) -> Result<u64, DbError> {
        let _touch = Touch { line: &self.line, touched: Touched::Everything };
        Ok(self.ask(Repeat::IfUnsent, statements).await?.changed)
    }

    async fn ask(&self, repeat: Repeat, statements: &[(&str, Params<'_>)]) -> Result<Answer, DbError> {
        Ok(self.ask_until(Deadline::after(self.deadline), repeat, statements).await?.0)
    }

    /// The answer, and the connection on which it came.
    async fn ask_until(
        &self,
        deadline: Deadline,
        repeat: Repeat,
        statements: &[(&str, Params<'_>)],
    ) -> Result<(Answer, Client), DbError> {
        let began = Instant::now();
        let mut first = true;
        loop {
            let mut client = self.connection(deadline).await?;
            self.round_trips.fetch_add(1, Ordering::Relaxed);
            let was_pooled = Client::metrics(&client).created < began;
            let failure = match deadline.within(attempt(&mut client, statements)).await {
                Ok(Ok(answer)) => return Ok((answer, client)),
                Ok(Err(failure)) => failure,
                Err(late) => {
                    // Nobody can tell when this connection will have its answer.
                    drop(Client::take(client));
                    return Err(late);
                }
            };
            let is_of_the_connection = failure.is_of_the_connection() || client.is_closed();
            if is_of_the_connection {
                let made = Client::metrics(&client).created;
                drop(Client::take(client));
                self.forget_until(made);
            }
            // A restart leaves as many dead connections as the pool holds; a new one says how things are.
            let is_new_to_this = first || (was_pooled && is_of_the_connection);
            if !is_new_to_this || !failure.may_be_repeated(repeat) {
                return Err(failure.name(&self.address, repeat, deadline.waited()));
            }
            first = false;
        }
    }

    /// Takes a connection from the pool, or makes one.
    async fn connection(&self, deadline: Deadline) -> Result<Client, DbError> {
        let remaining = deadline.remaining();
        let create = self.connect_timeout.min(remaining);
        let timeouts = Timeouts { wait: Some(remaining), create: Some(create), recycle: None };
        self.pool.timeout_get(&timeouts).await.map_err(|error| match error {
            PoolError::Backend(error) => fault::connecting(error, &self.address),
            PoolError::Timeout(TimeoutType::Wait) => DbError::Busy { waited: deadline.waited() },
            PoolError::Timeout(_) => {
                let source = format!("no connection within {create:?}").into();
                DbError::Unreachable { server: self.address.place(), source }
            }
            PoolError::Closed => DbError::Closed,
            error @ (PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_)) => {
                DbError::Unavailable { source: error.into() }
            }
        })
    }

    /// Lets go of all connections made by then: what was wrong with one most likely is with all that are as old, after a
    /// restart, a failover, or a change of the tables.
    fn forget_until(&self, moment: Instant) {
        self.shared.forget_until(moment);
        self.pool.retain(|_, metrics| metrics.created > moment);
    }
}

/// Touches what a write changed when the write is over, be it well, ill, or given up.
struct Touch<'a> {
    line: &'a Line,
    touched: Touched,
}

impl Drop for Touch<'_> {
    fn drop(&mut self) {
        self.line.touch(&self.touched);
    }
}

async fn attempt(client: &mut Client, statements: &[(&str, Params<'_>)]) -> Result<Answer, Failure> {
    if let [(sql, params)] = *statements {
        return attempt_one(client, sql, params).await;
    }
    let transaction = client.transaction().await.map_err(Failure::before)?;
    let mut last = Answer { rows: Vec::new(), changed: 0 };
    for (sql, params) in statements {
        let statement = transaction.prepare_cached(sql).await.map_err(Failure::before)?;
        let stream = transaction.query_raw(&statement, params.iter().copied()).await.map_err(Failure::before)?;
        last = gather(stream).await.map_err(Failure::before)?;
    }
    transaction.commit().await.map_err(Failure::after)?;
    Ok(last)
}

async fn attempt_one(client: &Client, sql: &str, params: Params<'_>) -> Result<Answer, Failure> {
    let statement = client.prepare_cached(sql).await.map_err(Failure::before)?;
    let stream = client.query_raw(&statement, params.iter().copied()).await.map_err(Failure::after)?;
    gather(stream).await.map_err(Failure::after)
}

async fn gather(stream: RowStream) -> Result<Answer, tokio_postgres::Error> {
    let mut stream = pin!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.next().await {
        rows.push(row?);
    }
    Ok(Answer { rows, changed: stream.rows_affected().unwrap_or(0) })
}
