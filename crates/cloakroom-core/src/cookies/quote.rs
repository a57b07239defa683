//! The quoting of cookie values (K11, K18).

use std::borrow::Cow;

/// Quotes a value for `Set-Cookie`, unless every character is legal as it is (K11).
///
/// Characters from U+0100 on pass as they are, others become octal escapes.
///
/// ```
/// use cloakroom_core::cookies::quote;
///
/// assert_eq!(quote("a:b"), "a:b");
/// assert_eq!(quote("a;é"), r#""a\073\351""#);
/// assert_eq!(quote(""), r#""""#);
/// ```
#[must_use]
pub fn quote(value: &str) -> Cow<'_, str> {
    if is_legal_name(value) {
        return Cow::Borrowed(value);
    }
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match u8::try_from(u32::from(c)) {
            Ok(b'"') => out.push_str("\\\""),
            Ok(b'\\') => out.push_str("\\\\"),
            Ok(b) if !is_unescaped(b) => {
                out.push('\\');
                for shift in [6, 3, 0] {
                    out.push(char::from(b'0' + (b >> shift & 7)));
                }
            }
            _ => out.push(c),
        }
    }
    out.push('"');
    Cow::Owned(out)
}

/// Undoes [`quote`], as Django does to each value that it reads (K18, G16).
///
/// Text without quotes around it is left alone, and so is a backslash before a line feed or at the end.
///
/// ```
/// use cloakroom_core::cookies::unquote;
///
/// assert_eq!(unquote(r#""a\073\"b""#), "a;\"b");
/// assert_eq!(unquote(r"a\073"), r"a\073");
/// ```
#[must_use]
pub fn unquote(value: &str) -> Cow<'_, str> {
    let Some(inner) = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) else {
        return Cow::Borrowed(value);
    };
    let Some(first) = inner.find('\\') else {
        return Cow::Borrowed(inner);
    };
    let mut out = String::with_capacity(inner.len());
    out.push_str(&inner[..first]);
    let mut rest = &inner[first..];
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] = after.as_bytes() {
            out.push(char::from((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0')));
            rest = &after[3..];
        } else {
            match after.chars().next() {
                Some(c) if c != '\n' => {
                    out.push(c);
                    rest = &after[c.len_utf8()..];
                }
                _ => {
                    out.push('\\');
                    rest = after;
                }
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Whether every character may stand in a cookie's name and, unquoted, in its value; `false` for the empty text (K12).
#[must_use]
pub fn is_legal_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_legal)
}

const fn is_legal(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(
            b,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
                | b':'
        )
}

const fn is_unescaped(b: u8) -> bool {
    is_legal(b) || matches!(b, b' ' | b'(' | b')' | b'/' | b'<' | b'=' | b'>' | b'?' | b'@' | b'[' | b']' | b'{' | b'}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// K18: what Python's pattern `\\(?:([0-3][0-7][0-7])|(.))` leaves and takes.
    #[test]
    fn odd_escapes_read_as_in_python() {
        assert_eq!(unquote(r#""\400""#), "400");
        assert_eq!(unquote(r#""\07""#), "07");
        assert_eq!(unquote("\"\\\nx\""), "\\\nx");
        assert_eq!(unquote(r#""a\""#), "a\\");
        assert_eq!(unquote("\""), "\"");
        assert_eq!(unquote(r#""""#), "");
        assert_eq!(unquote(r#""\\073""#), r"\073");
        assert_eq!(unquote(r#""\é\377""#), "éÿ");
    }

    proptest! {
        /// C07: whatever the value, nothing that ends the header or the pair gets in; and it reads back the same.
        #[test]
        fn quoting_is_undone_and_carries_no_separator(value in any::<String>()) {
            let quoted = quote(&value);
            prop_assert!(!quoted.chars().any(|c| c == ';' || c == ',' || c.is_ascii_control()));
            prop_assert!(unquote(&quoted) == value);
        }

        #[test]
        fn unquoting_never_panics(value in "\"[\\\\0-9a\"\n\u{e9}]{0,20}\"") {
            let _ = unquote(&value);
        }
    }
}
