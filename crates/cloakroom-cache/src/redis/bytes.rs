//! Values as Django's Redis cache keeps them: integers as digits, everything else pickled (S50).
//!
//! Source: `RedisSerializer`, `django/core/cache/backends/redis.py`.

use std::sync::Arc;

use cloakroom_core::codec::pickle::{self, PickleError, PickleWriteError};
use cloakroom_core::pyint::PyInt;
use cloakroom_core::value::{Object, Value};

use crate::{CacheValue, Unreadable};

pub(super) fn encode(value: &CacheValue) -> Result<Vec<u8>, PickleWriteError> {
    match value {
        CacheValue::Int(n) => Ok(n.to_string().into_bytes()),
        CacheValue::Dict(data) => pickle::dumps_dict(data),
        CacheValue::Bytes(bytes) => pickle::dumps(&Object::Bytes(bytes.as_ref().into()).into()),
        CacheValue::Plain(value) => pickle::dumps(value),
        // Nobody stores what could not be read; it would be `None` to Django.
        CacheValue::Unreadable(_) => pickle::dumps(&Value::None),
    }
}

pub(crate) fn decode(bytes: &[u8]) -> CacheValue {
    if let Some(int) = std::str::from_utf8(bytes).ok().and_then(|text| PyInt::parse(text, 10)) {
        return match int.to_i64() {
            Some(n) => CacheValue::Int(n),
            None => CacheValue::Plain(Arc::new(Value::BigInt(int.digits().into()))),
        };
    }
    match pickle::loads(bytes) {
        Ok(Value::Dict(data)) => CacheValue::Dict(Arc::new(data)),
        Ok(Value::Map(_)) => CacheValue::Unreadable(Unreadable::Keys),
        Ok(Value::Object(object)) => match *object {
            Object::Bytes(bytes) => CacheValue::Bytes(bytes.into()),
            object => CacheValue::Plain(Arc::new(object.into())),
        },
        Ok(value) => CacheValue::Plain(Arc::new(value)),
        Err(why @ (PickleError::Cut | PickleError::Malformed(_))) => CacheValue::Unreadable(Unreadable::Corrupt(why)),
        Err(why) => CacheValue::Unreadable(Unreadable::Refused(why)),
    }
}

#[cfg(test)]
mod tests {
    use cloakroom_core::value::Dict;

    use super::*;

    #[test]
    fn values_come_back() {
        let dict: Dict = [("a".into(), Value::Int(1))].into_iter().collect();
        for value in [
            CacheValue::Int(-7),
            CacheValue::Bytes((*b"5").into()),
            CacheValue::Dict(Arc::default()),
            CacheValue::Dict(Arc::new(dict)),
            CacheValue::Plain(Arc::new(Value::from("text"))),
        ] {
            assert_eq!(decode(&encode(&value).unwrap()), value);
        }
    }

    /// What the real Django stores, written by Python's pickler of protocol 5.
    #[test]
    fn what_django_stores_is_read() {
        assert_eq!(decode(b"42"), CacheValue::Int(42));
        assert_eq!(decode(b" 4_2\n"), CacheValue::Int(42));
        let login = b"\x80\x05\x95\x1c\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\r_auth_user_id\x94\x8c\x0242\x94s.";
        let CacheValue::Dict(data) = decode(login) else { panic!("a dict") };
        assert_eq!(data.get("_auth_user_id").and_then(Value::as_str), Some("42"));
    }

    /// G37, U15: what is more than data runs nothing, and what is no pickle breaks nothing.
    #[test]
    fn what_is_no_data_is_unreadable() {
        assert!(matches!(decode(b"cos\nsystem\n(S'true'\ntR."), CacheValue::Unreadable(Unreadable::Refused(_))));
        for bytes in [&b""[..], b"\x80\x05}", b"garbage", b"\xff\xff"] {
            assert!(matches!(decode(bytes), CacheValue::Unreadable(_)), "{bytes:?}");
        }
        let int_key = b"\x80\x04}K\x01K\x02s.";
        assert_eq!(decode(int_key), CacheValue::Unreadable(Unreadable::Keys));
    }
}
