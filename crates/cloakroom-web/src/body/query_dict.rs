//! [`QueryDict`]: names with lists of values, and the reader of `a=1&b=2`.

use std::borrow::Cow;

use super::BodyError;

/// Names and values of a form or a query string, in order; of a repeated name the last value counts.
///
/// ```
/// use cloakroom_web::QueryDict;
///
/// let q = QueryDict::parse(b"a=1&b=&a=2+3&c", 1000)?;
/// assert_eq!(q.get("a"), Some("2 3"));
/// assert_eq!(q.get_list("a").collect::<Vec<_>>(), ["1", "2 3"]);
/// assert_eq!(q.get("c"), Some(""));
/// assert_eq!(q.get("d"), None);
/// # Ok::<(), cloakroom_web::BodyError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryDict(Vec<(Box<str>, Box<str>)>);

impl QueryDict {
    /// Reads `application/x-www-form-urlencoded` text.
    ///
    /// Bytes that are no UTF-8 make the whole text Latin-1; escapes that are no UTF-8 become U+FFFD. Source:
    /// `QueryDict.__init__`, `django/http/request.py`, and `urllib.parse.parse_qsl`.
    ///
    /// # Errors
    ///
    /// [`BodyError::TooManyFields`] when there are more than `max_fields` (`DATA_UPLOAD_MAX_NUMBER_FIELDS`).
    pub fn parse(bytes: &[u8], max_fields: usize) -> Result<Self, BodyError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        // Counted before anything is split, so that a hostile body costs one pass (F04).
        if bytes.iter().filter(|&&b| b == b'&').count() >= max_fields {
            return Err(BodyError::TooManyFields);
        }
        let text: Cow<'_, str> = match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => bytes.iter().map(|&b| char::from(b)).collect::<String>().into(),
        };
        let mut out = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            out.push(unquote_plus(name), unquote_plus(value));
        }
        Ok(out)
    }

    /// The last value under `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(n, _)| &**n == name).map(|(_, v)| &**v)
    }

    /// All values under `name`, in order.
    pub fn get_list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| &**n == name).map(|(_, v)| &**v)
    }

    /// Whether `name` was sent.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| &**n == name)
    }

    /// Names and values in order, repeated names included.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (&**n, &**v))
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a value.
    pub fn push(&mut self, name: impl Into<Box<str>>, value: impl Into<Box<str>>) {
        self.0.push((name.into(), value.into()));
    }
}

impl<N: Into<Box<str>>, V: Into<Box<str>>> FromIterator<(N, V)> for QueryDict {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(items: I) -> Self {
        Self(items.into_iter().map(|(n, v)| (n.into(), v.into())).collect())
    }
}

/// Python's `unquote_plus`: `+` is a space, a `%` without two hexadecimal digits stays.
fn unquote_plus(text: &str) -> String {
    if !text.contains(['%', '+']) {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let escaped = match bytes[i..] {
            [b'%', high, low, ..] => hex(high).zip(hex(low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        match (escaped, bytes[i]) {
            (Some(byte), _) => {
                out.push(byte);
                i += 3;
                continue;
            }
            (None, b'+') => out.push(b' '),
            (None, byte) => out.push(byte),
        }
        i += 1;
    }
    match String::from_utf8(out) {
        Ok(text) => text,
        Err(e) => String::from_utf8_lossy(e.as_bytes()).into_owned(),
    }
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &[u8]) -> Vec<(String, String)> {
        QueryDict::parse(text, 1000).unwrap().iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn escapes_are_undone_and_broken_ones_stay() {
        assert_eq!(parsed(b"a=%C3%A9&b=%zz%4&%41=%"), [pair("a", "é"), pair("b", "%zz%4"), pair("A", "%")]);
        assert_eq!(parsed(b"&&a&=b&"), [pair("a", ""), pair("", "b")]);
    }

    #[test]
    fn what_is_no_utf8_is_latin1_raw_and_replaced_when_escaped() {
        assert_eq!(parsed(b"a=\xe9"), [pair("a", "\u{e9}")]);
        assert_eq!(parsed(b"a=%e9x"), [pair("a", "\u{fffd}x")]);
        assert_eq!(parsed("a=%C3é".as_bytes()), [pair("a", "\u{fffd}é")]);
    }

    /// F04: the limit counts separators, as Django does.
    #[test]
    fn too_many_fields_are_an_error() {
        assert!(QueryDict::parse(b"a&b&c", 3).is_ok());
        assert!(matches!(QueryDict::parse(b"a&b&c&", 3), Err(BodyError::TooManyFields)));
    }
}
