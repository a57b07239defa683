//! What a store gave back, before it is taken for a list (M07).

use super::error::ShapeError;
use super::message::Entry;
use crate::value::{Text, Value};

/// What was stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// Nothing: Python's `None`.
    Nothing,
    /// A list, perhaps an empty one.
    List(Vec<Entry>),
    /// Something else, which Django hands on all the same.
    Other(Entry),
}

impl Stored {
    /// Takes it for a list, as Python's `list.extend` does: a text gives its characters, a dictionary its keys.
    ///
    /// # Errors
    ///
    /// [`ShapeError::NoList`] for what nothing can be taken from.
    pub fn into_entries(self) -> Result<Option<Vec<Entry>>, ShapeError> {
        let other = match self {
            Self::Nothing => return Ok(None),
            Self::List(entries) => return Ok(Some(entries)),
            Self::Other(other) => other,
        };
        let text = |t: Text| Entry::Other(Value::Str(t));
        Ok(Some(match other {
            Entry::List(entries) => entries,
            Entry::Dict(items) => items.into_iter().map(|(k, _)| text(k)).collect(),
            Entry::Other(Value::List(items) | Value::Tuple(items)) => items.into_iter().map(Entry::Other).collect(),
            Entry::Other(Value::Dict(items)) => items.into_iter().map(|(k, _)| text(k)).collect(),
            Entry::Other(Value::Map(items)) => items.into_iter().map(|(k, _)| Entry::Other(k)).collect(),
            Entry::Other(Value::Str(Text::Utf8(s))) => s.chars().map(|c| text(c.to_string().into())).collect(),
            Entry::Other(Value::Str(Text::Surrogates(units))) => char::decode_utf16(units.iter().copied())
                .map(|c| match c {
                    Ok(c) => text(c.to_string().into()),
                    Err(lone) => text(Text::from_utf16(&[lone.unpaired_surrogate()])),
                })
                .collect(),
            Entry::Message(_) | Entry::Other(_) => return Err(ShapeError::NoList),
        }))
    }

    /// As [`into_entries`](Self::into_entries), but what is empty or false is an empty list: Django's `messages or []`.
    ///
    /// # Errors
    ///
    /// As [`into_entries`](Self::into_entries).
    pub fn into_entries_or_empty(self) -> Result<Vec<Entry>, ShapeError> {
        match self {
            Self::Other(Entry::Other(value)) if !value.is_truthy() => Ok(Vec::new()),
            other => other.into_entries().map(Option::unwrap_or_default),
        }
    }
}

impl From<Entry> for Stored {
    fn from(entry: Entry) -> Self {
        match entry {
            Entry::Other(Value::None) => Self::Nothing,
            Entry::List(entries) => Self::List(entries),
            other => Self::Other(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::*;
    use crate::codec::json;

    fn entries(json: &str) -> Result<Option<Vec<Entry>>, ShapeError> {
        Stored::from(Entry::from_value(json::loads(json).unwrap()).unwrap()).into_entries()
    }

    #[test]
    fn what_can_be_gone_through_is_a_list() {
        let texts = |all: &[&str]| Ok(Some(all.iter().map(|t| Entry::Other(Value::from(*t))).collect()));
        assert_eq!(entries("null"), Ok(None));
        assert_eq!(entries("[]"), Ok(Some(vec![])));
        assert_eq!(entries(r#""aé""#), texts(&["a", "é"]));
        assert_eq!(entries(r#"{"b": 1, "a": 2}"#), texts(&["b", "a"]));
        assert_eq!(entries("[[1]]"), Ok(Some(vec![Entry::List(vec![Entry::Other(Value::Int(1))])])));
        for refused in ["false", "1", "1.5", r#"["__json_message", 0, 20, "a"]"#] {
            assert_eq!(entries(refused), Err(ShapeError::NoList), "{refused}");
        }
    }

    #[test]
    fn what_is_false_may_count_as_empty() {
        let of = |value: Value| Stored::from(Entry::Other(value)).into_entries_or_empty();
        assert_eq!(of(Value::Bool(false)), Ok(vec![]));
        assert_eq!(of(Value::None), Ok(vec![]));
        assert_eq!(of(Value::Int(1)), Err(ShapeError::NoList));
        assert_eq!(Stored::from(Entry::from(Message::new(20, "a"))).into_entries_or_empty(), Err(ShapeError::NoList));
    }
}
