//! `scrypt` (A36), within the limits that OpenSSL sets where Django leaves `maxmem` at zero.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::algorithm::{Algorithm, Cost};
use super::check_salt;
use super::decoded::{Decoded, Field, Number};
use super::error::HashError;
use crate::secret::ct_eq;

/// OpenSSL's limit on the memory of one hash.
const MAX_MEMORY_BYTES: u64 = 32 * 1024 * 1024;

/// `N·r·p` of sixteen hashes at Django's default cost (A14).
const MAX_WORK: u64 = 16 * 16_384 * 8 * 5;

const MALFORMED: HashError = HashError::Malformed("scrypt's parameters");

pub(super) struct Parts<'a> {
    pub(super) work_factor: Number,
    salt: &'a str,
    pub(super) block_size: Number,
    pub(super) parallelism: Number,
    hash: &'a str,
}

impl<'a> Parts<'a> {
    pub(super) fn parse(encoded: &'a str) -> Result<Self, HashError> {
        let parts: Vec<&str> = encoded.splitn(7, '$').collect();
        let [_, work_factor, salt, block_size, parallelism, hash] = parts[..] else {
            return Err(HashError::Malformed("scrypt has six parts"));
        };
        let number = |text, what| Number::parse(text).ok_or(HashError::Malformed(what));
        Ok(Self {
            work_factor: number(work_factor, "scrypt's work factor")?,
            salt,
            block_size: number(block_size, "scrypt's block size")?,
            parallelism: number(parallelism, "scrypt's parallelism")?,
            hash,
        })
    }

    pub(super) fn decoded(self) -> Decoded {
        Decoded::new(
            Algorithm::Scrypt,
            vec![
                ("work_factor", Field::Number(self.work_factor)),
                ("block_size", Field::Number(self.block_size)),
                ("parallelism", Field::Number(self.parallelism)),
                ("salt", Field::Text(self.salt.to_owned())),
                ("hash", Field::Text(self.hash.to_owned())),
            ],
        )
    }
}

pub(super) fn encode(password: &[u8], salt: &str, n: u32, r: u32, p: u32) -> Result<String, HashError> {
    check_salt(salt)?;
    let params = params(n, r, p)?;
    let mut out = [0; 64];
    scrypt::scrypt(password, salt.as_bytes(), &params, &mut out)
        .map_err(|_| HashError::Malformed("scrypt's output length"))?;
    Ok(format!("scrypt${n}${salt}${r}${p}${}", STANDARD.encode(out)))
}

pub(super) fn verify(password: &[u8], encoded: &str, default: Cost) -> Result<bool, HashError> {
    let parts = Parts::parse(encoded)?;
    check_salt(parts.salt)?;
    let Cost::Scrypt { work_factor, block_size, parallelism } = default else {
        return Err(HashError::UnknownAlgorithm);
    };
    // In the order of Python's own checks.
    let n = or_default(&parts.work_factor, work_factor)?;
    if !is_work_factor(n) {
        return Err(MALFORMED);
    }
    let r = or_default(&parts.block_size, block_size)?;
    let p = or_default(&parts.parallelism, parallelism)?;
    let small = |n: u64| u32::try_from(n).map_err(|_| MALFORMED);
    let ours = encode(password, parts.salt, small(n)?, small(r)?, small(p)?)?;
    Ok(ct_eq(ours.as_bytes(), encoded.as_bytes()))
}

/// Memory of one hash, in bytes, as OpenSSL counts it.
pub(super) fn memory_bytes(n: u32, r: u32, p: u32) -> u64 {
    let (n, r, p) = (u64::from(n), u64::from(r), u64::from(p));
    // Neither product can wrap: the factors are of 32 bits and the sum saturates.
    (p * 128).saturating_mul(r).saturating_add((128 * r).saturating_mul(n + 2))
}

/// Memory of a check, in KiB; none where the hash is refused before it takes any.
pub(super) fn memory_kib(encoded: &str) -> u32 {
    let Ok(parts) = Parts::parse(encoded) else { return 0 };
    let number = |n: &Number| n.to_i64().and_then(|n| u32::try_from(n).ok());
    match (number(&parts.work_factor), number(&parts.block_size), number(&parts.parallelism)) {
        (Some(n), Some(r), Some(p)) => {
            u32::try_from(memory_bytes(n, r, p).min(MAX_MEMORY_BYTES) / 1024).unwrap_or(u32::MAX)
        }
        _ => 0,
    }
}

/// Python's `or`: zero means the default.
fn or_default(number: &Number, default: u32) -> Result<u64, HashError> {
    match number.as_str().parse() {
        Ok(0) => Ok(u64::from(default)),
        Ok(n) => Ok(n),
        Err(_) => Err(HashError::NotUnsigned),
    }
}

fn is_work_factor(n: u64) -> bool {
    n > 1 && n.is_power_of_two()
}

fn params(n: u32, r: u32, p: u32) -> Result<scrypt::Params, HashError> {
    if !is_work_factor(u64::from(n)) || r == 0 || p == 0 {
        return Err(MALFORMED);
    }
    if 16 * u64::from(r) <= 63 && u64::from(n) >= 1 << (16 * r) {
        return Err(MALFORMED);
    }
    if memory_bytes(n, r, p) > MAX_MEMORY_BYTES {
        return Err(HashError::Malformed("scrypt's memory limit of 32 MiB"));
    }
    if u64::from(n) * u64::from(r) * u64::from(p) > MAX_WORK {
        return Err(HashError::TooCostly("scrypt's parameters"));
    }
    let log_n = u8::try_from(n.ilog2()).map_err(|_| MALFORMED)?;
    scrypt::Params::new(log_n, r, p).map_err(|_| MALFORMED)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A36: the limit is OpenSSL's, to the byte; A14: many cheap lanes are no way around it.
    #[test]
    fn costs_beyond_the_limits_are_refused() {
        assert!(params(16_384, 8, 5).is_ok());
        assert_eq!(params(32_768, 8, 1), Err(HashError::Malformed("scrypt's memory limit of 32 MiB")));
        assert_eq!(params(16_384, 8, 16_000), Err(HashError::TooCostly("scrypt's parameters")));
        assert_eq!(params(1000, 8, 1), Err(HashError::Malformed("scrypt's parameters")));
        assert_eq!(params(u32::MAX, u32::MAX, u32::MAX), Err(HashError::Malformed("scrypt's parameters")));
        assert_eq!(params(1 << 31, u32::MAX, u32::MAX), Err(HashError::Malformed("scrypt's memory limit of 32 MiB")));
    }
}
