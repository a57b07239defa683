//! Session texts that older Django wrote, for importers: pickles (until 4.2) and the form before 3.1 (S35, S36).
//!
//! Django itself reads none of them any more, and [`SessionCodec`](super::session::SessionCodec) answers as Django.

use crate::clock::Timestamp;
use crate::codec::json::{self, DecodeError};
use crate::codec::pickle::{self, PickleError};
use crate::codec::session::SESSION_STORE_SALT;
use crate::crypto::{Algorithm, hex, salted_hmac};
use crate::secret::{SecretKeys, ct_eq};
use crate::signing::{SigningError, TimestampSigner, b64_decode_lenient};
use crate::value::{Dict, Value};

/// The purpose of the HMAC before 3.1 (S35).
const OLD_KEY_SALT: &[u8] = b"django.contrib.sessionsSessionStore";

/// How a text was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// `payload:timestamp:signature`, since 3.1.
    Signed,
    /// Base64 of `hexhmac:payload`, before.
    HexHmac,
}

/// How its data were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serializer {
    /// `JSONSerializer`.
    Json,
    /// `PickleSerializer`.
    Pickle,
}

/// A session text that was read.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Imported {
    /// The data.
    pub data: Dict,
    /// How it was signed.
    pub envelope: Envelope,
    /// How it was written.
    pub serializer: Serializer,
    /// The place in [`SecretKeys::iter`] of the key that verifies it.
    pub key: usize,
}

/// Why a session text was not read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// No key verifies it in either form.
    #[error("no secret key verifies the session")]
    BadSignature,
    /// It is genuine, and its envelope cannot be opened.
    #[error("the session is genuine and cannot be decoded")]
    Signing(#[source] SigningError),
    /// It is genuine, and no JSON.
    #[error("the session is genuine and no JSON")]
    Json(#[source] DecodeError),
    /// It is genuine, and a pickle of more than plain data.
    #[error("the session is a pickle that is not read")]
    Pickle(#[source] PickleError),
    /// It holds something else than a dictionary with texts as keys.
    #[error("the session's data are no dictionary with texts as keys")]
    NotADict,
}

/// Reads a session text of any Django since 1.4.
///
/// ```
/// use cloakroom_core::codec::legacy::{ImportError, read};
/// use cloakroom_core::secret::{SecretKey, SecretKeys};
///
/// let keys = SecretKeys::new(SecretKey::new("a long secret").expect("it is not empty"), Vec::new());
/// assert_eq!(read("forged", &keys), Err(ImportError::BadSignature));
/// ```
///
/// # Errors
///
/// When no key verifies the text, or its data are more than plain.
pub fn read(text: &str, keys: &SecretKeys) -> Result<Imported, ImportError> {
    let (value, found) = read_value(text, keys)?;
    match value {
        Value::Dict(data) => Ok(Imported { data, ..found }),
        _ => Err(ImportError::NotADict),
    }
}

/// Reads a session text whose dictionary may have keys that are no text, which a pickle keeps; the `data` of the second
/// are empty.
///
/// # Errors
///
/// As [`read`], but for what kind of value it holds: only a dictionary is one.
pub fn read_value(text: &str, keys: &SecretKeys) -> Result<(Value, Imported), ImportError> {
    let (payload, envelope, key) = open(text, keys)?;
    let (value, serializer) = read_payload(&payload)?;
    match value {
        Value::Dict(_) | Value::Map(_) => Ok((value, Imported { data: Dict::new(), envelope, serializer, key })),
        _ => Err(ImportError::NotADict),
    }
}

/// A pickle of protocol 2 or later starts with 0x80; older ones are not read either way.
fn looks_like_json(payload: &[u8]) -> bool {
    payload.first() != Some(&0x80)
}

/// Reads the payload of a genuine text, whichever serializer wrote it.
pub(super) fn read_payload(payload: &[u8]) -> Result<(Value, Serializer), ImportError> {
    if looks_like_json(payload) {
        Ok((json::loads_latin1(payload).map_err(ImportError::Json)?, Serializer::Json))
    } else {
        Ok((pickle::loads(payload).map_err(ImportError::Pickle)?, Serializer::Pickle))
    }
}

fn open(text: &str, keys: &SecretKeys) -> Result<(Vec<u8>, Envelope, usize), ImportError> {
    match TimestampSigner::new(keys, SESSION_STORE_SALT).unsign_bytes(text, Timestamp::UNIX_EPOCH, None) {
        Ok((payload, key)) => return Ok((payload, Envelope::Signed, key)),
        Err(e) if e.is_bad_signature() => {}
        Err(e) => return Err(ImportError::Signing(e)),
    }
    let (payload, key) = open_hex_hmac(text, keys)?;
    Ok((payload, Envelope::HexHmac, key))
}

/// Opens the envelope from before 3.1 (S35).
pub(super) fn open_hex_hmac(text: &str, keys: &SecretKeys) -> Result<(Vec<u8>, usize), ImportError> {
    let bytes = b64_decode_lenient(text.as_bytes(), 0).map_err(|_| ImportError::BadSignature)?;
    let colon = bytes.iter().position(|&b| b == b':').ok_or(ImportError::BadSignature)?;
    let (mac, payload) = (&bytes[..colon], &bytes[colon + 1..]);
    let matches = |secret: &[u8]| {
        let genuine = hex(&salted_hmac(OLD_KEY_SALT, payload, secret, Algorithm::Sha1));
        ct_eq(genuine.as_bytes(), mac)
    };
    let key = keys.iter().position(|k| matches(k.expose())).ok_or(ImportError::BadSignature)?;
    Ok((payload.to_vec(), key))
}
