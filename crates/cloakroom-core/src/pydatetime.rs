//! Python's `datetime` as Django stores it in sessions: with an offset or naive, read and written as ISO 8601 (S21, S25).

use std::fmt;

use jiff::civil::Date;

use crate::clock::Timestamp;

const DAY_MICROS: i64 = 86_400_000_000;

/// A Python `datetime`: a wall-clock time, and its offset from UTC where it is known ("aware", else "naive").
///
/// ```
/// use cloakroom_core::pydatetime::DateTime;
///
/// let t = DateTime::fromisoformat("20260201T000000,5+02:00").expect("it is a time");
/// assert_eq!(t.isoformat(), "2026-02-01T00:00:00.500000+02:00");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DateTime {
    /// The wall clock, read as if it were UTC.
    local: Timestamp,
    /// Always within a day.
    offset_micros: Option<i64>,
}

impl DateTime {
    /// The moment in UTC: what Django's `timezone.now()` gives with `USE_TZ`.
    #[must_use]
    pub const fn utc(at: Timestamp) -> Self {
        Self { local: at, offset_micros: Some(0) }
    }

    /// A wall-clock time without an offset, given as the moment when a clock in UTC shows it.
    #[must_use]
    pub const fn naive(wall_clock: Timestamp) -> Self {
        Self { local: wall_clock, offset_micros: None }
    }

    /// A wall-clock time with its offset; `None` if the offset is not within a day.
    #[must_use]
    pub const fn with_offset(wall_clock: Timestamp, offset_micros: i64) -> Option<Self> {
        if -DAY_MICROS < offset_micros && offset_micros < DAY_MICROS {
            Some(Self { local: wall_clock, offset_micros: Some(offset_micros) })
        } else {
            None
        }
    }

    /// The offset from UTC in microseconds; `None` for a naive time.
    #[must_use]
    pub const fn offset_micros(&self) -> Option<i64> {
        self.offset_micros
    }

    /// The wall-clock time, as the moment when a clock in UTC shows it.
    #[must_use]
    pub const fn wall_clock(&self) -> Timestamp {
        self.local
    }

    /// The moment that an aware time names; `None` for a naive one. Held within the range of [`Timestamp`].
    #[must_use]
    pub fn to_timestamp(&self) -> Option<Timestamp> {
        self.offset_micros.map(|offset| self.local.plus_micros(-offset))
    }

    /// Microseconds from `earlier` to this time; `None` when one of them is naive and the other aware (S26).
    #[must_use]
    pub fn micros_since(&self, earlier: &Self) -> Option<i64> {
        let offsets = match (self.offset_micros, earlier.offset_micros) {
            (Some(a), Some(b)) => a - b,
            (None, None) => 0,
            _ => return None,
        };
        Some(self.local.as_micros() - earlier.local.as_micros() - offsets)
    }

    /// The time `micros` later, with the same offset; `None` outside the years 1 to 9999, where Python overflows.
    #[must_use]
    pub fn checked_add_micros(&self, micros: i64) -> Option<Self> {
        let sum = self.local.as_micros().checked_add(micros)?;
        let local = Timestamp::from_micros(sum);
        (local.as_micros() == sum).then_some(Self { local, ..*self })
    }

    /// Python's `datetime.isoformat()`: no fraction when it is zero (S21).
    #[must_use]
    pub fn isoformat(&self) -> String {
        let text = self.local.to_isoformat();
        let civil = text.strip_suffix("+00:00").unwrap_or(&text);
        match self.offset_micros {
            None => civil.to_owned(),
            Some(offset) => format!("{civil}{}", offset_text(offset)),
        }
    }

