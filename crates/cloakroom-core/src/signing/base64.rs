//! Base64 as Python reads it: leniently (K25, A93, G14).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Python's `binascii.Error`: the data stops inside a group of four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the base64 text is cut or wrongly padded")]
#[non_exhaustive]
pub struct Base64Error;

/// Writes bytes as base64url without padding.
#[must_use]
pub fn b64_encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads base64url as Django's `b64_decode`: both alphabets, padding optional, other characters dropped (K25).
///
/// Padding is added for the length of the whole text, dropped characters included, so that one of those mostly makes
/// the text unreadable.
///
/// ```
/// use cloakroom_core::signing::b64_decode;
///
/// assert_eq!(b64_decode("YQ").as_deref(), Ok(&b"a"[..]));
/// assert_eq!(b64_decode("!!!!").as_deref(), Ok(&b""[..]));
/// assert!(b64_decode("*YQ").is_err());
/// ```
///
/// # Errors
///
/// When the characters that count do not end a group of four with the padding added.
pub fn b64_decode(text: &str) -> Result<Vec<u8>, Base64Error> {
    // Django's own texts are clean, and a strict decoder is several times faster.
    if let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) {
        return Ok(bytes);
    }
    b64_decode_lenient(text.as_bytes(), text.len().wrapping_neg() % 4)
}

/// Reads either base64 alphabet by the rules of `binascii.a2b_base64`, with `padding` times `=` put behind the text.
///
/// # Errors
///
/// When the characters that count do not end a group of four.
pub fn b64_decode_lenient(text: &[u8], padding: usize) -> Result<Vec<u8>, Base64Error> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut group, mut in_group, mut pads) = (0_u32, 0_usize, 0_usize);
    for &b in text.iter().chain(std::iter::repeat_n(&b'=', padding)) {
        if b == b'=' {
            if in_group >= 2 {
                pads += 1;
                if in_group + pads >= 4 {
                    return Ok(out);
                }
            }
            continue;
        }
        let Some(sextet) = sextet(b) else { continue };
        pads = 0;
        group = group << 6 | u32::from(sextet);
        in_group = (in_group + 1) % 4;
        // Each character after a group's first completes a byte; the cast keeps its eight bits.
        match in_group {
            2 => out.push((group >> 4) as u8),
            3 => out.push((group >> 2) as u8),
            0 => out.push(group as u8),
            _ => {}
        }
    }
    if in_group == 0 { Ok(out) } else { Err(Base64Error) }
}

fn sextet(b: u8) -> Option<u8> {
    Some(match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// K25, each checked with Python 3.13.
    #[test]
    fn reads_what_python_reads() {
        for (text, bytes) in [
            ("YQ=", Some(&b"a"[..])),
            ("YQ===", Some(b"a")),
            ("YQ==YQ", Some(b"a")),
            ("YR", Some(b"a")),
            ("/+8", Some(b"\xff\xef")),
            ("=YQ==", Some(b"a")),
            ("=YQ=", None),
            ("Y", None),
            ("YW J", None),
            ("Y\nQ", None),
        ] {
            assert_eq!(b64_decode(text).ok().as_deref(), bytes, "{text}");
        }
    }
}
