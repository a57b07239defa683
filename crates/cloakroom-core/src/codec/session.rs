//! `session_data`: a signed, timed, mostly compressed JSON dictionary (S30–S34, S37).

use crate::clock::Timestamp;
use crate::codec::json::{self, EncodeError};
use crate::codec::legacy::{self, ImportError};
use crate::codec::pickle::{self, PickleError, PickleWriteError};
use crate::secret::SecretKeys;
use crate::signing::{Compression, MaxAge, SigningError, TimestampSigner};
use crate::value::{Dict, Value};

/// The salt of the db, cached_db and file engines (S30).
pub const SESSION_STORE_SALT: &str = "django.contrib.sessions.SessionStore";

/// The salt of the signed_cookies engine (S37).
pub const SIGNED_COOKIES_SALT: &str = "django.contrib.sessions.backends.signed_cookies";

/// Writes and reads session texts under one salt. Make it once: it keeps the derived keys.
///
/// ```
/// use cloakroom_core::clock::Timestamp;
/// use cloakroom_core::codec::session::{SESSION_STORE_SALT, SessionCodec};
/// use cloakroom_core::secret::{SecretKey, SecretKeys};
/// use cloakroom_core::value::Dict;
///
/// let keys = SecretKeys::new(SecretKey::new("a long secret").expect("it is not empty"), Vec::new());
/// let codec = SessionCodec::new(&keys, SESSION_STORE_SALT);
/// let mut data = Dict::new();
/// data.insert("visits", 1_i64);
/// let text = codec.encode(&data, Timestamp::from_secs(1_767_323_045))?;
/// assert!(text.starts_with("eyJ2aXNpdHMiOjF9:1vbVSP:"));
/// assert_eq!(codec.decode(&text).data, data);
/// # Ok::<(), cloakroom_core::codec::json::EncodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SessionCodec {
    signer: TimestampSigner,
}

impl SessionCodec {
    /// A codec for the engine that `salt` names.
    #[must_use]
    pub fn new(keys: &SecretKeys, salt: &str) -> Self {
        Self { signer: TimestampSigner::new(keys, salt) }
    }

    /// Writes a session's data, signed by the current key at `now`.
    ///
    /// # Errors
    ///
    /// When the data holds something that JSON cannot: Django answers 500 for that save (S31).
    pub fn encode(&self, data: &Dict, now: Timestamp) -> Result<String, EncodeError> {
        Ok(self.signer.sign_bytes(json::dumps_dict(data)?.as_bytes(), Compression::IfSmaller, now))
    }

    /// Writes data of any form, such as a dictionary with keys that are no text.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn encode_value(&self, data: &Value, now: Timestamp) -> Result<String, EncodeError> {
        self.signer.dumps(data, Compression::IfSmaller, now)
    }

    /// Writes a session's data as a pickle, as `PickleSerializer` did (S36); Django up to 4.2 reads it.
    ///
    /// # Errors
    ///
    /// When the data nests too deep.
    pub fn encode_pickle(&self, data: &Dict, now: Timestamp) -> Result<String, PickleWriteError> {
        Ok(self.signer.sign_bytes(&pickle::dumps_dict(data)?, Compression::IfSmaller, now))
    }

    /// Reads a stored text of either serializer; with `keys`, one from before 3.1 too (S35, S36). A pickle is read as
    /// data, and one of more than plain data is [`Problem::Pickle`].
    #[must_use]
    pub fn decode_any(&self, text: &str, keys: Option<&SecretKeys>) -> Decoded {
        match (self.signer.unsign_bytes(text, Timestamp::UNIX_EPOCH, None), keys) {
            (Err(e), Some(keys)) if e.is_bad_signature() => match legacy::open_hex_hmac(text, keys) {
                Ok((payload, key)) => Decoded::from_payload(&payload, key),
                Err(_) => Decoded::from_error(e),
            },
            (Err(e), _) => Decoded::from_error(e),
            (Ok((payload, key)), _) => Decoded::from_payload(&payload, key),
        }
    }

    /// As [`decode_any`](Self::decode_any) for a signed_cookies session, which expires (S58).
    #[must_use]
    pub fn decode_any_within(&self, text: &str, now: Timestamp, max_age: MaxAge) -> Decoded {
        match self.signer.unsign_bytes(text, now, Some(max_age)) {
            Ok((payload, key)) => Decoded::from_payload(&payload, key),
            Err(e) => Decoded::from_error(e),
        }
    }

    /// Reads a stored text, however old it is (S34). Whatever is wrong with it, the data is empty (S33).
    #[must_use]
    pub fn decode(&self, text: &str) -> Decoded {
        Decoded::from_loaded(self.signer.loads(text, Timestamp::UNIX_EPOCH, None))
    }

    /// Reads a signed_cookies session: like [`decode`](Self::decode), but it expires (S58).
    #[must_use]
    pub fn decode_within(&self, text: &str, now: Timestamp, max_age: MaxAge) -> Decoded {
        Decoded::from_loaded(self.signer.loads(text, now, Some(max_age)))
    }
}

/// What a stored text holds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Decoded {
    /// The data; empty where there is a [`problem`](Self::problem).
    pub data: Dict,
    /// Why the data is empty although something was stored.
    pub problem: Option<Problem>,
    /// The place in [`SecretKeys::iter`] of the key that verifies the text: 0 is the key that signs (D10).
    pub key: Option<usize>,
}

