//! The cookie `messages`: signed, compressed, of bounded size (M03, M04, M06, M07, K43).

use std::ops::Range;

use super::error::{MessagesError, ShapeError};
use super::message::Entry;
use super::stored::Stored;
use crate::clock::Timestamp;
use crate::codec::json::{self, DecodeError, EncodeError};
use crate::cookies::quote;
use crate::secret::SecretKeys;
use crate::signing::{Compression, SigningError, TimestampSigner, cookie_keys};
use crate::value::Value;

/// How many characters the cookie's quoted value may have (M04).
pub const MAX_COOKIE_CHARS: usize = 2048;

const SALT: &str = "django.contrib.messages";

/// Stands at the end of a cookie that could not hold every message (M04).
const NOT_FINISHED: &str = "__messagesnotfinished__";

/// Reads and writes the messages cookie.
#[derive(Clone, Debug)]
pub struct MessageSigner(TimestampSigner);

/// Which messages stay where not all fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Those added first: the others go elsewhere (Django's `FallbackStorage`).
    Oldest,
    /// Those added last: the others are lost (Django's `CookieStorage`).
    Newest,
}

/// What [`MessageSigner::pack`] made.
#[must_use = "messages that are not in `kept` are in no cookie"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The cookie's value; `None` where there is no message: the cookie is to be deleted.
    pub cookie: Option<String>,
    /// Which of the messages it holds.
    pub kept: Range<usize>,
}

/// What a cookie holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// Its messages.
    pub stored: Stored,
    /// Whether they are all that there were, or more are stored elsewhere.
    pub completeness: Completeness,
    /// Whether the cookie was one of ours.
    pub cookie: CookieState,
}

/// Whether a cookie held all the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// It did.
    Whole,
    /// More are stored elsewhere.
    NotFinished,
}

/// Whether a cookie could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieState {
    /// It could, or there was none.
    Good,
    /// It was forged or damaged, and should be deleted (M06).
    Rejected,
}

impl MessageSigner {
    /// A signer with the site's keys (K43).
    #[must_use]
    pub fn new(keys: &SecretKeys) -> Self {
        Self(TimestampSigner::new(&cookie_keys(keys), SALT))
    }

    /// Writes as many messages as fit into [`MAX_COOKIE_CHARS`], and a note behind them if those are not all.
    ///
    /// Django halves its way to the number that fits, and so does this: compressed texts do not always grow with what is
    /// in them, so a search of another order would find another number. One message that is too long leaves a cookie with
    /// the note alone.
    ///
    /// # Errors
    ///
    /// When something that was read from a pickled session has no JSON form.
    pub fn pack(&self, entries: &[Entry], keep: Keep, now: Timestamp) -> Result<Packed, EncodeError> {
        let all = 0..entries.len();
        if entries.is_empty() {
            return Ok(Packed { cookie: None, kept: all });
        }
        let parts = entries.iter().map(|e| json::dumps(&e.to_value())).collect::<Result<Vec<_>, _>>()?;
        let cookie = self.encode(&parts, "", now);
        if !is_too_large(&cookie) {
            return Ok(Packed { cookie: Some(cookie), kept: all });
        }
        let note = format!("\"{NOT_FINISHED}\"");
        let some = |range: Range<usize>| self.encode(&parts[range], &note, now);
        let (mut low, mut high) = (0, parts.len());
        while low < high {
            let middle = (low + high) / 2;
            let tried = match keep {
                Keep::Oldest => 0..middle + 1,
                Keep::Newest => middle..parts.len(),
            };
            match (keep, is_too_large(&some(tried))) {
                (Keep::Oldest, true) | (Keep::Newest, false) => high = middle,
                (Keep::Oldest, false) | (Keep::Newest, true) => low = middle + 1,
            }
        }
        let kept = match keep {
            Keep::Oldest => 0..low,
            Keep::Newest => low..parts.len(),
        };
        Ok(Packed { cookie: Some(some(kept.clone())), kept })
    }

    /// Reads a cookie's value. There is no age at which it expires (M03).
    ///
    /// # Errors
    ///
    /// When the signature holds and what is inside has another shape (M07). What is no base64 or no JSON is
    /// [`CookieState::Rejected`], as in Django.
    pub fn decode(&self, cookie: &str, now: Timestamp) -> Result<Decoded, MessagesError> {
        let nothing = |cookie| Decoded { stored: Stored::Nothing, completeness: Completeness::Whole, cookie };
        if cookie.is_empty() {
            return Ok(nothing(CookieState::Good));
        }
        let value = match self.0.loads(cookie, now, None) {
            Ok(loaded) => loaded.value,
            Err(error) if is_rejection(&error) => return Ok(nothing(CookieState::Rejected)),
            Err(error) => return Err(MessagesError::Cookie(error)),
        };
        let mut decoded = nothing(CookieState::Good);
        decoded.stored = Entry::from_value(value)?.into();
        match &mut decoded.stored {
            Stored::List(entries) if entries.last().is_some_and(is_note) => {
                entries.pop();
                decoded.completeness = Completeness::NotFinished;
            }
            // Django asks for the last of whatever is there.
            Stored::Other(Entry::Dict(items)) if !items.is_empty() => return Err(ShapeError::Dictionary.into()),
            Stored::Other(Entry::Message(_)) => return Err(ShapeError::NoList.into()),
            Stored::Other(Entry::Other(value)) if value.is_truthy() && !matches!(value, Value::Str(_)) => {
                return Err(ShapeError::NoList.into());
            }
            _ => {}
        }
        Ok(decoded)
    }

