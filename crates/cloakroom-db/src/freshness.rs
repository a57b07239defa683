//! [`Freshness`]: how old what is served from memory can be (S21).

use std::fmt;
use std::time::Duration;

/// How old a copy in this process's memory can be when it is used in place of a question to the database.
///
/// The age counts from when a change was acknowledged to whoever made it, in whatever process, to when a request begins that
/// does not see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Freshness {
    /// Not at all: every commit is seen in the WAL index, which is mapped into memory.
    StrictByIndex,
    /// Not at all: the database is asked before each use whether anybody has committed.
    StrictByVersion,
    /// Not at all: no copy is used. Session and user come in one round trip.
    StrictByQuery,
    /// This old at most: the server tells of changes, and while it does not give a sign of life no copy is used.
    Bounded(Duration),
}

impl Freshness {
    /// How old a copy can be.
    #[must_use]
    pub const fn bound(self) -> Duration {
        match self {
            Self::Bounded(bound) => bound,
            _ => Duration::ZERO,
        }
    }
}

/// The guarantee, for operators.
impl fmt::Display for Freshness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StrictByIndex => f.write_str(
                "strict: a change by any process is seen by the next request (copies are used while SQLite's mapped WAL index says that nobody has committed)",
            ),
            Self::StrictByVersion => f.write_str(
                "strict: a change by any process is seen by the next request (SQLite is asked before each use of a copy, as its WAL index cannot be mapped here)",
            ),
            Self::StrictByQuery => f.write_str(
                "strict: a change by any process is seen by the next request (each asks the database, for session and user in one round trip)",
            ),
            Self::Bounded(bound) => write!(
                f,
                "bounded: a change by another process is seen within {} ms, also when the server cannot tell of it (a change by this process at once)",
                bound.as_millis()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guarantee_is_said_in_one_line() {
        assert_eq!(Freshness::StrictByIndex.bound(), Duration::ZERO);
        let bounded = Freshness::Bounded(Duration::from_millis(1500));
        assert_eq!(bounded.bound(), Duration::from_millis(1500));
        assert!(bounded.to_string().starts_with("bounded: a change by another process is seen within 1500 ms"));
    }
}
