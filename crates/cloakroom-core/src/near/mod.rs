//! What is known, in this process, of a store's history: whether a copy that was taken of it may still be used (D5, S21).
//!
//! A [`Line`] belongs to one store. Whoever keeps a copy of something takes a [`Stamp`] **before** reading it from the store
//! and keeps both. Whoever changes something [touches](Line::touch) it on the line, after the change is made and before
//! anybody is told so. A copy [holds](Line::holds) as long as nothing touched its subject after its stamp. So a copy that
//! was read before a change and kept after it is not believed either, in whatever order two threads do this.
//!
//! What changed in a way that nobody can name, such as by another process, [forgets](Line::forget) everything.
//!
//! Where a server tells of changes, [`Hearing`] says until when what was heard can be relied upon.

mod hearing;

use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use foldhash::quality::RandomState;

pub use self::hearing::Hearing;
use crate::clock::Timestamp;
use crate::keys::{SessionKey, UserId};

/// Places for touches. Two subjects that share one are touched together, which costs a look at the store.
const PLACES: usize = 1 << 16;

/// A store's history since this process knows it. It holds no copies, only what is needed to judge them.
pub struct Line {
    epoch: AtomicU64,
    turn: AtomicU64,
    /// The turn in which each subject was last touched, by its hash.
    places: Box<[AtomicU64]>,
    /// The turns in which all users, and anything at all, were last touched.
    users: AtomicU64,
    everything: AtomicU64,
    /// Sessions that end before this moment may have been cleared away.
    cleared: AtomicI64,
    hasher: RandomState,
}

/// A moment in a store's history, taken by [`Line::stamp`]. Stamps of different lines have nothing to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    epoch: u64,
    turn: u64,
}

