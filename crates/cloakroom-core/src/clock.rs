//! Time as a parameter: [`Timestamp`], the [`Clock`] that tells it, and the texts that Django writes of it.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::DateTime;

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// A moment, in whole microseconds since the Unix epoch: the resolution of Python's `datetime`.
///
/// ```
/// use cloakroom_core::clock::Timestamp;
///
/// let t = Timestamp::from_micros(1_767_323_045_678_901);
/// assert_eq!(t.to_isoformat(), "2026-01-02T03:04:05.678901+00:00");
/// assert_eq!(t.to_http_date(), "Fri, 02 Jan 2026 03:04:05 GMT");
/// assert_eq!(t.to_sqlite_text(), "2026-01-02 03:04:05.678901");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(0);

    /// The earliest moment that Python's `datetime` holds: 0001-01-01T00:00:00Z.
    pub const MIN: Self = Self(-62_135_596_800_000_000);

    /// The latest moment that Python's `datetime` holds: 9999-12-31T23:59:59.999999Z.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// Makes a timestamp from microseconds since the epoch, held within [`MIN`](Self::MIN) and [`MAX`](Self::MAX).
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        if micros < Self::MIN.0 {
            Self::MIN
        } else if micros > Self::MAX.0 {
            Self::MAX
        } else {
            Self(micros)
        }
    }

    /// Makes a timestamp from whole seconds since the epoch.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self::from_micros(secs.saturating_mul(1_000_000))
    }

    /// Makes a timestamp from seconds since the epoch, as Python's `time.time()` gives them.
    #[must_use]
    pub fn from_secs_f64(secs: f64) -> Self {
        Self::from_micros((secs * 1e6).round() as i64)
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Seconds since the epoch with their fraction.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The moment `micros` microseconds later (or earlier), held within the range.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self::from_micros(self.0.saturating_add(micros))
    }

    /// The moment `secs` seconds later (or earlier), held within the range.
    #[must_use]
    pub const fn plus_secs(self, secs: i64) -> Self {
        self.plus_micros(secs.saturating_mul(1_000_000))
    }

    /// The civil date and time in UTC.
    #[must_use]
    pub fn to_civil(self) -> DateTime {
        // Not by way of jiff's own timestamp, whose last day is the one before ours.
        EPOCH.saturating_add(SignedDuration::from_micros(self.0))
    }

    /// The moment that `civil` names in UTC; its nanoseconds are cut to microseconds. `None` before the year 1.
    #[must_use]
    pub fn from_civil(civil: DateTime) -> Option<Self> {
        let micros = i64::try_from(civil.duration_since(EPOCH).as_nanos().div_euclid(1000)).ok()?;
        (micros >= Self::MIN.0).then_some(Self(micros))
    }

    /// Python's `datetime.isoformat()` of the moment in UTC; the fraction is left out when it is zero (S21).
    #[must_use]
    pub fn to_isoformat(self) -> String {
        self.text('T') + "+00:00"
    }

    /// The form in which Django stores a moment on SQLite: UTC, six fraction digits or none (G01).
    #[must_use]
    pub fn to_sqlite_text(self) -> String {
        self.text(' ')
    }

    /// Reads the form that [`to_sqlite_text`](Self::to_sqlite_text) writes, with a fraction of one to nine digits.
    #[must_use]
    pub fn from_sqlite_text(text: &str) -> Option<Self> {
        text.parse::<DateTime>().ok().and_then(Self::from_civil)
    }

    /// The date of an HTTP header or cookie (RFC 9110 section 5.6.7); the fraction is cut (K15).
    #[must_use]
    pub fn to_http_date(self) -> String {
        const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let c = self.to_civil();
        let day = DAYS[usize::from(c.weekday().to_monday_zero_offset().unsigned_abs())];
        let month = MONTHS[usize::from(c.month().unsigned_abs()) - 1];
        let mut out = String::with_capacity(32);
        out.push_str(day);
        out.push_str(", ");
        push_two(&mut out, c.day());
        out.push(' ');
        out.push_str(month);
        out.push(' ');
        push_year(&mut out, c.year());
        out.push(' ');
        push_time(&mut out, c);
        out.push_str(" GMT");
        out
    }

    fn text(self, separator: char) -> String {
        let c = self.to_civil();
        let mut out = String::with_capacity(32);
        push_year(&mut out, c.year());
        out.push('-');
        push_two(&mut out, c.month());
        out.push('-');
        push_two(&mut out, c.day());
        out.push(separator);
        push_time(&mut out, c);
        let micros = self.0.rem_euclid(1_000_000).unsigned_abs();
        if micros != 0 {
            out.push('.');
            push_digits(&mut out, micros, 100_000);
        }
        out
    }
}

