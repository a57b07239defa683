//! [`Hearing`]: how long what a server told of changes is worth (D5, S21).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Line, Stamp};

/// A line whose store tells of what others change, and until when it is known to have told everything.
///
/// How old a copy can be is bounded by a heartbeat: a beat goes the same way as what the server tells, behind all of it. Once a
/// beat that was sent at some moment came back, everything that was acknowledged before that moment has been heard. So copies
/// may be used for the bound after that moment, and no longer: not while a connection is cut, hangs, or is made anew. The
/// moments are those of a clock that nobody sets.
///
/// ```
/// use std::sync::Arc;
/// use std::time::{Duration, Instant};
/// use cloakroom_core::near::{Hearing, Line};
///
/// let hearing = Hearing::new(Duration::from_secs(60), Arc::new(Line::new()));
/// assert_eq!(hearing.stamp(), None, "nothing was heard yet");
/// hearing.believe(Instant::now());
/// assert!(hearing.stamp().is_some());
/// hearing.lose();
/// assert_eq!(hearing.stamp(), None);
/// ```
#[derive(Debug)]
pub struct Hearing {
    line: Arc<Line>,
    bound: Duration,
    began: Instant,
    /// Until when copies may be used, in microseconds since `began`.
    until: AtomicU64,
}

impl Hearing {
    /// Nothing is heard yet.
    #[must_use]
    pub fn new(bound: Duration, line: Arc<Line>) -> Self {
        Self { line, bound, began: Instant::now(), until: AtomicU64::new(0) }
    }

    /// How late it may be known that others changed something.
    #[must_use]
    pub const fn bound(&self) -> Duration {
        self.bound
    }

    /// The history that is heard of.
    #[must_use]
    pub const fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// The present moment, if everything is known that was acknowledged longer ago than the bound.
    #[must_use]
    pub fn stamp(&self) -> Option<Stamp> {
        let now = self.micros(Instant::now());
        (now < self.until.load(Ordering::Acquire)).then(|| self.line.stamp())
    }

    /// The beat that was sent at `sent` came back.
    pub fn believe(&self, sent: Instant) {
        self.until.store(self.micros(sent + self.bound), Ordering::Release);
    }

    /// Whatever happens until a beat comes back again, nobody will tell: no copy of before holds any more.
    pub fn lose(&self) {
        self.until.store(0, Ordering::Release);
        self.line.forget();
    }

    fn micros(&self, moment: Instant) -> u64 {
        u64::try_from(moment.saturating_duration_since(self.began).as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Subject;
    use super::*;

    const BOUND: Duration = Duration::from_millis(40);

    /// S21: a beat is worth the bound from when it was sent, however late it came back.
    #[test]
    fn a_beat_counts_from_when_it_was_sent() {
        let hearing = Hearing::new(BOUND, Arc::default());
        let sent = Instant::now();
        hearing.believe(sent);
        while hearing.stamp().is_some() {
            assert!(sent.elapsed() < BOUND * 10);
        }
        assert!(sent.elapsed() >= BOUND);
        hearing.believe(sent);
        assert_eq!(hearing.stamp(), None, "it came back too late");
    }

    #[test]
    fn what_was_copied_before_a_gap_does_not_hold_after_it() {
        let hearing = Hearing::new(Duration::from_secs(60), Arc::default());
        hearing.believe(Instant::now());
        let then = hearing.stamp().unwrap();
        hearing.lose();
        hearing.believe(Instant::now());
        assert!(!hearing.line().holds(then, hearing.stamp().unwrap(), Subject::Entry("a")));
    }
}
