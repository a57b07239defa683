//! Signed objects: JSON, perhaps compressed, in base64url under a [`TimestampSigner`] (K24, S31, S32).

use std::cell::RefCell;

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};

use super::{MaxAge, SigningError, TimestampSigner, b64_decode, b64_encode};
use crate::clock::Timestamp;
use crate::codec::json::{self, EncodeError};
use crate::value::Value;

/// The salt of `signing.dumps` where none is given (K24).
pub const DEFAULT_SALT: &str = "django.core.signing";

/// The most bytes that a payload may unpack to (T02). Django has no bound; a key holder could fill its memory.
pub const MAX_DECOMPRESSED_BYTES: usize = 16 << 20;

/// Whether a payload may be compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Never.
    #[default]
    Never,
    /// By zlib at level 6, if that saves two bytes or more; a `.` is put before (S32).
    IfSmaller,
}

/// Why a compressed payload was not unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ZlibError {
    /// It is no zlib stream, or one that is cut or damaged.
    #[error("the zlib stream is cut or damaged")]
    Damaged,
    /// It unpacks to more than [`MAX_DECOMPRESSED_BYTES`].
    #[error("the payload unpacks to more than {MAX_DECOMPRESSED_BYTES} bytes")]
    TooLarge,
}

/// What [`TimestampSigner::loads`] found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Loaded {
    /// The value.
    pub value: Value,
    /// The place of the key in [`SecretKeys::iter`](crate::secret::SecretKeys::iter): 0 is the key that signs (D10).
    pub key: usize,
}

impl TimestampSigner {
    /// Signs `value` as JSON: Django's `signing.dumps` (K24).
    ///
    /// # Errors
    ///
    /// When `value` has no JSON form.
    pub fn dumps(&self, value: &Value, compression: Compression, now: Timestamp) -> Result<String, EncodeError> {
        Ok(self.sign_bytes(json::dumps(value)?.as_bytes(), compression, now))
    }

    /// Reads what [`dumps`](Self::dumps) or Django's `signing.dumps` made (K24).
    ///
    /// # Errors
    ///
    /// As [`unsign`](Self::unsign), and when the payload cannot be decoded. The signature is checked first, the age second.
    pub fn loads(&self, text: &str, now: Timestamp, max_age: Option<MaxAge>) -> Result<Loaded, SigningError> {
        let unsigned = self.unsign(text, now, max_age)?;
        let bytes = decode_payload(unsigned.value)?;
        let value = json::loads_latin1(&bytes).map_err(SigningError::Json)?;
        Ok(Loaded { value, key: unsigned.key })
    }

    /// Signs bytes of any serializer.
    #[must_use]
    pub fn sign_bytes(&self, bytes: &[u8], compression: Compression, now: Timestamp) -> String {
        self.sign(&encode_payload(bytes, compression), now)
    }

    /// Reads what [`sign_bytes`](Self::sign_bytes) made; also tells the key's place.
    ///
    /// # Errors
    ///
    /// As [`loads`](Self::loads).
    pub fn unsign_bytes(
        &self,
        text: &str,
        now: Timestamp,
        max_age: Option<MaxAge>,
    ) -> Result<(Vec<u8>, usize), SigningError> {
        let unsigned = self.unsign(text, now, max_age)?;
        Ok((decode_payload(unsigned.value)?, unsigned.key))
    }
}

/// Writes bytes as the payload of a signed object: base64url, a `.` before it where compressed (S32).
#[must_use]
pub fn encode_payload(bytes: &[u8], compression: Compression) -> String {
    if compression == Compression::IfSmaller
        && let Some(most) = bytes.len().checked_sub(2)
        && let Some(packed) = compress(bytes, most)
    {
        return format!(".{}", b64_encode(&packed));
    }
    b64_encode(bytes)
}

