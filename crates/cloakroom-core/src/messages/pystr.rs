//! Python's `str` and `repr` of what JSON can hold, for messages whose text is no text.

use std::fmt::Write;

use crate::codec::json::float_repr;
use crate::value::{Text, Value};

/// `str(value)`.
pub(super) fn to_str(value: &Value) -> Text {
    match value {
        Value::Str(text) => text.clone(),
        other => {
            let mut out = String::new();
            repr(other, &mut out, 0);
            out.into()
        }
    }
}

/// How deep lists are written; what is deeper is cut, so that the stack of any thread suffices.
const MAX_DEPTH: usize = 100;

fn repr(value: &Value, out: &mut String, depth: usize) {
    let item = |value: &Value, out: &mut String| repr(value, out, depth + 1);
    match value {
        Value::List(_) | Value::Tuple(_) | Value::Dict(_) | Value::Map(_) if depth > MAX_DEPTH => out.push_str("..."),
        Value::None => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(n) => out.push_str(&n.to_string()),
        Value::BigInt(digits) => out.push_str(digits),
        Value::Float(f) => out.push_str(&float_repr(*f)),
        Value::Str(text) => quoted(text, out),
        Value::List(items) => joined(out, ["[", "]"], items, item),
        Value::Tuple(items) if items.len() == 1 => joined(out, ["(", ",)"], items, item),
        Value::Tuple(items) => joined(out, ["(", ")"], items, item),
        Value::Dict(items) => joined(out, ["{", "}"], items.iter(), |(k, v), out| {
            quoted(k, out);
            out.push_str(": ");
            item(v, out);
        }),
        Value::Map(items) => joined(out, ["{", "}"], items, |(k, v), out| {
            item(k, out);
            out.push_str(": ");
            item(v, out);
        }),
        // Only pickled sessions hold these, and never as a message.
        Value::Object(object) => {
            out.push('<');
            out.push_str(object.type_name());
            out.push('>');
        }
    }
}

fn joined<T>(
    out: &mut String,
    [open, close]: [&str; 2],
    items: impl IntoIterator<Item = T>,
    each: impl Fn(T, &mut String),
) {
    out.push_str(open);
    for (n, item) in items.into_iter().enumerate() {
        if n > 0 {
            out.push_str(", ");
        }
        each(item, out);
    }
    out.push_str(close);
}

fn quoted(text: &Text, out: &mut String) {
    let quote = |has: &dyn Fn(char) -> bool| if has('\'') && !has('"') { '"' } else { '\'' };
    match text {
        Text::Utf8(s) => {
            let quote = quote(&|c| s.contains(c));
            out.push(quote);
            s.chars().for_each(|c| escaped(c, quote, out));
            out.push(quote);
        }
        Text::Surrogates(units) => {
            let quote = quote(&|c| units.contains(&(c as u16)));
            out.push(quote);
            for unit in char::decode_utf16(units.iter().copied()) {
                match unit {
                    Ok(c) => escaped(c, quote, out),
                    Err(lone) => push_hex(out, "\\u", 4, lone.unpaired_surrogate().into()),
                }
            }
            out.push(quote);
        }
    }
}

fn escaped(c: char, quote: char, out: &mut String) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\\' => out.push_str("\\\\"),
        c if c == quote => out.extend(['\\', c]),
        ' ' => out.push(c),
        // Python's isprintable(), but for unassigned and private characters, which pass as they are.
        c if c.is_control() || c.is_whitespace() || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{feff}') => {
            match u32::from(c) {
                n @ 0..=0xff => push_hex(out, "\\x", 2, n),
                n @ 0x100..=0xffff => push_hex(out, "\\u", 4, n),
                n => push_hex(out, "\\U", 8, n),
            }
        }
        c => out.push(c),
    }
}

fn push_hex(out: &mut String, prefix: &str, width: usize, n: u32) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{prefix}{n:0width$x}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::json;

    #[test]
    fn deep_lists_are_cut() {
        let depth = json::MAX_DEPTH;
        let deep = json::loads(&format!("{}{}", "[".repeat(depth), "]".repeat(depth))).unwrap();
        assert!(to_str(&deep).as_str().unwrap().contains("[...]"));
    }

    /// Each as Python 3.13 writes it.
    #[test]
    fn values_read_as_python_writes_them() {
        for (text, expected) in [
            (r#""it's""#, "it's"),
            (r#"["it's", "\"", "'\""]"#, r#"["it's", '"', '\'"']"#),
            (r#"[null, true, 1.0, {"a": [], "b": -5}]"#, "[None, True, 1.0, {'a': [], 'b': -5}]"),
            (r#"["é\n\u0000\u00a0\u2028\\"]"#, r"['é\n\x00\xa0\u2028\\']"),
            (r#"["\ud800x"]"#, r"['\ud800x']"),
            ("12345678901234567890", "12345678901234567890"),
        ] {
            assert_eq!(to_str(&json::loads(text).unwrap()), *expected, "{text}");
        }
    }
}
