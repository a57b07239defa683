//! `argon2` (A32): the text rules of the reference implementation, and those of argon2-cffi around it.

use std::cell::RefCell;

use argon2::{Argon2, Block, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::algorithm::{Algorithm, Cost, DjangoVersion};
use super::decoded::{Decoded, Field, Number};
use super::error::HashError;
use crate::secret::ct_eq;

/// Length of a new hash, in bytes.
const HASH_LEN: usize = 32;

/// The version of the algorithm that new hashes name: 1.3.
const CURRENT_VERSION: u32 = 19;

/// The most memory that one hash may take: ten times Django's 100 MiB (A14).
const MAX_MEMORY_KIB: u32 = 1024 * 1024;

/// Passes times memory: some seconds (A14).
const MAX_WORK_KIB: u64 = 4 * 1024 * 1024;

pub(super) struct Parts {
    variety: String,
    version: Number,
    memory_cost: Number,
    time_cost: Number,
    parallelism: Number,
    salt: Vec<u8>,
    hash: String,
}

impl Parts {
    /// `decode`: looser than the reference implementation's reading in [`verify`].
    pub(super) fn parse(encoded: &str, version: DjangoVersion) -> Result<Self, HashError> {
        let (_, rest) = encoded.split_once('$').ok_or(HashError::Malformed("Argon2 has a $"))?;
        let parts: Vec<&str> = rest.split('$').collect();
        let (variety, v, costs, salt, hash) = match parts[..] {
            // Argon2 1.2 named no version.
            [variety, costs, salt, hash] => (variety, "v=18", costs, salt, hash),
            [variety, v, costs, salt, hash] => (variety, v, costs, salt, hash),
            _ => return Err(HashError::Argon2Format),
        };
        if !matches!(variety, "argon2id" | "argon2i" | "argon2d") {
            return Err(HashError::Argon2Format);
        }
        let (mut ver, mut m, mut t, mut p) = (None, None, None, None);
        for pair in std::iter::once(v).chain(costs.split(',')) {
            let (key, value) = pair.split_once('=').ok_or(HashError::Argon2Format)?;
            let slot = match key {
                "v" => &mut ver,
                "m" => &mut m,
                "t" => &mut t,
                "p" => &mut p,
                _ => return Err(HashError::Argon2Format),
            };
            *slot = Some(Number::parse(value).ok_or(HashError::Argon2Format)?);
        }
        let (Some(ver), Some(memory_cost), Some(time_cost), Some(parallelism)) = (ver, m, t, p) else {
            return Err(HashError::Argon2Format);
        };
        Ok(Self {
            variety: variety.to_owned(),
            version: ver,
            memory_cost,
            time_cost,
            parallelism,
            salt: decode_salt(salt, version)?,
            hash: hash.to_owned(),
        })
    }

    /// Whether a new hash at `cost` would differ in anything but the salt's bytes (A42).
    pub(super) fn differs_from(&self, cost: Cost) -> bool {
        let Cost::Argon2 { time_cost, memory_kib, parallelism } = cost else { return true };
        self.variety != "argon2id"
            || self.version != CURRENT_VERSION
            || decoded_len(self.hash.chars().count()) != HASH_LEN
            || self.time_cost != time_cost
            || self.memory_cost != memory_kib
            || self.parallelism != parallelism
            || super::is_short_salt(self.salt.len())
    }

    pub(super) fn decoded(self) -> Decoded {
        Decoded::new(
            Algorithm::Argon2,
            vec![
                ("variety", Field::Text(self.variety)),
                ("version", Field::Number(self.version)),
                ("memory_cost", Field::Number(self.memory_cost)),
                ("time_cost", Field::Number(self.time_cost)),
                ("parallelism", Field::Number(self.parallelism)),
                // Latin-1: each byte is the character of that number.
                ("salt", Field::Text(self.salt.iter().map(|&b| char::from(b)).collect())),
                ("hash", Field::Text(self.hash)),
            ],
        )
    }
}

pub(super) fn encode(password: &[u8], salt: &[u8], cost: Cost) -> Result<String, HashError> {
    let Cost::Argon2 { time_cost, memory_kib, parallelism } = cost else {
        return Err(HashError::Argon2Parameters);
    };
    let phc = Phc {
        variety: argon2::Algorithm::Argon2id,
        version: CURRENT_VERSION,
        memory_kib,
        time_cost,
        parallelism,
        salt: salt.to_vec(),
        hash: vec![0; HASH_LEN],
    };
    let hash = phc.compute(password)?.ok_or(HashError::Argon2Parameters)?;
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
    Ok(format!("argon2$argon2id$v={CURRENT_VERSION}$m={memory_kib},t={time_cost},p={parallelism}${salt}${hash}"))
}

pub(super) fn verify(password: &[u8], encoded: &str) -> Result<bool, HashError> {
    let (_, rest) = encoded.split_once('$').ok_or(HashError::Malformed("Argon2 has a $"))?;
    if !rest.is_ascii() {
        return Err(HashError::NotAscii);
    }
    if !(rest.starts_with("argon2i$") || rest.starts_with("argon2d$") || rest.starts_with("argon2id")) {
        return Err(HashError::Argon2Format);
    }
    // The reference implementation reads a C string.
    let rest = rest.split('\0').next().unwrap_or_default();
    let Some(phc) = Phc::parse(rest) else { return Ok(false) };
    Ok(phc.compute(password)?.is_some_and(|ours| ct_eq(&ours, &phc.hash)))
}

/// Memory of a check, in KiB; none where the hash is refused before it takes any.
pub(super) fn memory_kib(encoded: &str) -> u32 {
    encoded.split_once('$').and_then(|(_, rest)| Phc::parse(rest)).map_or(0, |phc| phc.memory_kib.min(MAX_MEMORY_KIB))
}

/// Passes times memory in KiB, for comparing efforts.
pub(super) fn work_kib(encoded: &str) -> u64 {
    let phc = encoded.split_once('$').and_then(|(_, rest)| Phc::parse(rest));
    phc.map_or(0, |phc| u64::from(phc.memory_kib) * u64::from(phc.time_cost))
}

/// A hash as the reference implementation's `decode_string` reads it.
struct Phc {
    variety: argon2::Algorithm,
    version: u32,
    memory_kib: u32,
    time_cost: u32,
    parallelism: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Phc {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('$').peekable();
        let variety = match parts.next()? {
            "argon2id" => argon2::Algorithm::Argon2id,
            "argon2i" => argon2::Algorithm::Argon2i,
            "argon2d" => argon2::Algorithm::Argon2d,
            _ => return None,
        };
        let version = match parts.peek()?.strip_prefix("v=") {
            Some(version) => {
                parts.next();
                decimal(version)?
            }
            None => 16,
        };
        let mut costs = parts.next()?.split(',');
        let memory_kib = decimal(costs.next()?.strip_prefix("m=")?)?;
        let time_cost = decimal(costs.next()?.strip_prefix("t=")?)?;
        let parallelism = decimal(costs.next()?.strip_prefix("p=")?)?;
        if costs.next().is_some() {
            return None;
        }
        let salt = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        let hash = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        parts.next().is_none().then_some(Self { variety, version, memory_kib, time_cost, parallelism, salt, hash })
    }

    /// The hash of `password`; `None` where no hash has these parameters.
    fn compute(&self, password: &[u8]) -> Result<Option<Vec<u8>>, HashError> {
        let version = match self.version {
            16 => Version::V0x10,
            19 => Version::V0x13,
            _ => return Ok(None),
        };
        let Ok(params) = Params::new(self.memory_kib, self.time_cost, self.parallelism, Some(self.hash.len())) else {
            return Ok(None);
        };
        if self.memory_kib > MAX_MEMORY_KIB || u64::from(self.memory_kib) * u64::from(self.time_cost) > MAX_WORK_KIB {
            return Err(HashError::TooCostly("Argon2's memory and passes"));
        }
        let blocks = params.block_count();
        let mut out = vec![0; self.hash.len()];
        let argon2 = Argon2::new(self.variety, version, params);
        let done = KEPT.with_borrow_mut(|kept| match kept {
            Some(memory) => {
                if memory.len() != blocks {
                    // The old is given back before the new is asked for.
                    *memory = Vec::new();
                    memory.try_reserve_exact(blocks).map_err(|_| argon2::Error::OutOfMemory)?;
                    memory.resize(blocks, Block::new());
                }
                argon2.hash_password_into_with_memory(password, &self.salt, &mut out, memory)
            }
            None => argon2.hash_password_into(password, &self.salt, &mut out),
        });
        Ok(done.is_ok().then_some(out))
    }
}

thread_local! {
    /// The memory of this thread's last hash, where the thread keeps it.
    static KEPT: RefCell<Option<Vec<Block>>> = const { RefCell::new(None) };
}

/// From here on this thread keeps the memory of an Argon2 hash for the next one, until [`release_memory`] (D9).
///
/// Otherwise each asks the system for its 100 MiB page by page. What is kept is what the last hash took.
pub fn keep_memory() {
    KEPT.with_borrow_mut(|kept| {
        kept.get_or_insert_default();
    });
}

/// Gives back what this thread keeps for its next Argon2 hash.
pub fn release_memory() {
    KEPT.with_borrow_mut(|kept| {
        if let Some(memory) = kept {
            *memory = Vec::new();
        }
    });
}

/// Decimal digits without a sign or a leading zero, of 32 bits.
fn decimal(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// argon2-cffi's estimate of how many bytes `len` characters of base64 are.
const fn decoded_len(len: usize) -> usize {
    len / 4 * 3
        + match len % 4 {
            3 => 2,
            2 => 1,
            _ => 0,
        }
}

/// The salt's bytes: Python's `a2b_base64` after filling up with `=`, strict since Django 6 (V13).
fn decode_salt(text: &str, version: DjangoVersion) -> Result<Vec<u8>, HashError> {
    if !text.is_ascii() {
        return Err(HashError::Malformed("the salt is not ASCII"));
    }
    let strict = version != DjangoVersion::V5_2;
    let filled = format!("{text}{}", &"==="[..text.len().wrapping_neg() % 4]);
    let bytes = filled.as_bytes();
    if strict && bytes.first() == Some(&b'=') {
        return Err(HashError::Base64);
    }
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3);
    let (mut quad, mut pads, mut held, mut padding) = (0, 0, 0_u8, false);
    for (i, &b) in bytes.iter().enumerate() {
        if b == b'=' {
            padding = true;
            if quad >= 2 {
                pads += 1;
                if quad + pads >= 4 {
                    return if strict && i + 1 < bytes.len() { Err(HashError::Base64) } else { Ok(out) };
                }
            }
            continue;
        }
        let value = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ if strict => return Err(HashError::Base64),
            _ => continue,
        };
        if strict && padding {
            return Err(HashError::Base64);
        }
        pads = 0;
        match quad {
            0 => {}
            1 => out.push(held << 2 | value >> 4),
            2 => out.push(held << 4 | value >> 2),
            _ => out.push(held << 6 | value),
        }
        held = value;
        quad = (quad + 1) % 4;
    }
    if quad == 0 { Ok(out) } else { Err(HashError::Base64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// V13: what Django 6 refuses as a salt and what 5.2 makes of it.
    #[test]
    fn salts_are_read_strictly_since_django_6() {
        let new = |s| decode_salt(s, DjangoVersion::V6_1);
        let old = |s| decode_salt(s, DjangoVersion::V5_2);
        assert_eq!(new("c29tZXNhbHQ"), Ok(b"somesalt".to_vec()));
        assert_eq!(new("!!!!"), Err(HashError::Base64));
        assert_eq!(old("!!!!"), Ok(Vec::new()));
        assert_eq!(new("A"), Err(HashError::Base64));
        assert_eq!(old("A"), Err(HashError::Base64));
        assert_eq!(new(""), Ok(Vec::new()));
        assert_eq!(old("c2=9t"), Ok(b"som".to_vec()));
    }

    /// A14: 64 GiB, or passes without end, are refused at once.
    #[test]
    fn costs_beyond_the_cap_are_refused() {
        for costs in ["m=67108864,t=1,p=1", "m=4294967295,t=1,p=1", "m=64,t=4294967295,p=1", "m=1048577,t=1,p=1"] {
            let encoded = format!("argon2$argon2id$v=19${costs}$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA");
            assert_eq!(verify(b"x", &encoded), Err(HashError::TooCostly("Argon2's memory and passes")));
        }
    }

    /// D9: memory used before, for a hash of the same or of another size, changes no hash.
    #[test]
    fn kept_memory_changes_no_hash() {
        let cost = |memory_kib, time_cost| Cost::Argon2 { time_cost, memory_kib, parallelism: 2 };
        let costs = [cost(64, 1), cost(64, 2), cost(256, 1), cost(64, 1), cost(16, 3)];
        let hash = |n: usize| encode(&[n as u8], b"somesalt", costs[n]).unwrap();
        let fresh: Vec<_> = (0..costs.len()).map(hash).collect();
        keep_memory();
        for _ in 0..2 {
            assert_eq!((0..costs.len()).map(hash).collect::<Vec<_>>(), fresh);
            assert_eq!(KEPT.with_borrow(|kept| kept.as_ref().unwrap().len()), 16, "of the last one");
            release_memory();
            assert_eq!(KEPT.with_borrow(|kept| kept.as_ref().unwrap().capacity()), 0);
        }
        for old in ["v=16$m=64,t=2,p=2", "m=64,t=2,p=2"] {
            let text = format!("argon2$argon2i${old}$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA");
            assert_eq!(verify(b"x", &text), Ok(false));
        }
    }
}