/// Writes a number's digits, the first being that of `unit`, a power of ten: moments are written with each session.
fn push_digits(out: &mut String, number: u64, mut unit: u64) {
    while unit > 0 {
        out.push(char::from(b'0' + (number / unit % 10) as u8));
        unit /= 10;
    }
}

fn push_two(out: &mut String, number: i8) {
    push_digits(out, number.unsigned_abs().into(), 10);
}

fn push_year(out: &mut String, year: i16) {
    push_digits(out, year.unsigned_abs().into(), 1_000);
}

fn push_time(out: &mut String, c: DateTime) {
    push_two(out, c.hour());
    out.push(':');
    push_two(out, c.minute());
    out.push(':');
    push_two(out, c.second());
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, d: Duration) -> Self {
        self.plus_micros(i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, d: Duration) -> Self {
        self.plus_micros(-i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_isoformat())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_isoformat())
    }
}

/// Tells the time. A parameter everywhere, so that tests and the probe can freeze it.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where time is read")]
    fn now(&self) -> Timestamp {
        let now = std::time::SystemTime::now();
        match now.duration_since(std::time::SystemTime::UNIX_EPOCH) {
            Ok(d) => Timestamp::UNIX_EPOCH + d,
            Err(e) => Timestamp::UNIX_EPOCH - e.duration(),
        }
    }
}

/// A clock that stands still until it is told otherwise.
///
/// ```
/// use cloakroom_core::clock::{Clock, FrozenClock, Timestamp};
/// use std::time::Duration;
///
/// let clock = FrozenClock::at(Timestamp::from_secs(1_767_323_045));
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now().as_secs(), 1_767_323_105);
/// ```
#[derive(Debug)]
pub struct FrozenClock(AtomicI64);

impl FrozenClock {
    /// A clock that shows `at`.
    #[must_use]
    pub const fn at(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.0))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Sets the clock, backward too.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.0, Ordering::SeqCst);
    }
}

impl Clock for FrozenClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fraction_is_six_digits_or_absent() {
        let whole = Timestamp::from_secs(1_767_323_045);
        assert_eq!(whole.to_sqlite_text(), "2026-01-02 03:04:05");
        assert_eq!(whole.plus_micros(10).to_sqlite_text(), "2026-01-02 03:04:05.000010");
        assert_eq!(Timestamp::from_sqlite_text("2026-01-02 03:04:05.000010"), Some(whole.plus_micros(10)));
    }

    #[test]
    fn both_ends_of_time_have_a_text() {
        for (t, text) in [(Timestamp::MIN, "0001-01-01 00:00:00"), (Timestamp::MAX, "9999-12-31 23:59:59.999999")] {
            assert_eq!(t.to_sqlite_text(), text);
            assert_eq!(Timestamp::from_sqlite_text(text), Some(t));
        }
    }

    #[test]
    fn times_before_the_epoch_round_down() {
        let t = Timestamp::from_micros(-1);
        assert_eq!(t.as_secs(), -1);
        assert_eq!(t.to_isoformat(), "1969-12-31T23:59:59.999999+00:00");
    }
}
