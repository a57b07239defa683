//! A session's values as a developer may see them.

use cloakroom_core::value::{Object, Value};

use super::clean;

/// Stands for what is private.
const MASK: &str = "•••";

/// Characters of a value that are shown.
const MOST: usize = 200;

/// Parts of names whose values are masked.
const SECRETS: [&str; 9] = ["auth", "code", "csrf", "hash", "key", "nonce", "passw", "secret", "token"];

/// A value of a session's data in the manner of JSON, what is private masked (L03).
///
/// Private are Django's own entries, whose names begin with `_`, and those whose name speaks of a secret, however deep.
/// Long values are cut.
///
/// ```
/// use cloakroom_auth::explain::shown;
/// use cloakroom_core::value::Value;
///
/// assert_eq!(shown("items", &Value::List(vec!["hat".into(), 2_i64.into()])), r#"["hat", 2]"#);
/// assert_eq!(shown("_auth_user_hash", &"f3a1".into()), "•••");
/// ```
#[must_use]
pub fn shown(name: &str, value: &Value) -> String {
    if is_private(name) {
        return MASK.into();
    }
    let mut text = String::new();
    write(value, &mut text);
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn is_private(name: &str) -> bool {
    let name = name.to_lowercase();
    name.starts_with('_') || SECRETS.iter().any(|word| name.contains(word))
}

/// Stops once there is more than is shown.
fn write(value: &Value, text: &mut String) {
    if text.len() > 4 * MOST {
        return;
    }
    match value {
        Value::None => text.push_str("null"),
        Value::Bool(b) => text.push_str(if *b { "true" } else { "false" }),
        Value::Int(n) => text.push_str(&n.to_string()),
        Value::BigInt(digits) => text.push_str(digits),
        Value::Float(f) => text.push_str(&f.to_string()),
        Value::Str(s) => text.push_str(&format!("\"{}\"", clean(&s.to_string_lossy()))),
        Value::List(items) | Value::Tuple(items) => list(items, text),
        Value::Dict(dict) => {
            let entries = dict.iter().map(|(name, value)| (name.to_string_lossy(), value));
            map(entries, text);
        }
        Value::Map(entries) => map(entries.iter().map(|(name, value)| (plain(name), value)), text),
        Value::Object(object) => match &**object {
            Object::Set(items) | Object::FrozenSet(items) => list(items, text),
            other => text.push_str(&format!("<{}>", other.type_name())),
        },
        _ => text.push('?'),
    }
}

fn plain(name: &Value) -> String {
    match name {
        Value::Str(s) => s.to_string_lossy(),
        other => {
            let mut text = String::new();
            write(other, &mut text);
            text
        }
    }
}

fn list(items: &[Value], text: &mut String) {
    text.push('[');
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            text.push_str(", ");
        }
        write(item, text);
    }
    text.push(']');
}

fn map<'v>(entries: impl Iterator<Item = (String, &'v Value)>, text: &mut String) {
    text.push('{');
    for (n, (name, value)) in entries.enumerate() {
        if n > 0 {
            text.push_str(", ");
        }
        text.push_str(&format!("\"{}\": ", clean(&name)));
        if is_private(&name) { text.push_str(MASK) } else { write(value, text) }
    }
    text.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloakroom_core::value::Dict;

    /// L03.
    #[test]
    fn private_entries_are_masked_however_deep() {
        for name in ["_auth_user_hash", "_csrftoken", "reset_token", "ApiKey", "otp_code", "OAuth"] {
            assert_eq!(shown(name, &Value::from("canary")), MASK, "{name}");
        }
        let mut inner = Dict::new();
        inner.insert("name", "hat");
        inner.insert("secret", "canary");
        let mut outer = Dict::new();
        outer.insert("row", Value::List(vec![Value::Dict(inner)]));
        assert_eq!(shown("items", &Value::Dict(outer)), r#"{"row": [{"name": "hat", "secret": •••}]}"#);
    }

    /// L04.
    #[test]
    fn long_values_are_cut_and_control_characters_escaped() {
        assert!(shown("cart", &Value::from("h".repeat(1_000))).chars().count() <= MOST + 1);
        let many = Value::List(vec![Value::from("h".repeat(150)); 10_000]);
        assert!(shown("cart", &many).chars().count() <= MOST + 1);
        assert_eq!(shown("cart", &Value::from("a\u{1b}[31m\n")), r#""a\u{1b}[31m\n""#);
    }
}
