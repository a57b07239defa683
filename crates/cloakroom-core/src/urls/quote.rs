//! Percent-encoding as Python's `quote` does it, with the sets of safe characters that Django names (A133).

use std::borrow::Cow;
use std::fmt::Write as _;

/// Encodes all bytes of `text` but ASCII letters, digits, `_.-~` and those in `safe`.
///
/// ```
/// use cloakroom_core::urls::percent_encode;
///
/// assert_eq!(percent_encode("/a?é", "/"), "/a%3F%C3%A9");
/// ```
#[must_use]
pub fn percent_encode(text: &str, safe: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    push_encoded(&mut out, text.as_bytes(), safe);
    out
}

/// Makes a URI of an IRI: what is reserved or already encoded stays, the rest is encoded as UTF-8 (A133).
///
/// ```
/// use cloakroom_core::urls::iri_to_uri;
///
/// assert_eq!(iri_to_uri("/é%20?a=b c#d"), "/%C3%A9%20?a=b%20c#d");
/// ```
#[must_use]
pub fn iri_to_uri(iri: &str) -> String {
    percent_encode(iri, IRI_SAFE)
}

/// Encodes a decoded path for a URL; `%`, `;`, `=` and `?` are encoded too (A133).
///
/// ```
/// use cloakroom_core::urls::escape_uri_path;
///
/// assert_eq!(escape_uri_path("/a%20;b=c"), "/a%2520%3Bb%3Dc");
/// ```
#[must_use]
pub fn escape_uri_path(path: &str) -> String {
    percent_encode(path, "/:@&+$,-_.!~*'()")
}

/// Decodes every `%XX` to its byte; a `%` that begins none stays.
#[must_use]
pub fn percent_decode(text: &str) -> Cow<'_, [u8]> {
    let bytes = text.as_bytes();
    if !bytes.contains(&b'%') {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (b'%', [high, low, beyond @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(hex(*high) << 4 | hex(*low));
                beyond
            }
            _ => {
                out.push(*first);
                after
            }
        };
    }
    Cow::Owned(out)
}

/// Decodes a path as it came in the request line to what Django calls `request.path`: `%XX` to bytes, bytes to UTF-8;
/// a byte that belongs to no character is encoded again.
///
/// ```
/// use cloakroom_core::urls::decode_path;
///
/// assert_eq!(decode_path("/%C3%A9%2Fa"), "/é/a");
/// assert_eq!(decode_path("/%E9"), "/%E9");
/// ```
#[must_use]
pub fn decode_path(raw: &str) -> Cow<'_, str> {
    let bytes = match percent_decode(raw) {
        Cow::Borrowed(_) => return Cow::Borrowed(raw),
        Cow::Owned(bytes) => bytes,
    };
    let bytes = match String::from_utf8(bytes) {
        Ok(text) => return Cow::Owned(text),
        Err(e) => e.into_bytes(),
    };
    let mut out = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        push_encoded(&mut out, chunk.invalid(), IRI_SAFE);
    }
    Cow::Owned(out)
}

/// Reads one part of a query: `+` is a space, `%XX` its byte, bad UTF-8 becomes U+FFFD.
pub(super) fn query_part(part: &str) -> String {
    String::from_utf8_lossy(&percent_decode(&part.replace('+', " "))).into_owned()
}

fn push_encoded(out: &mut String, bytes: &[u8], safe: &str) {
    for &b in bytes {
        if b.is_ascii_alphanumeric() || b"_.-~".contains(&b) || safe.as_bytes().contains(&b) {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
    }
}

const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

const IRI_SAFE: &str = "/#%[]=:;$&()+,!?*@'~";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn incomplete_escapes_stay() {
        assert_eq!(&*percent_decode("%zz%4%41%"), b"%zz%4A%");
        assert_eq!(query_part("a+b%20c%ff"), "a b c\u{fffd}");
    }

    proptest! {
        #[test]
        fn encoding_is_undone(text in any::<String>()) {
            let encoded = escape_uri_path(&text);
            prop_assert!(encoded.is_ascii() && !encoded.contains(['?', '#', ' ', '\r', '\n']));
            prop_assert_eq!(decode_path(&encoded), text);
        }

        /// A decoded path is encoded to something that decodes to itself, whatever bytes came.
        #[test]
        fn any_path_decodes(raw in "[/%a-f0-9A-F\u{e9}]{0,30}") {
            let path = decode_path(&raw).into_owned();
            let again = escape_uri_path(&path);
            prop_assert_eq!(decode_path(&again), path);
        }
    }
}
