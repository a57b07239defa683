//! What a cache holds.

use std::fmt;
use std::sync::Arc;

use cloakroom_core::codec::pickle::PickleError;
use cloakroom_core::value::{Dict, Text, Value};

use crate::redis::bytes;

/// A value in the cache. Cloning one copies no data.
#[derive(Clone)]
#[non_exhaustive]
pub enum CacheValue {
    /// A session's data itself, not signed and not JSON (S50). In another process's store it is pickled.
    Dict(Arc<Dict>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A number, to count with.
    Int(i64),
    /// Any other plain data that Django put there.
    Plain(Arc<Value>),
    /// What is there cannot be read.
    Unreadable(Unreadable),
}

/// Why a value in the cache cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// Not even Django can.
    #[error("it is no pickle: {0}")]
    Corrupt(PickleError),
    /// Django may be able to, but it is more than plain data.
    #[error("it is more than plain data: {0}")]
    Refused(PickleError),
    /// A dictionary with keys that are no text.
    #[error("it has a key that is no text")]
    Keys,
}

impl CacheValue {
    /// Roughly how many bytes the value keeps.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Dict(d) => dict_weight(d),
            Self::Bytes(b) => b.len(),
            Self::Int(_) | Self::Unreadable(_) => 8,
            Self::Plain(value) => weight(value),
        }
    }
}

impl PartialEq for CacheValue {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            // The same allocation is the common case of compare-and-swap, and costs nothing to compare.
            (Self::Dict(a), Self::Dict(b)) => Arc::ptr_eq(a, b) || a.iter().eq(b.iter()),
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Plain(a), Self::Plain(b)) => Arc::ptr_eq(a, b) || a == b,
            (Self::Unreadable(a), Self::Unreadable(b)) => a == b,
            _ => false,
        }
    }
}

/// What a value looked like in its store, to tell whether it is still the same.
#[derive(Clone, PartialEq)]
pub struct Stamp(Seen);

#[derive(Clone, PartialEq)]
enum Seen {
    /// Apart: the place of stored bytes is half as large, and many stand beside copies.
    Value(Box<CacheValue>),
    /// The stored bytes: Django writes other ones for the same value.
    Bytes(Arc<[u8]>),
}

impl Stamp {
    pub(crate) fn value(value: CacheValue) -> Self {
        Self(Seen::Value(value.into()))
    }

    pub(crate) const fn bytes(bytes: Arc<[u8]>) -> Self {
        Self(Seen::Bytes(bytes))
    }

    /// Whether this is the stamp of `value`. Stored bytes are none of a value in memory.
    pub(crate) fn is_of(&self, value: &CacheValue) -> bool {
        matches!(&self.0, Seen::Value(seen) if **seen == *value)
    }

    /// The value that looked like this, read anew where the store has bytes.
    #[must_use]
    pub fn to_value(&self) -> CacheValue {
        match &self.0 {
            Seen::Value(value) => (**value).clone(),
            Seen::Bytes(bytes) => bytes::decode(bytes),
        }
    }

    /// Whether both were taken of one and the same answer of the store. Equal ones may be two.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        matches!((&self.0, &other.0), (Seen::Bytes(ours), Seen::Bytes(theirs)) if Arc::ptr_eq(ours, theirs))
    }

    /// Roughly how many bytes this keeps, beside the value that it is of.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.as_bytes().map_or(0, <[u8]>::len)
    }

    /// The stored bytes, where the store has such.
    pub(crate) fn as_bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            Seen::Bytes(bytes) => Some(bytes),
            Seen::Value(_) => None,
        }
    }
}

/// Stored values never print.
impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stamp(***)")
    }
}

/// Sessions are secrets: only the form and the size are printed.
impl fmt::Debug for CacheValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dict(d) => write!(f, "Dict({} keys)", d.len()),
            Self::Bytes(b) => write!(f, "Bytes({})", b.len()),
            Self::Int(n) => write!(f, "Int({n})"),
            Self::Plain(_) => f.write_str("Plain(***)"),
            Self::Unreadable(why) => write!(f, "Unreadable({why})"),
        }
    }
}

fn dict_weight(dict: &Dict) -> usize {
    dict.iter().map(|(k, v)| 64 + text_weight(k) + weight(v)).sum::<usize>() + 48
}

fn text_weight(text: &Text) -> usize {
    match text {
        Text::Utf8(s) => s.len(),
        Text::Surrogates(u) => u.len() * 2,
    }
}

fn weight(value: &Value) -> usize {
    match value {
        Value::BigInt(digits) => digits.len(),
        Value::Str(t) => text_weight(t),
        Value::List(l) => l.iter().map(|v| 32 + weight(v)).sum(),
        Value::Dict(d) => dict_weight(d),
        Value::Map(m) => m.iter().map(|(k, v)| 64 + weight(k) + weight(v)).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_tells_its_value() {
        let pickled: Arc<[u8]> = (*b"\x80\x05}\x94\x8c\x01a\x94K\x01s.").into();
        let (stamp, again) = (Stamp::bytes(Arc::clone(&pickled)), Stamp::bytes((*pickled).into()));
        let data: Dict = [("a".into(), Value::Int(1))].into_iter().collect();
        assert_eq!(stamp.to_value(), CacheValue::Dict(Arc::new(data)));
        assert!(stamp == again && stamp.is_same(&stamp.clone()) && !stamp.is_same(&again));
        let in_memory = Stamp::value(CacheValue::Int(7));
        assert_eq!(in_memory.to_value(), CacheValue::Int(7));
        assert!(!in_memory.is_same(&in_memory));
    }

    /// L03: what is inside a session is not in a debug print.
    #[test]
    fn session_data_does_not_print() {
        let mut data = Dict::new();
        data.insert("_csrftoken", "canary");
        assert_eq!(format!("{:?}", CacheValue::Dict(Arc::new(data))), "Dict(1 keys)");
    }
}
