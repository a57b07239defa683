//! Reads the header `Authorization` as REST framework does (D05, D06).
//!
//! The header is bytes: each reader takes it as it came. Words are parted by what Python takes for space in bytes, schemes
//! know no case, and base64 is read leniently.

use cloakroom_core::secret::Secret;
use cloakroom_core::signing::b64_decode_lenient;

/// What a header says to one scheme.
#[derive(Debug)]
#[must_use]
pub enum Said<T> {
    /// Nothing: it is for another scheme, or there is none.
    NotMine,
    /// What the scheme takes.
    Yes(T),
    /// The scheme's name with something else than what it takes.
    Malformed(Malformed),
}

/// What is wrong with a header that names the scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// The scheme stands alone.
    NoCredentials,
    /// More than one word follows.
    Spaces,
    /// The word is no base64 of a name, a colon and a password.
    NotBase64,
    /// The word is no UTF-8.
    InvalidCharacters,
}

/// A name and a password as a client sends them.
#[derive(Debug)]
pub struct NameAndPassword {
    /// The name, as it came.
    pub username: String,
    /// The password, as it came.
    pub password: Secret<String>,
}

/// Reads `Basic <base64>`: a name, the first colon, a password; UTF-8, or Latin-1 where it is none (D05).
///
/// ```
/// use cloakroom_web::api::authorization::{Said, basic};
///
/// let Said::Yes(said) = basic(b"bAsIc cGxhaW46YTpi") else { panic!() };
/// assert_eq!((said.username.as_str(), said.password.expose().as_str()), ("plain", "a:b"));
/// assert!(matches!(basic(b"Token abc"), Said::NotMine));
/// ```
pub fn basic(header: &[u8]) -> Said<NameAndPassword> {
    let word = match credentials(header, b"basic") {
        Said::Yes(word) => word,
        Said::NotMine => return Said::NotMine,
        Said::Malformed(why) => return Said::Malformed(why),
    };
    let Some(bytes) = b64decode(word) else { return Said::Malformed(Malformed::NotBase64) };
    let text = match String::from_utf8(bytes) {
        Ok(text) => Secret::new(text),
        Err(e) => {
            let bytes = Secret::new(e.into_bytes());
            Secret::new(bytes.expose().iter().map(|&b| char::from(b)).collect::<String>())
        }
    };
    match text.expose().split_once(':') {
        Some((name, password)) => {
            Said::Yes(NameAndPassword { username: name.to_owned(), password: Secret::new(password.to_owned()) })
        }
        None => Said::Malformed(Malformed::NotBase64),
    }
}

/// Reads `<keyword> <token>` (D06).
pub fn token(header: &[u8], keyword: &str) -> Said<Secret<String>> {
    match credentials(header, keyword.as_bytes()) {
        Said::Yes(word) => match std::str::from_utf8(word) {
            Ok(token) => Said::Yes(Secret::new(token.to_owned())),
            Err(_) => Said::Malformed(Malformed::InvalidCharacters),
        },
        Said::NotMine => Said::NotMine,
        Said::Malformed(why) => Said::Malformed(why),
    }
}

/// The one word after the scheme.
fn credentials<'a>(header: &'a [u8], scheme: &[u8]) -> Said<&'a [u8]> {
    let mut words = header.split(|b| is_space(*b)).filter(|word| !word.is_empty());
    match words.next() {
        Some(first) if first.eq_ignore_ascii_case(scheme) => {}
        _ => return Said::NotMine,
    }
    match (words.next(), words.next()) {
        (None, _) => Said::Malformed(Malformed::NoCredentials),
        (Some(word), None) => Said::Yes(word),
        _ => Said::Malformed(Malformed::Spaces),
    }
}

