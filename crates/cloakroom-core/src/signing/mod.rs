//! Signed texts as Django makes them: `value:signature`, `value:timestamp:signature`, and signed JSON (K20–K27).
//!
//! ```
//! use cloakroom_core::clock::Timestamp;
//! use cloakroom_core::secret::{SecretKey, SecretKeys};
//! use cloakroom_core::signing::{MaxAge, TimestampSigner};
//! use std::time::Duration;
//!
//! let keys = SecretKeys::new(SecretKey::new("a long secret").expect("it is not empty"), Vec::new());
//! let signer = TimestampSigner::new(&keys, "invitations");
//! let now = Timestamp::from_secs(1_767_323_045);
//! let signed = signer.sign("alice", now);
//! assert!(signed.starts_with("alice:1vbVSP:"));
//!
//! let hour = MaxAge::from(Duration::from_secs(3600));
//! assert_eq!(signer.unsign(&signed, now, Some(hour)).map(|u| u.value), Ok("alice"));
//! assert!(signer.unsign(&signed, now.plus_secs(3601), Some(hour)).is_err());
//! ```
//!
//! The signature is checked before anything inside is decoded (T01), and what a payload unpacks to is bounded (T02).

mod base62;
mod base64;
mod payload;

use std::sync::Arc;
use std::time::Duration;

pub use base62::{Base62Error, b62_decode, b62_encode};
pub use base64::{Base64Error, b64_decode, b64_decode_lenient, b64_encode};
pub use payload::{
    Compression, DEFAULT_SALT, Loaded, MAX_DECOMPRESSED_BYTES, ZlibError, decode_payload, encode_payload,
};

use crate::clock::Timestamp;
use crate::codec::json::DecodeError;
use crate::crypto::{Algorithm, MacKey};
use crate::secret::{SecretKey, SecretKeys, ct_eq};

/// Why a signed text was not accepted.
///
/// Django raises `BadSignature` for the first three and lets the others escape as what they are (K23, K24).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// There is no separator in the text.
    #[error("the text carries no signature")]
    NoSignature,
    /// Changed, cut, or made with another key or salt.
    #[error("the signature does not match")]
    Mismatch,
    /// Genuine, but too old: Django's `SignatureExpired`.
    #[error("the signature is {age_secs} s old")]
    Expired {
        /// Seconds since it was made.
        age_secs: f64,
    },
    /// Genuine, but there is no timestamp inside: Python's `ValueError`.
    #[error("there is no timestamp beside the value")]
    NoTimestamp,
    /// Genuine, but the timestamp is no number: Python's `IndexError` or `ValueError`.
    #[error("the timestamp is no number")]
    BadTimestamp(#[source] Base62Error),
    /// Genuine, but the timestamp is beyond the range of floats: Python's `OverflowError`.
    #[error("the timestamp is beyond all range")]
    TimestampOverflow,
    /// Genuine, but the payload is no base64: Python's `binascii.Error`.
    #[error("the payload is no base64")]
    Base64(#[source] Base64Error),
    /// Genuine, but the payload does not unpack: Python's `zlib.error`.
    #[error("the payload does not unpack")]
    Zlib(#[source] ZlibError),
    /// Genuine, but the payload is no JSON: Python's `JSONDecodeError`, `ValueError` or `RecursionError`.
    #[error("the payload is no JSON")]
    Json(#[source] DecodeError),
}

impl SigningError {
    /// Whether Django raises `BadSignature` (or `SignatureExpired`, which is one) for it.
    #[must_use]
    pub const fn is_bad_signature(&self) -> bool {
        matches!(self, Self::NoSignature | Self::Mismatch | Self::Expired { .. })
    }
}

/// A separator that could be part of a signature or a timestamp: empty, or wholly of `A`–`z`, digits, `-`, `_`, `=` (K21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the separator cannot be told from a signature")]
#[non_exhaustive]
pub struct UnsafeSeparator;

/// What a signature vouches for, and which key it was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsigned<'a> {
    /// The text that was signed.
    pub value: &'a str,
    /// The place of the key in [`SecretKeys::iter`]: 0 is the key that signs (D10).
    pub key: usize,
}

/// How old a signature may be, in seconds with their fraction. Negative: everything has expired.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct MaxAge(f64);

impl MaxAge {
    /// An age in whole seconds, as settings hold it.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs as f64)
    }

    /// An age in seconds with their fraction.
    #[must_use]
    pub const fn from_secs_f64(secs: f64) -> Self {
        Self(secs)
    }
}

impl From<Duration> for MaxAge {
    fn from(age: Duration) -> Self {
        Self(age.as_secs_f64())
    }
}

/// Signs texts and checks the signatures: Django's `Signer` (K21, K22).
///
/// Keys are derived once, here; keep a signer rather than making one for each text.
#[derive(Clone, Debug)]
pub struct Signer {
    keys: Arc<[MacKey]>,
    separator: Box<str>,
}

impl Signer {
    /// The salt where none is given.
    pub const DEFAULT_SALT: &str = "django.core.signing.Signer";

    /// A signer with `:` between value and signature, and SHA-256. An empty salt is [`DEFAULT_SALT`](Self::DEFAULT_SALT).
    #[must_use]
    pub fn new(keys: &SecretKeys, salt: &str) -> Self {
        let salt = if salt.is_empty() { Self::DEFAULT_SALT } else { salt };
        Self::derive(keys, salt, ":", Algorithm::Sha256)
    }

    /// A signer with another separator or algorithm.
    ///
    /// # Errors
    ///
    /// When `separator` is empty or made of characters that signatures are made of.
    pub fn custom(
        keys: &SecretKeys,
        salt: &str,
        separator: &str,
        algorithm: Algorithm,
    ) -> Result<Self, UnsafeSeparator> {
        // Django's pattern ends in `$`, which lets one line feed follow.
        let tested = separator.strip_suffix('\n').unwrap_or(separator);
        if tested.bytes().all(|b| matches!(b, b'A'..=b'z' | b'0'..=b'9' | b'-' | b'=')) {
            return Err(UnsafeSeparator);
        }
        let salt = if salt.is_empty() { Self::DEFAULT_SALT } else { salt };
        Ok(Self::derive(keys, salt, separator, algorithm))
    }

    fn derive(keys: &SecretKeys, salt: &str, separator: &str, algorithm: Algorithm) -> Self {
        let key_salt = format!("{salt}signer");
        Self {
            keys: keys.iter().map(|k| MacKey::derive(key_salt.as_bytes(), k.expose(), algorithm)).collect(),
            separator: separator.into(),
        }
    }

    /// The signature of `value` alone, by the key that signs.
    #[must_use]
    pub fn signature(&self, value: &str) -> String {
        // There is a first key: SecretKeys holds one by its type.
        b64_encode(&self.keys[0].mac(&[value.as_bytes()]))
    }

    /// Returns `value`, the separator and the signature.
    #[must_use]
    pub fn sign(&self, value: &str) -> String {
        let sep = &self.separator;
        format!("{value}{sep}{}", self.signature(value))
    }

    /// Returns the value inside `signed` if one of the keys signed it. The last separator counts.
    ///
    /// # Errors
    ///
    /// [`SigningError::NoSignature`] and [`SigningError::Mismatch`].
    pub fn unsign<'a>(&self, signed: &'a str) -> Result<Unsigned<'a>, SigningError> {
        let (value, signature) = signed.rsplit_once(&*self.separator).ok_or(SigningError::NoSignature)?;
        let matches = |key: &MacKey| ct_eq(b64_encode(&key.mac(&[value.as_bytes()])).as_bytes(), signature.as_bytes());
        match self.keys.iter().position(matches) {
            Some(key) => Ok(Unsigned { value, key }),
            None => Err(SigningError::Mismatch),
        }
    }
}

