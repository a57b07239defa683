//! [`Pool`]: a bounded number of connections, and [`Call`]s that borrow one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cloakroom_core::near::Line;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Params, Row};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::connect::Connector;
use super::fault::{Fault, Sent};
use crate::error::DbError;
use crate::network::{Deadline, Repeat};

/// Connections that are kept for the next call.
pub(super) struct Pool {
    connector: Connector,
    size: u32,
    slots: Semaphore,
    idle: Mutex<Vec<Idle>>,
    /// Counts the times that a connection broke or hung: those that are older are not trusted any more.
    breaks: AtomicU64,
    pub(super) line: Arc<Line>,
    pub(super) round_trips: AtomicU64,
}

struct Idle {
    conn: Conn,
    since: Instant,
    breaks: u64,
}

/// After this long in the pool a connection is asked whether it still lives before it gets a write, which cannot be
/// sent again on another.
const TRUSTED: Duration = Duration::from_secs(1);

/// How long a farewell to the server may take.
const FAREWELL: Duration = Duration::from_secs(1);

impl Pool {
    pub(super) fn new(connector: Connector, connections: usize) -> Self {
        let size = u32::try_from(connections).unwrap_or(u32::MAX).min(1_000);
        Self {
            connector,
            size,
            slots: Semaphore::new(size as usize),
            idle: Mutex::default(),
            breaks: AtomicU64::new(0),
            line: Arc::new(Line::new()),
            round_trips: AtomicU64::new(0),
        }
    }

    pub(super) const fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Borrows a connection: one that is kept, or a new one.
    pub(super) async fn call(&self, deadline: Deadline, repeat: Repeat) -> Result<Call<'_>, Fault> {
        let slot = match tokio::time::timeout(deadline.remaining(), self.slots.acquire()).await {
            Ok(Ok(slot)) => slot,
            Ok(Err(_)) => return Err(Fault::Db(DbError::Closed)),
            Err(_) => return Err(Fault::Db(DbError::Busy { waited: deadline.waited() })),
        };
        let mut call = Call {
            pool: self,
            conn: None,
            _slot: slot,
            deadline,
            uncertain: false,
            in_transaction: false,
            changed: false,
            writes: repeat != Repeat::Safely,
        };
        while let Some(Idle { conn, since, breaks }) = self.take_idle() {
            if breaks != self.breaks.load(Ordering::Relaxed) {
                continue;
            }
            call.conn = Some(conn);
            if repeat == Repeat::Safely || since.elapsed() < TRUSTED || call.lives().await {
                return Ok(call);
            }
            call.conn = None;
        }
        let conn = self.connector.connect(deadline.remaining()).await.map_err(|error| match error {
            error @ DbError::Unreachable { .. } => DbError::Unavailable { source: error.into() },
            error => error,
        })?;
        call.conn = Some(conn);
        Ok(call)
    }

    /// Keeps a connection that was made otherwise.
    pub(super) fn keep(&self, conn: Conn) {
        let breaks = self.breaks.load(Ordering::Relaxed);
        self.idle().push(Idle { conn, since: Instant::now(), breaks });
    }

    /// Waits until every call is done and takes leave of the server.
    pub(super) async fn close(&self) {
        // Fails only where another has closed it.
        drop(self.slots.acquire_many(self.size).await);
        self.slots.close();
        let idle = std::mem::take(&mut *self.idle());
        for Idle { conn, .. } in idle {
            // A server that does not listen need not be told.
            let _ = tokio::time::timeout(FAREWELL, conn.disconnect()).await;
        }
    }

    /// The one that was used last: the others may grow old and be closed by the server.
    fn take_idle(&self) -> Option<Idle> {
        self.idle().pop()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn broke(&self) {
        self.breaks.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection on loan, until the deadline. Goes back to the pool when dropped, unless it is in an uncertain state.
#[expect(clippy::struct_excessive_bools, reason = "each is as independent of the others")]
pub(super) struct Call<'p> {
    pool: &'p Pool,
    conn: Option<Conn>,
    _slot: SemaphorePermit<'p>,
    deadline: Deadline,
    /// Something was asked whose answer has not come.
    uncertain: bool,
    in_transaction: bool,
    changed: bool,
    /// Whether it was borrowed for changes: of what, nobody says.
    writes: bool,
}

/// What a write did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    /// Rows met by an update; rows inserted or deleted.
    pub(super) rows: u64,
    /// The key that the row got, if the server gave it one.
    pub(super) key: Option<i64>,
}

