//! The parts of a hash, by Django's names.

/// A number in a hash, as Python's `int` reads it: of any size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number(Box<str>);

/// What `decode` of Django's hashers returns: the parts by name, in order (A46).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded;
