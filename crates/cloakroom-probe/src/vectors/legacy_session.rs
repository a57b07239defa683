//! legacy_session.json: S35, S36.

use cloakroom::core::codec::json;
use cloakroom::core::codec::legacy::{Envelope, Serializer, read_value};
use cloakroom::core::codec::pickle::{dumps, loads};
use cloakroom::core::codec::session::{SESSION_STORE_SALT, SessionCodec};
use cloakroom::core::value::Value;

use super::Case;
use super::typed::{from_typed, to_typed};

pub(super) fn check(case: &Case<'_>) -> Result<(), String> {
    let keys = case.keys("fallbacks");
    let text = case.text("data");

    let now = SessionCodec::new(&keys, SESSION_STORE_SALT).decode(text);
    let now = to_typed(&Value::Dict(now.data));
    if now != case.all["reads_now"] {
        return Err(format!("the reader of today gives {now}, Django's {}", case.all["reads_now"]));
    }

    let read = read_value(text, &keys);
    if case.kind == "hostile" {
        return read.map_or(Ok(()), |(value, _)| Err(format!("{} is read as {value:?}", case.out["must_refuse"])));
    }
    let (value, found) = read.map_err(|e| format!("{e:?}"))?;
    let envelope = if case.text("written_by").starts_with("2.") { Envelope::HexHmac } else { Envelope::Signed };
    let serializer = if case.kind == "pickle" { Serializer::Pickle } else { Serializer::Json };
    if (found.envelope, found.serializer) != (envelope, serializer) {
        return Err(format!("found {:?} {:?}", found.envelope, found.serializer));
    }
    // JSON made lists of tuples and texts of keys when it was written.
    let payload = &case.out["payload"];
    let written = match serializer {
        Serializer::Json => to_typed(&json::loads(&json::dumps(&from_typed(payload)).unwrap()).unwrap()),
        Serializer::Pickle => payload.clone(),
    };
    // As text, so that the order counts (G12).
    let texts = [&to_typed(&value), &written].map(ToString::to_string);
    if texts[0] != texts[1] {
        return Err(format!("ours {}, Django's {}", texts[0], texts[1]));
    }
    let again = loads(&dumps(&value).map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
    if to_typed(&again) != to_typed(&value) {
        return Err(format!("our own pickle gives {again:?}"));
    }
    Ok(())
}
