//! `django.contrib.sessions.backends.file`: a file for each session (S55–S57).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

use cloakroom_core::clock::Timestamp;
use cloakroom_core::expiry::EXPIRY_KEY;
use cloakroom_core::keys::SessionKey;
use cloakroom_core::reason::Anonymous;
use cloakroom_core::value::{Dict, Value};

use crate::engine::{Base, Change, Created, Engine, Loaded, Record, Saved, Version};
use crate::engines::locks::KeyLocks;
use crate::error::EngineError;
use crate::examine::{Contents, Examined, Life};
use crate::lifetime::Lifetime;
use crate::text::TextCodec;

/// Where [`FileEngine::examine`] looks.
const PLACE: &str = "the folder of session files";

/// Sessions in a folder, one file each, named by cookie name and key, readable by the owner alone.
///
/// A session expires by its file's time of change, which each save sets. All work is done off the async threads.
/// Parallel saves of one session are merged (D6), and no save revives what another request ends (S12), within this
/// process and among those that share the folder: whoever changes a file holds its lock (`flock`). Django takes no lock,
/// so with one beside, its saves and this one's overwrite each other as two Djangos' do (S69). A file system without
/// locks, as some network ones are, is good for one process.
#[derive(Clone, Debug)]
pub struct FileEngine(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    prefix: String,
    codec: TextCodec,
    lifetime: Lifetime,
    locks: KeyLocks<Mutex<()>>,
    temporary: AtomicU64,
}

impl FileEngine {
    /// Keeps sessions in the folder `path` (`SESSION_FILE_PATH`), in files that begin with `prefix`
    /// (`SESSION_COOKIE_NAME`), for `age_secs` (`SESSION_COOKIE_AGE`) unless they say otherwise.
    ///
    /// # Errors
    ///
    /// When there is no such folder (S09).
    pub fn new(path: &Path, prefix: &str, codec: TextCodec, age_secs: i64) -> io::Result<Self> {
        if !fs::metadata(path)?.is_dir() {
            return Err(ErrorKind::NotADirectory.into());
        }
        Ok(Self(Arc::new(Folder {
            path: path.to_owned(),
            prefix: prefix.to_owned(),
            codec,
            lifetime: Lifetime::new(age_secs),
            locks: KeyLocks::new(),
            temporary: AtomicU64::new(0),
        })))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let folder = Arc::clone(&self.0);
        match tokio::task::spawn_blocking(move || work(&folder)).await {
            Ok(result) => result,
            Err(e) => Err(EngineError::File { action: "reached", source: io::Error::other(e) }),
        }
    }
}

impl FileEngine {
    pub(crate) async fn examine(&self, key: &SessionKey, now: Timestamp) -> Result<Examined, EngineError> {
        if !self.admits(key) {
            return Ok(Examined::not_admitted(PLACE));
        }
        let key = key.clone();
        self.blocking(move |folder| folder.examine(&key, now)).await
    }

    /// The keys of all files, those of expired sessions included.
    pub(crate) async fn keys(&self) -> Result<Vec<SessionKey>, EngineError> {
        self.blocking(|folder| folder.keys()).await
    }
}

impl Engine for FileEngine {
    async fn load(&self, key: &SessionKey, now: Timestamp) -> Result<Loaded, EngineError> {
        let key = key.clone();
        self.blocking(move |folder| folder.load(&key, now)).await
    }

    async fn create(&self, key: &SessionKey, data: &Arc<Dict>, now: Timestamp) -> Result<Created, EngineError> {
        let text = self.0.codec.encode(data, now)?;
        let key = key.clone();
        self.blocking(move |folder| folder.create(&key, &text, now)).await
    }

