//! Messages in the session: a JSON text, with the separators that Python writes by default (M05).

use super::error::MessagesError;
use super::message::Entry;
use super::stored::Stored;
use crate::codec::json::{self, EncodeError, Style};
use crate::value::{Text, Value};

/// The key in the session's data.
pub const SESSION_KEY: &str = "_messages";

/// Writes what goes under [`SESSION_KEY`].
///
/// # Errors
///
/// When something that was read from a pickled session has no JSON form.
pub fn encode_session(entries: &[Entry]) -> Result<String, EncodeError> {
    json::dumps_with(&Value::List(entries.iter().map(Entry::to_value).collect()), Style::Spaced)
}

/// Reads what is under [`SESSION_KEY`]. What is no text is handed on as it is.
///
/// # Errors
///
/// [`MessagesError::Session`] for a text that is no JSON, [`MessagesError::Shape`] for a message that is none (M07).
pub fn decode_session(value: Option<&Value>) -> Result<Stored, MessagesError> {
    match value {
        Some(Value::Str(text)) if *text != *"" => {
            let json = match text {
                Text::Utf8(text) => json::loads(text),
                // No lone surrogate outside of a string is JSON, and inside of one none is expected.
                Text::Surrogates(_) => json::loads(&text.to_string_lossy()),
            };
            Ok(Entry::from_value(json.map_err(MessagesError::Session)?)?.into())
        }
        Some(Value::List(items)) => Ok(Stored::List(items.iter().cloned().map(Entry::Other).collect())),
        Some(other) => Ok(Entry::Other(other.clone()).into()),
        None => Ok(Stored::Nothing),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Message;
    use super::*;

    #[test]
    fn what_was_written_reads_back() {
        let entries =
            vec![Message::new(20, "é\"").into(), Message::dangerous_html(5, "<b>").without_extra_tags().into()];
        let text = encode_session(&entries).unwrap();
        assert_eq!(text, r#"[["__json_message", 0, 20, "\u00e9\"", ""], ["__json_message", 1, 5, "<b>"]]"#);
        assert_eq!(decode_session(Some(&text.into())), Ok(Stored::List(entries)));
    }

    /// `SessionStorage.deserialize_messages` decodes texts alone, and not the empty one.
    #[test]
    fn what_is_no_text_is_handed_on() {
        let list = Value::List(vec![Value::List(vec!["__json_message".into(), 0.into(), 20.into(), "a".into()])]);
        let Ok(Stored::List(entries)) = decode_session(Some(&list)) else { panic!("it is a list") };
        assert!(matches!(entries[..], [Entry::Other(Value::List(_))]));
        assert_eq!(decode_session(None), Ok(Stored::Nothing));
        assert_eq!(decode_session(Some(&Value::None)), Ok(Stored::Nothing));
        assert_eq!(decode_session(Some(&"".into())), Ok(Stored::Other(Entry::Other("".into()))));
    }

    #[test]
    fn a_text_that_is_no_json_is_an_error() {
        assert!(matches!(decode_session(Some(&"nope".into())), Err(MessagesError::Session(_))));
        let cut = decode_session(Some(&r#"[["__json_message", 0]]"#.into()));
        assert!(matches!(cut, Err(MessagesError::Shape(_))));
    }
}