    /// Reads what Python 3.11–3.13's `datetime.fromisoformat` reads (S25); `None` where that raises `ValueError`.
    ///
    /// That is most of ISO 8601: dates as `2026-02-01`, `20260201`, `2026-W05-7`, `2026W05`; any one character between
    /// date and time; times from `HH` to `HH:MM:SS,ffffff` with or without colons; offsets from `Z` to `±HH:MM:SS.ffffff`.
    /// Not `24:00`, second 60 or ordinal dates.
    #[must_use]
    pub fn fromisoformat(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() < 7 {
            return None;
        }
        let separator = separator_at(bytes)?;
        let date = parse_date(bytes, separator)?;
        let (time, offset_micros) = if bytes.len() > separator {
            let width = match bytes[separator] {
                b if b < 0x80 => 1,
                b if b & 0xf0 == 0xe0 => 3,
                b if b & 0xf0 == 0xf0 => 4,
                _ => 2,
            };
            parse_time(bytes.get(separator + width..)?)?
        } else {
            (Clock::default(), None)
        };
        let micros = time.micros_of_day()?;
        let local = Timestamp::from_civil(date.at(0, 0, 0, 0))?.plus_micros(micros);
        match offset_micros {
            None => Some(Self::naive(local)),
            Some(offset) => Self::with_offset(local, offset),
        }
    }
}

impl fmt::Debug for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.isoformat())
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.isoformat())
    }
}

fn offset_text(offset: i64) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let (secs, micros) = (offset.abs() / 1_000_000, offset.abs() % 1_000_000);
    let mut text = format!("{sign}{:02}:{:02}", secs / 3600, secs / 60 % 60);
    if secs % 60 != 0 || micros != 0 {
        text.push_str(&format!(":{:02}", secs % 60));
    }
    if micros != 0 {
        text.push_str(&format!(".{micros:06}"));
    }
    text
}