/// What a copy is of, or what a change changed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Subject<'a> {
    /// A session.
    Session(&'a SessionKey),
    /// A user: row, groups, permissions.
    User(&'a UserId),
    /// What a store of keys and values has under this name.
    Entry(&'a str),
}

/// What a change changed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Touched {
    /// Nothing of which there are copies.
    Nothing,
    /// A session.
    Session(SessionKey),
    /// Two sessions, as when one gets another key.
    Sessions(SessionKey, SessionKey),
    /// Sessions that ended before this moment, some or all of them.
    SessionsBefore(Timestamp),
    /// A user.
    User(UserId),
    /// Any user, as when a group's permissions change.
    Users,
    /// Anything.
    #[default]
    Everything,
}

impl Line {
    /// A line on which nothing has happened yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            epoch: AtomicU64::new(0),
            turn: AtomicU64::new(0),
            places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
            users: AtomicU64::new(0),
            everything: AtomicU64::new(0),
            cleared: AtomicI64::new(i64::MIN),
            hasher: RandomState::default(),
        }
    }

    /// The present moment of the line. Whether the line knows of everything up to now, the store alone can say.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        let epoch = self.epoch.load(Ordering::Acquire);
        Stamp { epoch, turn: self.turn.load(Ordering::Acquire) }
    }

    /// Notes a change that was just made.
    pub fn touch(&self, touched: &Touched) {
        match touched {
            Touched::Nothing => {}
            Touched::Session(key) => self.touch_one(Subject::Session(key)),
            Touched::Sessions(old, new) => {
                self.touch_one(Subject::Session(old));
                self.touch_one(Subject::Session(new));
            }
            Touched::SessionsBefore(moment) => drop(self.cleared.fetch_max(moment.as_micros(), Ordering::AcqRel)),
            Touched::User(id) => self.touch_one(Subject::User(id)),
            Touched::Users => drop(self.users.fetch_max(self.next_turn(), Ordering::AcqRel)),
            Touched::Everything => drop(self.everything.fetch_max(self.next_turn(), Ordering::AcqRel)),
        }
    }

    /// Notes that this was just changed, and nothing else.
    pub fn touch_one(&self, subject: Subject<'_>) {
        self.note(subject);
    }

    /// As [`touch`](Self::touch), and gives the stamp of a copy of what was written. `before` is a stamp that was taken
    /// when nobody else could change the store any more, nor could until the change was made. Whoever changes the same
    /// afterwards ends the copy, and whatever others did meanwhile ends it too. Where more than a session was changed, the
    /// stamp is one that nothing holds by.
    #[must_use]
    pub fn touch_since(&self, before: Stamp, touched: &Touched) -> Stamp {
        match touched {
            Touched::Session(key) => Stamp { epoch: before.epoch, turn: self.note(Subject::Session(key)) },
            _ => {
                self.touch(touched);
                before
            }
        }
    }

    fn note(&self, subject: Subject<'_>) -> u64 {
        let turn = self.next_turn();
        self.place(subject).fetch_max(turn, Ordering::AcqRel);
        turn
    }

    /// Notes that others may have changed anything: no copy of before holds any more.
    pub fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether a copy of `subject` made at `then` is, at `now`, what the store has.
    #[must_use]
    pub fn holds(&self, then: Stamp, now: Stamp, subject: Subject<'_>) -> bool {
        // Where nothing at all was touched there is no place to be looked at, which is no more in the processor's caches than
        // any other.
        then.epoch == now.epoch && (then.turn == now.turn || self.is_untouched(then, subject))
    }

    /// Whether this process has not changed `subject` since `then`. For what was read for one request: that others change it
    /// while the request is under way is no different from their changing it a moment later.
    #[must_use]
    pub fn is_untouched(&self, then: Stamp, subject: Subject<'_>) -> bool {
        self.place(subject).load(Ordering::Acquire) <= then.turn
            && self.everything.load(Ordering::Acquire) <= then.turn
            && (!matches!(subject, Subject::User(_)) || self.users.load(Ordering::Acquire) <= then.turn)
    }

    /// Whether a session that ends at `end` cannot have been cleared away for being over.
    #[must_use]
    pub fn is_kept(&self, end: Timestamp) -> bool {
        end.as_micros() >= self.cleared.load(Ordering::Acquire)
    }

    fn next_turn(&self) -> u64 {
        self.turn.fetch_add(1, Ordering::AcqRel) + 1
    }

    fn place(&self, subject: Subject<'_>) -> &AtomicU64 {
        let hash = match subject {
            Subject::Session(key) => self.hasher.hash_one(key),
            Subject::User(id) => self.hasher.hash_one(id),
            Subject::Entry(name) => self.hasher.hash_one(name),
        };
        &self.places[hash as usize % PLACES]
    }
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("now", &self.stamp()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> SessionKey {
        SessionKey::parse(&format!("{n:08}")).unwrap()
    }

    /// S21: each change ends exactly the copies of what it changed, whenever they were kept.
    #[test]
    fn a_copy_holds_until_its_subject_is_touched() {
        let line = Line::new();
        let (alice, bob) = (UserId::from(1), UserId::from(2));
        let (a, b) = (key(1), key(2));
        let then = line.stamp();
        let holds = |subject| line.holds(then, line.stamp(), subject);
        for (touched, ended) in [
            (Touched::Nothing, [false; 4]),
            (Touched::Session(a.clone()), [true, false, false, false]),
            (Touched::User(alice.clone()), [true, false, true, false]),
            (Touched::Sessions(a.clone(), b.clone()), [true, true, true, false]),
            (Touched::Users, [true, true, true, true]),
        ] {
            line.touch(&touched);
            let subjects = [Subject::Session(&a), Subject::Session(&b), Subject::User(&alice), Subject::User(&bob)];
            assert_eq!(subjects.map(|subject| !holds(subject)), ended, "{touched:?}");
        }
        let again = line.stamp();
        assert!(line.holds(again, line.stamp(), Subject::Session(&a)));
        assert!(line.holds(again, line.stamp(), Subject::User(&bob)));
    }

    #[test]
    fn everything_is_forgotten_at_once() {
        let line = Line::new();
        let then = line.stamp();
        line.touch(&Touched::Everything);
        assert!(!line.holds(then, line.stamp(), Subject::Session(&key(1))));
        assert!(!line.is_untouched(then, Subject::User(&UserId::from(1))));
        let then = line.stamp();
        line.forget();
        assert!(!line.holds(then, line.stamp(), Subject::Session(&key(1))));
        assert!(line.is_untouched(then, Subject::User(&UserId::from(1))), "others did that");
    }

    #[test]
    fn an_entry_is_touched_alone() {
        let line = Line::new();
        let then = line.stamp();
        line.touch_one(Subject::Entry("a"));
        line.touch(&Touched::Users);
        assert!(!line.holds(then, line.stamp(), Subject::Entry("a")));
        assert!(line.holds(then, line.stamp(), Subject::Entry("b")));
    }

    /// A clock that is set back does not bring back a session whose row was cleared away.
    #[test]
    fn what_was_cleared_stays_so() {
        let line = Line::new();
        let noon = Timestamp::from_secs(1_767_268_800);
        assert!(line.is_kept(noon));
        line.touch(&Touched::SessionsBefore(noon));
        assert!(line.is_kept(noon) && !line.is_kept(noon.plus_secs(-1)));
        line.touch(&Touched::SessionsBefore(noon.plus_secs(-60)));
        assert!(!line.is_kept(noon.plus_secs(-1)));
    }

    /// What was written oneself may be kept, until somebody writes again.
    #[test]
    fn a_copy_of_what_was_written_holds_until_the_next_change() {
        let line = Line::new();
        let (a, b) = (Touched::Session(key(1)), Touched::Session(key(2)));
        let before = line.stamp();
        let first = line.touch_since(before, &a);
        let _ = line.touch_since(before, &b);
        assert!(line.holds(first, line.stamp(), Subject::Session(&key(1))));
        let second = line.touch_since(before, &a);
        assert!(!line.holds(first, line.stamp(), Subject::Session(&key(1))));
        assert!(line.holds(second, line.stamp(), Subject::Session(&key(1))));
        let both = line.touch_since(before, &Touched::Sessions(key(1), key(2)));
        assert!(!line.holds(both, line.stamp(), Subject::Session(&key(1))));
        let third = line.touch_since(before, &a);
        line.forget();
        assert!(!line.holds(third, line.stamp(), Subject::Session(&key(1))), "others may have written since");
        let late = line.touch_since(before, &a);
        assert!(!line.holds(late, line.stamp(), Subject::Session(&key(1))), "others may have written meanwhile");
    }

    /// A copy holds as of a moment: what is touched after that is seen at the next one.
    #[test]
    fn a_copy_holds_as_of_a_moment() {
        let line = Line::new();
        let then = line.stamp();
        let now = line.stamp();
        line.touch(&Touched::Session(key(1)));
        assert!(line.holds(then, now, Subject::Session(&key(1))), "nothing had been touched by then");
        assert!(!line.holds(then, line.stamp(), Subject::Session(&key(1))));
        assert!(line.holds(then, line.stamp(), Subject::Session(&key(2))));
    }

    /// A copy read before a change and kept after it does not hold.
    #[test]
    fn a_late_copy_is_not_believed() {
        let line = Line::new();
        let ticket = line.stamp();
        line.touch(&Touched::Session(key(1)));
        assert!(!line.holds(ticket, line.stamp(), Subject::Session(&key(1))));
    }
}
