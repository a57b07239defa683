//! When a session ends: Django's `set_expiry` and `get_expiry_*` over the value under `_session_expiry` (S20–S28).

use crate::clock::Timestamp;
use crate::pydatetime::DateTime;
use crate::value::{Dict, Object, Text, Value};

/// The session key that holds the expiry (S20).
pub const EXPIRY_KEY: &str = "_session_expiry";

/// The settings that the rules depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpirySettings {
    /// `SESSION_COOKIE_AGE` in seconds (S03).
    pub cookie_age: i64,
    /// `SESSION_EXPIRE_AT_BROWSER_CLOSE` (S07).
    pub at_browser_close: bool,
}

/// Two weeks, and not at browser close.
impl Default for ExpirySettings {
    fn default() -> Self {
        Self { cookie_age: 1_209_600, at_browser_close: false }
    }
}

/// Why a stored expiry cannot be used. Django answers 500 when the middleware saves such a session (S25, S26).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpiryError {
    /// Python's `ValueError`: a text that is no ISO 8601 time, or NaN.
    #[error("the session's expiry is no time")]
    NoTime,
    /// Python's `TypeError`: a naive time meets an aware clock, or the reverse (S26).
    #[error("the session's expiry lacks the offset that the clock has, or has one that the clock lacks")]
    ZoneMix,
    /// Python's `TypeError`: a list, dictionary or the like.
    #[error("the session's expiry is a {0}")]
    NoNumber(&'static str),
    /// Python's `OverflowError`: outside the years 1 to 9999.
    #[error("the session's expiry is beyond all time")]
    Overflow,
}

/// A session's age in seconds, in the type that Django returns (S22). It may be negative (S27).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ExpiryAge {
    /// An `int`.
    Int(i64),
    /// A `float`.
    Float(f64),
    /// `True`, which counts as 1.
    Bool(bool),
    /// Something else that was stored; Django returns it, and fails where it is used.
    Other(Value),
}

impl ExpiryAge {
    /// The age as a number, as the cookie and the caches use it.
    ///
    /// # Errors
    ///
    /// [`ExpiryError::NoNumber`].
    pub fn as_secs_f64(&self) -> Result<f64, ExpiryError> {
        match self {
            Self::Int(n) => Ok(*n as f64),
            Self::Float(f) => Ok(*f),
            Self::Bool(b) => Ok(f64::from(u8::from(*b))),
            Self::Other(value) => seconds(value),
        }
    }

    /// The age as whole seconds, cut toward zero as Python's `int()` does; held within the range of `i64`.
    ///
    /// # Errors
    ///
    /// [`ExpiryError::NoNumber`], and [`ExpiryError::NoTime`] for NaN.
    pub fn as_whole_secs(&self) -> Result<i64, ExpiryError> {
        match self {
            Self::Int(n) => Ok(*n),
            _ => match self.as_secs_f64()? {
                f if f.is_nan() => Err(ExpiryError::NoTime),
                // The cast saturates.
                f => Ok(f as i64),
            },
        }
    }
}

/// A new expiry for a session: the forms of `set_expiry` (S20).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum NewExpiry {
    /// `None`: back to the settings.
    Default,
    /// `0`: when the browser closes.
    AtBrowserClose,
    /// An `int`: so many seconds after each save.
    Secs(i64),
    /// A `timedelta`: the moment so many microseconds from now.
    In {
        /// May be negative.
        micros: i64,
    },
    /// A `datetime`: that moment.
    At(DateTime),
    /// Anything else; Django stores it unseen.
    Raw(Value),
}

/// The value to store for a new expiry; `None` removes it (S20).
///
/// # Errors
///
/// [`ExpiryError::Overflow`] when the moment is outside the years 1 to 9999.
pub fn stored_form(new: NewExpiry, now: DateTime) -> Result<Option<Value>, ExpiryError> {
    let at = match new {
        NewExpiry::Default => return Ok(None),
        NewExpiry::AtBrowserClose => return Ok(Some(Value::Int(0))),
        NewExpiry::Secs(secs) => return Ok(Some(Value::Int(secs))),
        NewExpiry::Raw(value) => return Ok(Some(value)),
        NewExpiry::In { micros } => now.checked_add_micros(micros).ok_or(ExpiryError::Overflow)?,
        NewExpiry::At(at) => at,
    };
    Ok(Some(Value::from(at.isoformat())))
}