    async fn update(&self, key: &SessionKey, change: Change<'_>, now: Timestamp) -> Result<Saved, EngineError> {
        // The change is made here and swapped in there, again if another request was faster: its closure is not 'static.
        let mut expected = match &change.base {
            Base::Nothing => Expected::Any,
            Base::Version(Version::Text(text)) => Expected::Text(Arc::clone(text)),
            Base::Version(Version::Cached(_)) | Base::Unknown => Expected::None,
        };
        let mut data = (change.make)(None);
        for _ in 0..crate::engine::MAX_ATTEMPTS {
            let text: Arc<str> = self.0.codec.encode(&data, now)?.into();
            let (key, new) = (key.clone(), Arc::clone(&text));
            match self.blocking(move |folder| folder.replace(&key, &expected, &new, now)).await? {
                Replaced::Yes => {
                    return Ok(Saved::Yes(Record::new(data, Some(Version::Text(text)), None)));
                }
                Replaced::Gone => return Ok(Saved::Gone),
                Replaced::Differs(stored) => {
                    data = match self.0.codec.decode(&stored) {
                        (theirs, None) => (change.make)(Some(&theirs)),
                        (_, Some(_)) => (change.make)(None),
                    };
                    expected = Expected::Text(stored);
                }
            }
        }
        Err(EngineError::Contended { attempts: crate::engine::MAX_ATTEMPTS })
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), EngineError> {
        let key = key.clone();
        self.blocking(move |folder| folder.delete(&key)).await
    }

    async fn exists(&self, key: &SessionKey, _: Timestamp) -> Result<bool, EngineError> {
        let key = key.clone();
        self.blocking(move |folder| Ok(folder.read_file(&folder.file(&key))?.is_some())).await
    }

    async fn clear_expired(&self, now: Timestamp) -> Result<u64, EngineError> {
        self.blocking(move |folder| folder.clear_expired(now)).await
    }

    /// `a-z0-9` and nothing else gets near a path (S57, S13 of the threat list).
    fn admits(&self, key: &SessionKey) -> bool {
        is_file_key(key.expose())
    }
}

/// What a file must hold to be replaced.
enum Expected {
    Any,
    None,
    Text(Arc<str>),
}

enum Replaced {
    Yes,
    Differs(Arc<str>),
    Gone,
}

impl Folder {
    fn load(&self, key: &SessionKey, now: Timestamp) -> Result<Loaded, EngineError> {
        match self.read(&self.file(key), now)? {
            None => Ok(Loaded::Absent(Anonymous::NoSession)),
            Some(Stored::Expired) => {
                // Looked at again where no save can come between, as a save would have renewed it.
                let _lock = self.lock(key)?;
                match self.read(&self.file(key), now)? {
                    Some(Stored::Live(record)) => Ok(Loaded::Live(record)),
                    _ => {
                        self.unlink(key)?;
                        Ok(Loaded::Renew)
                    }
                }
            }
            Some(Stored::Live(record)) => Ok(Loaded::Live(record)),
        }
    }

    fn examine(&self, key: &SessionKey, now: Timestamp) -> Result<Examined, EngineError> {
        let Some((text, changed)) = self.read_file(&self.file(key))? else { return Ok(Examined::nothing(PLACE)) };
        let contents = if text.is_empty() { Contents::unsigned(Arc::default()) } else { self.codec.examine(&text) };
        let left = match &contents {
            _ if text.is_empty() => None,
            Contents::Data { data, .. } => Some(self.age_left(data, changed, now)?),
            _ => Some(self.age_left(&Dict::new(), changed, now)?),
        };
        // Finite ages of sessions are far within the range.
        let ends = left.map(|secs| now.plus_micros((secs * 1e6) as i64));
        let state = Life::live_if(left.is_none_or(|secs| secs > 0.0));
        Ok(Examined { place: PLACE, stored: crate::examine::Stored::Session { ends, state, contents } })
    }

    fn read(&self, path: &Path, now: Timestamp) -> Result<Option<Stored>, EngineError> {
        let Some((text, changed)) = self.read_file(path)? else { return Ok(None) };
        let text: Arc<str> = text.into();
        // The placeholder of a session that is just being made (S55).
        if text.is_empty() {
            return Ok(Some(Stored::Live(Record::new(Arc::default(), Some(Version::Text(text)), None))));
        }
        let (data, damage) = self.codec.decode(&text);
        if self.age_left(&data, changed, now)? <= 0.0 {
            return Ok(Some(Stored::Expired));
        }
        Ok(Some(Stored::Live(Record::new(data, Some(Version::Text(text)), damage))))
    }

