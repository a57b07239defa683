//! The MySQL and MariaDB half of every query.
//!
//! [`MySql`] owns a bounded number of connections; each call borrows one until its [`Deadline`]. [`sql`] holds every
//! statement; the modules named after a table bind its parameters and read its rows.
//!
//! What may have been executed is never sent again: a write whose connection breaks is an error, a read goes to
//! another connection once, and what the server took back by itself (a deadlock) is tried again.

/// Runs a block in a transaction, which is committed if the block succeeds. It may run several times, so it must not have
/// effects elsewhere. A macro, as futures that closures make do not show that they may change threads.
macro_rules! transaction {
    ($db:ident, |$call:ident| $work:block) => {{
        let deadline = crate::network::Deadline::after($db.deadline);
        let mut tries = super::pool::Tries::default();
        loop {
            let once = async {
                let mut lease = $db.pool.call(deadline, crate::network::Repeat::IfUnsent).await?;
                lease.begin().await?;
                let $call = &mut lease;
                let answer: Result<_, super::fault::Fault> = async { $work }.await;
                lease.end(answer).await
            };
            match once.await {
                Err(fault) if tries.again(&fault, crate::network::Repeat::IfUnsent) => {}
                answer => break $db.name(deadline, answer),
            }
        }
    }};
}

mod connect;
mod fault;
mod pool;
mod rows;
mod sql;
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

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cloakroom_core::near::Line;
use cloakroom_core::user_model::UserTable;
use mysql_async::{Params, Row};

use self::connect::Connector;
use self::fault::Fault;
use self::pool::{Done, Pool, Tries};
use self::user_sql::UserSql;
use crate::error::DbError;
use crate::network::{Address, Deadline, Repeat};
use crate::options::Options;
use crate::user_table::{self, Users};

/// The users' table, once it is known.
pub(crate) type Known = user_table::Known<UserSql>;

/// A database at a MySQL server.
pub(crate) struct MySql {
    pool: Pool,
    deadline: Duration,
    users: Users<UserSql>,
}

impl MySql {
    /// Makes the first connection, and looks whether a Django that is not known has migrated the database.
    pub(crate) async fn open(address: &Address, options: &Options) -> Result<Self, DbError> {
        let connector = Connector::new(address, options);
        let first = connector.connect(Duration::MAX).await?;
        let users = Users::new(options.user_table.clone(), UserSql::new);
        let db = Self { pool: Pool::new(connector, options.connections), deadline: options.deadline, users };
        db.pool.keep(first);
        migrations::refuse_what_is_unknown(&db).await?;
        db.look_for_users().await?;
        Ok(db)
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
        self.pool.connector().address()
    }

    pub(crate) const fn line(&self) -> &Arc<Line> {
        &self.pool.line
    }

    pub(crate) fn round_trips(&self) -> u64 {
        self.pool.round_trips.load(Ordering::Relaxed)
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    /// The rows of a query, each read by `read`.
    async fn all<T>(
        &self,
        sql: &str,
        params: impl Into<Params>,
        read: impl FnMut(&Row) -> Result<T, Fault>,
    ) -> Result<Vec<T>, DbError> {
        let deadline = Deadline::after(self.deadline);
        let rows = self.rows(deadline, sql, params.into()).await;
        self.name(deadline, rows.and_then(|rows| rows.iter().map(read).collect()))
    }

    /// The first row of a query, read by `read`.
    async fn first<T>(
        &self,
        sql: &str,
        params: impl Into<Params>,
        read: impl FnOnce(&Row) -> Result<T, Fault>,
    ) -> Result<Option<T>, DbError> {
        let deadline = Deadline::after(self.deadline);
        let rows = self.rows(deadline, sql, params.into()).await;
        self.name(deadline, rows.and_then(|rows| rows.first().map(read).transpose()))
    }

    /// Whether a query has a row.
    async fn any(&self, sql: &str, params: impl Into<Params>) -> Result<bool, DbError> {
        Ok(self.first(sql, params, |_| Ok(())).await?.is_some())
    }

    /// Runs a statement that writes, in a transaction of its own.
    async fn execute(&self, sql: &str, params: impl Into<Params>) -> Result<Done, DbError> {
        let deadline = Deadline::after(self.deadline);
        let done = self.try_execute(deadline, sql, params).await;
        self.name(deadline, done)
    }

    /// As [`execute`](Self::execute), for callers to whom some refusals are answers.
    async fn try_execute(&self, deadline: Deadline, sql: &str, params: impl Into<Params>) -> Result<Done, Fault> {
        let params = params.into();
        let mut tries = Tries::default();
        loop {
            match self.execute_once(deadline, sql, params.clone()).await {
                Err(fault) if tries.again(&fault, Repeat::IfUnsent) => {}
                answer => return answer,
            }
        }
    }

    async fn execute_once(&self, deadline: Deadline, sql: &str, params: Params) -> Result<Done, Fault> {
        self.pool.call(deadline, Repeat::IfUnsent).await?.execute(sql, params).await
    }

    async fn rows(&self, deadline: Deadline, sql: &str, params: Params) -> Result<Vec<Row>, Fault> {
        let mut tries = Tries::default();
        loop {
            match self.rows_once(deadline, sql, params.clone()).await {
                Err(fault) if tries.again(&fault, Repeat::Safely) => {}
                answer => return answer,
            }
        }
    }

    async fn rows_once(&self, deadline: Deadline, sql: &str, params: Params) -> Result<Vec<Row>, Fault> {
        self.pool.call(deadline, Repeat::Safely).await?.rows(sql, params).await
    }

    fn name<T>(&self, deadline: Deadline, answer: Result<T, Fault>) -> Result<T, DbError> {
        answer.map_err(|fault| fault.into_error(self.address(), deadline.waited()))
    }
}
