//! The vectors' notation for values that JSON cannot hold, and back.

use cloakroom::core::codec::json::float_repr;
use cloakroom::core::pydatetime::DateTime;
use cloakroom::core::signing::{b64_decode, b64_encode};
use cloakroom::core::value::{Object, Text, Value};
use serde_json::{Value as Json, json};

/// Reads a value as the vectors write it.
pub(super) fn from_typed(json: &Json) -> Value {
    let list = |items: &Json| items.as_array().unwrap().iter().map(from_typed).collect::<Vec<_>>();
    match json {
        Json::Array(_) => Value::List(list(json)),
        Json::Object(o) => match o.get("__type__").and_then(Json::as_str) {
            None => Value::Dict(o.iter().map(|(k, v)| (Text::from(k.as_str()), from_typed(v))).collect()),
            Some("float") => Value::Float(o["value"].as_str().unwrap().parse().unwrap()),
            Some("int") => {
                let digits = o["value"].as_str().unwrap();
                digits.parse().map_or_else(|_| Value::BigInt(digits.into()), Value::Int)
            }
            Some("surrogates") => {
                let units = o["utf16"].as_array().unwrap().iter();
                let units: Vec<u16> = units.map(|u| u.as_u64().unwrap().try_into().unwrap()).collect();
                Value::Str(Text::from_utf16(&units))
            }
            Some("tuple") => Value::Tuple(list(&o["items"])),
            Some("dict") => {
                let pair = |p: &Json| (from_typed(&p[0]), from_typed(&p[1]));
                Value::Map(o["items"].as_array().unwrap().iter().map(pair).collect())
            }
            Some("set") => Object::Set(list(&o["items"])).into(),
            Some("bytes") => Object::Bytes(b64_decode(o["b64"].as_str().unwrap()).unwrap().into()).into(),
            Some("datetime") => Object::DateTime(DateTime::fromisoformat(o["iso"].as_str().unwrap()).unwrap()).into(),
            Some("date") => Object::Date(o["iso"].as_str().unwrap().parse().unwrap()).into(),
            Some("Decimal") => Object::Decimal(o["value"].as_str().unwrap().into()).into(),
            Some(other) => panic!("unknown type {other}"),
        },
        scalar => Value::from(scalar.clone()),
    }
}

/// Writes a value as the vectors do.
pub(super) fn to_typed(value: &Value) -> Json {
    let list = |items: &[Value]| Json::Array(items.iter().map(to_typed).collect());
    match value {
        Value::Float(f) if f.is_finite() && f.fract() != 0.0 => json!(f),
        Value::Float(f) => json!({ "__type__": "float", "value": float_repr(*f) }),
        Value::Int(n) if n.unsigned_abs() < 1 << 53 => json!(n),
        Value::Int(n) => json!({ "__type__": "int", "value": n.to_string() }),
        Value::BigInt(digits) => json!({ "__type__": "int", "value": digits }),
        Value::Str(Text::Surrogates(units)) => json!({ "__type__": "surrogates", "utf16": units }),
        Value::List(items) => list(items),
        Value::Tuple(items) => json!({ "__type__": "tuple", "items": list(items) }),
        Value::Dict(d) => Json::Object(d.iter().map(|(k, v)| (k.to_string_lossy(), to_typed(v))).collect()),
        Value::Map(m) => {
            let pairs: Vec<Json> = m.iter().map(|(k, v)| json!([to_typed(k), to_typed(v)])).collect();
            json!({ "__type__": "dict", "items": pairs })
        }
        Value::Object(o) => match &**o {
            Object::Bytes(b) => {
                let text = b64_encode(b).replace('-', "+").replace('_', "/");
                let pad = "=".repeat(text.len().wrapping_neg() % 4);
                json!({ "__type__": "bytes", "b64": text + &pad })
            }
            Object::Set(items) => {
                let mut items: Vec<Json> = items.iter().map(to_typed).collect();
                items.sort_by_key(Json::to_string);
                json!({ "__type__": "set", "items": items })
            }
            Object::DateTime(at) => json!({ "__type__": "datetime", "iso": at.isoformat() }),
            Object::Date(d) => json!({ "__type__": "date", "iso": d.to_string() }),
            Object::Decimal(d) => json!({ "__type__": "Decimal", "value": d }),
            Object::TimeDelta { days, seconds, microseconds } => {
                let seconds = f64::from(*days) * 86_400.0 + f64::from(*seconds) + f64::from(*microseconds) / 1e6;
                json!({ "__type__": "timedelta", "seconds": seconds })
            }
            Object::Complex(re, im) => {
                let sign = if *im < 0.0 { "" } else { "+" };
                json!({ "__type__": "complex", "value": format!("({re}{sign}{im}j)") })
            }
            other => panic!("no vector holds a {}", other.type_name()),
        },
        scalar => Json::from(scalar),
    }
}
