//! [`Watch`]: hearing of what other processes change in the cache, so that copies can be used without a question (D5, S21).

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use cloakroom_core::near::{self, Hearing, Line, Subject};

use crate::redis::Tracking;
use crate::{KeyForm, Stamped};

/// Hears of every change to what the cache has under keys that begin with one prefix, whoever makes it.
///
/// Copies of such values are of [`Subject::Entry`] with the rest of the key. Made by [`Cache::watch`](crate::Cache::watch);
/// the first [`stamp`](Self::stamp) begins to listen.
pub struct Watch {
    heard: Arc<Heard>,
    tracking: Tracking,
}

/// What is known of the history of keys with one prefix.
pub(crate) struct Heard {
    hearing: Hearing,
    /// Before a name, in the cache's words.
    prefix: String,
    /// The same as the store knows it.
    pub(crate) full_prefix: String,
    /// Before the number of a beat of this process, as the store knows it.
    pub(crate) beats: String,
}

/// A value, and whether a copy of it may be kept.
#[derive(Clone, Debug)]
pub struct Watched {
    /// What is there.
    pub found: Option<Stamped>,
    /// How long a copy of it holds; `None` if not at all.
    pub kept: Option<Kept>,
}

/// How long a copy holds: until something is heard of its subject, and no longer than the value lives.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// The moment before it was read.
    pub read_at: near::Stamp,
    /// When its time is up in the store; `None` if never.
    pub until: Option<Instant>,
}

impl Watch {
    pub(crate) const fn new(heard: Arc<Heard>, tracking: Tracking) -> Self {
        Self { heard, tracking }
    }

    /// The present moment, if everything is known that was acknowledged longer ago than the bound.
    #[must_use]
    pub fn stamp(&self) -> Option<near::Stamp> {
        self.tracking.is_started().then(|| self.heard.hearing.stamp()).flatten()
    }

    /// The history that is heard of.
    #[must_use]
    pub fn line(&self) -> &Line {
        self.heard.hearing.line()
    }

    /// How late a change by another process is heard of at most.
    #[must_use]
    pub fn bound(&self) -> Duration {
        self.heard.hearing.bound()
    }

    pub(crate) const fn tracking(&self) -> &Tracking {
        &self.tracking
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("prefix", &self.heard.prefix).finish_non_exhaustive()
    }
}

impl Heard {
    pub(crate) fn new(prefix: &str, keys: &KeyForm, bound: Duration) -> Arc<Self> {
        let name = RandomState::new().hash_one(std::process::id());
        Arc::new(Self {
            hearing: Hearing::new(bound, Arc::new(Line::new())),
            prefix: prefix.to_owned(),
            full_prefix: keys.full(prefix),
            // The server tells of what changed in one turn in the order of prefixes: of a beat last.
            beats: keys.full(&format!("~cloakroom.near.{name:016x}.")),
        })
    }

    pub(crate) const fn hearing(&self) -> &Hearing {
        &self.hearing
    }

    /// Notes that what is under `key`, in the cache's words, was changed by this process.
    fn changed(&self, key: &str) {
        if let Some(name) = key.strip_prefix(&self.prefix) {
            self.hearing.line().touch_one(Subject::Entry(name));
        }
    }

    /// Takes in that what is under `key`, as the store knows it, has changed. The number if it is a beat.
    pub(crate) fn take_in(&self, key: &[u8]) -> Option<u64> {
        // What is no text is nobody's whom we could ask for.
        let key = std::str::from_utf8(key).ok()?;
        if let Some(name) = key.strip_prefix(&self.full_prefix) {
            self.hearing.line().touch_one(Subject::Entry(name));
        }
        let number = key.strip_prefix(&self.beats)?;
        number.split_once('{').map_or(number, |(number, _)| number).parse().ok()
    }
}

/// The watches of one cache.
#[derive(Default)]
pub(crate) struct Watches(RwLock<Vec<Weak<Heard>>>);

impl Watches {
    pub(crate) const fn new() -> Self {
        Self(RwLock::new(Vec::new()))
    }

    pub(crate) fn add(&self, heard: &Arc<Heard>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|heard| heard.strong_count() > 0);
        all.push(Arc::downgrade(heard));
    }

    /// A change by this process is under way. It ends the copies when it is over: also where it failed, or nobody waited for
    /// it, as it may have happened.
    pub(crate) const fn change<'a>(&'a self, key: &'a str) -> Changing<'a> {
        Changing { watches: self, key }
    }
}

impl fmt::Debug for Watches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watches")
    }
}

/// See [`Watches::change`].
#[must_use = "it is over when this is dropped"]
pub(crate) struct Changing<'a> {
    watches: &'a Watches,
    key: &'a str,
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        for heard in self.watches.0.read().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade) {
            heard.changed(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard() -> Arc<Heard> {
        Heard::new("sessions.", &KeyForm::new("shop", 2), Duration::from_secs(60))
    }

    /// S21: what is heard, and what this process does, ends exactly the copies of that.
    #[test]
    fn a_change_ends_its_copies() {
        let heard = heard();
        let watches = Watches::new();
        watches.add(&heard);
        let line = heard.hearing.line();
        let holds = |then, name| line.holds(then, line.stamp(), Subject::Entry(name));
        let then = line.stamp();
        for key in ["shop:2:other.a", "shop:1:sessions.a", "sessions.a", "shop:2:sessions.b"] {
            assert_eq!(heard.take_in(key.as_bytes()), None);
        }
        assert!(holds(then, "a") && !holds(then, "b"));
        assert_eq!(heard.take_in(b"shop:2:sessions.a"), None);
        assert!(!holds(then, "a"));
        let then = line.stamp();
        let changing = watches.change("sessions.a");
        assert!(holds(then, "a"), "nothing has happened yet");
        drop(changing);
        drop(watches.change("counters.b"));
        assert!(!holds(then, "a") && holds(then, "b"));
    }

    #[test]
    fn beats_are_this_watchs_own() {
        let heard = heard();
        assert_eq!(heard.take_in(format!("{}17", heard.beats).as_bytes()), Some(17));
        assert_eq!(heard.take_in(format!("{}18{{204}}", heard.beats).as_bytes()), Some(18));
        assert_eq!(heard.take_in(b"shop:2:~cloakroom.near.0123456789abcdef.19"), None);
        assert_eq!(heard.take_in(b"\xff"), None);
        assert!(heard.beats > heard.full_prefix, "changes are told of first");
    }
}
