//! Session data as Python knows it: [`Value`], the ordered [`Dict`], and [`Text`] that may hold lone surrogates.
//!
//! Re-saving another service's session must keep key order, the difference of `1` and `1.0`, integers of any size and
//! texts that are no UTF-8 (G11, G12), so `serde_json::Value` does not do.

use std::fmt;

use indexmap::{Equivalent, IndexMap};
use jiff::civil::{Date, Time};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::pydatetime::DateTime;

/// A Python `str`: UTF-8 nearly always, UTF-16 units where it holds a lone surrogate (G11).
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Text {
    /// Text without surrogates.
    Utf8(Box<str>),
    /// Text with at least one lone surrogate, as UTF-16 units.
    Surrogates(Box<[u16]>),
}

impl Text {
    /// Makes a text from UTF-16 units; [`Text::Utf8`] whenever they are well-formed.
    #[must_use]
    pub fn from_utf16(units: &[u16]) -> Self {
        match String::from_utf16(units) {
            Ok(s) => Self::Utf8(s.into()),
            Err(_) => Self::Surrogates(units.into()),
        }
    }

    /// The text as UTF-8, unless it holds a lone surrogate.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Utf8(s) => Some(s),
            Self::Surrogates(_) => None,
        }
    }

    /// The text as UTF-8; lone surrogates become U+FFFD.
    #[must_use]
    pub fn to_string_lossy(&self) -> String {
        match self {
            Self::Utf8(s) => s.to_string(),
            Self::Surrogates(u) => String::from_utf16_lossy(u),
        }
    }
}

impl From<&str> for Text {
    fn from(s: &str) -> Self {
        Self::Utf8(s.into())
    }
}

impl From<String> for Text {
    fn from(s: String) -> Self {
        Self::Utf8(s.into())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utf8(s) => s.fmt(f),
            Self::Surrogates(u) => write!(f, "surrogates{u:x?}"),
        }
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

/// A value inside a session.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `None`, JSON's `null`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An `int` of 64 bits.
    Int(i64),
    /// A wider `int`: its decimal digits, with a leading `-` where negative.
    BigInt(Box<str>),
    /// A `float`; infinities and NaN are legal (S31).
    Float(f64),
    /// A `str`.
    Str(Text),
    /// A `list`.
    List(Vec<Value>),
    /// A `dict` with text keys.
    Dict(Dict),
    /// A `dict` with a key that is no text, in order. JSON writes such keys as text (S31).
    Map(Vec<(Value, Value)>),
    /// A `tuple`; JSON makes it a list (S31).
    Tuple(Vec<Value>),
    /// What JSON cannot hold: only pickled sessions do (S36).
    Object(Box<Object>),
}

/// A Python object that has no JSON form.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Object {
    /// A `bytes`.
    Bytes(Box<[u8]>),
    /// A `set`, in the order in which it was stored.
    Set(Vec<Value>),
    /// A `frozenset`, in the order in which it was stored.
    FrozenSet(Vec<Value>),
    /// A `datetime.datetime`.
    DateTime(DateTime),
    /// A `datetime.date`.
    Date(Date),
    /// A `datetime.time` without a zone.
    Time(Time),
    /// A `datetime.timedelta`.
    TimeDelta {
        /// Days; alone negative where the whole is.
        days: i32,
        /// 0 to 86,399.
        seconds: u32,
        /// 0 to 999,999.
        microseconds: u32,
    },
    /// A `decimal.Decimal`, as its text.
    Decimal(Box<str>),
    /// A `uuid.UUID`, as its integer.
    Uuid(u128),
    /// A `complex`.
    Complex(f64, f64),
}

