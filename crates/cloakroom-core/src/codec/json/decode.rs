//! Python's `json.loads`, without recursion.

use std::borrow::Cow;

use super::{MAX_DEPTH, MAX_INT_DIGITS};
use crate::value::{Dict, Text, Value};

/// Items that a dictionary is given room for: as many as a session of somebody who is signed in has. One that grew and was cut
/// to its size would leave memory that fits nothing.
const FEW: usize = 4;

/// Why a text is no JSON to Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Python's `JSONDecodeError`.
    #[error("the text is no JSON from byte {at} on")]
    Syntax {
        /// Where in the UTF-8 text.
        at: usize,
    },
    /// Python's `ValueError`.
    #[error("an integer has more than {MAX_INT_DIGITS} digits")]
    IntTooLong,
    /// Python's `RecursionError`.
    #[error("lists and dictionaries nest deeper than {MAX_DEPTH}")]
    TooDeep,
}

/// Reads JSON as `json.loads` does.
///
/// Beyond the standard, Python takes `NaN`, `Infinity`, `-Infinity`, integers of up to 4,300 digits, lone surrogates,
/// and of equal keys the last, in the place of the first (G11).
///
/// ```
/// use cloakroom_core::codec::json::loads;
/// use cloakroom_core::value::Value;
///
/// assert_eq!(loads("1.0"), Ok(Value::Float(1.0)));
/// assert_eq!(loads(" 1 "), Ok(Value::Int(1)));
/// assert!(loads("01").is_err());
/// ```
///
/// # Errors
///
/// When Python raises, or lists and dictionaries nest deeper than [`MAX_DEPTH`].
pub fn loads(text: &str) -> Result<Value, DecodeError> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.document()?;
    reader.skip_space();
    if reader.at < text.len() { Err(reader.syntax()) } else { Ok(value) }
}

/// Reads JSON whose bytes are Latin-1 characters, as Django reads signed data (K26).
///
/// # Errors
///
/// As [`loads`].
pub fn loads_latin1(bytes: &[u8]) -> Result<Value, DecodeError> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(bytes.iter().map(|&b| char::from(b)).collect()),
    };
    loads(&text)
}

/// A list or dictionary that is not closed yet.
enum Open {
    List(Vec<Value>),
    Dict(Dict, Text),
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Value, DecodeError> {
        let mut stack: Vec<Open> = Vec::new();
        self.skip_space();
        loop {
            // A value starts here.
            let mut value = match self.peek() {
                Some(b'[') => {
                    self.at += 1;
                    self.skip_space();
                    if self.peek() != Some(b']') {
                        push(&mut stack, Open::List(Vec::new()))?;
                        continue;
                    }
                    self.at += 1;
                    within_depth(&stack, Value::List(Vec::new()))?
                }
                Some(b'{') => {
                    self.at += 1;
                    self.skip_space();
                    if self.peek() != Some(b'}') {
                        let key = self.key()?;
                        push(&mut stack, Open::Dict(Dict::with_capacity(FEW), key))?;
                        continue;
                    }
                    self.at += 1;
                    within_depth(&stack, Value::Dict(Dict::new()))?
                }
                _ => self.scalar()?,
            };
            // A value ended: it goes into what is open, and closes it perhaps.
            loop {
                let Some(open) = stack.pop() else { return Ok(value) };
                self.skip_space();
                let next = self.peek();
                match open {
                    Open::List(mut items) => {
                        items.push(value);
                        match next {
                            Some(b',') => {
                                self.at += 1;
                                self.skip_space();
                                stack.push(Open::List(items));
                                break;
                            }
                            Some(b']') => value = Value::List(items),
                            _ => return Err(self.syntax()),
                        }
                    }
                    Open::Dict(mut dict, key) => {
                        dict.insert(key, value);
                        match next {
                            Some(b',') => {
                                self.at += 1;
                                self.skip_space();
                                let key = self.key()?;
                                stack.push(Open::Dict(dict, key));
                                break;
                            }
                            Some(b'}') => value = Value::Dict(dict),
                            _ => return Err(self.syntax()),
                        }
                    }
                }
                self.at += 1;
            }
        }
    }

