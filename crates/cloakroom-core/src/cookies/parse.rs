//! The `Cookie` header: from bytes to text, from text to names and values (K17–K19).

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use memchr::{memchr, memrchr};

use super::quote::unquote;
use crate::pytext;

/// The cookies of a request, in the order in which their names first appeared; of one name the last value counts.
#[derive(Clone, Default)]
pub struct CookieJar<'h> {
    pairs: Vec<(&'h str, Cow<'h, str>)>,
}

impl<'h> CookieJar<'h> {
    /// The value of the cookie called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_ref())
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'h str, &str)> {
        self.pairs.iter().map(|(n, v)| (*n, v.as_ref()))
    }

    /// How many names there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there is no cookie at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

/// Prints the names; values are as good as passwords (L03).
impl std::fmt::Debug for CookieJar<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.pairs.iter().map(|(n, _)| n)).finish()
    }
}

/// Reads a `Cookie` header as Django's `parse_cookie` does (K17, K18), in linear time.
///
/// A part without `=` is a value with an empty name. Nothing is refused, and `,` is a character like others.
///
/// ```
/// use cloakroom_core::cookies::parse;
///
/// let jar = parse(r#"a=1; b="x\073y"; a=2; bare"#);
/// assert_eq!(jar.iter().collect::<Vec<_>>(), [("a", "2"), ("b", "x;y"), ("", "bare")]);
/// ```
#[must_use]
pub fn parse(header: &str) -> CookieJar<'_> {
    let mut pairs: Vec<(&str, Cow<'_, str>)> = Vec::new();
    let mut index: HashMap<&str, usize> = HashMap::new();
    for (name, raw) in chunks(header) {
        // Few cookies are found faster by looking through them; many must not cost their square.
        let seen = if pairs.len() < LOOK_THROUGH {
            pairs.iter().position(|(n, _)| *n == name)
        } else {
            if index.is_empty() {
                index.extend(pairs.iter().enumerate().map(|(i, (n, _))| (*n, i)));
            }
            match index.entry(name) {
                Entry::Occupied(e) => Some(*e.get()),
                Entry::Vacant(e) => {
                    e.insert(pairs.len());
                    None
                }
            }
        };
        match seen {
            Some(i) => pairs[i].1 = unquote(raw),
            None => pairs.push((name, unquote(raw))),
        }
    }
    CookieJar { pairs }
}

/// Finds one cookie without making a jar: the same answer as `parse(header).get(name)`, without an allocation
/// unless the value has escapes.
///
/// ```
/// use cloakroom_core::cookies::find;
///
/// assert_eq!(find("a=1; sessionid=k; a=2", "sessionid").as_deref(), Some("k"));
/// assert_eq!(find("a=1", "sessionid"), None);
/// ```
#[must_use]
pub fn find<'h>(header: &'h str, name: &str) -> Option<Cow<'h, str>> {
    find_in_bytes(header.as_bytes(), name)
}

/// As [`find`], for the bytes of a header that is UTF-8: only the cookie that is found is looked at closely.
///
/// ```
/// use cloakroom_core::cookies::find_in_bytes;
///
/// assert_eq!(find_in_bytes(b"a=1; sessionid=k; a=2", "sessionid").as_deref(), Some("k"));
/// ```
#[must_use]
pub fn find_in_bytes<'h>(header: &'h [u8], name: &str) -> Option<Cow<'h, str>> {
    let mut rest = header;
    while !rest.is_empty() {
        let (before, chunk) = match memrchr(b';', rest) {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (&[][..], rest),
        };
        if let Some(raw) = value_of(chunk, name) {
            return Some(unquote(raw));
        }
        rest = before;
    }
    None
}

/// The value in a chunk, if that is the cookie `name`, as [`pair`] reads it: where name and value are ASCII, with less.
fn value_of<'h>(chunk: &'h [u8], name: &str) -> Option<&'h str> {
    let (own, value) = match memchr(b'=', chunk) {
        Some(at) => (&chunk[..at], &chunk[at + 1..]),
        None => (&[][..], chunk),
    };
    let is_other = strip_ascii(own) != name.as_bytes();
    if is_other && own.is_ascii() {
        return None;
    }
    if !is_other && !name.is_empty() && value.is_ascii() {
        return std::str::from_utf8(strip_ascii(value)).ok();
    }
    let (own, value) = pair(std::str::from_utf8(chunk).ok()?)?;
    (own == name).then_some(value)
}

