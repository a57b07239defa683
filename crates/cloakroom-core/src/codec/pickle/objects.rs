//! The types that a pickle may name, and how each is made of its arguments.

use jiff::civil::{Date, Time};

use crate::clock::Timestamp;
use crate::pydatetime::DateTime;
use crate::value::{Object, Text, Value};

/// A type or function on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Global {
    Bytes,
    Complex,
    Date,
    DateTime,
    Decimal,
    Encode,
    FixedOffset,
    FrozenSet,
    Set,
    Time,
    TimeDelta,
    TimeZone,
    Utc,
    Uuid,
}

impl Global {
    pub(super) fn find(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            // Protocol 2 writes Python 2's name of the module.
            ("builtins" | "__builtin__", "bytes") => Self::Bytes,
            ("builtins" | "__builtin__", "complex") => Self::Complex,
            ("builtins" | "__builtin__", "frozenset") => Self::FrozenSet,
            ("builtins" | "__builtin__", "set") => Self::Set,
            ("_codecs", "encode") => Self::Encode,
            ("datetime", "date") => Self::Date,
            ("datetime", "datetime") => Self::DateTime,
            ("datetime", "time") => Self::Time,
            ("datetime", "timedelta") => Self::TimeDelta,
            ("datetime", "timezone") => Self::TimeZone,
            ("decimal" | "_decimal", "Decimal") => Self::Decimal,
            // What Django's timezone.utc was before 4.0.
            ("pytz", "_UTC" | "UTC") => Self::Utc,
            ("pytz", "FixedOffset" | "_FixedOffset") => Self::FixedOffset,
            ("uuid", "UUID") => Self::Uuid,
            _ => return None,
        })
    }

    pub(super) const fn is_zone(self) -> bool {
        matches!(self, Self::TimeZone | Self::FixedOffset | Self::Utc)
    }
}

/// What calling `global` with `args` gives; `None` where Python would fail.
pub(super) fn construct(global: Global, args: &[&Value]) -> Option<Value> {
    let object = match (global, args) {
        (Global::Bytes, []) => Object::Bytes([].into()),
        (Global::Encode, [Value::Str(text), encoding]) if is_latin1(encoding) => Object::Bytes(latin1(text)?),
        (Global::Complex, [re, im]) => Object::Complex(float(re)?, float(im)?),
        (Global::Decimal, [Value::Str(Text::Utf8(text))]) => Object::Decimal(decimal(text)?),
        (Global::TimeDelta, [days, seconds, micros]) => time_delta([int(days)?, int(seconds)?, int(micros)?])?,
        // A zone is its offset, for a time to take.
        (Global::TimeZone, [offset] | [offset, Value::Str(_)]) => return Some(Value::from(as_object(offset)?.clone())),
        (Global::Utc, []) => time_delta([0, 0, 0])?,
        (Global::FixedOffset, [minutes]) => time_delta([0, int(minutes)?.checked_mul(60)?, 0])?,
        (Global::DateTime, [state]) => Object::DateTime(DateTime::naive(date_time(&packed(state)?)?)),
        (Global::DateTime, [state, zone]) => {
            Object::DateTime(DateTime::with_offset(date_time(&packed(state)?)?, offset_micros(zone)?)?)
        }
        (Global::Date, [state]) => Object::Date(date(packed(state)?.get(..)?)?),
        (Global::Time, [state]) => Object::Time(time(packed(state)?.get(..)?)?),
        _ => return None,
    };
    Some(object.into())
}

/// The UUID of a number.
pub(super) fn uuid(number: &Value) -> Option<Value> {
    let n = match number {
        Value::Int(n) => u128::try_from(*n).ok()?,
        Value::BigInt(digits) => digits.parse().ok()?,
        _ => return None,
    };
    Some(Object::Uuid(n).into())
}

fn as_object(value: &Value) -> Option<&Object> {
    match value {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Float(f) => Some(*f),
        _ => None,
    }
}

fn is_latin1(encoding: &Value) -> bool {
    encoding.as_str() == Some("latin1")
}

fn latin1(text: &Text) -> Option<Box<[u8]>> {
    text.as_str()?.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}