/// Sets a session's expiry; tells whether that modified the session, which removing an absent one does not (S14).
///
/// # Errors
///
/// As [`stored_form`].
pub fn set_expiry(session: &mut Dict, new: NewExpiry, now: DateTime) -> Result<bool, ExpiryError> {
    match stored_form(new, now)? {
        Some(value) => {
            session.insert(EXPIRY_KEY, value);
            Ok(true)
        }
        None => Ok(session.remove(EXPIRY_KEY).is_some()),
    }
}

/// Seconds until a session ends, counted from `modification` (S22).
///
/// `expiry` is the value under [`EXPIRY_KEY`]. A text gives whole seconds, rounded down: 0.3 s in the past is −1.
/// Source: `SessionBase.get_expiry_age`, `django/contrib/sessions/backends/base.py`.
///
/// ```
/// use cloakroom_core::clock::Timestamp;
/// use cloakroom_core::expiry::{ExpiryAge, ExpirySettings, get_expiry_age};
/// use cloakroom_core::pydatetime::DateTime;
/// use cloakroom_core::value::Value;
///
/// let now = DateTime::utc(Timestamp::from_micros(1_767_323_045_300_000));
/// let stored = Value::from("2026-01-02T03:04:05+00:00");
/// assert_eq!(get_expiry_age(Some(&stored), now, &ExpirySettings::default()), Ok(ExpiryAge::Int(-1)));
/// ```
///
/// # Errors
///
/// When the text is no time, or naive where `modification` is aware, or the reverse.
pub fn get_expiry_age(
    expiry: Option<&Value>,
    modification: DateTime,
    settings: &ExpirySettings,
) -> Result<ExpiryAge, ExpiryError> {
    let Some(expiry) = expiry.filter(|v| v.is_truthy()) else {
        return Ok(ExpiryAge::Int(settings.cookie_age));
    };
    Ok(match expiry {
        Value::Int(n) => ExpiryAge::Int(*n),
        Value::Float(f) => ExpiryAge::Float(*f),
        Value::Bool(b) => ExpiryAge::Bool(*b),
        value => match moment(value)? {
            Some(at) => {
                let micros = at.micros_since(&modification).ok_or(ExpiryError::ZoneMix)?;
                ExpiryAge::Int(micros.div_euclid(1_000_000))
            }
            None => ExpiryAge::Other(value.clone()),
        },
    })
}

/// The moment when a session ends, where it was saved at `modification` (S23).
///
/// # Errors
///
/// When the text is no time (the empty one too), the value no number, or the moment beyond the year 9999.
pub fn get_expiry_date(
    expiry: Option<&Value>,
    modification: DateTime,
    settings: &ExpirySettings,
) -> Result<DateTime, ExpiryError> {
    let micros = match expiry {
        None => whole_micros(settings.cookie_age),
        Some(value) => match moment(value)? {
            Some(at) => return Ok(at),
            None if !value.is_truthy() => whole_micros(settings.cookie_age),
            None => match value {
                Value::Int(n) => whole_micros(*n),
                value => float_micros(seconds(value)?),
            },
        },
    }?;
    modification.checked_add_micros(micros).ok_or(ExpiryError::Overflow)
}

/// [`get_expiry_date`] for a database row: the moment in UTC. A naive text is taken as it is, as a site without
/// `USE_TZ` does.
///
/// # Errors
///
/// As [`get_expiry_date`].
pub fn get_expiry_timestamp(
    expiry: Option<&Value>,
    modification: Timestamp,
    settings: &ExpirySettings,
) -> Result<Timestamp, ExpiryError> {
    let date = get_expiry_date(expiry, DateTime::utc(modification), settings)?;
    Ok(date.to_timestamp().unwrap_or_else(|| date.wall_clock()))
}

/// Whether the cookie ends with the browser: the setting, unless a value is stored; then whether it is zero (S24).
#[must_use]
pub fn get_expire_at_browser_close(expiry: Option<&Value>, settings: &ExpirySettings) -> bool {
    match expiry {
        None | Some(Value::None) => settings.at_browser_close,
        Some(Value::Int(n)) => *n == 0,
        Some(Value::Bool(b)) => !b,
        Some(Value::Float(f)) => *f == 0.0,
        Some(Value::Object(o)) => match **o {
            Object::Complex(re, im) => re == 0.0 && im == 0.0,
            _ => false,
        },
        Some(_) => false,
    }
}

