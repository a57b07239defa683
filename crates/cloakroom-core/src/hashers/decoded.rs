//! The parts of a hash, by Django's names.

use super::algorithm::Algorithm;
use crate::pyint::PyInt;

/// A number in a hash, as Python's `int` reads it: of any size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number(Box<str>);

impl Number {
    /// Reads what Python's `int()` reads: white space around, a sign, digits of any script, single underscores
    /// between them (A41).
    pub(super) fn parse(text: &str) -> Option<Self> {
        PyInt::parse(text, 10).map(|n| Self(n.digits().into()))
    }

    /// The number, unless it is wider than 64 bits.
    #[must_use]
    pub fn to_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// Whether the number is below zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.0.starts_with('-')
    }

    /// The decimal digits, with a `-` before them where the number is negative.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq<u32> for Number {
    fn eq(&self, other: &u32) -> bool {
        self.to_i64() == Some(i64::from(*other))
    }
}

/// One part of a hash.
#[derive(Clone, PartialEq, Eq)]
pub enum Field {
    /// A text: algorithm, salt, checksum.
    Text(String),
    /// A cost.
    Number(Number),
}

/// What `decode` of Django's hashers returns: the parts by name.
#[derive(Clone, PartialEq, Eq)]
pub struct Decoded {
    algorithm: Algorithm,
    fields: Vec<(&'static str, Field)>,
}

impl Decoded {
    pub(super) fn new(algorithm: Algorithm, fields: Vec<(&'static str, Field)>) -> Self {
        Self { algorithm, fields }
    }

    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The part that Django calls `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|(n, _)| *n == name).map(|(_, f)| f)
    }

    /// The parts by name, `algorithm` left out, in the order of the summary.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &Field)> {
        self.fields.iter().map(|(n, f)| (*n, f))
    }

    /// Labels and values for the admin: salt and checksum are masked after six characters, MD5's salt after two (A46).
    #[must_use]
    pub fn safe_summary(&self) -> Vec<(&'static str, String)> {
        let salt_shown = if self.algorithm == Algorithm::Md5 { 2 } else { 6 };
        let fields = self.fields.iter().filter_map(|(name, field)| {
            let value = match field {
                Field::Number(n) => n.as_str().to_owned(),
                Field::Text(t) => match *name {
                    "salt" => mask(t, salt_shown),
                    "hash" | "checksum" => mask(t, 6),
                    _ => t.clone(),
                },
            };
            Some((label(name)?, value))
        });
        std::iter::once(("algorithm", self.algorithm.name().to_owned())).chain(fields).collect()
    }
}

/// Names the parts alone: salt and checksum are secrets.
impl std::fmt::Debug for Decoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoded").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

fn label(name: &str) -> Option<&'static str> {
    Some(match name {
        "iterations" => "iterations",
        "variety" => "variety",
        "version" => "version",
        "memory_cost" => "memory cost",
        "time_cost" => "time cost",
        "parallelism" => "parallelism",
        "work_factor" => "work factor",
        "block_size" => "block size",
        "salt" => "salt",
        "hash" => "hash",
        "checksum" => "checksum",
        _ => return None,
    })
}

fn mask(text: &str, shown: usize) -> String {
    text.chars().enumerate().map(|(i, c)| if i < shown { c } else { '*' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A41: numbers in another spelling are read, and told apart by their text only.
    #[test]
    fn numbers_are_read_as_python_reads_them() {
        let read = |s: &str| Number::parse(s).map(|n| n.as_str().to_owned());
        for (text, want) in [
            ("01000", "1000"),
            (" +1_000\u{a0}", "1000"),
            ("-0", "0"),
            ("99999999999999999999", "99999999999999999999"),
        ] {
            assert_eq!(read(text).as_deref(), Some(want), "{text:?}");
        }
        assert_eq!(read("1__0"), None);
        assert_eq!(read(&"1".repeat(4301)), None);
        assert!(Number::parse("1_0").is_some_and(|n| n == 10_u32));
    }
}