/// Reads the payload of a signed object. Call it on what a signature vouches for only (T01).
///
/// # Errors
///
/// [`SigningError::Base64`] and [`SigningError::Zlib`].
pub fn decode_payload(payload: &str) -> Result<Vec<u8>, SigningError> {
    match payload.strip_prefix('.') {
        Some(packed) => decompress(&b64_decode(packed).map_err(SigningError::Base64)?).map_err(SigningError::Zlib),
        None => b64_decode(payload).map_err(SigningError::Base64),
    }
}

thread_local! {
    // What zlib keeps is a quarter of a megabyte, which costs more to get and to give back than a session does to pack.
    static DEFLATE: RefCell<Compress> = RefCell::new(Compress::new(flate2::Compression::new(6), true));
    static INFLATE: RefCell<Decompress> = RefCell::new(Decompress::new(true));
}

/// Packs bytes; `None` if they do not fit into `most`.
fn compress(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut packed = Vec::with_capacity(most);
    DEFLATE.with_borrow_mut(|zlib| {
        zlib.reset();
        let status = zlib.compress_vec(bytes, &mut packed, FlushCompress::Finish);
        matches!(status, Ok(Status::StreamEnd)).then_some(packed)
    })
}

/// Bytes behind the stream are ignored; a stream without its end is damaged (S34).
fn decompress(bytes: &[u8]) -> Result<Vec<u8>, ZlibError> {
    INFLATE.with_borrow_mut(|zlib| {
        zlib.reset(true);
        inflate(zlib, bytes)
    })
}

fn inflate(zlib: &mut Decompress, bytes: &[u8]) -> Result<Vec<u8>, ZlibError> {
    let mut out = Vec::with_capacity((bytes.len() * 4).min(MAX_DECOMPRESSED_BYTES));
    let mut rest = bytes;
    loop {
        let (had_in, had_out) = (zlib.total_in(), out.len());
        let status = zlib.decompress_vec(rest, &mut out, FlushDecompress::None).map_err(|_| ZlibError::Damaged)?;
        if out.len() > MAX_DECOMPRESSED_BYTES {
            return Err(ZlibError::TooLarge);
        }
        if status == Status::StreamEnd {
            return Ok(out);
        }
        // At most what is left of `rest`, which is in memory.
        let read = (zlib.total_in() - had_in) as usize;
        rest = &rest[read..];
        if out.len() == out.capacity() {
            out.reserve(out.capacity().clamp(256, 1 << 20));
        } else if read == 0 && out.len() == had_out {
            return Err(ZlibError::Damaged);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(bytes: &[u8]) -> String {
        format!(".{}", b64_encode(&compress(bytes, bytes.len() + 64).unwrap()))
    }

    /// S32: two bytes must be saved, the `.` among them.
    #[test]
    fn a_payload_is_compressed_only_if_that_pays() {
        assert_eq!(encode_payload(b"{}", Compression::IfSmaller), "e30");
        let long = [b'a'; 500];
        assert!(encode_payload(&long, Compression::IfSmaller).starts_with('.'));
        assert!(!encode_payload(&long, Compression::Never).starts_with('.'));
    }

    /// T02: a zlib bomb fails at the bound.
    #[test]
    fn unpacking_is_bounded() {
        let bomb = packed(&vec![0; MAX_DECOMPRESSED_BYTES + 1]);
        assert_eq!(decode_payload(&bomb), Err(SigningError::Zlib(ZlibError::TooLarge)));
        let largest = packed(&vec![0; MAX_DECOMPRESSED_BYTES]);
        assert_eq!(decode_payload(&largest).unwrap().len(), MAX_DECOMPRESSED_BYTES);
    }

    /// S34: bytes behind the stream do not count, a missing end does.
    #[test]
    fn a_cut_stream_fails_and_a_longer_one_does_not() {
        let mut bytes = compress(b"hello hello hello hello", 64).unwrap();
        let cut = &bytes[..bytes.len() - 1];
        assert_eq!(decompress(cut), Err(ZlibError::Damaged));
        assert_eq!(decompress(b""), Err(ZlibError::Damaged));
        bytes.extend(b"trailing");
        assert_eq!(decompress(&bytes).as_deref(), Ok(&b"hello hello hello hello"[..]));
    }
}
