//! Seeing that somebody committed, without asking SQLite.
//!
//! In WAL mode every commit, of whatever process, rewrites the 48-byte header of the WAL index, which is the file
//! `…-shm` (<https://sqlite.org/walformat.html>, section 2.1). Reading those bytes costs a tenth of `PRAGMA data_version`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::fault::Fault;
use super::open::{Identity, identity};

pub(super) const HEADER: usize = 48;

/// The open WAL index of a database.
pub(super) struct Watch {
    index: Option<Arc<File>>,
}

impl Watch {
    /// Opens connections with `connect`, then the WAL index of the database that they opened.
    ///
    /// A process that closes a file loses every lock it has on it, those that SQLite took through another descriptor
    /// included. So all handles on one file share one descriptor, and it is closed only when none of them is open, nor
    /// about to be: the register is locked while connections are made.
    pub(super) fn around<T>(path: &Path, connect: impl FnOnce() -> Result<T, Fault>) -> Result<(Self, T), Fault> {
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
        Ok((Self { index }, connected))
    }

    #[cfg(unix)]
    pub(super) fn header(&self) -> Option<[u8; HEADER]> {
        let mut header = [0; HEADER];
        std::os::unix::fs::FileExt::read_exact_at(self.index.as_deref()?, &mut header, 0).ok()?;
        Some(header)
    }

    #[cfg(not(unix))]
    pub(super) fn header(&self) -> Option<[u8; HEADER]> {
        None
    }
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
