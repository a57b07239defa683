//! Seeing that somebody committed, without asking SQLite where that can be had.
//!
//! In WAL mode every commit, of whatever process, rewrites the 48-byte header of the WAL index, which is the file
//! `…-shm` (<https://sqlite.org/walformat.html>, section 2.1). Reading those bytes where they are mapped costs a thousandth
//! of `PRAGMA data_version`, which is asked where they cannot be mapped.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rusqlite::Connection;

use super::fault::Fault;
use super::open::{Identity, identity};
use super::shm::{Mapped, WORDS};
use super::sql;

/// What a database's history looks like at one moment: equal words, and nobody has committed in between.
pub(super) type Words = [u64; WORDS];

/// How commits of whatever process are seen.
pub(super) struct Watch {
    way: Way,
    index: Option<Arc<File>>,
}

enum Way {
    /// In the WAL index.
    Mapped(Mapped),
    /// By asking on a connection that nobody else uses.
    Asked(Mutex<Option<Connection>>),
}

impl Watch {
    /// Opens connections with `connect`, then the WAL index of the database that they opened.
    ///
    /// A process that closes a file loses every lock it has on it, those that SQLite took through another descriptor
    /// included. So all handles on one file share one descriptor, and it is closed only when none of them is open, nor
    /// about to be: the register is locked while connections are made. `spare` makes a connection for where the index cannot
    /// be mapped.
    pub(super) fn around<T>(
        path: &Path,
        connect: impl FnOnce() -> Result<T, Fault>,
        spare: impl FnOnce() -> Result<Connection, Fault>,
    ) -> Result<(Self, T), Fault> {
        let mut open = register();
        let path = index_path(path);
        let earlier = find(&open, &path);
        let connected = connect()?;
        let index = match find(&open, &path) {
            Some(index) => Some(index),
            None => File::open(&path).ok().map(Arc::new),
        };
        if let Some(index) = &index
            && let Some(identity) = index.metadata().ok().and_then(|m| identity(&m))
        {
            open.retain(|(_, file)| file.strong_count() > 0);
            open.push((identity, Arc::downgrade(index)));
        }
        drop(earlier);
        let way = match index.as_deref().filter(|_| cfg!(unix)).and_then(Mapped::new) {
            Some(mapped) => Way::Mapped(mapped),
            None => Way::Asked(Mutex::new(Some(spare()?))),
        };
        Ok((Self { way, index }, connected))
    }

    /// Watches by asking, whatever could be mapped.
    #[cfg(test)]
    pub(super) fn asking(connection: Connection) -> Self {
        Self { way: Way::Asked(Mutex::new(Some(connection))), index: None }
    }

    /// How the history looks now; `None` if that cannot be told.
    pub(super) fn words(&self) -> Option<Words> {
        match &self.way {
            Way::Mapped(mapped) => Some(mapped.words()),
            Way::Asked(connection) => {
                let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                let version = data_version(connection.as_ref()?).ok()?;
                Some([version, 0, 0, 0, 0, 0])
            }
        }
    }

    /// How many pages are in the WAL, where that is known.
    pub(super) fn pages(&self) -> Option<u32> {
        match &self.way {
            // `mxFrame`, at byte 16.
            Way::Mapped(mapped) => {
                let bytes = mapped.words()[2].to_ne_bytes();
                Some(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            }
            Way::Asked(_) => None,
        }
    }

    pub(super) const fn is_mapped(&self) -> bool {
        matches!(self.way, Way::Mapped(_))
    }

    pub(super) fn close(&self) {
        if let Way::Asked(connection) = &self.way {
            drop(connection.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}

/// A number that changes when another connection than this one has committed.
pub(super) fn data_version(connection: &Connection) -> rusqlite::Result<u64> {
    connection.prepare_cached(sql::DATA_VERSION)?.query_row([], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
}

impl Drop for Watch {
    fn drop(&mut self) {
        let open = register();
        drop(self.index.take());
        drop(open);
    }
}

type Register = Vec<(Identity, Weak<File>)>;

static REGISTER: Mutex<Register> = Mutex::new(Vec::new());

fn register() -> MutexGuard<'static, Register> {
    REGISTER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn find(open: &Register, path: &Path) -> Option<Arc<File>> {
    let wanted = identity(&path.metadata().ok()?)?;
    open.iter().filter(|(identity, _)| *identity == wanted).find_map(|(_, file)| file.upgrade())
}

fn index_path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-shm");
    path.into()
}