impl Object {
    /// The name of the Python type.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Bytes(_) => "bytes",
            Self::Set(_) => "set",
            Self::FrozenSet(_) => "frozenset",
            Self::DateTime(_) => "datetime",
            Self::Date(_) => "date",
            Self::Time(_) => "time",
            Self::TimeDelta { .. } => "timedelta",
            Self::Decimal(_) => "Decimal",
            Self::Uuid(_) => "UUID",
            Self::Complex(..) => "complex",
        }
    }

    fn is_truthy(&self) -> bool {
        match self {
            Self::Bytes(b) => !b.is_empty(),
            Self::Set(s) | Self::FrozenSet(s) => !s.is_empty(),
            Self::TimeDelta { days, seconds, microseconds } => *days != 0 || *seconds != 0 || *microseconds != 0,
            // The digits before the exponent decide; NaN and Infinity are true.
            Self::Decimal(d) => !d
                .split(['e', 'E'])
                .next()
                .is_some_and(|m| m.contains('0') && m.chars().all(|c| matches!(c, '0' | '.' | '-' | '+'))),
            Self::Complex(re, im) => *re != 0.0 || *im != 0.0,
            Self::DateTime(_) | Self::Date(_) | Self::Time(_) | Self::Uuid(_) => true,
        }
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(Box::new(object))
    }
}

impl Value {
    /// The text, if it is one without lone surrogates.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(t) => t.as_str(),
            _ => None,
        }
    }

    /// Python's truth of the value: false for `None`, `False`, zero, and what is empty.
    #[must_use]
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::None => false,
            Self::Bool(b) => *b,
            Self::Int(n) => *n != 0,
            Self::BigInt(_) => true,
            Self::Float(f) => *f != 0.0,
            Self::Str(Text::Utf8(s)) => !s.is_empty(),
            Self::Str(Text::Surrogates(_)) => true,
            Self::List(l) => !l.is_empty(),
            Self::Dict(d) => !d.is_empty(),
            Self::Map(m) => !m.is_empty(),
            Self::Tuple(t) => !t.is_empty(),
            Self::Object(o) => o.is_truthy(),
        }
    }

    /// Makes a value of anything that serde can write as JSON.
    ///
    /// # Errors
    ///
    /// When `value` has no JSON form, such as a map whose keys are structures.
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_value(value).map(Self::from)
    }

    /// Reads the value as `T`.
    ///
    /// # Errors
    ///
    /// When the value does not have the form of a `T`.
    pub fn to_deserialize<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_value(serde_json::Value::from(self))
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::None,
            serde_json::Value::Bool(b) => Self::Bool(b),
            serde_json::Value::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(i), _) => Self::Int(i),
                (None, Some(u)) => Self::BigInt(u.to_string().into()),
                (None, None) => Self::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(s) => Self::Str(s.into()),
            serde_json::Value::Array(a) => Self::List(a.into_iter().map(Self::from).collect()),
            serde_json::Value::Object(o) => {
                Self::Dict(o.into_iter().map(|(k, v)| (Text::from(k), Self::from(v))).collect())
            }
        }
    }
}

/// Loses what JSON cannot hold: NaN and infinities become `null`, wide integers floats, lone surrogates U+FFFD.
impl From<&Value> for serde_json::Value {
    fn from(value: &Value) -> Self {
        match value {
            Value::None => Self::Null,
            Value::Bool(b) => Self::Bool(*b),
            Value::Int(n) => Self::from(*n),
            Value::BigInt(digits) => match digits.parse::<u64>() {
                Ok(n) => Self::from(n),
                Err(_) => Self::from(digits.parse::<f64>().unwrap_or(f64::NAN)),
            },
            Value::Float(f) => Self::from(*f),
            Value::Str(t) => Self::String(t.to_string_lossy()),
            Value::List(l) => Self::Array(l.iter().map(Self::from).collect()),
            Value::Dict(d) => Self::Object(d.iter().map(|(k, v)| (k.to_string_lossy(), Self::from(v))).collect()),
            Value::Tuple(t) => Self::Array(t.iter().map(Self::from).collect()),
            Value::Object(o) => Self::from(&**o),
            Value::Map(m) => Self::Array(m.iter().map(|(k, v)| Self::Array(vec![k.into(), v.into()])).collect()),
        }
    }
}