    fn encode(&self, parts: &[String], note: &str, now: Timestamp) -> String {
        let list = parts.iter().map(String::as_str).chain((!note.is_empty()).then_some(note)).collect::<Vec<_>>();
        self.0.sign_bytes(format!("[{}]", list.join(",")).as_bytes(), Compression::IfSmaller, now)
    }
}

fn is_too_large(cookie: &str) -> bool {
    quote(cookie).chars().count() > MAX_COOKIE_CHARS
}

fn is_note(entry: &Entry) -> bool {
    matches!(entry, Entry::Other(value) if value.as_str() == Some(NOT_FINISHED))
}

/// What Django catches; the rest escapes it.
fn is_rejection(error: &SigningError) -> bool {
    error.is_bad_signature()
        || matches!(error, SigningError::Base64(_) | SigningError::Json(DecodeError::Syntax { .. }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Message;
    use super::*;
    use crate::secret::SecretKey;

    const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);

    fn signer() -> MessageSigner {
        MessageSigner::new(&SecretKeys::new(SecretKey::new("k").unwrap(), Vec::new()))
    }

    fn signed(json: &str) -> String {
        signer().0.sign_bytes(json.as_bytes(), Compression::Never, NOW)
    }

    /// M07: what the signature vouches for and is no list.
    #[test]
    fn other_json_reads_as_in_django() {
        let read = |json: &str| signer().decode(&signed(json), NOW).map(|d| (d.stored, d.cookie));
        let other = |v: Value| Ok((Stored::Other(Entry::Other(v)), CookieState::Good));
        assert_eq!(read("null"), Ok((Stored::Nothing, CookieState::Good)));
        assert_eq!(read("false"), other(Value::Bool(false)));
        assert_eq!(read("0"), other(Value::Int(0)));
        assert_eq!(read("\"abc\""), other("abc".into()));
        assert_eq!(read("{}"), Ok((Stored::Other(Entry::Dict(vec![])), CookieState::Good)));
        assert_eq!(read("{\"a\": 1}"), Err(ShapeError::Dictionary.into()));
        assert_eq!(read("true"), Err(ShapeError::NoList.into()));
        assert_eq!(read("[\"__json_message\", 0, 20, \"a\"]"), Err(ShapeError::NoList.into()));
        assert_eq!(read("nope"), Ok((Stored::Nothing, CookieState::Rejected)));
        assert!(matches!(read(&"1".repeat(4301)), Err(MessagesError::Cookie(SigningError::Json(_)))));
    }

    /// M04: a message that fits nowhere leaves a cookie that says so.
    #[test]
    fn one_message_too_long_leaves_the_note_alone() {
        // Signatures do not compress.
        let long: String = (0..80).map(|n| signed(&n.to_string())).collect();
        let entries: Vec<Entry> = vec![Message::new(20, "short").into(), Message::new(20, long).into()];
        for (keep, kept) in [(Keep::Oldest, 0..1), (Keep::Newest, 2..2)] {
            let packed = signer().pack(&entries, keep, NOW).unwrap();
            assert_eq!(packed.kept, kept, "{keep:?}");
            let read = signer().decode(&packed.cookie.unwrap(), NOW).unwrap();
            assert_eq!(read.completeness, Completeness::NotFinished);
            assert_eq!(read.stored, Stored::List(entries[kept].to_vec()));
        }
    }

    #[test]
    fn nothing_is_no_cookie() {
        assert_eq!(signer().pack(&[], Keep::Oldest, NOW), Ok(Packed { cookie: None, kept: 0..0 }));
    }

    proptest! {
        #[test]
        fn what_was_kept_reads_back_and_fits(texts in prop::collection::vec(any::<String>(), 1..40), newest: bool) {
            let entries: Vec<Entry> = texts.iter().map(|t| Message::new(20, t.as_str()).into()).collect();
            let keep = if newest { Keep::Newest } else { Keep::Oldest };
            let packed = signer().pack(&entries, keep, NOW).unwrap();
            let cookie = packed.cookie.unwrap();
            prop_assert!(!is_too_large(&cookie));
            let read = signer().decode(&cookie, NOW).unwrap();
            prop_assert_eq!(read.completeness == Completeness::Whole, packed.kept == (0..entries.len()));
            prop_assert_eq!(read.stored, Stored::List(entries[packed.kept].to_vec()));
        }

        #[test]
        fn no_cookie_panics(cookie in any::<String>(), json in "[\\[\\]{}\",:_a-z0-9]{0,40}") {
            let _ = signer().decode(&cookie, NOW);
            let _ = signer().decode(&signed(&json), NOW);
        }
    }
}
