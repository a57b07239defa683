//! Telling own commits from others', so that copies in this process's memory outlive only what they may (D5, S21).
//!
//! The writer's thread, after each commit and before it answers, touches what the commit changed and then
//! [publishes](History::publish) how the WAL index looks. A reader believes copies only while the index looks as published:
//! then every commit that was acknowledged by then, of whatever process, is accounted for. If it looks otherwise, a commit
//! of ours is about to be published, or somebody else has committed. Which of the two, the writer's own connection knows: on
//! it, `PRAGMA data_version` changes by others' commits alone (<https://sqlite.org/pragma.html#pragma_data_version>). So the
//! writer is asked to look, and until it has, readers read the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};

use cloakroom_core::near::{Line, Stamp};
use rusqlite::Connection;

use super::shm::WORDS;
use super::watch::{Watch, Words, data_version};

/// How often a look is repeated because somebody committed during it.
const LOOKS: u32 = 16;

pub(super) struct History {
    watch: Watch,
    line: Arc<Line>,
    published: Published,
    /// Whether the writer was asked to look and has not begun yet.
    asked: AtomicBool,
}

/// What the writer knows of the history beside what is published.
#[derive(Debug, Default)]
pub(super) struct Seen {
    data_version: Option<u64>,
}

impl History {
    pub(super) fn new(watch: Watch) -> Self {
        Self { watch, line: Arc::new(Line::new()), published: Published::nothing(), asked: AtomicBool::new(false) }
    }

    pub(super) const fn line(&self) -> &Arc<Line> {
        &self.line
    }

    pub(super) const fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The present moment, if everything that anybody has committed is accounted for.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let known = self.published.read()?;
        // Taken before the look: whatever is touched in between came after what is published.
        let stamp = self.line.stamp();
        (self.watch.words()? == known).then_some(stamp)
    }

    /// Whether the writer is still to be asked to look; true for one caller until it does.
    pub(super) fn wants_look(&self) -> bool {
        !self.asked.load(Ordering::Relaxed) && !self.asked.swap(true, Ordering::AcqRel)
    }

    /// The writer looks at what others did, and publishes. Outside of a transaction, with what it changed touched.
    pub(super) fn publish(&self, writer: &Connection, seen: &mut Seen) {
        self.asked.store(false, Ordering::Release);
        for _ in 0..LOOKS {
            let before = self.watch.words();
            let Ok(version) = data_version(writer) else { break };
            if before.is_none() {
                break;
            }
            if before != self.watch.words() {
                continue;
            }
            if seen.data_version.replace(version) != Some(version) {
                self.line.forget();
            }
            self.published.write(before);
            return;
        }
        seen.data_version = None;
        self.line.forget();
        self.published.write(None);
    }
}

/// The words that the writer published last: read by all, written by one.
struct Published {
    /// Even while the words stand; odd while they are written, or are none.
    version: AtomicU32,
    words: [AtomicU64; WORDS],
}

impl Published {
    const fn nothing() -> Self {
        Self { version: AtomicU32::new(1), words: [const { AtomicU64::new(0) }; WORDS] }
    }

    fn read(&self) -> Option<Words> {
        let version = self.version.load(Ordering::Acquire);
        if version % 2 == 1 {
            return None;
        }
        let words = std::array::from_fn(|n| self.words[n].load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        (self.version.load(Ordering::Relaxed) == version).then_some(words)
    }

    fn write(&self, words: Option<Words>) {
        let odd = self.version.load(Ordering::Relaxed) | 1;
        self.version.store(odd, Ordering::Relaxed);
        fence(Ordering::Release);
        if let Some(words) = words {
            for (place, word) in self.words.iter().zip(words) {
                place.store(word, Ordering::Relaxed);
            }
            self.version.store(odd.wrapping_add(1), Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use cloakroom_core::keys::UserId;
    use cloakroom_core::near::{Subject, Touched};

    use super::*;

    fn connection(path: &Path) -> Connection {
        let connection = Connection::open(path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS t (n)").unwrap();
        connection
    }

    fn holds(history: &History, then: Stamp) -> bool {
        let now = history.stamp().unwrap();
        history.line().holds(then, now, Subject::User(&UserId::from(1)))
    }

    /// D5, both ways of looking: own commits end what they touch, others' end everything, and between a commit and the look
    /// at it nothing is believed.
    #[test]
    fn own_commits_are_told_from_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db.sqlite3");
        let writer = connection(&path);
        let other = connection(&path);
        let mapped = Watch::around(&path, || Ok(()), || panic!("it can be mapped")).unwrap_or_else(|_| panic!()).0;
        for watch in [mapped, Watch::asking(connection(&path))] {
            let history = History::new(watch);
            let mut seen = Seen::default();
            assert_eq!(history.stamp(), None, "nobody has looked yet");
            history.publish(&writer, &mut seen);
            let then = history.stamp().unwrap();
            history.publish(&writer, &mut seen);
            assert!(holds(&history, then), "looking changes nothing");

            writer.execute("INSERT INTO t VALUES (1)", []).unwrap();
            assert_eq!(history.stamp(), None, "our commit is not published yet");
            history.line().touch(&Touched::User(UserId::from(2)));
            history.publish(&writer, &mut seen);
            assert!(holds(&history, then));
            history.line().touch(&Touched::User(UserId::from(1)));
            assert!(!holds(&history, then));

            let then = history.stamp().unwrap();
            other.execute("INSERT INTO t VALUES (1)", []).unwrap();
            assert_eq!(history.stamp(), None, "somebody committed");
            assert!(history.wants_look() && !history.wants_look(), "the writer is asked once");
            history.publish(&writer, &mut seen);
            assert!(!holds(&history, then));
            assert!(history.wants_look());

            let then = history.stamp().unwrap();
            other.execute("INSERT INTO t VALUES (1)", []).unwrap();
            writer.execute("INSERT INTO t VALUES (1)", []).unwrap();
            history.publish(&writer, &mut seen);
            assert!(!holds(&history, then), "theirs is seen behind ours");
        }
    }
}
