//! [`KeySeal`]: session keys as the index keeps them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit as _, Nonce};
use cloakroom_core::crypto::{Algorithm, salted_hmac};
use cloakroom_core::keys::SessionKey;
use cloakroom_core::secret::SecretKeys;
use sha2::{Digest as _, Sha256};

const SALT: &[u8] = b"cloakroom.session-index";

/// Bytes of a handle, and of the cipher's nonce.
const HANDLE: usize = 12;

/// Seals session keys under `SECRET_KEY`, and opens them under its fallbacks too.
///
/// To end a session one must have its key, and a cache cannot be searched for it. So the index keeps the key, in
/// ChaCha20-Poly1305: whoever reads the index alone, in a backup say, can open no session. The nonce is the handle, which
/// is a hash of what is sealed: the same nonce never meets two texts, and sealing again gives the same.
///
/// A key that was sealed under a `SECRET_KEY` that is no fallback any more cannot be opened. Nothing is lost by it: that
/// session's data, or the hash of its log-in, was signed by the same secret, and opens nothing either.
#[derive(Clone)]
pub(crate) struct KeySeal(Box<[ChaCha20Poly1305]>);

impl KeySeal {
    pub(crate) fn new(keys: &SecretKeys) -> Self {
        let ciphers = keys.iter().map(|secret| {
            let key = salted_hmac(SALT, b"seal", secret.expose(), Algorithm::Sha256);
            ChaCha20Poly1305::new(&Key::try_from(&*key).expect("HMAC-SHA256 has as many bytes as the cipher's key"))
        });
        Self(ciphers.collect())
    }

    /// The sealed key; `None` for one so long that no store can have it.
    pub(crate) fn seal(&self, key: &SessionKey) -> Option<String> {
        if key.expose().len() > 4 * SessionKey::COLUMN_LEN {
            return None;
        }
        let handle = handle(key);
        let payload = Payload { msg: key.expose().as_bytes(), aad: SALT };
        let sealed = self.0.first()?.encrypt(&Nonce::from(handle), payload).ok()?;
        Some(BASE64.encode(sealed))
    }

    /// The key in `sealed`, if that was sealed here and belongs to this handle.
    pub(crate) fn open(&self, public_id: &str, sealed: &str) -> Option<SessionKey> {
        let sealed = BASE64.decode(sealed).ok()?;
        let nonce = Nonce::from(parse_hex(public_id)?);
        let opened = self.0.iter().find_map(|c| c.decrypt(&nonce, Payload { msg: &sealed, aad: SALT }).ok())?;
        let key = SessionKey::parse(std::str::from_utf8(&opened).ok()?)?;
        (super::public_id(&key) == public_id).then_some(key)
    }
}

impl fmt::Debug for KeySeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySeal(***)")
    }
}

pub(super) fn handle(key: &SessionKey) -> [u8; HANDLE] {
    let hash = Sha256::new().chain_update(b"session-id:").chain_update(key.expose()).finalize();
    let mut handle = [0; HANDLE];
    handle.copy_from_slice(&hash[..HANDLE]);
    handle
}

fn parse_hex(text: &str) -> Option<[u8; HANDLE]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * HANDLE {
        return None;
    }
    let mut bytes = [0; HANDLE];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = (high * 16 + low) as u8;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use cloakroom_core::random::OsRandom;
    use cloakroom_core::secret::SecretKey;

    use super::*;

    fn seal(current: &str, fallbacks: &[&str]) -> KeySeal {
        let key = |k: &str| SecretKey::new(k).unwrap();
        KeySeal::new(&SecretKeys::new(key(current), fallbacks.iter().map(|k| key(k)).collect()))
    }

    /// S09, T11: what is sealed says nothing, and a change of `SECRET_KEY` with a fallback loses nothing.
    #[test]
    fn a_sealed_key_opens_under_current_and_older_secrets() {
        let key = SessionKey::generate(&OsRandom);
        let id = super::super::public_id(&key);
        let sealed = seal("first", &[]).seal(&key).unwrap();
        assert!(!sealed.contains(key.expose()) && sealed.len() <= 255);
        assert_eq!(seal("first", &[]).seal(&key).unwrap(), sealed);
        for opener in [seal("first", &[]), seal("second", &["first"])] {
            assert_eq!(opener.open(&id, &sealed).unwrap(), key);
        }
        assert!(seal("second", &[]).open(&id, &sealed).is_none());
    }

    /// Whoever writes into the table cannot make it open another session.
    #[test]
    fn what_was_tampered_with_does_not_open() {
        let seal = seal("first", &[]);
        let (a, b) = (SessionKey::generate(&OsRandom), SessionKey::generate(&OsRandom));
        let (id_a, id_b) = (super::super::public_id(&a), super::super::public_id(&b));
        let sealed = seal.seal(&a).unwrap();
        assert!(seal.open(&id_b, &sealed).is_none());
        let mut other = sealed.clone();
        other.replace_range(0..1, if sealed.starts_with('A') { "B" } else { "A" });
        for broken in [other.as_str(), "", "!", &sealed[1..]] {
            assert!(seal.open(&id_a, broken).is_none(), "{broken}");
        }
        for id in ["", "0", &id_a[1..], &format!("{id_a}0"), "zzzzzzzzzzzzzzzzzzzzzzzz"] {
            assert!(seal.open(id, &sealed).is_none(), "{id}");
        }
    }
}
