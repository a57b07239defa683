//! Integers wider than 64 bits, between two's complement and decimal digits.

/// The widest integer: a little more than the 4,300 digits that Python prints.
pub(super) const MAX_BYTES: usize = 1800;

/// Reads a little-endian two's complement number as decimal digits. At most [`MAX_BYTES`] long.
pub(super) fn to_decimal(bytes: &[u8]) -> String {
    let negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
    let mut magnitude = bytes.to_vec();
    if negative {
        negate(&mut magnitude);
    }
    let mut groups = Vec::new();
    while magnitude.iter().any(|&b| b != 0) {
        let mut rest = 0_u64;
        for b in magnitude.iter_mut().rev() {
            let n = rest << 8 | u64::from(*b);
            // Below 256, as the remainder before it is below the divisor.
            *b = (n / 1_000_000_000) as u8;
            rest = n % 1_000_000_000;
        }
        groups.push(rest);
    }
    let mut out = String::new();
    if negative {
        out.push('-');
    }
    out.push_str(&groups.pop().unwrap_or_default().to_string());
    for group in groups.iter().rev() {
        out.push_str(&format!("{group:09}"));
    }
    out
}

/// Writes decimal digits, perhaps behind a `-`, as a little-endian two's complement number of the fewest bytes.
/// `None` for other text.
pub(super) fn from_decimal(text: &str) -> Option<Vec<u8>> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    if digits.is_empty() {
        return None;
    }
    let mut bytes: Vec<u8> = Vec::new();
    for c in digits.chars() {
        let mut carry = c.to_digit(10)?;
        for b in &mut bytes {
            let n = u32::from(*b) * 10 + carry;
            *b = n as u8;
            carry = n >> 8;
        }
        if carry > 0 {
            // A carry out of a byte times ten is below 256.
            bytes.push(carry as u8);
        }
    }
    // Room for the sign.
    bytes.push(0);
    if negative {
        negate(&mut bytes);
    }
    while let [.., before, last] = bytes[..] {
        let spare = if before & 0x80 == 0 { 0 } else { 0xff };
        if last != spare {
            break;
        }
        bytes.pop();
    }
    Some(bytes)
}

fn negate(bytes: &mut [u8]) {
    let mut carry = true;
    for b in bytes {
        let (sum, over) = (!*b).overflowing_add(u8::from(carry));
        *b = sum;
        carry = over;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each as Python's `int.to_bytes` of the fewest bytes.
    #[test]
    fn both_ways_agree_with_python() {
        for (text, bytes) in [
            ("0", &[0][..]),
            ("1", &[1]),
            ("-1", &[0xff]),
            ("127", &[0x7f]),
            ("128", &[0x80, 0]),
            ("-128", &[0x80]),
            ("-129", &[0x7f, 0xff]),
            ("1180591620717411303424", &[0, 0, 0, 0, 0, 0, 0, 0, 0x40]),
            ("-18446744073709551616", &[0, 0, 0, 0, 0, 0, 0, 0, 0xff]),
        ] {
            assert_eq!(from_decimal(text).as_deref(), Some(bytes), "{text}");
            assert_eq!(to_decimal(bytes), text);
        }
        assert_eq!(to_decimal(&[]), "0");
        assert_eq!(from_decimal("1x"), None);
    }
}