    /// Seconds until the session expires: by its own expiry if that says something, else by the file's time (S56).
    fn age_left(&self, data: &Dict, changed: Timestamp, now: Timestamp) -> Result<f64, EngineError> {
        match data.get(EXPIRY_KEY).filter(|v| v.is_truthy()) {
            own @ Some(_) => Ok(self.lifetime.age_of(own, now)?),
            None => {
                let end = Value::from(changed.plus_secs(self.lifetime.age_secs()).to_isoformat());
                Ok(self.lifetime.age_of(Some(&end), now)?)
            }
        }
    }

    fn create(&self, key: &SessionKey, text: &str, now: Timestamp) -> Result<Created, EngineError> {
        let path = self.file(key);
        let beside = self.written_beside(&path, text, now)?;
        // The name appears with all that is in it, or not at all.
        let linked = match fs::hard_link(&beside, &path) {
            Ok(()) => Some(Created::Yes(Some(Version::Text(text.into())))),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Some(Created::Taken),
            Err(_) => None,
        };
        if let Some(created) = linked {
            fs::remove_file(&beside).map_err(failed("written"))?;
            return Ok(created);
        }
        // A file system without links: take the name as Django does, then put the file there (S55).
        let taken = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map(drop);
        match taken.and_then(|()| fs::rename(&beside, &path)) {
            Ok(()) => Ok(Created::Yes(Some(Version::Text(text.into())))),
            Err(e) => {
                fs::remove_file(&beside).unwrap_or_default();
                if e.kind() == ErrorKind::AlreadyExists { Ok(Created::Taken) } else { Err(failed("made")(e)) }
            }
        }
    }

    fn replace(
        &self,
        key: &SessionKey,
        expected: &Expected,
        text: &str,
        now: Timestamp,
    ) -> Result<Replaced, EngineError> {
        let path = self.file(key);
        let Some(_lock) = self.lock(key)? else { return Ok(Replaced::Gone) };
        let Some((stored, _)) = self.read_file(&path)? else { return Ok(Replaced::Gone) };
        let same = match expected {
            Expected::Any => true,
            Expected::None => false,
            Expected::Text(text) => **text == *stored,
        };
        if !same {
            return Ok(Replaced::Differs(stored.into()));
        }
        self.put(&path, text, now)?;
        Ok(Replaced::Yes)
    }

    /// Writes a file beside `path` and renames it over, so that readers see the old text or the new.
    fn put(&self, path: &Path, text: &str, now: Timestamp) -> Result<(), EngineError> {
        let beside = self.written_beside(path, text, now)?;
        fs::rename(&beside, path).map_err(|e| {
            fs::remove_file(&beside).unwrap_or_default();
            failed("written")(e)
        })
    }

    fn written_beside(&self, path: &Path, text: &str, now: Timestamp) -> Result<PathBuf, EngineError> {
        let (beside, mut file) = self.temporary(path).map_err(failed("made"))?;
        let changed = UNIX_EPOCH + Duration::from_micros(now.as_micros().max(0).unsigned_abs());
        match file.write_all(text.as_bytes()).and_then(|()| file.set_modified(changed)) {
            Ok(()) => Ok(beside),
            Err(e) => {
                fs::remove_file(&beside).unwrap_or_default();
                Err(failed("written")(e))
            }
        }
    }