/// Python normalises what it is given; a pickle holds the normal form.
fn time_delta([days, seconds, micros]: [i64; 3]) -> Option<Object> {
    let seconds = seconds.checked_add(micros.div_euclid(1_000_000))?;
    let days = days.checked_add(seconds.div_euclid(86_400))?;
    if days.unsigned_abs() > 999_999_999 {
        return None;
    }
    Some(Object::TimeDelta {
        days: days.try_into().ok()?,
        seconds: seconds.rem_euclid(86_400).try_into().ok()?,
        microseconds: micros.rem_euclid(1_000_000).try_into().ok()?,
    })
}

fn offset_micros(zone: &Value) -> Option<i64> {
    match as_object(zone)? {
        Object::TimeDelta { days, seconds, microseconds } if (-1..=0).contains(days) => {
            Some((i64::from(*days) * 86_400 + i64::from(*seconds)) * 1_000_000 + i64::from(*microseconds))
        }
        _ => None,
    }
}

/// The state of a time: bytes, or Latin-1 text where Python 2 wrote it.
fn packed(state: &Value) -> Option<Box<[u8]>> {
    match state {
        Value::Str(text) => latin1(text),
        other => match as_object(other)? {
            Object::Bytes(bytes) => Some(bytes.clone()),
            _ => None,
        },
    }
}

fn date(state: &[u8]) -> Option<Date> {
    let [hi, lo, month, day] = *state else { return None };
    let year = i16::from_be_bytes([hi, lo]);
    if !(1..=9999).contains(&year) {
        return None;
    }
    Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()
}

fn time(state: &[u8]) -> Option<Time> {
    let [hour, minute, second, a, b, c] = *state else { return None };
    let micros = i32::from_be_bytes([0, a, b, c]);
    if micros > 999_999 {
        return None;
    }
    // The first bit of the hour tells the second of two equal times (PEP 495).
    let hour = hour & 0x7f;
    Time::new(hour.try_into().ok()?, minute.try_into().ok()?, second.try_into().ok()?, micros * 1000).ok()
}

fn date_time(state: &[u8]) -> Option<Timestamp> {
    let (day, clock) = state.split_at_checked(4)?;
    let mut day: [u8; 4] = day.try_into().ok()?;
    // The first bit of the month tells the second of two equal times (PEP 495).
    day[2] &= 0x7f;
    Timestamp::from_civil(date(&day)?.to_datetime(time(clock)?))
}

/// A number as Python's `Decimal` prints it.
fn decimal(text: &str) -> Option<Box<str>> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if text.len() > 4300 {
        return None;
    }
    let special = unsigned.strip_prefix("sNaN").or_else(|| unsigned.strip_prefix("NaN"));
    let is_number = match special {
        Some(payload) => payload.bytes().all(|b| b.is_ascii_digit()),
        None if unsigned == "Infinity" => true,
        None => {
            let (mantissa, exponent) = unsigned.split_once('E').unwrap_or((unsigned, "+0"));
            let digits = mantissa.replacen('.', "", 1);
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or_default();
            [&*digits, exponent].iter().all(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
        }
    };
    is_number.then(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_texts_that_python_prints() {
        for good in ["0", "-1.50", "1E+5", "-0.00", "NaN", "sNaN12", "-Infinity", "1.5E-10"] {
            assert!(decimal(good).is_some(), "{good}");
        }
        for bad in ["", "-", ".", "1E5", "1e+5", "1.2.3", "inf", "1_0", " 1"] {
            assert!(decimal(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn times_out_of_range_are_none() {
        assert!(date(&[7, 234, 2, 30]).is_none());
        assert!(date(&[0, 0, 1, 1]).is_none());
        assert!(time(&[24, 0, 0, 0, 0, 0]).is_none());
        assert!(time(&[23, 59, 60, 0, 0, 0]).is_none());
        assert!(time(&[0, 0, 0, 0x0f, 0x42, 0x40]).is_none());
        assert_eq!(time(&[0x80 | 1, 2, 3, 0, 0, 1]), Time::new(1, 2, 3, 1000).ok());
    }
}