    /// A key and its colon, up to where the value starts.
    fn key(&mut self) -> Result<Text, DecodeError> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax());
        }
        let key = self.string()?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.syntax());
        }
        self.at += 1;
        self.skip_space();
        Ok(key)
    }

    fn scalar(&mut self) -> Result<Value, DecodeError> {
        match self.peek() {
            Some(b'"') => return self.string().map(Value::Str),
            Some(b'-' | b'0'..=b'9') => {
                if let Some(number) = self.number()? {
                    return Ok(number);
                }
            }
            _ => {}
        }
        for (word, value) in [
            ("null", Value::None),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("NaN", Value::Float(f64::NAN)),
            ("Infinity", Value::Float(f64::INFINITY)),
            ("-Infinity", Value::Float(f64::NEG_INFINITY)),
        ] {
            if self.rest().starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.syntax())
    }

    /// `None` where no number starts: after a lone `-`.
    fn number(&mut self) -> Result<Option<Value>, DecodeError> {
        let start = self.at;
        let rest = self.rest();
        let digits = |from: usize| rest[from.min(rest.len())..].iter().take_while(|b| b.is_ascii_digit()).count();
        let sign = usize::from(rest.first() == Some(&b'-'));
        let whole = match rest.get(sign) {
            Some(b'0') => 1,
            _ => digits(sign),
        };
        if whole == 0 {
            return Ok(None);
        }
        let mut end = sign + whole;
        let mut is_float = false;
        if rest.get(end) == Some(&b'.') && digits(end + 1) > 0 {
            end += 1 + digits(end + 1);
            is_float = true;
        }
        if let Some(b'e' | b'E') = rest.get(end) {
            let signed = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + signed);
            if exponent > 0 {
                end += 1 + signed + exponent;
                is_float = true;
            }
        }
        self.at = start + end;
        let text = &self.text[start..self.at];
        if is_float {
            // Rust and Python both round to the nearest, and to infinity beyond the range.
            return text.parse().map(|f| Some(Value::Float(f))).map_err(|_| DecodeError::Syntax { at: start });
        }
        if whole > MAX_INT_DIGITS {
            return Err(DecodeError::IntTooLong);
        }
        Ok(Some(text.parse().map_or_else(|_| Value::BigInt(text.into()), Value::Int)))
    }

    /// A string, from its opening quote to behind its closing one.
    fn string(&mut self) -> Result<Text, DecodeError> {
        self.at += 1;
        let start = self.at;
        let plain = self.run_end();
        if self.text.as_bytes().get(plain) == Some(&b'"') {
            self.at = plain + 1;
            return Ok(self.text[start..plain].into());
        }
        let mut out = Builder::Utf8(String::new());
        loop {
            let end = self.run_end();
            out.push_str(&self.text[self.at..end]);
            self.at = end;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out.finish());
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape(&mut out)?;
                }
                // The end of the text, or a control character.
                _ => return Err(self.syntax()),
            }
        }
    }

    /// Where the run of characters that stand for themselves ends.
    fn run_end(&self) -> usize {
        let run = self.rest().iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20);
        self.at + run.unwrap_or(self.rest().len())
    }

    /// What follows a backslash.
    fn escape(&mut self, out: &mut Builder) -> Result<(), DecodeError> {
        let c = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                let unit = self.hex4().ok_or_else(|| self.syntax())?;
                self.at += 4;
                out.push_unit(unit, || self.low_surrogate());
                return Ok(());
            }
            _ => return Err(self.syntax()),
        };
        self.at += 1;
        out.push(c);
        Ok(())
    }

    /// Takes `\uDC00`–`\uDFFF`, the second half of a pair, if it stands here.
    fn low_surrogate(&mut self) -> Option<u16> {
        if !self.rest().starts_with(b"\\u") {
            return None;
        }
        self.at += 2;
        match self.hex4() {
            Some(unit @ 0xdc00..=0xdfff) => {
                self.at += 4;
                Some(unit)
            }
            _ => {
                self.at -= 2;
                None
            }
        }
    }

    fn hex4(&self) -> Option<u16> {
        let digits = self.rest().get(..4)?;
        digits.iter().try_fold(0, |unit: u16, &b| {
            let digit = char::from(b).to_digit(16)?;
            // A hexadecimal digit is below 16.
            Some(unit << 4 | digit as u16)
        })
    }

    fn rest(&self) -> &[u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    const fn syntax(&self) -> DecodeError {
        DecodeError::Syntax { at: self.at }
    }
}

fn push(stack: &mut Vec<Open>, open: Open) -> Result<(), DecodeError> {
    if stack.len() >= MAX_DEPTH {
        return Err(DecodeError::TooDeep);
    }
    stack.push(open);
    Ok(())
}