/// Why a stored text gives no data.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Problem {
    /// No key verifies it. Django logs a warning to `django.security.SuspiciousSession`.
    BadSignature,
    /// It is genuine and too old; only [`SessionCodec::decode_within`] says so.
    Expired,
    /// It is genuine and cannot be decoded. Django says nothing.
    Unreadable(SigningError),
    /// It is a genuine pickle of more than plain data, or a damaged one (S36). Nothing of it was run.
    Pickle(PickleError),
    /// It is genuine and holds something else than a dictionary; Django fails at its first use, with a 500 (S34).
    NotADict(Value),
}

impl Decoded {
    fn from_loaded(loaded: Result<crate::signing::Loaded, SigningError>) -> Self {
        match loaded {
            Ok(loaded) => Self::from_value(loaded.value, loaded.key),
            Err(e) => Self::from_error(e),
        }
    }

    fn from_payload(payload: &[u8], key: usize) -> Self {
        let problem = match legacy::read_payload(payload) {
            Ok((value, _)) => return Self::from_value(value, key),
            Err(ImportError::Json(e)) => Problem::Unreadable(SigningError::Json(e)),
            Err(ImportError::Pickle(e)) => Problem::Pickle(e),
            Err(_) => Problem::BadSignature,
        };
        Self { data: Dict::new(), problem: Some(problem), key: Some(key) }
    }

    fn from_value(value: Value, key: usize) -> Self {
        match value {
            Value::Dict(data) => Self { data, problem: None, key: Some(key) },
            other => Self { data: Dict::new(), problem: Some(Problem::NotADict(other)), key: Some(key) },
        }
    }

    fn from_error(error: SigningError) -> Self {
        let problem = match error {
            SigningError::NoSignature | SigningError::Mismatch => Problem::BadSignature,
            SigningError::Expired { .. } => Problem::Expired,
            e => Problem::Unreadable(e),
        };
        Self { data: Dict::new(), problem: Some(problem), key: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretKey;

    const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);

    fn codec(salt: &str) -> SessionCodec {
        SessionCodec::new(&SecretKeys::new(SecretKey::new("key").unwrap(), Vec::new()), salt)
    }

    fn data() -> Dict {
        Dict::from_iter([("b".into(), Value::Float(1.0)), ("a".into(), Value::Int(1))])
    }

    /// G12: order and number forms survive.
    #[test]
    fn data_come_back_in_order() {
        let text = codec(SESSION_STORE_SALT).encode(&data(), NOW).unwrap();
        let back = codec(SESSION_STORE_SALT).decode(&text);
        assert_eq!((back.problem, back.key), (None, Some(0)));
        assert_eq!(json::dumps_dict(&back.data).unwrap(), r#"{"b":1.0,"a":1}"#);
    }

    /// S37, T01: a cookie's text is no row's.
    #[test]
    fn the_two_salts_do_not_mix() {
        let cookie = codec(SIGNED_COOKIES_SALT).encode(&data(), NOW).unwrap();
        assert_eq!(codec(SESSION_STORE_SALT).decode(&cookie).problem, Some(Problem::BadSignature));
    }

    /// S34, S58: a row is read at any age, a cookie only within its own.
    #[test]
    fn only_cookies_expire() {
        let codec = codec(SIGNED_COOKIES_SALT);
        let text = codec.encode(&data(), NOW).unwrap();
        let week = MaxAge::from_secs(604_800);
        assert_eq!(codec.decode(&text).problem, None);
        assert_eq!(codec.decode_within(&text, NOW.plus_secs(604_800), week).data, data());
        assert_eq!(codec.decode_within(&text, NOW.plus_secs(604_801), week).problem, Some(Problem::Expired));
    }

    /// S35, S36: either serializer, either envelope, and nothing but data.
    #[test]
    fn pickles_are_read_as_data() {
        let codec = codec(SESSION_STORE_SALT);
        let keys = SecretKeys::new(SecretKey::new("key").unwrap(), Vec::new());
        for text in [codec.encode(&data(), NOW).unwrap(), codec.encode_pickle(&data(), NOW).unwrap()] {
            let back = codec.decode_any(&text, None);
            assert_eq!((back.data, back.problem, back.key), (data(), None, Some(0)));
        }
        let pickled = codec.encode_pickle(&data(), NOW).unwrap();
        assert!(matches!(codec.decode(&pickled).problem, Some(Problem::Unreadable(_))));
        let code = codec.signer.sign_bytes(b"\x80\x04cos\nsystem\n(X\x02\0\0\0idtR.", Compression::Never, NOW);
        assert!(matches!(codec.decode_any(&code, Some(&keys)).problem, Some(Problem::Pickle(_))));
        assert_eq!(codec.decode_any("forged:1vbVSP:x", Some(&keys)).problem, Some(Problem::BadSignature));
    }

    /// S34: what is no dictionary is told apart, and gives no data.
    #[test]
    fn other_values_are_no_data() {
        let codec = codec(SESSION_STORE_SALT);
        let text = codec.encode_value(&Value::List(Vec::new()), NOW).unwrap();
        let decoded = codec.decode(&text);
        assert!(decoded.data.is_empty());
        assert_eq!(decoded.problem, Some(Problem::NotADict(Value::List(Vec::new()))));
    }
}