/// Python's `bytes.isspace`.
const fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// Python's `base64.b64decode`: the standard alphabet alone, anything else is skipped.
fn b64decode(word: &[u8]) -> Option<Vec<u8>> {
    if word.iter().any(|b| matches!(b, b'-' | b'_')) {
        let standard: Vec<u8> = word.iter().copied().filter(|b| !matches!(b, b'-' | b'_')).collect();
        return b64_decode_lenient(&standard, 0).ok();
    }
    b64_decode_lenient(word, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    fn said(header: &[u8]) -> Result<(String, String), Option<Malformed>> {
        match basic(header) {
            Said::Yes(said) => Ok((said.username, said.password.expose().clone())),
            Said::Malformed(why) => Err(Some(why)),
            Said::NotMine => Err(None),
        }
    }

    fn pair(name: &str, password: &str) -> Result<(String, String), Option<Malformed>> {
        Ok((name.to_owned(), password.to_owned()))
    }

    /// D05, each checked with REST framework 3.18.3 on Python 3.13.
    #[test]
    fn basic_is_read_as_python_reads_it() {
        for (header, expected) in [
            (&b"Basic YTpi"[..], pair("a", "b")),
            (b"\t basic\x0bYTpi\x0c ", pair("a", "b")),
            (b"Basic Y!T*p_-i", pair("a", "b")),
            (b"Basic Og==", pair("", "")),
            (b"Basic Og==YTpi", pair("", "")),
            (b"Basic YTo=", pair("a", "")),
            (b"Basic YTo6Og==", pair("a", "::")),
            (b"Basic YTrp", pair("a", "\u{e9}")),
            (b"Basic YTrDqQ==", pair("a", "\u{e9}")),
            (b"Basic", Err(Some(Malformed::NoCredentials))),
            (b"Basic \t", Err(Some(Malformed::NoCredentials))),
            (b"Basic YTpi YTpi", Err(Some(Malformed::Spaces))),
            (b"Basic YTpi,Basic YTpi", Err(Some(Malformed::Spaces))),
            (b"Basic Og", Err(Some(Malformed::NotBase64))),
            (b"Basic YQ==", Err(Some(Malformed::NotBase64))),
            (b"Basic =", Err(Some(Malformed::NotBase64))),
            (b"Basic\xa0YTpi", Err(None)),
            (b"BasicYTpi", Err(None)),
            (b"Basic,YTpi", Err(None)),
            (b"", Err(None)),
        ] {
            assert_eq!(said(header), expected, "{}", header.escape_ascii());
        }
    }

    /// D06.
    #[test]
    fn a_token_is_one_word_of_utf8() {
        let read = |header: &[u8]| match token(header, "Token") {
            Said::Yes(token) => Ok(token.expose().clone()),
            Said::Malformed(why) => Err(Some(why)),
            Said::NotMine => Err(None),
        };
        assert_eq!(read(b"TOKEN  abc "), Ok("abc".into()));
        assert_eq!(read("token \u{e9}".as_bytes()), Ok("\u{e9}".into()));
        assert_eq!(read(b"Token \xe9"), Err(Some(Malformed::InvalidCharacters)));
        assert_eq!(read(b"Token a b"), Err(Some(Malformed::Spaces)));
        assert_eq!(read(b"Token"), Err(Some(Malformed::NoCredentials)));
        assert_eq!(read(b"Bearer abc"), Err(None));
    }

    proptest::proptest! {
        /// Whatever comes, nothing breaks; what a client encodes comes out again.
        #[test]
        fn any_bytes_have_an_answer(header in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            let _ = basic(&header);
            let _ = token(&header, "Token");
            let mut mine = b"basic ".to_vec();
            mine.extend(&header);
            let of_mine = basic(&mine);
            proptest::prop_assert!(!matches!(of_mine, Said::NotMine));
            mine[..6].copy_from_slice(b"TOKEN ");
            proptest::prop_assert!(!matches!(token(&mine, "tokeN"), Said::NotMine));
        }

        #[test]
        fn every_name_and_password_survive(name in "[^:]*", password in ".*", spaces in "[ \t]{1,4}") {
            let encoded = STANDARD.encode(format!("{name}:{password}"));
            let header = format!("BaSiC{spaces}{encoded}{spaces}");
            proptest::prop_assert_eq!(said(header.as_bytes()), pair(&name, &password));
        }

        #[test]
        fn what_is_no_base64_is_skipped(password in "[a-z]{0,20}", at in 0_usize..20, noise in "[!#$%&_.~-]{1,3}") {
            let mut encoded = STANDARD.encode(format!("a:{password}"));
            encoded.insert_str(at.min(encoded.trim_end_matches('=').len()), &noise);
            proptest::prop_assert_eq!(said(format!("Basic {encoded}").as_bytes()), pair("a", &password));
        }
    }
}
