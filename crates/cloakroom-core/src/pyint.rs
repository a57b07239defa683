//! Python's `int(text, base)`: more lenient than Rust's parse (A93, A94).

use crate::pytext::decimal_value;

/// `int` strips less than `str.strip`: U+001C to U+001F stay.
fn is_space(c: char) -> bool {
    if c.is_ascii() { matches!(c, '\t'..='\r' | ' ') } else { c.is_whitespace() }
}

/// A Python `int` read from text: its sign and its digits without leading zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PyInt {
    negative: bool,
    /// Lower-case digits; empty for zero.
    digits: String,
    base: u32,
}

impl PyInt {
    /// Reads `int(text, base)`: white space around, a sign, single `_` between digits, digits of any script.
    ///
    /// ```
    /// use cloakroom_core::pyint::PyInt;
    ///
    /// assert_eq!(PyInt::parse(" +1_0 ", 10).and_then(|n| n.to_i64()), Some(10));
    /// assert_eq!(PyInt::parse("٣", 10).and_then(|n| n.to_i64()), Some(3));
    /// assert!(PyInt::parse("1.0", 10).is_none());
    /// ```
    ///
    /// `None` where Python raises `ValueError`; for base 10 that includes more than 4,300 digits.
    #[must_use]
    pub fn parse(text: &str, base: u32) -> Option<Self> {
        let text = text.trim_matches(is_space);
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let mut digits = String::new();
        let mut count = 0;
        let mut after_digit = false;
        for c in text.chars() {
            if c == '_' && after_digit {
                after_digit = false;
                continue;
            }
            let digit = c.to_digit(36).or_else(|| decimal_value(c).map(u32::from)).filter(|&d| d < base)?;
            if digit != 0 || !digits.is_empty() {
                digits.push(char::from_digit(digit, 36)?);
            }
            count += 1;
            after_digit = true;
        }
        let fits = base.is_power_of_two() || count <= crate::codec::json::MAX_INT_DIGITS;
        let negative = negative && !digits.is_empty();
        (after_digit && fits).then_some(Self { negative, digits, base })
    }

    /// The number, if 64 bits hold it.
    #[must_use]
    pub fn to_i64(&self) -> Option<i64> {
        self.to_i128().and_then(|n| n.try_into().ok())
    }

    /// The number, if 128 bits hold it.
    #[must_use]
    pub fn to_i128(&self) -> Option<i128> {
        if self.digits.is_empty() {
            return Some(0);
        }
        let n = i128::from_str_radix(&self.digits, self.base).ok()?;
        Some(if self.negative { -n } else { n })
    }

    /// The digits in the base in which the number was read, with a `-` before a negative one.
    #[must_use]
    pub fn digits(&self) -> String {
        if self.digits.is_empty() {
            return "0".to_owned();
        }
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}{}", self.digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each as Python 3.13 reads it.
    #[test]
    fn reads_what_python_reads() {
        for (text, n) in [
            ("12", Some(12)),
            ("-1", Some(-1)),
            ("\u{a0}1\u{b}", Some(1)),
            ("1\u{1c}", None),
            ("001", Some(1)),
            ("1_000", Some(1000)),
            ("1__0", None),
            ("_1", None),
            ("1_", None),
            ("+-1", None),
            ("- 1", None),
            ("", None),
            ("²", None),
            ("𝟙", Some(1)),
            ("0x1", None),
        ] {
            assert_eq!(PyInt::parse(text, 10).and_then(|n| n.to_i64()), n, "{text}");
        }
        assert_eq!(PyInt::parse("zZ", 36).and_then(|n| n.to_i64()), Some(1295));
        assert!(PyInt::parse(&"1".repeat(4301), 10).is_none());
    }
}