/// The time that a text or a pickled `datetime` names; `None` for values of other types.
fn moment(value: &Value) -> Result<Option<DateTime>, ExpiryError> {
    match value {
        Value::Str(Text::Utf8(s)) => DateTime::fromisoformat(s).ok_or(ExpiryError::NoTime).map(Some),
        // Python takes a lone surrogate between date and time only; U+FFFD stands there as well.
        Value::Str(t @ Text::Surrogates(_)) => {
            DateTime::fromisoformat(&t.to_string_lossy()).ok_or(ExpiryError::NoTime).map(Some)
        }
        Value::Object(o) => match &**o {
            Object::DateTime(at) => Ok(Some(*at)),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

fn seconds(value: &Value) -> Result<f64, ExpiryError> {
    match value {
        Value::Int(n) => Ok(*n as f64),
        Value::BigInt(digits) => digits.parse().map_err(|_| ExpiryError::Overflow),
        Value::Float(f) => Ok(*f),
        Value::Bool(b) => Ok(f64::from(u8::from(*b))),
        Value::None => Err(ExpiryError::NoNumber("NoneType")),
        Value::Str(_) => Err(ExpiryError::NoNumber("str")),
        Value::List(_) => Err(ExpiryError::NoNumber("list")),
        Value::Tuple(_) => Err(ExpiryError::NoNumber("tuple")),
        Value::Dict(_) | Value::Map(_) => Err(ExpiryError::NoNumber("dict")),
        Value::Object(o) => Err(ExpiryError::NoNumber(o.type_name())),
    }
}

fn whole_micros(secs: i64) -> Result<i64, ExpiryError> {
    secs.checked_mul(1_000_000).ok_or(ExpiryError::Overflow)
}

/// A float of seconds as Python's `timedelta` rounds it: half to even, whole seconds apart from their fraction.
fn float_micros(secs: f64) -> Result<i64, ExpiryError> {
    if secs.is_nan() {
        return Err(ExpiryError::NoTime);
    }
    let whole = secs.trunc();
    if whole.abs() > 1e12 {
        return Err(ExpiryError::Overflow);
    }
    // Both are within range: the whole by the test above, the fraction by its nature.
    whole_micros(whole as i64).map(|micros| micros + ((secs - whole) * 1e6).round_ties_even() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime {
        DateTime::utc(Timestamp::from_micros(1_767_323_045_678_901))
    }

    /// S22, S23: what is no number passes as an age and fails as a date.
    #[test]
    fn a_list_is_an_age_but_no_date() {
        let list = Value::List(vec![Value::Int(1)]);
        let settings = ExpirySettings::default();
        let age = get_expiry_age(Some(&list), now(), &settings).unwrap();
        assert_eq!(age, ExpiryAge::Other(list.clone()));
        assert_eq!(age.as_secs_f64(), Err(ExpiryError::NoNumber("list")));
        assert_eq!(get_expiry_date(Some(&list), now(), &settings), Err(ExpiryError::NoNumber("list")));
    }

    #[test]
    fn what_is_beyond_all_time_overflows() {
        let settings = ExpirySettings::default();
        for value in [Value::Int(i64::MAX), Value::Float(f64::INFINITY), Value::BigInt("9".repeat(30).into())] {
            assert_eq!(get_expiry_date(Some(&value), now(), &settings), Err(ExpiryError::Overflow));
        }
        assert_eq!(get_expiry_date(Some(&Value::Float(f64::NAN)), now(), &settings), Err(ExpiryError::NoTime));
    }

    /// S14: removing an expiry that is not there modifies nothing.
    #[test]
    fn removal_modifies_only_what_is_there() {
        let mut session = Dict::new();
        assert_eq!(set_expiry(&mut session, NewExpiry::Default, now()), Ok(false));
        assert_eq!(set_expiry(&mut session, NewExpiry::Secs(60), now()), Ok(true));
        assert_eq!(session.get(EXPIRY_KEY), Some(&Value::Int(60)));
        assert_eq!(set_expiry(&mut session, NewExpiry::Default, now()), Ok(true));
        assert!(session.is_empty());
    }
}
