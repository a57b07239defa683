//! JSON exactly as Python's `json` module writes and reads it (G10, G11, S31).
//!
//! `serde_json` is not enough: integers of any size, `NaN`, lone surrogates and the spelling of floats must survive a
//! round trip, or other services that compare types break (G12).

mod decode;
mod encode;
mod problem;

pub use decode::{DecodeError, loads, loads_latin1};
pub use encode::{EncodeError, Style, dumps, dumps_dict, dumps_with, float_repr};
pub use problem::problem;

/// How deep lists and dictionaries may nest. Python's own bound is 9,998; no session comes near either, and this one
/// fits the stack of any thread.
pub const MAX_DEPTH: usize = 1_000;

/// Python reads and writes no decimal integer of more digits (G11).
pub const MAX_INT_DIGITS: usize = 4300;
