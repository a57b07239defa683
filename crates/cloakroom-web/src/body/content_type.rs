//! `Content-Type` and its kin: a value with parameters.

use cloakroom_core::urls::percent_decode;
use encoding_rs::Encoding;

use super::BodyError;

/// Longest header value that is parsed (V27).
const MAX_HEADER_LENGTH: usize = 10_000;

/// A header value such as `multipart/form-data; boundary=x`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct HeaderValue {
    /// The part before the first `;`, in lower case.
    pub(super) main: String,
    params: Vec<(String, String)>,
}

impl HeaderValue {
    /// Splits a value at `;` outside quotes.
    pub(super) fn parse(line: &str) -> Result<Self, BodyError> {
        if line.chars().count() > MAX_HEADER_LENGTH {
            return Err(BodyError::Malformed("the Content-Type is too long"));
        }
        let mut parts = split(line).into_iter();
        let main = parts.next().unwrap_or_default().trim().to_lowercase();
        let params = parts
            .filter_map(|part| {
                let (name, value) = part.split_once('=').unwrap_or((part, ""));
                let name = name.trim().to_lowercase();
                // RFC 2231's `name*` holds charset'language'escaped; the charset must be one we know.
                match name.strip_suffix('*') {
                    Some(plain) => Some((plain.to_owned(), extended(unquote(value.trim()).as_str())?)),
                    None => (!name.is_empty()).then(|| (name, unquote(value.trim()))),
                }
            })
            .collect();
        Ok(Self { main, params })
    }

    /// The last parameter of that name.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The character set that the value names, unless nobody knows it.
    pub(super) fn charset(&self) -> Option<Charset> {
        self.param("charset").and_then(Charset::named)
    }
}

/// A character set of text fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    /// Spelled `utf-8`, in any case.
    Utf8,
    Ascii,
    Latin1,
    Other(&'static Encoding),
}

impl Charset {
    fn named(label: &str) -> Option<Self> {
        match label.to_ascii_lowercase().as_str() {
            "utf-8" => Some(Self::Utf8),
            "ascii" | "us-ascii" | "646" => Some(Self::Ascii),
            "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "l1" | "8859" => Some(Self::Latin1),
            other => Encoding::for_label(other.as_bytes()).map(Self::Other),
        }
    }

    /// Reads bytes as text; what is not becomes U+FFFD.
    pub(super) fn decode(self, bytes: &[u8]) -> String {
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Self::Ascii => bytes.iter().map(|&b| if b.is_ascii() { char::from(b) } else { '\u{fffd}' }).collect(),
            Self::Latin1 => bytes.iter().map(|&b| char::from(b)).collect(),
            Self::Other(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
        }
    }

    /// Reads bytes as text; `None` if they are none.
    pub(super) fn decode_strictly(self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Utf8 => String::from_utf8(bytes.to_vec()).ok(),
            Self::Ascii => bytes.is_ascii().then(|| self.decode(bytes)),
            Self::Latin1 => Some(self.decode(bytes)),
            Self::Other(encoding) => {
                encoding.decode_without_bom_handling_and_without_replacement(bytes).map(|text| text.into_owned())
            }
        }
    }
}

fn split(line: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (i, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => {
                parts.push(&line[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&line[start..]);
    parts
}

fn unquote(value: &str) -> String {
    match value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) {
        Some(inner) => inner.replace("\\\\", "\\").replace("\\\"", "\""),
        None => value.to_owned(),
    }
}

fn extended(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(charset), Some(_), Some(text)) => {
            let charset = if charset.is_empty() { Charset::Utf8 } else { Charset::named(charset)? };
            Some(charset.decode(&percent_decode(text)))
        }
        _ => Some(value.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_may_be_quoted_and_their_names_are_lower_case() {
        let v = HeaderValue::parse(r#"Multipart/Form-Data; Boundary="a;b\"c"; x=1; x=2"#).unwrap();
        assert_eq!(v.main, "multipart/form-data");
        assert_eq!((v.param("boundary"), v.param("x")), (Some(r#"a;b"c"#), Some("2")));
    }

    #[test]
    fn extended_parameters_are_decoded() {
        let v = HeaderValue::parse("form-data; name=f; filename*=UTF-8''%C3%A9.txt").unwrap();
        assert_eq!(v.param("filename"), Some("é.txt"));
        let v = HeaderValue::parse("form-data; name=f; filename*=UTF-8''%+1%4%zz%41").unwrap();
        assert_eq!(v.param("filename"), Some("%+1%4%zzA"), "a sign is no hexadecimal digit");
    }

    /// V27.
    #[test]
    fn an_overlong_value_is_malformed() {
        assert!(HeaderValue::parse(&"a".repeat(10_001)).is_err());
        assert!(HeaderValue::parse(&"a".repeat(10_000)).is_ok());
    }
}