/// Where the date ends. Its forms are told apart by the fifth and sixth characters, and `YYYY-Www-DD` by guess.
fn separator_at(b: &[u8]) -> Option<usize> {
    if b.len() == 7 {
        return Some(7);
    }
    let digits_from = |from: usize| from + b[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    Some(match (b[4], b[5]) {
        (b'-', b'W') if b.len() > 8 && b[8] == b'-' => match b.len() {
            9 => return None,
            n if n > 10 && b[10].is_ascii_digit() => 8,
            _ => 10,
        },
        (b'-', b'W') => 8,
        (b'-', _) => 10,
        (b'W', _) => match digits_from(7) {
            end @ ..9 => end,
            end if end % 2 == 0 => 7,
            _ => 8,
        },
        _ => 8,
    })
}

fn number(b: &[u8], at: usize, digits: usize) -> Option<i64> {
    let text = b.get(at..at + digits)?;
    text.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

fn parse_date(b: &[u8], len: usize) -> Option<Date> {
    let year = number(b, 0, 4)?;
    let dashed = b.get(4) == Some(&b'-');
    let at = 4 + usize::from(dashed);
    if b.get(at) == Some(&b'W') {
        let week = number(b, at + 1, 2)?;
        let mut end = at + 3;
        let mut day = 1;
        if end < len {
            if dashed {
                (b.get(end) == Some(&b'-')).then_some(())?;
                end += 1;
            }
            day = number(b, end, 1)?;
        }
        return iso_week_date(year, week, day);
    }
    let month = number(b, at, 2)?;
    let mut at = at + 2;
    if dashed {
        (b.get(at) == Some(&b'-')).then_some(())?;
        at += 1;
    }
    let day = number(b, at, 2)?;
    (at + 2 == len && year >= 1).then_some(())?;
    Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()
}

fn iso_week_date(year: i64, week: i64, day: i64) -> Option<Date> {
    if year < 1 || !(1..=7).contains(&day) {
        return None;
    }
    let weekday = jiff::civil::Weekday::from_monday_one_offset(day.try_into().ok()?).ok()?;
    let date = jiff::civil::ISOWeekDate::new(year.try_into().ok()?, week.try_into().ok()?, weekday).ok()?.date();
    (1..=9999).contains(&date.year()).then_some(date)
}

#[derive(Default)]
struct Clock {
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
}

impl Clock {
    /// The whole as microseconds, whatever its parts.
    const fn total_micros(&self) -> i64 {
        ((self.hour * 60 + self.minute) * 60 + self.second) * 1_000_000 + self.micros
    }

    fn micros_of_day(&self) -> Option<i64> {
        (self.hour < 24 && self.minute < 60 && self.second < 60).then(|| self.total_micros())
    }
}

fn parse_time(b: &[u8]) -> Option<(Clock, Option<i64>)> {
    let zone = b.iter().position(|b| matches!(b, b'+' | b'-' | b'Z')).unwrap_or(b.len());
    let (clock, rest) = parse_clock(b, zone)?;
    match b.get(zone) {
        None => (!rest).then_some((clock, None)),
        Some(b'Z') => (b.get(zone + 1).is_none_or(|&b| b == 0)).then_some((clock, Some(0))),
        Some(sign) => {
            let (offset, rest) = parse_clock(&b[zone + 1..], b.len() - zone - 1)?;
            let micros = offset.total_micros();
            (!rest).then_some((clock, Some(if *sign == b'-' { -micros } else { micros })))
        }
    }
}

/// Reads `HH[:?MM[:?SS[[.,]f…]]]` from `b[..end]`; also tells whether something follows where the number ends.
///
/// CPython's parser looks behind `end` for that, so junk between a time and its offset passes, and takes NUL for the end
/// of the text; this one does as it does.
fn parse_clock(b: &[u8], end: usize) -> Option<(Clock, bool)> {
    let mut parts = [0; 3];
    let mut at = 0;
    let mut colons = true;
    for (i, part) in parts.iter_mut().enumerate() {
        *part = number(b, at, 2)?;
        at += 2;
        let next = b.get(at).copied();
        at += 1;
        if i == 0 {
            colons = next == Some(b':');
        }
        if at >= end {
            let [hour, minute, second] = parts;
            return Some((Clock { hour, minute, second, micros: 0 }, next.is_some_and(|b| b != 0)));
        }
        match next {
            // Also before a fraction, where it is as good as a point.
            Some(b':') if colons => {}
            // After hours or minutes, too: the fraction is one of a second all the same.
            Some(b'.' | b',') => break,
            _ if !colons => at -= 1,
            _ => return None,
        }
    }
    let [hour, minute, second] = parts;
    let digits = (end - at).min(6);
    // At most six digits: the exponent is 0 to 5.
    let micros = number(b, at, digits)? * 10_i64.pow((6 - digits) as u32);
    let rest = b[at + digits..].iter().find(|b| !b.is_ascii_digit());
    Some((Clock { hour, minute, second, micros }, rest.is_some_and(|&b| b != 0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(text: &str) -> Option<String> {
        DateTime::fromisoformat(text).map(|t| t.isoformat())
    }

    /// S25, each as Python 3.13 reads it.
    #[test]
    fn reads_what_python_reads() {
        for (text, iso) in [
            ("2026-02-01", Some("2026-02-01T00:00:00")),
            ("2026W05", Some("2026-01-26T00:00:00")),
            ("2026-W05-7é0102", Some("2026-02-01T01:02:00")),
            ("2026-02-01T12", Some("2026-02-01T12:00:00")),
            ("2026-02-01T12:30:45.1234567Z", Some("2026-02-01T12:30:45.123456+00:00")),
            ("2026-02-01T12:30:45+02:00:30.5", Some("2026-02-01T12:30:45+02:00:30.500000")),
            ("2026-02-01T12:30:45-0030", Some("2026-02-01T12:30:45-00:30")),
            ("2026-02-01T", None),
            ("2026-02-01T24:00", None),
            ("2026-02-01T23:59:60", None),
            ("2026-02-30", None),
            ("2026-032", None),
            ("0000-01-01", None),
            ("2026-02-01T00:00:00+24:00", None),
            ("9999-12-31T23:59:59.999999", Some("9999-12-31T23:59:59.999999")),
            ("2026W05212", Some("2026-01-26T12:00:00")),
            ("2026-02-01T12:30:45:5", Some("2026-02-01T12:30:45.500000")),
            ("2026-02-01T12.5", Some("2026-02-01T12:00:00.500000")),
            ("300", None),
        ] {
            assert_eq!(again(text).as_deref(), iso, "{text}");
        }
    }

    #[test]
    fn aware_and_naive_times_do_not_mix() {
        let aware = DateTime::fromisoformat("2026-02-01T02:00:00+02:00").unwrap();
        let naive = DateTime::fromisoformat("2026-02-01T00:00:00").unwrap();
        assert_eq!(aware.micros_since(&naive), None);
        assert_eq!(aware.micros_since(&DateTime::utc(Timestamp::from_secs(1_769_904_000))), Some(0));
        assert_eq!(naive.to_timestamp(), None);
    }
}
