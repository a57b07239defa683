//! How long a failure delays the next try: pure rules about counts and moments.

use std::time::Duration;

use cloakroom_core::clock::Timestamp;

/// How far apart the clocks of tries may be that are made at once.
const OUT_OF_ORDER: Duration = Duration::from_secs(60);

/// How many failures are free, how long the next try must wait after that, and when failures are forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    /// So many failures delay nothing.
    pub(super) free: u32,
    /// The delay after the first that is not free; each further one doubles it.
    pub(super) first_delay: Duration,
    /// No delay is longer.
    pub(super) longest_delay: Duration,
    /// How failures are forgotten.
    pub(super) decay: Decay,
    /// With so many not forgotten, there is no further try.
    pub(super) stop: Option<u32>,
}

/// How failures are forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decay {
    /// All at once, so long after the last.
    After(Duration),
    /// One in each such time.
    Leak(Duration),
}

/// What is known of one account, network or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    /// Failures that are not forgotten.
    pub(super) failures: u32,
    /// The last failure; where failures leak, the moment up to which they have leaked.
    pub(super) since: Timestamp,
    /// No try before this moment.
    pub(super) until: Timestamp,
}

impl Schedule {
    /// So many in an hour, at once or spread; no delays.
    pub(super) const fn per_hour(limit: u32) -> Self {
        let limit = if limit == 0 { 1 } else { limit };
        Self {
            free: u32::MAX,
            first_delay: Duration::ZERO,
            longest_delay: Duration::ZERO,
            decay: Decay::Leak(Duration::from_micros(3_600_000_000 / limit as u64)),
            stop: Some(limit),
        }
    }

    /// The same with another last try.
    pub(super) const fn with_stop(mut self, stop: u32) -> Self {
        self.stop = Some(stop);
        self
    }

    /// Counts a try before it is made, as if it failed already: of many at once no more pass than may.
    ///
    /// `Err` is how long to wait.
    pub(super) fn charge(&self, count: Count, now: Timestamp) -> Result<Count, Duration> {
        let (mut count, now) = self.aged(count, now);
        if now < count.until {
            return Err(between(now, count.until));
        }
        if self.stop.is_some_and(|stop| count.failures >= stop) {
            let room = match self.decay {
                Decay::After(time) | Decay::Leak(time) => plus(count.since, time),
            };
            return Err(between(now, room));
        }
        count.since = match self.decay {
            Decay::Leak(_) if count.failures > 0 => count.since,
            _ => now,
        };
        count.failures = count.failures.saturating_add(1);
        count.until = match self.delay_after(count.failures) {
            Duration::ZERO => Count::NO_WAIT,
            delay => plus(now, delay),
        };
        Ok(count)
    }

    /// Counts a try without asking whether it must wait; only with so many not forgotten there is none.
    pub(super) fn count(&self, count: Count, most: u32, now: Timestamp) -> Result<Count, Duration> {
        let (aged, now) = self.aged(count, now);
        let counted = self.with_stop(most).charge(Count { until: Count::NO_WAIT, ..aged }, now)?;
        // Whoever was to wait still is.
        Ok(Count { until: counted.until.max(aged.until), ..counted })
    }

    /// Takes a charge back: the try turned out to be none, or a success.
    pub(super) fn refund(&self, count: Count, now: Timestamp) -> Count {
        let (mut count, _) = self.aged(count, now);
        count.failures = count.failures.saturating_sub(1);
        // The one that is taken back was let in, so there was nothing to wait for when it came.
        count.until = Count::NO_WAIT;
        count
    }

    /// How long a count need be kept.
    pub(super) fn lifetime(&self, count: Count) -> Duration {
        match self.decay {
            Decay::After(time) => time,
            Decay::Leak(time) => time.saturating_mul(count.failures.saturating_add(1)).max(self.longest_delay),
        }
    }