/// Signs texts together with the time: Django's `TimestampSigner` (K23).
#[derive(Clone, Debug)]
pub struct TimestampSigner(Signer);

impl TimestampSigner {
    /// The salt where none is given.
    pub const DEFAULT_SALT: &str = "django.core.signing.TimestampSigner";

    /// A signer with `:` as separator, and SHA-256. An empty salt is [`DEFAULT_SALT`](Self::DEFAULT_SALT).
    #[must_use]
    pub fn new(keys: &SecretKeys, salt: &str) -> Self {
        Self(Signer::new(keys, if salt.is_empty() { Self::DEFAULT_SALT } else { salt }))
    }

    /// Returns `value`, the whole seconds of `now` in base62 and the signature of both.
    #[must_use]
    pub fn sign(&self, value: &str, now: Timestamp) -> String {
        let sep = &self.0.separator;
        // Python's int() cuts toward zero, before the epoch too.
        let stamp = b62_encode((now.as_micros() / 1_000_000).into());
        self.0.sign(&format!("{value}{sep}{stamp}"))
    }

    /// Returns the value inside `signed` if one of the keys signed it at most `max_age` before `now`.
    ///
    /// The stamp inside has whole seconds while `now` keeps its fraction, so a value may expire up to one second early.
    /// A stamp in the future never expires. Source: `TimestampSigner.unsign`, `django/core/signing.py`.
    ///
    /// # Errors
    ///
    /// - [`SigningError::NoSignature`], [`SigningError::Mismatch`]: checked first (T01).
    /// - [`SigningError::NoTimestamp`], [`SigningError::BadTimestamp`]: a genuine text of another kind of signer.
    /// - [`SigningError::Expired`]: genuine, but too old; carries the age for the log.
    pub fn unsign<'a>(
        &self,
        signed: &'a str,
        now: Timestamp,
        max_age: Option<MaxAge>,
    ) -> Result<Unsigned<'a>, SigningError> {
        let Unsigned { value, key } = self.0.unsign(signed)?;
        let (value, stamp) = value.rsplit_once(&*self.0.separator).ok_or(SigningError::NoTimestamp)?;
        let stamp = base62::b62_decode_f64(stamp).map_err(SigningError::BadTimestamp)?;
        if let Some(MaxAge(max_age)) = max_age {
            if stamp.is_infinite() {
                return Err(SigningError::TimestampOverflow);
            }
            let age_secs = now.as_secs_f64() - stamp;
            if age_secs > max_age {
                return Err(SigningError::Expired { age_secs });
            }
        }
        Ok(Unsigned { value, key })
    }
}

