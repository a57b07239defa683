//! The SQLite half of every query.
//!
//! [`Sqlite`] owns the connections: a few that read, on the thread that asks, and one that writes, on a thread of its
//! own (D3). [`sql`] holds every statement; the modules named after a table bind its parameters and read its rows.

mod fault;
mod job;
mod open;
mod readers;
mod rows;
mod sql;
mod watch;
mod writer;

pub(crate) mod content_types;
pub(crate) mod groups;
pub(crate) mod migrations;
pub(crate) mod permissions;
pub(crate) mod session_index;
pub(crate) mod sessions;
pub(crate) mod users;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use self::fault::Fault;
use self::open::Home;
use self::readers::Readers;
use self::watch::Watch;
use self::writer::Writer;
use crate::error::DbError;
use crate::options::{Durability, Options};

/// An open SQLite file.
pub(crate) struct Sqlite {
    // Readers go before the writer, so that the writer is last to close and takes the WAL file away.
    readers: Readers,
    writer: Writer,
    watch: Watch,
    home: Arc<Home>,
    busy_timeout: Duration,
}

impl Sqlite {
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self, DbError> {
        let opened = open::open(path, options)?;
        let home = Arc::new(opened.home);
        Ok(Self {
            readers: Readers::new(opened.readers),
            writer: Writer::start(opened.writer, Arc::clone(&home), options.busy_timeout)?,
            watch: opened.watch,
            home,
            busy_timeout: options.busy_timeout,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.home.path()
    }

    /// The WAL index's header.
    pub(crate) fn mark(&self) -> Option<[u8; watch::HEADER]> {
        if self.home.is_lost() || self.readers.are_closed() { None } else { self.watch.header() }
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

    /// Runs a job on the writer's thread and returns once it is committed.
    ///
    /// The job may run twice if its first transaction did not come about, so it must not have effects elsewhere.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        durability: Durability,
        job: impl FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, DbError> {
        self.writer.run(durability, job).await
    }

    pub(crate) async fn close(&self) {
        self.readers.close();
        self.writer.close().await;
    }

    fn read_now<T>(&self, query: &mut impl FnMut(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.home.is_lost() {
            return Err(Fault::Db(Home::lost()));
        }
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

const BUSY_PAUSE: Duration = Duration::from_millis(10);
