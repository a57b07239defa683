//! Python's `json.dumps`.

use super::{MAX_DEPTH, MAX_INT_DIGITS};
use crate::value::{Dict, Text, Value};

/// Why a value has no JSON form: at a save Django answers 500 for it (S31).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Python's `TypeError`.
    #[error("a {0} has no JSON form")]
    Type(&'static str),
    /// Python's `TypeError`.
    #[error("a {0} cannot be a key in JSON")]
    Key(&'static str),
    /// Python's `ValueError`.
    #[error("an integer has more than {MAX_INT_DIGITS} digits")]
    IntTooLong,
    /// Python's `RecursionError`.
    #[error("lists and dictionaries nest deeper than {MAX_DEPTH}")]
    TooDeep,
}

/// What stands between items, and between key and value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// `,` and `:`, as signed data is written (S31).
    #[default]
    Compact,
    /// `, ` and `: `, Python's default.
    Spaced,
}

/// Writes a value as `json.dumps(value, separators=(",", ":"))` does: ASCII only.
///
/// ```
/// use cloakroom_core::codec::json::dumps;
/// use cloakroom_core::value::{Dict, Value};
///
/// let mut d = Dict::new();
/// d.insert("é", Value::Float(1e16));
/// assert_eq!(dumps(&Value::Dict(d)).as_deref(), Ok(r#"{"\u00e9":1e+16}"#));
/// ```
///
/// # Errors
///
/// When the value holds something that JSON cannot.
pub fn dumps(value: &Value) -> Result<String, EncodeError> {
    dumps_with(value, Style::Compact)
}

/// Writes a value as `json.dumps` does, with the separators of `style`.
///
/// # Errors
///
/// When the value holds something that JSON cannot.
pub fn dumps_with(value: &Value, style: Style) -> Result<String, EncodeError> {
    let mut encoder = Encoder::new(style);
    encoder.value(value, 0)?;
    Ok(encoder.out)
}

/// Writes a dictionary as [`dumps`] does.
///
/// # Errors
///
/// When it holds something that JSON cannot.
pub fn dumps_dict(dict: &Dict) -> Result<String, EncodeError> {
    let mut encoder = Encoder::new(Style::Compact);
    encoder.dict(dict, 0)?;
    Ok(encoder.out)
}

/// Python's `repr` of a float: the shortest digits that read back the same, with an exponent outside 1e-4 to 1e16 (G10).
#[must_use]
pub fn float_repr(f: f64) -> String {
    if f.is_nan() {
        return "nan".to_owned();
    }
    if f.is_infinite() {
        return if f > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let shortest = format!("{f:e}");
    // Where two texts are as short and as near, Rust takes the upper one, Python the even one.
    let digits = shortest.bytes().take_while(|&b| b != b'e').filter(u8::is_ascii_digit).count();
    let nearest = format!("{f:.*e}", digits - 1);
    let scientific = if nearest.parse() == Ok(f) { nearest } else { shortest };
    let (mantissa, exponent) = scientific.split_once('e').expect("Rust writes an exponent with {:e}");
    let exponent: i32 = exponent.parse().expect("Rust writes a decimal exponent");
    if !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    // As many digits behind the point as are significant, and one at least.
    let fraction = (digits as i32 - 1 - exponent).max(1);
    format!("{f:.*}", fraction.unsigned_abs() as usize)
}

struct Encoder {
    out: String,
    comma: &'static str,
    colon: &'static str,
}

impl Encoder {
    fn new(style: Style) -> Self {
        let (comma, colon) = match style {
            Style::Compact => (",", ":"),
            Style::Spaced => (", ", ": "),
        };
        // What a session holds: to grow in steps would take as long as to write.
        Self { out: String::with_capacity(256), comma, colon }
    }

    fn dict(&mut self, dict: &Dict, depth: usize) -> Result<(), EncodeError> {
        self.nested(dict.iter(), depth, ['{', '}'], |this, (key, item)| {
            this.text(key);
            this.out.push_str(this.colon);
            this.value(item, depth + 1)
        })
    }

    fn value(&mut self, value: &Value, depth: usize) -> Result<(), EncodeError> {
        match value {
            Value::None => self.out.push_str("null"),
            Value::Bool(b) => self.out.push_str(if *b { "true" } else { "false" }),
            Value::Int(n) => self.out.push_str(&n.to_string()),
            Value::BigInt(digits) => self.out.push_str(checked_digits(digits)?),
            Value::Float(f) => self.out.push_str(&json_float(*f)),
            Value::Str(t) => self.text(t),
            Value::List(items) | Value::Tuple(items) => {
                self.nested(items, depth, ['[', ']'], |this, item| this.value(item, depth + 1))?;
            }
            Value::Dict(d) => self.dict(d, depth)?,
            Value::Map(m) => self.nested(m, depth, ['{', '}'], |this, (key, item)| {
                this.key(key)?;
                this.out.push_str(this.colon);
                this.value(item, depth + 1)
            })?,
            Value::Object(o) => return Err(EncodeError::Type(o.type_name())),
        }
        Ok(())
    }

    fn nested<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        depth: usize,
        [open, close]: [char; 2],
        mut write: impl FnMut(&mut Self, T) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        if depth >= MAX_DEPTH {
            return Err(EncodeError::TooDeep);
        }
        self.out.push(open);
        for (i, item) in items.into_iter().enumerate() {
            if i > 0 {
                self.out.push_str(self.comma);
            }
            write(self, item)?;
        }
        self.out.push(close);
        Ok(())
    }

    /// Keys that are no text become text; two may then be the same, and both are written (S31).
    fn key(&mut self, key: &Value) -> Result<(), EncodeError> {
        let quoted = match key {
            Value::Str(t) => {
                self.text(t);
                return Ok(());
            }
            Value::None => "null",
            Value::Bool(true) => "true",
            Value::Bool(false) => "false",
            Value::Int(n) => &n.to_string(),
            Value::BigInt(digits) => checked_digits(digits)?,
            Value::Float(f) => &json_float(*f),
            Value::List(_) => return Err(EncodeError::Key("list")),
            Value::Tuple(_) => return Err(EncodeError::Key("tuple")),
            Value::Dict(_) | Value::Map(_) => return Err(EncodeError::Key("dict")),
            Value::Object(o) => return Err(EncodeError::Key(o.type_name())),
        };
        self.out.push('"');
        self.out.push_str(quoted);
        self.out.push('"');
        Ok(())
    }

    fn text(&mut self, text: &Text) {
        self.out.push('"');
        match text {
            Text::Utf8(s) => {
                // Most texts are plain ASCII: take the longest such run at once. What ends it begins a character.
                let mut rest: &str = s;
                while let Some(at) = rest.bytes().position(|byte| !is_plain(byte.into())) {
                    self.out.push_str(&rest[..at]);
                    let mut tail = rest[at..].chars();
                    if let Some(c) = tail.next() {
                        for &mut unit in c.encode_utf16(&mut [0; 2]) {
                            self.escape(unit);
                        }
                    }
                    rest = tail.as_str();
                }
                self.out.push_str(rest);
            }
            Text::Surrogates(units) => {
                for &unit in units {
                    match char::from_u32(unit.into()) {
                        Some(c) if is_plain(c) => self.out.push(c),
                        _ => self.escape(unit),
                    }
                }
            }
        }
        self.out.push('"');
    }

    fn escape(&mut self, unit: u16) {
        match unit {
            0x22 => self.out.push_str("\\\""),
            0x5c => self.out.push_str("\\\\"),
            0x0a => self.out.push_str("\\n"),
            0x0d => self.out.push_str("\\r"),
            0x09 => self.out.push_str("\\t"),
            0x0c => self.out.push_str("\\f"),
            0x08 => self.out.push_str("\\b"),
            _ => self.out.push_str(&format!("\\u{unit:04x}")),
        }
    }
}