/// The keys that sign cookies: each secret key behind `django.http.cookies` (K40, K43).
#[must_use]
pub fn cookie_keys(keys: &SecretKeys) -> SecretKeys {
    let prefixed = |key: &SecretKey| {
        SecretKey::new([b"django.http.cookies", key.expose()].concat()).expect("the prefix is not empty")
    };
    SecretKeys::new(prefixed(keys.current()), keys.fallbacks().iter().map(prefixed).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    fn keys(names: &[&str]) -> SecretKeys {
        let mut keys = names.iter().map(|&name| SecretKey::new(name).unwrap());
        SecretKeys::new(keys.next().unwrap(), keys.collect())
    }

    /// K30, D10: old keys verify, and it shows which one did.
    #[test]
    fn a_fallback_verifies_and_is_named() {
        let signed = Signer::new(&keys(&["old"]), "s").sign("v");
        let rotated = Signer::new(&keys(&["new", "older", "old"]), "s");
        assert_eq!(rotated.unsign(&signed), Ok(Unsigned { value: "v", key: 2 }));
        assert_eq!(Signer::new(&keys(&["new"]), "s").unsign(&signed), Err(SigningError::Mismatch));
        assert!(rotated.sign("v") != signed);
    }

    /// K21: the range A–z holds brackets, and `$` lets a line feed follow.
    #[test]
    fn separators_that_signatures_hold_are_refused() {
        let keys = keys(&["key"]);
        for separator in ["", "-", "_", "=", "a", "[", "\\", "^", "`", "A-z", "\n", "a\n"] {
            assert_eq!(
                Signer::custom(&keys, "", separator, Algorithm::Sha256).err(),
                Some(UnsafeSeparator),
                "{separator:?}"
            );
        }
        for separator in [":", "::", "a:", ".", "\n\n", "é", "{"] {
            let signer = Signer::custom(&keys, "", separator, Algorithm::Sha1).unwrap();
            let signed = signer.sign("v");
            assert_eq!(signer.unsign(&signed).map(|u| u.value), Ok("v"), "{separator:?}");
        }
    }

    /// T01: what nobody signed is not even decoded, and one purpose's text is no other's.
    #[test]
    fn the_signature_is_checked_first() {
        let keys = keys(&["key"]);
        let signer = TimestampSigner::new(&keys, "a");
        let now = Timestamp::from_secs(100);
        assert_eq!(signer.loads(".!!!:!!:forged", now, None), Err(SigningError::Mismatch));
        let text = signer.dumps(&Value::Int(1), Compression::Never, now).unwrap();
        assert_eq!(TimestampSigner::new(&keys, "b").loads(&text, now, None), Err(SigningError::Mismatch));
        // The age comes second: an expired payload is not decoded either.
        let broken = signer.sign(".!!!", now);
        let late = signer.loads(&broken, now.plus_secs(11), Some(MaxAge::from_secs(10)));
        assert_eq!(late, Err(SigningError::Expired { age_secs: 11.0 }));
    }

    /// K23: the errors that Django lets escape.
    #[test]
    fn a_genuine_text_without_a_good_timestamp_is_no_bad_signature() {
        let keys = keys(&["key"]);
        let (plain, timed) = (Signer::new(&keys, "s"), TimestampSigner::new(&keys, "s"));
        let unsign =
            |value: &str, max_age| timed.unsign(&plain.sign(value), Timestamp::UNIX_EPOCH, max_age).map(|_| ());
        assert_eq!(unsign("v", None), Err(SigningError::NoTimestamp));
        assert_eq!(unsign("v:", None), Err(SigningError::BadTimestamp(Base62Error::Empty)));
        assert_eq!(unsign("v:!", None), Err(SigningError::BadTimestamp(Base62Error::BadDigit)));
        let endless = format!("v:{}", "z".repeat(200));
        assert_eq!(unsign(&endless, None), Ok(()));
        assert_eq!(unsign(&endless, Some(MaxAge::from_secs(1))), Err(SigningError::TimestampOverflow));
        assert!(!SigningError::NoTimestamp.is_bad_signature());
    }

    /// K23: the stamp is cut toward zero.
    #[test]
    fn times_before_the_epoch_are_stamped_as_in_python() {
        let signer = TimestampSigner::new(&keys(&["key"]), "s");
        assert!(signer.sign("v", Timestamp::from_micros(-500_000)).starts_with("v:0:"));
        assert!(signer.sign("v", Timestamp::from_micros(-1_500_000)).starts_with("v:-1:"));
    }

    /// L03, T03: no key in a debug print.
    #[test]
    fn signers_do_not_print_keys() {
        let signer = TimestampSigner::new(&keys(&["canary"]), "s");
        assert!(!format!("{signer:?}").contains("canary"));
    }
}