    pub(super) fn delay_after(&self, failures: u32) -> Duration {
        let Some(beyond) = failures.checked_sub(self.free) else { return Duration::ZERO };
        let factor = 1_u32.checked_shl(beyond.min(31)).unwrap_or(u32::MAX);
        self.first_delay.saturating_mul(factor).min(self.longest_delay)
    }

    /// What of a count is not forgotten yet, and the moment at which to count.
    ///
    /// Tries that come at once, on one machine or several, read their clocks in another order than they are counted in:
    /// a moment shortly before the last failure is taken for that failure's (E08). A clock that was set back further makes
    /// nobody wait (F06).
    fn aged(&self, mut count: Count, now: Timestamp) -> (Count, Timestamp) {
        let now = match between(now, count.since) {
            early if early > OUT_OF_ORDER => return (Count { since: now, until: Count::NO_WAIT, ..count }, now),
            _ => now.max(count.since),
        };
        let count = match self.decay {
            Decay::After(time) if plus(count.since, time) <= now => Count::default(),
            Decay::After(_) => count,
            Decay::Leak(time) => {
                let interval = micros(time).max(1);
                let leaked = (now.as_micros() - count.since.as_micros()) / interval;
                count.since = count.since.plus_micros(leaked.saturating_mul(interval));
                count.failures = count.failures.saturating_sub(u32::try_from(leaked).unwrap_or(u32::MAX));
                count
            }
        };
        (count, now)
    }
}

impl Default for Count {
    fn default() -> Self {
        Self { failures: 0, since: Timestamp::MIN, until: Self::NO_WAIT }
    }
}

impl Count {
    /// As `until`: the next try may come at once, and so may one that came a moment before.
    const NO_WAIT: Timestamp = Timestamp::MIN;

    /// As bytes for a store.
    pub(super) fn to_bytes(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..4].copy_from_slice(&self.failures.to_be_bytes());
        bytes[4..12].copy_from_slice(&self.since.as_micros().to_be_bytes());
        bytes[12..].copy_from_slice(&self.until.as_micros().to_be_bytes());
        bytes
    }

    /// What a store gave back; what is no count counts nothing.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (failures, rest) = bytes.split_first_chunk()?;
        let (since, until) = rest.split_first_chunk()?;
        Some(Self {
            failures: u32::from_be_bytes(*failures),
            since: Timestamp::from_micros(i64::from_be_bytes(*since)),
            until: Timestamp::from_micros(i64::from_be_bytes(until.try_into().ok()?)),
        })
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