/// What is written as it is. DEL is not, whatever is said of it (session/encode-017 of the vectors).
fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~') && c != '"' && c != '\\'
}

fn json_float(f: f64) -> String {
    if f.is_nan() {
        "NaN".to_owned()
    } else if f.is_infinite() {
        if f > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        float_repr(f)
    }
}

fn checked_digits(digits: &str) -> Result<&str, EncodeError> {
    if digits.trim_start_matches('-').len() > MAX_INT_DIGITS { Err(EncodeError::IntTooLong) } else { Ok(digits) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Object;

    fn float(f: f64) -> String {
        dumps(&Value::Float(f)).unwrap()
    }

    /// G10: each as Python 3.13 writes it.
    #[test]
    fn floats_are_spelled_as_in_python() {
        for (f, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (1e16, "1e+16"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e22, "1e+22"),
            (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (123_456_789.125, "123456789.125"),
            (-1_462_468_587_316_101.0 - 0.25, "-1462468587316101.2"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(float(f), text);
        }
    }

    /// G10, S31: ASCII only, lower-case hex, `/` not escaped.
    #[test]
    fn texts_are_escaped_as_in_python() {
        let text = Value::from("\0\x08\t\n\x0c\r\x1f \"\\/\x7f\u{80}é\u{2028}😀");
        let json = r#""\u0000\b\t\n\f\r\u001f \"\\/\u007f\u0080\u00e9\u2028\ud83d\ude00""#;
        assert_eq!(dumps(&text).unwrap(), json);
        assert_eq!(dumps(&Value::Str(Text::from_utf16(&[0x61, 0xd800]))).unwrap(), r#""a\ud800""#);
    }

    /// S31: keys that are no text become text, and may collide.
    #[test]
    fn keys_become_text() {
        let map = Value::Map(vec![
            (Value::Int(1), Value::Int(1)),
            (Value::from("1"), Value::Int(2)),
            (Value::Bool(true), Value::None),
            (Value::None, Value::Tuple(vec![Value::Int(3)])),
            (Value::Float(1.5), Value::Int(4)),
        ]);
        assert_eq!(dumps(&map).unwrap(), r#"{"1":1,"1":2,"true":null,"null":[3],"1.5":4}"#);
        assert_eq!(
            dumps_with(&map, Style::Spaced).unwrap(),
            r#"{"1": 1, "1": 2, "true": null, "null": [3], "1.5": 4}"#
        );
        let bad = Value::Map(vec![(Value::Tuple(Vec::new()), Value::None)]);
        assert_eq!(dumps(&bad), Err(EncodeError::Key("tuple")));
    }

    /// S31: what JSON cannot hold is a 500 in Django, never a silent change.
    #[test]
    fn python_only_objects_are_refused() {
        let set = Value::List(vec![Value::from(Object::Set(Vec::new()))]);
        assert_eq!(dumps(&set), Err(EncodeError::Type("set")));
        let wide = Value::BigInt("9".repeat(MAX_INT_DIGITS + 1).into());
        assert_eq!(dumps(&wide), Err(EncodeError::IntTooLong));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth| (1..depth).fold(Value::List(Vec::new()), |v, _| Value::List(vec![v]));
        assert!(dumps(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(dumps(&nested(MAX_DEPTH + 1)), Err(EncodeError::TooDeep));
    }
}