/// Without the white space around it that is ASCII, as Python knows it.
fn strip_ascii(bytes: &[u8]) -> &[u8] {
    let is_space = |b: &u8| matches!(b, 9..=13 | 28..=32);
    let start = bytes.iter().position(|b| !is_space(b)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|b| !is_space(b)).map_or(start, |last| last + 1);
    &bytes[start..end]
}

/// Makes the text of the `Cookie` headers of a request: joined by `; `, read as UTF-8, bad bytes become U+FFFD (K19).
///
/// HTTP/2 may split the header in several. Borrowed when there is one and it is good UTF-8.
///
/// ```
/// use cloakroom_core::cookies::header_text;
///
/// assert_eq!(header_text([b"a=1".as_slice(), b"b=\xff"]), "a=1; b=\u{fffd}");
/// ```
pub fn header_text<'h>(values: impl IntoIterator<Item = &'h [u8]>) -> Cow<'h, str> {
    let mut values = values.into_iter();
    let Some(first) = values.next() else {
        return Cow::Borrowed("");
    };
    let mut text = String::from_utf8_lossy(first);
    for value in values {
        let text = text.to_mut();
        text.push_str("; ");
        text.push_str(&String::from_utf8_lossy(value));
    }
    text
}

fn chunks(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split(';').filter_map(pair)
}

/// Name and value of what stands between two `;`.
fn pair(chunk: &str) -> Option<(&str, &str)> {
    let (name, value) = match memchr(b'=', chunk.as_bytes()) {
        Some(at) => (&chunk[..at], &chunk[at + 1..]),
        None => ("", chunk),
    };
    let (name, value) = (pytext::strip(name), pytext::strip(value));
    (!name.is_empty() || !value.is_empty()).then_some((name, value))
}

const LOOK_THROUGH: usize = 16;

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    /// C09: two cookies of one name: the later wins and keeps the earlier one's place.
    #[test]
    fn the_last_of_a_name_wins_however_many_there_are() {
        let mut header = String::new();
        for i in 0..100 {
            let _ = write!(header, "n{i}=first;");
        }
        header.push_str("n3=last; n99=last");
        let jar = parse(&header);
        assert_eq!(jar.len(), 100);
        assert_eq!((jar.get("n3"), jar.get("n4"), jar.get("n99")), (Some("last"), Some("first"), Some("last")));
        assert_eq!(jar.iter().next(), Some(("n0", "first")));
    }

    #[test]
    fn values_without_escapes_are_borrowed() {
        assert!(matches!(find("a=1; sessionid=\"k\"", "sessionid"), Some(Cow::Borrowed("k"))));
        assert!(matches!(header_text([b"a=1".as_slice()]), Cow::Borrowed("a=1")));
    }

    /// L03: values do not print.
    #[test]
    fn a_jar_prints_names_only() {
        assert_eq!(format!("{:?}", parse("sessionid=canary")), "{\"sessionid\"}");
    }

    /// K17: white space as Python knows it.
    #[test]
    fn python_white_space_is_stripped() {
        let jar = parse("\u{a0}a\u{3000}=\u{1c}\u{85}1\u{1f};\t;\u{2003}=\u{200b}");
        assert_eq!(jar.iter().collect::<Vec<_>>(), [("a", "1"), ("", "\u{200b}")]);
    }

    proptest! {
        #[test]
        fn finding_agrees_with_parsing(header in "[ab=;\"\\\\0-9 \t\u{1c}\u{85}\u{a0}]{0,60}", name in "[ab]{0,2}") {
            let jar = parse(&header);
            let found = find(&header, &name);
            prop_assert_eq!(jar.get(&name), found.as_deref());
        }

        /// Any bytes parse, every name is there once, and nothing empty on both sides is kept.
        #[test]
        fn any_bytes_parse(a in prop::collection::vec(any::<u8>(), 0..200), b in prop::collection::vec(any::<u8>(), 0..50)) {
            let text = header_text([a.as_slice(), b.as_slice()]);
            let jar = parse(&text);
            let mut names: Vec<_> = jar.iter().map(|(n, _)| n).collect();
            prop_assert!(names.iter().all(|n| !n.contains(';') && !n.contains('=')));
            names.sort_unstable();
            names.dedup();
            prop_assert_eq!(names.len(), jar.len());
        }
    }
}