fn plus(moment: Timestamp, time: Duration) -> Timestamp {
    moment.plus_micros(micros(time))
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(to.as_micros().saturating_sub(from.as_micros())).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const T0: Timestamp = Timestamp::from_micros(1_767_323_045_678_901);
    const SCHEDULE: Schedule = Schedule {
        free: 3,
        first_delay: Duration::from_secs(10),
        longest_delay: Duration::from_secs(60),
        decay: Decay::After(Duration::from_secs(3600)),
        stop: None,
    };

    #[test]
    fn delays_grow_and_end() {
        let delays: Vec<_> = (0..9).map(|n| SCHEDULE.delay_after(n).as_secs()).collect();
        assert_eq!(delays, [0, 0, 0, 10, 20, 40, 60, 60, 60]);
        assert_eq!(SCHEDULE.delay_after(u32::MAX).as_secs(), 60);
    }

    #[test]
    fn a_refund_undoes_a_charge() {
        let mut count = Count::default();
        for _ in 0..2 {
            count = SCHEDULE.charge(count, T0).unwrap();
        }
        let charged = SCHEDULE.charge(count, T0).unwrap();
        assert!(SCHEDULE.charge(charged, T0).is_err());
        let back = SCHEDULE.refund(charged, T0);
        assert_eq!(back.failures, 2);
        assert!(SCHEDULE.charge(back, T0).is_ok());
    }

    /// E08: tries at once are counted in any order; none waits that need not, and none is let in that must wait.
    #[test]
    fn the_order_of_tries_at_once_does_not_matter() {
        let leaking = Schedule { decay: Decay::Leak(Duration::from_secs(60)), ..SCHEDULE };
        for schedule in [SCHEDULE, leaking] {
            for offsets in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [0, 4, 2, 1, 3]] {
                let mut count = Count::default();
                let moments = offsets.map(|n| T0.plus_micros(n));
                let let_in: Vec<_> = moments
                    .iter()
                    .map(|now| {
                        let charged = schedule.charge(count, *now);
                        count = charged.unwrap_or(count);
                        charged.is_ok()
                    })
                    .collect();
                assert_eq!(let_in, [true, true, true, false, false], "{offsets:?}");
            }
        }
    }

    /// E08: neither does that of tries and of those that are taken back.
    #[test]
    fn who_comes_while_another_is_taken_back_need_not_wait() {
        let leaking = Schedule { decay: Decay::Leak(Duration::from_secs(60)), ..SCHEDULE };
        for schedule in [SCHEDULE, leaking] {
            let first = schedule.charge(Count::default(), T0).unwrap();
            let back = schedule.refund(first, T0.plus_micros(9));
            let late = schedule.charge(back, T0.plus_micros(5)).unwrap();
            assert_eq!(late.failures, 1);
        }
    }

    #[test]
    fn what_leaks_leaks_one_by_one() {
        let leaking = Schedule { decay: Decay::Leak(Duration::from_secs(60)), ..SCHEDULE };
        let mut count = Count::default();
        for second in [0, 59, 119, 179, 239] {
            // A failure a minute is never too much, whatever the fractions.
            count = leaking.charge(count, T0.plus_secs(second)).unwrap();
            assert!(count.failures <= 2, "{count:?}");
        }
    }

    #[test]
    fn so_many_an_hour() {
        let quota = Schedule::per_hour(6);
        let mut count = Count::default();
        for _ in 0..6 {
            count = quota.charge(count, T0).unwrap();
        }
        assert_eq!(quota.charge(count, T0).unwrap_err(), Duration::from_secs(600));
        assert!(quota.charge(count, T0.plus_secs(600)).is_ok());
        assert!(quota.charge(count, T0.plus_secs(599)).is_err());
    }

    #[test]
    fn counts_survive_a_store() {
        let count = Count { failures: 7, since: T0, until: T0.plus_secs(9) };
        assert_eq!(Count::from_bytes(&count.to_bytes()), Some(count));
        assert_eq!(Count::from_bytes(b"short"), None);
        assert_eq!(Count::from_bytes(&[0; 21]), None);
    }

    proptest! {
        /// E04: however somebody spreads their tries, waits are never longer than said, grow while failures go on, and end.
        #[test]
        fn every_wait_ends(gaps in prop::collection::vec(0_i64..90, 1..200)) {
            let (mut now, mut count) = (T0, Count::default());
            for gap in gaps {
                now = now.plus_secs(gap);
                match SCHEDULE.charge(count, now) {
                    Ok(charged) => {
                        prop_assert_eq!(between(now, charged.until), SCHEDULE.delay_after(charged.failures));
                        prop_assert!(charged.failures > count.failures || gap >= 3600);
                        count = charged;
                    }
                    Err(wait) => {
                        prop_assert!(wait <= SCHEDULE.longest_delay);
                        prop_assert!(SCHEDULE.charge(count, now.plus_micros(micros(wait))).is_ok());
                    }
                }
            }
        }

        /// A clock that jumps neither panics nor makes anybody wait longer than the longest delay.
        #[test]
        fn clocks_may_jump(moments in prop::collection::vec(any::<i64>(), 1..50)) {
            let mut count = Count::default();
            for moment in moments {
                match SCHEDULE.charge(count, Timestamp::from_micros(moment)) {
                    Ok(charged) => count = charged,
                    Err(wait) => prop_assert!(wait <= SCHEDULE.longest_delay),
                }
            }
        }
    }
}