impl From<&Object> for serde_json::Value {
    fn from(object: &Object) -> Self {
        match object {
            Object::Bytes(b) => Self::Array(b.iter().map(|&b| Self::from(b)).collect()),
            Object::Set(s) | Object::FrozenSet(s) => Self::Array(s.iter().map(Self::from).collect()),
            Object::DateTime(t) => Self::String(t.isoformat()),
            Object::Date(d) => Self::String(d.to_string()),
            Object::Time(t) => Self::String(t.to_string()),
            Object::TimeDelta { days, seconds, microseconds } => {
                Self::from(f64::from(*days) * 86_400.0 + f64::from(*seconds) + f64::from(*microseconds) / 1e6)
            }
            Object::Decimal(d) => Self::String(d.to_string()),
            Object::Uuid(u) => Self::String(format!("{u:032x}")),
            Object::Complex(re, im) => Self::Array(vec![Self::from(*re), Self::from(*im)]),
        }
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Self::Str(s.into())
    }
}

impl From<String> for Value {
    fn from(s: String) -> Self {
        Self::Str(s.into())
    }
}

/// A Python `dict` with text keys: insertion order kept, as Django's session data needs (G12).
///
/// ```
/// use cloakroom_core::value::{Dict, Value};
///
/// let mut d = Dict::new();
/// d.insert("b", Value::Int(1));
/// d.insert("a", Value::Int(2));
/// d.insert("b", Value::Int(3));
/// assert_eq!(d.keys().map(|k| k.to_string_lossy()).collect::<Vec<_>>(), ["b", "a"]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Dict(IndexMap<Text, Value>);

impl Dict {
    /// An empty dictionary.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty dictionary with room for so many items.
    ///
    /// ```
    /// use cloakroom_core::value::Dict;
    ///
    /// let d = Dict::with_capacity(4);
    /// assert!(d.is_empty() && d.capacity() >= 4);
    /// ```
    #[must_use]
    pub fn with_capacity(items: usize) -> Self {
        Self(IndexMap::with_capacity(items))
    }

    /// For how many items there is room.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// The value under `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(&TextRef::Utf8(key))
    }

    /// The value under `key`, which may hold lone surrogates.
    #[must_use]
    pub fn get_text(&self, key: &Text) -> Option<&Value> {
        self.0.get(key)
    }

    /// Sets a value; a key that is there keeps its place. Returns the old value.
    pub fn insert(&mut self, key: impl Into<Text>, value: impl Into<Value>) -> Option<Value> {
        self.0.insert(key.into(), value.into())
    }

    /// Takes a value out; the order of the others stays.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.0.shift_remove(&TextRef::Utf8(key))
    }

    /// As [`remove`](Self::remove) for a key that may hold lone surrogates.
    pub fn remove_text(&mut self, key: &Text) -> Option<Value> {
        self.0.shift_remove(key)
    }

    /// Whether `key` is there.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.0.contains_key(&TextRef::Utf8(key))
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &Text> {
        self.0.keys()
    }

    /// Keys and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, &Value)> {
        self.0.iter()
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// A key to look up without making a [`Text`]: same variants in the same order, so that it hashes alike.
#[derive(Hash)]
enum TextRef<'a> {
    Utf8(&'a str),
    #[expect(dead_code, reason = "keeps the derived hash that of `Text`")]
    Surrogates(&'a [u16]),
}

impl Equivalent<Text> for TextRef<'_> {
    fn equivalent(&self, key: &Text) -> bool {
        match (self, key) {
            (Self::Utf8(a), Text::Utf8(b)) => **a == **b,
            (Self::Surrogates(a), Text::Surrogates(b)) => **a == **b,
            _ => false,
        }
    }
}

/// Equal when keys and values are, in any order, as in Python.
impl PartialEq for Dict {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl FromIterator<(Text, Value)> for Dict {
    fn from_iter<I: IntoIterator<Item = (Text, Value)>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl IntoIterator for Dict {
    type Item = (Text, Value);
    type IntoIter = indexmap::map::IntoIter<Text, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_by_text_and_by_str() {
        let odd = Text::from_utf16(&[0xd800]);
        let mut d: Dict = (0..100).map(|n| (Text::from(n.to_string()), Value::Int(n))).collect();
        d.insert(odd.clone(), Value::None);
        assert_eq!(d.get("42"), Some(&Value::Int(42)));
        assert!(d.contains_key("99") && !d.contains_key("100"));
        assert_eq!(d.get_text(&odd), Some(&Value::None));
        assert_eq!(d.remove("0"), Some(Value::Int(0)));
        assert_eq!(d.remove_text(&odd), Some(Value::None));
        assert_eq!(d.len(), 99);
    }
}
