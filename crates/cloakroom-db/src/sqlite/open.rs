//! Opening a file: what it is, whether it may be touched, and the connections to it.
//!
//! Everything that can be refused is found before anything on disk is changed.

use std::fs::{Metadata, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::fault::Fault;
use super::mounts::network_file_system;
use super::watch::Watch;
use super::{migrations, sql};
use crate::error::DbError;
use crate::migrations::Swap;
use crate::options::{IfMissing, Options};

pub(super) struct Opened {
    pub(super) home: Home,
    pub(super) watch: Watch,
    pub(super) writer: Connection,
    pub(super) readers: Vec<Connection>,
}

/// Where the database is, and whether that still is the file that was opened.
///
/// In WAL mode SQLite goes on for ever with a file that was deleted or replaced, and what it writes is lost.
pub(super) struct Home {
    path: PathBuf,
    identity: Option<Identity>,
    lost: AtomicBool,
}

impl Home {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at the file. Once lost, it stays so.
    pub(super) fn is_same_file(&self) -> bool {
        let same = !self.is_lost() && self.path.metadata().ok().and_then(|m| identity(&m)) == self.identity;
        if !same {
            self.lost.store(true, Ordering::Relaxed);
        }
        same
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    pub(super) fn lost() -> DbError {
        DbError::Unavailable { source: "the file was deleted, moved or replaced; restart to open the new one".into() }
    }
}

/// Opens the file, and makes it if it is missing and that is asked for.
pub(super) fn open(path: &Path, options: &Options) -> Result<Opened, DbError> {
    let path = std::path::absolute(path).map_err(|e| DbError::Unavailable { source: e.into() })?;
    if let Some(kind) = network_file_system(&path) {
        return Err(DbError::NetworkFileSystem { path, kind });
    }
    let made = match look_at(&path)? {
        Found::File => false,
        Found::Nothing if options.if_missing == IfMissing::Refuse => return Err(DbError::Missing { path }),
        Found::Nothing => make_file(&path)?,
    };
    let began = Instant::now();
    let spare = || {
        let spare = connection(&path, READER_PATIENCE)?;
        spare.execute_batch(sql::READ_ONLY)?;
        Ok(spare)
    };
    let connected = Watch::around(&path, || connect(&path, options), spare);
    let opened = connected.map_err(|fault| match fault.code() {
        // The WAL file or the shared-memory file could not be made beside the database.
        Some(ErrorCode::CannotOpen) => match fault {
            Fault::Sqlite(error) => DbError::NotWritable { path: path.clone(), source: error.into() },
            Fault::Db(error) => error,
        },
        _ => fault.into_error(&path, began.elapsed()),
    });
    if made && opened.is_err() {
        let _ = std::fs::remove_file(&path);
    }
    let (watch, (writer, readers)) = opened?;
    if watch.is_mapped() {
        // The writer does so itself, after it has answered.
        writer.execute_batch(sql::NO_CHECKPOINTS).map_err(|e| Fault::from(e).into_error(&path, began.elapsed()))?;
    }
    let identity = path.metadata().ok().and_then(|m| identity(&m));
    Ok(Opened { home: Home { path, identity, lost: AtomicBool::new(false) }, watch, writer, readers })
}

/// How long a reader waits in place, on a thread that has other work.
const READER_PATIENCE: Duration = Duration::from_millis(2);

/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 96;

enum Found {
    File,
    Nothing,
}

/// Looks at the path without opening it: a file that this process closes loses all locks that SQLite has on it.
fn look_at(path: &Path) -> Result<Found, DbError> {
    match path.metadata() {
        Ok(metadata) if metadata.is_file() => Ok(Found::File),
        Ok(_) => Err(DbError::NotADatabase { path: path.to_owned() }),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Found::Nothing),
        Err(e) if e.kind() == ErrorKind::PermissionDenied => {
            Err(DbError::NotWritable { path: path.to_owned(), source: e.into() })
        }
        Err(e) => Err(DbError::Unavailable { source: e.into() }),
    }
}

/// Makes an empty file for its owner alone (F09); SQLite gives the files beside it the same rights. False if somebody
/// else was faster.
fn make_file(path: &Path) -> Result<bool, DbError> {
    if let Some(folder) = path.parent()
        && !folder.exists()
    {
        return Err(DbError::NoFolder { folder: folder.to_owned() });
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(DbError::NotWritable { path: path.to_owned(), source: e.into() }),
    }
}

/// Makes the connection that writes, and those that read.
fn connect(path: &Path, options: &Options) -> Result<(Connection, Vec<Connection>), Fault> {
    let writer = connection(path, options.busy_timeout)?;
    if writer.is_readonly("main")? {
        let source = "the file is read-only".into();
        return Err(DbError::NotWritable { path: path.to_owned(), source }.into());
    }
    migrations::refuse_what_is_unknown(&writer, Swap::of(&options.user_table))?;
    let mode: String = writer.query_row(sql::WAL_MODE, [], |row| row.get(0))?;
    if mode != "wal" {
        let source = format!("SQLite keeps the journal mode {mode}: the file system cannot do WAL").into();
        return Err(DbError::Unavailable { source }.into());
    }
    // The first read makes the files beside the database: what fails there shall fail here.
    writer.prepare(sql::TABLES)?.exists([])?;
    let readers = (0..options.readers)
        .map(|_| {
            let reader = connection(path, READER_PATIENCE)?;
            reader.execute_batch(sql::READ_ONLY)?;
            Ok(reader)
        })
        .collect::<Result<_, Fault>>()?;
    Ok((writer, readers))
}

fn connection(path: &Path, patience: Duration) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(patience)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch(sql::SET_UP)?;
    Ok(connection)
}

/// Device and number of a file.
pub(super) type Identity = (u64, u64);

#[cfg(unix)]
pub(super) fn identity(metadata: &Metadata) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
pub(super) fn identity(_: &Metadata) -> Option<Identity> {
    None
}
