//! The SQLite half of every query.
//!
//! [`Sqlite`] owns the connections: a few that read, on the thread that asks, and one that writes, on a thread of its
//! own (D3). [`sql`] holds every statement; the modules named after a table bind its parameters and read its rows.

mod fault;
mod history;
mod job;
mod mounts;
mod open;
mod readers;
mod rows;
mod shm;
mod sql;
mod user_sql;
mod watch;
mod writer;

pub(crate) mod admin;
pub(crate) mod content_types;
pub(crate) mod groups;
pub(crate) mod migrations;
pub(crate) mod permissions;
pub(crate) mod session_index;
pub(crate) mod sessions;
pub(crate) mod tokens;
pub(crate) mod users;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cloakroom_core::near::{Line, Stamp, Touched};
use cloakroom_core::user_model::UserTable;
use rusqlite::Connection;

use self::fault::Fault;
use self::history::History;
use self::open::Home;
use self::readers::Readers;
use self::user_sql::UserSql;
use self::watch::Words;
use self::writer::Writer;
use crate::error::DbError;
use crate::migrations::Swap;
use crate::options::{Durability, Options};
use crate::user_table::{self, Users};

/// The users' table, once it is known.
pub(crate) type Known = user_table::Known<UserSql>;

/// An open SQLite file.
pub(crate) struct Sqlite {
    // Readers go before the writer, so that the writer is last to close and takes the WAL file away.
    readers: Readers,
    writer: Writer,
    history: Arc<History>,
    home: Arc<Home>,
    busy_timeout: Duration,
    round_trips: AtomicU64,
    users: Users<UserSql>,
}

impl Sqlite {
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self, DbError> {
        let opened = open::open(path, options)?;
        let (home, history) = (Arc::new(opened.home), Arc::new(History::new(opened.watch)));
        let table = Users::new(options.user_table.clone(), UserSql::new);
        learn(&opened.writer, &table).map_err(|fault| fault.into_error(home.path(), Duration::ZERO))?;
        Ok(Self {
            readers: Readers::new(opened.readers),
            writer: Writer::start(opened.writer, Arc::clone(&home), Arc::clone(&history), options.busy_timeout)?,
            history,
            home,
            busy_timeout: options.busy_timeout,
            round_trips: AtomicU64::new(0),
            users: table,
        })
    }

    /// The users' table.
    pub(crate) fn users(&self) -> Result<&Arc<Known>, DbError> {
        self.users.get()
    }

    /// Looks for the users' table, if it was not there yet.
    pub(crate) async fn look_for_users(&self) -> Result<(), DbError> {
        self.read(|c| learn(c, &self.users)).await
    }

    /// Whether the users are in Django's own table.
    pub(crate) fn swap(&self) -> Swap {
        self.users.swap()
    }

    pub(crate) const fn declared_users(&self) -> &UserTable {
        self.users.declared()
    }

    pub(crate) fn path(&self) -> &Path {
        self.home.path()
    }

    /// How the WAL index looks.
    pub(crate) fn mark(&self) -> Option<Words> {
        if self.is_usable() { self.history.watch().words() } else { None }
    }

    /// The present moment, if everything that anybody has committed is accounted for. If not, the writer is asked to see to
    /// that, and the database has the answers meanwhile.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        if !self.is_usable() {
            return None;
        }
        let stamp = self.history.stamp();
        if stamp.is_none() && self.history.wants_look() {
            self.writer.look();
        }
        stamp
    }

    pub(crate) fn line(&self) -> &Arc<Line> {
        self.history.line()
    }

    /// Whether foreign commits are seen without a question to SQLite.
    pub(crate) fn is_mapped(&self) -> bool {
        self.history.watch().is_mapped()
    }

    pub(crate) fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }

    fn is_usable(&self) -> bool {
        !self.home.is_lost() && !self.readers.are_closed()
    }

    /// Runs a short query on this thread.
    pub(crate) async fn read<T>(&self, mut query: impl FnMut(&Connection) -> Result<T, Fault>) -> Result<T, DbError> {
        match self.read_now(&mut query) {
            Err(fault) if fault.is_busy() => self.read_later(query).await,
            Err(fault) => Err(fault.into_error(self.path(), Duration::ZERO)),
            Ok(found) => Ok(found),
        }
    }

    /// Runs a query that reads much on a thread for such work.
    pub(crate) async fn read_much<T: Send + 'static>(
        self: &Arc<Self>,
        mut query: impl FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, DbError> {
        let this = Arc::clone(self);
        let work = move || {
            let began = Instant::now();
            loop {
                match this.read_now(&mut query) {
                    Err(fault) if fault.is_busy() && began.elapsed() < this.busy_timeout => {
                        std::thread::sleep(BUSY_PAUSE);
                    }
                    Err(fault) => return Err(fault.into_error(this.path(), began.elapsed())),
                    Ok(found) => return Ok(found),
                }
            }
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| DbError::Unavailable { source: e.into() })?
    }

    /// As [`write_touching`](Self::write_touching), for changes of anything.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        durability: Durability,
        job: impl FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, DbError> {
        self.write_touching(durability, Touched::Everything, job).await
    }

    /// Runs a job on the writer's thread and returns once it is committed. It changes nothing but what is `touched`.
    ///
    /// The job may run twice if its first transaction did not come about, so it must not have effects elsewhere.
    pub(crate) async fn write_touching<T: Send + 'static>(
        &self,
        durability: Durability,
        touched: Touched,
        job: impl FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, DbError> {
        Ok(self.write_stamped(durability, touched, job).await?.0)
    }

    /// As [`write_touching`](Self::write_touching), and gives the stamp by which a copy of what was written holds.
    pub(crate) async fn write_stamped<T: Send + 'static>(
        &self,
        durability: Durability,
        touched: Touched,
        job: impl FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<(T, Stamp), DbError> {
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        self.writer.run(durability, touched, job).await
    }

    pub(crate) async fn close(&self) {
        self.readers.close();
        self.history.watch().close();
        self.writer.close().await;
    }

    fn read_now<T>(&self, query: &mut impl FnMut(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.home.is_lost() {
            return Err(Fault::Db(Home::lost()));
        }
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        self.readers.with(query)
    }

    /// In WAL mode a reader waits for nobody but a process that opens, closes or recovers the file.
    #[cold]
    async fn read_later<T>(&self, mut query: impl FnMut(&Connection) -> Result<T, Fault>) -> Result<T, DbError> {
        let began = Instant::now();
        loop {
            tokio::time::sleep(BUSY_PAUSE).await;
            match self.read_now(&mut query) {
                Err(fault) if fault.is_busy() && began.elapsed() < self.busy_timeout => {}
                Err(fault) => return Err(fault.into_error(self.path(), began.elapsed())),
                Ok(found) => return Ok(found),
            }
        }
    }
}

fn learn(c: &Connection, table: &Users<UserSql>) -> Result<(), Fault> {
    if !table.is_known() {
        let found = users::find(c, table.declared())?;
        table.learn(found)?;
    }
    Ok(())
}

const BUSY_PAUSE: Duration = Duration::from_millis(10);
