//! Base62 as Django writes timestamps: digits, upper case, lower case (K23, G15).

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Why a text is no base62 number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Base62Error {
    /// Python's `IndexError`.
    #[error("the number is empty")]
    Empty,
    /// Python's `ValueError`.
    #[error("a character is no base62 digit")]
    BadDigit,
    /// Django reads numbers of any size; these 128 bits hold 21 digits.
    #[error("the number is wider than 128 bits")]
    TooWide,
}

/// Writes a number in base62, without leading zeros.
///
/// ```
/// use cloakroom_core::signing::{b62_decode, b62_encode};
///
/// assert_eq!(b62_encode(1_767_323_045), "1vbVSP");
/// assert_eq!(b62_decode("1vbVSP"), Ok(1_767_323_045));
/// ```
#[must_use]
pub fn b62_encode(n: i128) -> String {
    if n == 0 {
        return "0".to_owned();
    }
    let mut digits = Vec::with_capacity(MAX_DIGITS + 1);
    let mut rest = n.unsigned_abs();
    // All but a few numbers are narrow, and a wide division takes as long as ten of those.
    while rest > u64::MAX.into() {
        digits.push(ALPHABET[(rest % 62) as usize]);
        rest /= 62;
    }
    let mut rest = rest as u64;
    while rest > 0 {
        digits.push(ALPHABET[(rest % 62) as usize]);
        rest /= 62;
    }
    if n < 0 {
        digits.push(b'-');
    }
    digits.reverse();
    String::from_utf8(digits).expect("digits are ASCII")
}

/// The most digits of 128 bits.
const MAX_DIGITS: usize = 22;

/// Reads a base62 number; leading zeros and a lone `-` (zero) are accepted, as in Django.
///
/// # Errors
///
/// When the text is empty, has another character than the digits and one leading `-`, or is wider than 128 bits.
pub fn b62_decode(text: &str) -> Result<i128, Base62Error> {
    let (negative, digits) = split_sign(text)?;
    let mut n: i128 = 0;
    for b in digits.bytes() {
        let d = digit(b)?;
        n = n.checked_mul(62).and_then(|n| n.checked_add(d.into())).ok_or(Base62Error::TooWide)?;
    }
    Ok(if negative { -n } else { n })
}

/// Reads a base62 number of any width as the nearest float, infinite beyond its range.
pub(super) fn b62_decode_f64(text: &str) -> Result<f64, Base62Error> {
    match b62_decode(text) {
        Ok(n) => Ok(n as f64),
        Err(Base62Error::TooWide) => {
            let (negative, digits) = split_sign(text)?;
            let mut n = 0.0;
            for b in digits.bytes() {
                n = n * 62.0 + f64::from(digit(b)?);
            }
            Ok(if negative { -n } else { n })
        }
        Err(e) => Err(e),
    }
}

fn split_sign(text: &str) -> Result<(bool, &str), Base62Error> {
    if text.is_empty() {
        return Err(Base62Error::Empty);
    }
    Ok(text.strip_prefix('-').map_or((false, text), |digits| (true, digits)))
}

fn digit(b: u8) -> Result<u8, Base62Error> {
    match b {
        b'0'..=b'9' => Ok(b - b'0'),
        b'A'..=b'Z' => Ok(b - b'A' + 10),
        b'a'..=b'z' => Ok(b - b'a' + 36),
        _ => Err(Base62Error::BadDigit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_alone_is_zero_and_two_signs_are_none() {
        assert_eq!(b62_decode("-"), Ok(0));
        assert_eq!(b62_decode("--1"), Err(Base62Error::BadDigit));
        assert_eq!(b62_decode(""), Err(Base62Error::Empty));
    }

    #[test]
    fn wide_numbers_are_floats() {
        let wide = "z".repeat(30);
        assert_eq!(b62_decode(&wide), Err(Base62Error::TooWide));
        assert!(b62_decode_f64(&wide).unwrap() > 1e50);
        assert_eq!(b62_decode_f64(&"z".repeat(200)), Ok(f64::INFINITY));
        assert_eq!(b62_decode_f64(&format!("{}1", "0".repeat(200))), Ok(1.0));
    }

    #[test]
    fn both_ends_of_the_range_round_trip() {
        for n in [i128::MAX, i128::MIN + 1, -62, 61] {
            assert_eq!(b62_decode(&b62_encode(n)), Ok(n));
        }
    }
}