fn within_depth(stack: &[Open], value: Value) -> Result<Value, DecodeError> {
    if stack.len() >= MAX_DEPTH { Err(DecodeError::TooDeep) } else { Ok(value) }
}

/// A text in the making; UTF-16 from its first lone surrogate on.
enum Builder {
    Utf8(String),
    Units(Vec<u16>),
}

impl Builder {
    fn push_str(&mut self, s: &str) {
        match self {
            Self::Utf8(out) => out.push_str(s),
            Self::Units(out) => out.extend(s.encode_utf16()),
        }
    }

    fn push(&mut self, c: char) {
        self.push_str(c.encode_utf8(&mut [0; 4]));
    }

    /// Adds an escaped unit; `low` takes the second half of a pair where there is one.
    fn push_unit(&mut self, unit: u16, low: impl FnOnce() -> Option<u16>) {
        let low = if (0xd800..0xdc00).contains(&unit) { low() } else { None };
        let units = [unit, low.unwrap_or_default()];
        let units = &units[..1 + usize::from(low.is_some())];
        match (&mut *self, String::from_utf16(units)) {
            (Self::Utf8(out), Ok(s)) => out.push_str(&s),
            (Self::Utf8(out), Err(_)) => *self = Self::Units(out.encode_utf16().chain(units.iter().copied()).collect()),
            (Self::Units(out), _) => out.extend(units),
        }
    }

    fn finish(self) -> Text {
        match self {
            Self::Utf8(s) => s.into(),
            Self::Units(units) => Text::from_utf16(&units),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dumps;
    use super::*;

    fn again(json: &str) -> String {
        dumps(&loads(json).unwrap()).unwrap()
    }

    /// G11, G12: what is read is written the same.
    #[test]
    fn what_serde_json_would_change_survives() {
        for json in [
            "NaN",
            "-Infinity",
            "123456789012345678901234567890",
            "-9223372036854775809",
            "[1,1.0,-0.0,1e+16]",
            r#""\ud800""#,
            r#""\udc00\ud800x""#,
            r#""\ud83d\ude00""#,
            r#"{"b":1,"a":[{},[],""]}"#,
        ] {
            assert_eq!(again(json), json);
        }
    }

    #[test]
    fn of_equal_keys_the_last_wins_in_the_place_of_the_first() {
        assert_eq!(again(r#"{"a":1,"b":2,"a":3}"#), r#"{"a":3,"b":2}"#);
    }

    #[test]
    fn numbers_are_read_as_in_python() {
        assert_eq!(loads("-0"), Ok(Value::Int(0)));
        assert_eq!(loads("1e999"), Ok(Value::Float(f64::INFINITY)));
        assert_eq!(loads("1E5"), Ok(Value::Float(1e5)));
        let most = "9".repeat(MAX_INT_DIGITS);
        assert_eq!(loads(&most), Ok(Value::BigInt(most.as_str().into())));
        assert_eq!(loads(&format!("-{most}9")), Err(DecodeError::IntTooLong));
        for bad in ["01", "1.", ".5", "+1", "-", "1e", "0x1", "-Inf", "--1", "1_0"] {
            assert!(matches!(loads(bad), Err(DecodeError::Syntax { .. })), "{bad}");
        }
    }

    #[test]
    fn what_python_refuses_is_refused() {
        for bad in [
            "",
            " ",
            "nul",
            "[1,]",
            "[,]",
            "[1 2]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{1:2}",
            "{'a':1}",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\n\"",
            "[",
            "{",
            "]",
            "1 2",
            "\u{feff}1",
            "\u{a0}1",
            "[1}",
            "\"\\ud800\\u12\"",
        ] {
            assert!(matches!(loads(bad), Err(DecodeError::Syntax { .. })), "{bad:?}");
        }
    }

    /// K26, S34: bytes are Latin-1, so raw UTF-8 reads as mojibake.
    #[test]
    fn bytes_are_latin_1() {
        assert_eq!(loads_latin1("\"é\"".as_bytes()), Ok(Value::from("Ã©")));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(loads(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(loads(&nested(MAX_DEPTH + 1)), Err(DecodeError::TooDeep));
        assert_eq!(loads(&"{\"a\":".repeat(MAX_DEPTH + 1)), Err(DecodeError::TooDeep));
    }
}