impl Call<'_> {
    /// The rows of a query.
    pub(super) async fn rows(&mut self, sql: &str, params: Params) -> Result<Vec<Row>, Fault> {
        self.pool.round_trips.fetch_add(1, Ordering::Relaxed);
        self.uncertain = true;
        let (deadline, conn) = self.parts()?;
        let answer = deadline
            .within(async {
                let statement = conn.prep(sql).await.map_err(|e| (e, Sent::No))?;
                conn.exec(&statement, params).await.map_err(|e| (e, Sent::Perhaps))
            })
            .await;
        self.settle(answer)
    }

    /// Runs a statement.
    pub(super) async fn execute(&mut self, sql: &str, params: impl Into<Params>) -> Result<Done, Fault> {
        let params = params.into();
        self.pool.round_trips.fetch_add(1, Ordering::Relaxed);
        self.uncertain = true;
        let (deadline, conn) = self.parts()?;
        let answer = deadline
            .within(async {
                let statement = conn.prep(sql).await.map_err(|e| (e, Sent::No))?;
                conn.exec_drop(&statement, params).await.map_err(|e| (e, Sent::Perhaps))?;
                let key = conn.last_insert_id().and_then(|key| i64::try_from(key).ok());
                Ok(Done { rows: conn.affected_rows(), key })
            })
            .await;
        self.settle(answer)
    }

    /// Runs a statement that the server does not prepare.
    pub(super) async fn run(&mut self, sql: &str) -> Result<(), Fault> {
        self.pool.round_trips.fetch_add(1, Ordering::Relaxed);
        self.uncertain = true;
        let (deadline, conn) = self.parts()?;
        let answer = deadline.within(async { conn.query_drop(sql).await.map_err(|e| (e, Sent::Perhaps)) }).await;
        self.settle(answer)
    }

    pub(super) async fn begin(&mut self) -> Result<(), Fault> {
        self.in_transaction = true;
        self.run("START TRANSACTION").await
    }

    /// Commits what was begun, or takes it back if it failed.
    pub(super) async fn end<T>(&mut self, answer: Result<T, Fault>) -> Result<T, Fault> {
        match answer {
            Ok(value) => {
                // From here on nobody knows, unless the server says it.
                self.in_transaction = false;
                self.run("COMMIT").await?;
                Ok(value)
            }
            Err(fault) => {
                if !self.uncertain && self.run("ROLLBACK").await.is_ok() {
                    self.in_transaction = false;
                }
                Err(fault)
            }
        }
    }

    /// The first row of a query.
    pub(super) async fn first(&mut self, sql: &str, params: impl Into<Params>) -> Result<Option<Row>, Fault> {
        Ok(self.rows(sql, params.into()).await?.into_iter().next())
    }

    /// Does not give the connection back: its settings were changed.
    pub(super) const fn forget_after(&mut self) {
        self.changed = true;
    }

    /// Asks the server for a sign of life.
    async fn lives(&mut self) -> bool {
        self.uncertain = true;
        let Ok((deadline, conn)) = self.parts() else { return false };
        let answer = deadline.within(async { conn.ping().await.map_err(|e| (e, Sent::No)) }).await;
        let lives = self.settle(answer).is_ok();
        self.uncertain = false;
        lives
    }

    fn parts(&mut self) -> Result<(Deadline, &mut Conn), Fault> {
        match &mut self.conn {
            Some(conn) => Ok((self.deadline, conn)),
            None => Err(Fault::Db(DbError::Closed)),
        }
    }

    fn settle<T>(&mut self, answer: Result<Result<T, (mysql_async::Error, Sent)>, DbError>) -> Result<T, Fault> {
        let fault = match answer {
            Ok(Ok(value)) => {
                self.uncertain = false;
                return Ok(value);
            }
            // What a transaction did is taken back when its connection breaks.
            Ok(Err((error, _))) if self.in_transaction => Fault::of(error, Sent::No),
            Ok(Err((error, sent))) => Fault::of(error, sent),
            Err(error) => Fault::Db(error),
        };
        match fault {
            Fault::Server(_) => self.uncertain = false,
            Fault::Broken { .. } | Fault::Db(_) => self.pool.broke(),
        }
        Err(fault)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if self.writes {
            self.pool.line.forget();
        }
        if let Some(conn) = self.conn.take()
            && !self.uncertain
            && !self.in_transaction
            && !self.changed
            && !self.pool.slots.is_closed()
        {
            self.pool.keep(conn);
        }
    }
}

/// How often a call that the server took back is made again.
#[derive(Default)]
pub(super) struct Tries {
    deadlocks: u32,
    breaks: u32,
}

impl Tries {
    /// Whether to try once more after `fault`, which left nothing behind.
    pub(super) fn again(&mut self, fault: &Fault, repeat: Repeat) -> bool {
        match fault {
            fault if fault.is_deadlock() => {
                self.deadlocks += 1;
                self.deadlocks <= 5
            }
            Fault::Broken { sent, .. } if *sent == Sent::No || repeat == Repeat::Safely => {
                self.breaks += 1;
                self.breaks <= 1
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use mysql_async::{DriverError, Error, ServerError};

    use super::*;

    fn broken(sent: Sent) -> Fault {
        Fault::of(Error::Driver(DriverError::ConnectionClosed), sent)
    }

    #[test]
    fn what_may_have_been_executed_is_not_sent_again() {
        assert!(!Tries::default().again(&broken(Sent::Perhaps), Repeat::IfUnsent));
        assert!(Tries::default().again(&broken(Sent::No), Repeat::IfUnsent));
        assert!(Tries::default().again(&broken(Sent::Perhaps), Repeat::Safely));
        let slow = Fault::Db(DbError::TimedOut { waited: TRUSTED });
        assert!(!Tries::default().again(&slow, Repeat::Safely));
    }

    #[test]
    fn there_is_an_end_to_trying() {
        let mut tries = Tries::default();
        assert!(tries.again(&broken(Sent::No), Repeat::Safely));
        assert!(!tries.again(&broken(Sent::No), Repeat::Safely));
        let deadlock = ServerError { code: 1213, message: String::new(), state: "40001".into() };
        let deadlock = Fault::of(Error::Server(deadlock), Sent::Perhaps);
        assert_eq!((0..9).filter(|_| tries.again(&deadlock, Repeat::IfUnsent)).count(), 5);
    }
}
