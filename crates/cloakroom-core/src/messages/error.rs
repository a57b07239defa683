//! Why stored messages could not be read: where Django lets an exception through, and answers 500 (M07).

use crate::codec::json::DecodeError;
use crate::signing::SigningError;

/// Genuine messages, of a shape that nobody can read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MessagesError {
    /// The cookie's signature holds, and what is inside is no signed object.
    #[error("the messages cookie cannot be unpacked")]
    Cookie(#[source] SigningError),
    /// The session's text is no JSON.
    #[error("the session's messages are no JSON")]
    Session(#[source] DecodeError),
    /// The JSON is not that of messages.
    #[error("the stored messages have another shape")]
    Shape(#[from] ShapeError),
}

/// How JSON differs from a list of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// A message ends before its text: Python's `IndexError`.
    #[error("a message ends before its text")]
    Cut,
    /// A message has too few or too many fields: Python's `TypeError`.
    #[error("a message has too few or too many fields")]
    Arity,
    /// A level is a text or NaN and no number: Python's `ValueError`.
    #[error("a level is no number")]
    LevelText,
    /// A level is infinite: Python's `OverflowError`.
    #[error("a level is infinite")]
    LevelInfinite,
    /// A level is neither number nor text: Python's `TypeError`.
    #[error("a level is neither number nor text")]
    LevelType,
    /// There is a dictionary instead of a list: Python's `KeyError`.
    #[error("there is a dictionary instead of a list")]
    Dictionary,
    /// There is something that is no list at all: Python's `TypeError`.
    #[error("there is something else instead of a list")]
    NoList,
    /// Lists nest too deep: Python's `RecursionError`.
    #[error("lists nest too deep")]
    TooDeep,
}