    fn temporary(&self, path: &Path) -> io::Result<(PathBuf, File)> {
        loop {
            let mut beside = path.as_os_str().to_owned();
            let number = self.temporary.fetch_add(1, Ordering::Relaxed);
            beside.push(format!("_out_{}_{number}", std::process::id()));
            let beside = PathBuf::from(beside);
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside) {
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                opened => return opened.map(|file| (beside, file)),
            }
        }
    }

    fn delete(&self, key: &SessionKey) -> Result<(), EngineError> {
        let _lock = self.lock(key)?;
        self.unlink(key)
    }

    fn unlink(&self, key: &SessionKey) -> Result<(), EngineError> {
        match fs::remove_file(self.file(key)) {
            Err(e) if is_absent(&e) => fs::metadata(&self.path).map(|_| ()).map_err(failed("deleted")),
            deleted => deleted.map_err(failed("deleted")),
        }
    }

    fn clear_expired(&self, now: Timestamp) -> Result<u64, EngineError> {
        let mut cleared = 0;
        for key in self.keys()? {
            match self.load(&key, now) {
                Ok(Loaded::Renew) => cleared += 1,
                Ok(_) => {}
                Err(e) if e.is_unavailable() => return Err(e),
                // One session that cannot be understood must not keep the others.
                Err(e) => tracing::warn!(error = &e as &(dyn std::error::Error + 'static), "a session file was left"),
            }
        }
        Ok(cleared)
    }

    fn keys(&self) -> Result<Vec<SessionKey>, EngineError> {
        let mut keys = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed("listed"))? {
            let name = entry.map_err(failed("listed"))?.file_name();
            let key = name.to_str().and_then(|n| n.strip_prefix(&self.prefix)).filter(|k| is_file_key(k));
            keys.extend(key.and_then(SessionKey::parse));
        }
        Ok(keys)
    }

    /// The text of a file and its time of change; `None` if there is none. What is no ASCII cannot verify anyway.
    fn read_file(&self, path: &Path) -> Result<Option<(String, Timestamp)>, EngineError> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            // A folder that is gone, unmounted perhaps, says nothing about its sessions (D7).
            Err(e) if is_absent(&e) => {
                return fs::metadata(&self.path).map(|_| None).map_err(failed("opened"));
            }
            Err(e) => return Err(failed("opened")(e)),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed("read"))?;
        let changed = file.metadata().and_then(|m| m.modified()).map_err(failed("read"))?;
        let changed = match changed.duration_since(UNIX_EPOCH) {
            Ok(since) => Timestamp::UNIX_EPOCH + since,
            Err(e) => Timestamp::UNIX_EPOCH - e.duration(),
        };
        Ok(Some((String::from_utf8_lossy(&bytes).into_owned(), changed)))
    }

    /// Only for keys that [`FileEngine::admits`].
    fn file(&self, key: &SessionKey) -> PathBuf {
        self.path.join([self.prefix.as_str(), key.expose()].concat())
    }

    /// Keeps others from changing the session: those of this process, and by the file's own lock those of others.
    /// `None` if there is no such file.
    fn lock(&self, key: &SessionKey) -> Result<Option<KeyLock<'_>>, EngineError> {
        let here = self.locks.of(key).lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.file(key);
        let began = Instant::now();
        loop {
            let file = match OpenOptions::new().read(true).write(true).open(&path) {
                Ok(file) => file,
                // A folder that is gone says nothing about its sessions (D7).
                Err(e) if is_absent(&e) => return fs::metadata(&self.path).map(|_| None).map_err(failed("locked")),
                Err(e) => return Err(failed("locked")(e)),
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::Error(e)) if e.kind() == ErrorKind::Unsupported => {}
                Err(TryLockError::Error(e)) => return Err(failed("locked")(e)),
                Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_PATIENCE => {
                    std::thread::sleep(LOCK_PAUSE);
                    continue;
                }
                Err(TryLockError::WouldBlock) => return Err(failed("locked")(ErrorKind::TimedOut.into())),
            }
            // While this waited the file may have been replaced or removed, and the lock is on what it was.
            let ours = file.metadata().map_err(failed("locked"))?;
            match fs::metadata(&path) {
                Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => {
                    return Ok(Some(KeyLock { _file: file, _here: here }));
                }
                Ok(_) => {}
                Err(e) if is_absent(&e) => return Ok(None),
                Err(e) => return Err(failed("locked")(e)),
            }
        }
    }
}

/// How long a change waits for another process that changes the same session.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// Both locks of a session's file; closing the file gives back its own.
struct KeyLock<'a> {
    _file: File,
    _here: MutexGuard<'a, ()>,
}

enum Stored {
    Live(Record),
    Expired,
}

/// No such file, or one that cannot be: a key may be longer than any file's name.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidFilename)
}

fn is_file_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn failed(action: &'static str) -> impl FnOnce(io::Error) -> EngineError {
    move |source| EngineError::File { action, source }
}
