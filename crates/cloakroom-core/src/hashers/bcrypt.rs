//! `bcrypt_sha256` and `bcrypt` (A33, A34), by the rules of Python's bcrypt 5.0.

use base64::Engine;
use base64::alphabet::BCRYPT;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::NO_PAD;
use sha2::{Digest, Sha256};

use super::algorithm::Algorithm;
use super::decoded::{Decoded, Field, Number};
use super::error::HashError;
use crate::random::Random;
use crate::secret::ct_eq;

/// 2^16 rounds are some seconds; 2^31 would be days (A14).
const MAX_ROUNDS: u32 = 16;

/// Plain bcrypt takes no more, and says so instead of cutting (A02).
pub(super) const MAX_PASSWORD_BYTES: usize = 72;

const SALT_CHARS: usize = 22;

/// bcrypt's own alphabet, unpadded. Set bits behind a salt's sixteenth byte are refused, as in Python.
const BASE64: GeneralPurpose = GeneralPurpose::new(&BCRYPT, NO_PAD);

pub(super) struct Parts<'a> {
    algostr: &'a str,
    pub(super) work_factor: Number,
    data: &'a str,
}

impl<'a> Parts<'a> {
    pub(super) fn parse(encoded: &'a str) -> Result<Self, HashError> {
        let mut parts = encoded.splitn(5, '$').skip(2);
        let (Some(algostr), Some(work_factor), Some(data)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(HashError::Malformed("bcrypt has five parts"));
        };
        let work_factor = Number::parse(work_factor).ok_or(HashError::Malformed("bcrypt's rounds"))?;
        Ok(Self { algostr, work_factor, data })
    }

    pub(super) fn decoded(self, algorithm: Algorithm) -> Decoded {
        let at = self.data.char_indices().nth(SALT_CHARS).map_or(self.data.len(), |(i, _)| i);
        let (salt, checksum) = self.data.split_at(at);
        Decoded::new(
            algorithm,
            vec![
                ("algostr", Field::Text(self.algostr.to_owned())),
                ("work_factor", Field::Number(self.work_factor)),
                ("salt", Field::Text(salt.to_owned())),
                ("checksum", Field::Text(checksum.to_owned())),
            ],
        )
    }
}

/// A salt as `bcrypt.gensalt` makes it.
pub(super) fn new_salt(random: &dyn Random, rounds: u32) -> String {
    let mut salt = [0; 16];
    random.fill(&mut salt);
    format!("$2b${rounds:02}${}", BASE64.encode(salt))
}

/// `salt` is `$2b$<rounds>$<22 characters>`; what follows is left aside, so that a whole hash does too.
pub(super) fn encode(algorithm: Algorithm, password: &[u8], salt: &str) -> Result<String, HashError> {
    let hash = match algorithm {
        // Hexadecimal, not the digest's bytes, which bcrypt would end at the first NUL (G22).
        Algorithm::BcryptSha256 => {
            let hex: String = Sha256::digest(password).iter().map(|b| format!("{b:02x}")).collect();
            hash(hex.as_bytes(), salt)?
        }
        _ => hash(password, salt)?,
    };
    Ok(format!("{}${hash}", algorithm.name()))
}

pub(super) fn verify(algorithm: Algorithm, password: &[u8], encoded: &str) -> Result<bool, HashError> {
    let (_, data) = encoded.split_once('$').ok_or(HashError::Malformed("bcrypt has five parts"))?;
    if !data.is_ascii() {
        return Err(HashError::NotAscii);
    }
    let ours = encode(algorithm, password, data)?;
    Ok(ct_eq(ours.as_bytes(), encoded.as_bytes()))
}

/// Repeats the hash as often as the missing rounds would have (A43).
pub(super) fn harden(algorithm: Algorithm, password: &[u8], encoded: &str, rounds: u32) {
    let Ok(parts) = Parts::parse(encoded) else { return };
    let Some((_, data)) = encoded.split_once('$') else { return };
    let missing = parts.work_factor.to_i64().and_then(|r| u32::try_from(r).ok()).and_then(|r| rounds.checked_sub(r));
    for _ in 1..1_u64 << missing.unwrap_or(0).min(MAX_ROUNDS) {
        if encode(algorithm, password, data).is_err() {
            return;
        }
    }
}

/// `bcrypt.hashpw`.
fn hash(password: &[u8], salt: &str) -> Result<String, HashError> {
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(HashError::PasswordTooLong);
    }
    let mut parts = salt.split('$').filter(|s| !s.is_empty());
    let (Some(version), Some(rounds), Some(rest), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(HashError::Salt);
    };
    if !matches!(version, "2a" | "2b" | "2x" | "2y") {
        return Err(HashError::Salt);
    }
    let rounds: u32 = rounds.parse().map_err(|_| HashError::Salt)?;
    let salt = rest.get(..SALT_CHARS).and_then(|s| BASE64.decode(s).ok()).ok_or(HashError::Salt)?;
    let salt: [u8; 16] = salt.try_into().map_err(|_| HashError::Salt)?;
    if !(4..=31).contains(&rounds) {
        return Err(HashError::Salt);
    }
    if rounds > MAX_ROUNDS {
        return Err(HashError::TooCostly("bcrypt rounds"));
    }
    // The key ends with a NUL, which a password of 72 bytes leaves no room for.
    let mut key = [0; MAX_PASSWORD_BYTES];
    key[..password.len()].copy_from_slice(password);
    let key = &key[..(password.len() + 1).min(MAX_PASSWORD_BYTES)];
    let digest = bcrypt::bcrypt(rounds, salt, key);
    Ok(format!("${version}${rounds:02}${}{}", BASE64.encode(salt), BASE64.encode(&digest[..23])))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A14: days of work are refused at once.
    #[test]
    fn costs_beyond_the_cap_are_refused() {
        for rounds in ["17", "31"] {
            let encoded = format!("bcrypt$$2b${rounds}${}", "u".repeat(53));
            assert_eq!(verify(Algorithm::Bcrypt, b"x", &encoded), Err(HashError::TooCostly("bcrypt rounds")));
        }
        let encoded = format!("bcrypt$$2b$32${}", "u".repeat(53));
        assert_eq!(verify(Algorithm::Bcrypt, b"x", &encoded), Err(HashError::Salt));
    }

    /// A02, A34: 72 bytes count in full, the 73rd is refused; over SHA-256 there is no such limit.
    #[test]
    fn the_73rd_byte_is_never_cut() {
        let salt = "$2b$04$abcdefghijklmnopqrstuu";
        let a72 = [b'x'; 72];
        let mut b72 = a72;
        b72[71] = b'y';
        let plain = |p: &[u8]| encode(Algorithm::Bcrypt, p, salt);
        assert_ne!(plain(&a72), plain(&b72));
        assert_eq!(plain(&[b'x'; 73]), Err(HashError::PasswordTooLong));
        let hashed = |p: &[u8]| encode(Algorithm::BcryptSha256, p, salt);
        assert_ne!(hashed(&[b'x'; 73]), hashed(&[b'x'; 74]));
    }
}
