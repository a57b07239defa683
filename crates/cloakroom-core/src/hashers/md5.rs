//! `md5`: salted MD5, for tests and for reading old tables only (A37).

use md5::{Digest, Md5};

use super::algorithm::Algorithm;
use super::check_salt;
use super::decoded::{Decoded, Field};
use super::error::HashError;
use crate::secret::ct_eq;

pub(super) struct Parts<'a> {
    pub(super) salt: &'a str,
    hash: &'a str,
}

impl<'a> Parts<'a> {
    pub(super) fn parse(encoded: &'a str) -> Result<Self, HashError> {
        let mut parts = encoded.splitn(3, '$').skip(1);
        match (parts.next(), parts.next()) {
            (Some(salt), Some(hash)) => Ok(Self { salt, hash }),
            _ => Err(HashError::Malformed("MD5 has three parts")),
        }
    }

    pub(super) fn decoded(self) -> Decoded {
        Decoded::new(
            Algorithm::Md5,
            vec![("salt", Field::Text(self.salt.to_owned())), ("hash", Field::Text(self.hash.to_owned()))],
        )
    }
}

pub(super) fn encode(password: &[u8], salt: &str) -> Result<String, HashError> {
    check_salt(salt)?;
    let digest = Md5::new().chain_update(salt).chain_update(password).finalize();
    let mut out = format!("md5${salt}$");
    for byte in digest {
        out.push_str(&format!("{byte:02x}"));
    }
    Ok(out)
}

pub(super) fn verify(password: &[u8], encoded: &str) -> Result<bool, HashError> {
    let ours = encode(password, Parts::parse(encoded)?.salt)?;
    Ok(ct_eq(ours.as_bytes(), encoded.as_bytes()))
}
