//! One message, and what else stored lists of them may hold (M02, M07).

use std::borrow::Cow;

use super::Level;
use super::error::ShapeError;
use super::pystr;
use crate::pyint::PyInt;
use crate::value::{Text, Value};

/// What the JSON form of a message begins with.
const MARK: &str = "__json_message";

/// A message to the user, shown once.
///
/// What another service stored is kept as it stored it, so a text may be no text; [`text`](Self::text) writes it as Python's
/// `str` does.
///
/// ```
/// use cloakroom_core::messages::{Level, Message};
///
/// let m = Message::new(Level::SUCCESS, "Saved.").with_extra_tags("big red");
/// assert_eq!((m.text().as_ref(), m.tags().as_str()), ("Saved.", "big red success"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// [`Value::Int`] or [`Value::BigInt`].
    level: Value,
    text: Value,
    extra_tags: Option<Value>,
    markup: Markup,
}

/// Whether a message's text is to be escaped in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Markup {
    /// It is plain text: escape it.
    Escape,
    /// It is HTML that its author vouches for: Python's `SafeString`.
    Safe,
}

impl Message {
    /// A message of plain text without tags of its own.
    #[must_use]
    pub fn new(level: impl Into<Level>, text: impl Into<Text>) -> Self {
        Self {
            level: Value::Int(level.into().0),
            text: Value::Str(text.into()),
            extra_tags: Some(Value::from("")),
            markup: Markup::Escape,
        }
    }

    /// A message whose text is HTML and goes into pages unescaped. Nothing that a user wrote may be in it.
    #[must_use]
    pub fn dangerous_html(level: impl Into<Level>, html: impl Into<Text>) -> Self {
        Self { markup: Markup::Safe, ..Self::new(level, html) }
    }

    /// Adds words that pages use as classes, before the level's own.
    #[must_use]
    pub fn with_extra_tags(mut self, tags: impl Into<Text>) -> Self {
        self.extra_tags = Some(Value::Str(tags.into()));
        self
    }

    /// Makes the extra tags Python's `None`, which is stored otherwise than the empty text (M02).
    #[must_use]
    pub fn without_extra_tags(mut self) -> Self {
        self.extra_tags = None;
        self
    }

    /// The level; one beyond 64 bits is the outermost that they hold.
    #[must_use]
    pub fn level(&self) -> Level {
        match &self.level {
            Value::Int(n) => Level(*n),
            Value::BigInt(digits) if digits.starts_with('-') => Level(i64::MIN),
            _ => Level(i64::MAX),
        }
    }

    /// The text. Escape it unless [`markup`](Self::markup) says otherwise.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match &self.text {
            Value::Str(Text::Utf8(text)) => Cow::Borrowed(text),
            other => Cow::Owned(pystr::to_str(other).to_string_lossy()),
        }
    }

    /// Whether the text is to be escaped.
    #[must_use]
    pub const fn markup(&self) -> Markup {
        self.markup
    }

    /// The level's word, or nothing.
    #[must_use]
    pub fn level_tag(&self) -> &'static str {
        self.level().tag()
    }

    /// The tags that were given with the message, if any.
    #[must_use]
    pub fn extra_tags(&self) -> Option<Cow<'_, str>> {
        match self.extra_tags.as_ref()? {
            Value::Str(Text::Utf8(tags)) => Some(Cow::Borrowed(tags)),
            other => Some(Cow::Owned(pystr::to_str(other).to_string_lossy())),
        }
    }

    /// Extra tags and the level's word, with a space between.
    #[must_use]
    pub fn tags(&self) -> String {
        let extra = self.extra_tags().unwrap_or_default();
        let words = [extra.as_ref(), self.level_tag()];
        words.into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The list that JSON holds for it (M02).
    #[must_use]
    pub fn to_value(&self) -> Value {
        let safe = Value::Int((self.markup == Markup::Safe).into());
        let mut items = vec![Value::from(MARK), safe, self.level.clone(), self.text.clone()];
        items.extend(self.extra_tags.clone());
        Value::List(items)
    }

    /// Reads the list that [`to_value`](Self::to_value) makes, `MARK` included; in Django's order of failing (M07).
    fn from_items(items: Vec<Value>) -> Result<Self, ShapeError> {
        let markup = match items.get(1) {
            None => return Err(ShapeError::Cut),
            Some(safe) if safe.is_truthy() && items.len() < 4 => return Err(ShapeError::Cut),
            Some(safe) if safe.is_truthy() => Markup::Safe,
            Some(_) => Markup::Escape,
        };
        let mut fields = items.into_iter().skip(2);
        let (Some(level), Some(mut text), extra_tags, None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(ShapeError::Arity);
        };
        if markup == Markup::Safe {
            text = Value::Str(pystr::to_str(&text));
        }
        let extra_tags = extra_tags.filter(|tags| !matches!(tags, Value::None));
        Ok(Self { level: integer(level)?, text, extra_tags, markup })
    }
}

/// Python's `int(value)`.
fn integer(value: Value) -> Result<Value, ShapeError> {
    match value {
        Value::Int(_) | Value::BigInt(_) => Ok(value),
        Value::Bool(b) => Ok(Value::Int(b.into())),
        Value::Float(f) if f.is_nan() => Err(ShapeError::LevelText),
        Value::Float(f) if f.is_infinite() => Err(ShapeError::LevelInfinite),
        Value::Float(f) => Ok(from_digits(&format!("{:.0}", f.trunc()))),
        Value::Str(Text::Utf8(text)) => match PyInt::parse(&text, 10) {
            Some(n) => Ok(from_digits(&n.digits())),
            None => Err(ShapeError::LevelText),
        },
        Value::Str(Text::Surrogates(_)) => Err(ShapeError::LevelText),
        _ => Err(ShapeError::LevelType),
    }
}

fn from_digits(digits: &str) -> Value {
    digits.parse().map_or_else(|_| Value::BigInt(digits.into()), Value::Int)
}

/// What a list of messages may hold: Django decodes any JSON, and puts messages wherever a list looks like one (M07).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Entry {
    /// A message.
    Message(Message),
    /// A list that is no message, and may hold some.
    List(Vec<Entry>),
    /// A dictionary, which may hold some.
    Dict(Vec<(Text, Entry)>),
    /// Anything else.
    Other(Value),
}

/// How deep lists may nest around a message. Python gives up near 900; this fits the stack of any thread.
const MAX_DEPTH: usize = 100;

impl Entry {
    /// The message, unless it is something else.
    #[must_use]
    pub const fn message(&self) -> Option<&Message> {
        match self {
            Self::Message(message) => Some(message),
            _ => None,
        }
    }

    /// What JSON holds for it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match self {
            Self::Message(message) => message.to_value(),
            Self::List(items) => Value::List(items.iter().map(Self::to_value).collect()),
            Self::Dict(items) => Value::Dict(items.iter().map(|(k, v)| (k.clone(), v.to_value())).collect()),
            Self::Other(value) => value.clone(),
        }
    }

    /// Finds the messages in a value read from JSON.
    pub(super) fn from_value(value: Value) -> Result<Self, ShapeError> {
        Self::at_depth(value, 0)
    }

    fn at_depth(value: Value, depth: usize) -> Result<Self, ShapeError> {
        if depth > MAX_DEPTH {
            return Err(ShapeError::TooDeep);
        }
        match value {
            Value::List(items) if items.first().and_then(Value::as_str) == Some(MARK) => {
                Message::from_items(items).map(Self::Message)
            }
            Value::List(items) => {
                items.into_iter().map(|item| Self::at_depth(item, depth + 1)).collect::<Result<_, _>>().map(Self::List)
            }
            Value::Dict(items) => {
                let pair = |(k, v)| Ok((k, Self::at_depth(v, depth + 1)?));
                items.into_iter().map(pair).collect::<Result<_, _>>().map(Self::Dict)
            }
            other => Ok(Self::Other(other)),
        }
    }
}

impl From<Message> for Entry {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::json;

    fn read(text: &str) -> Result<Value, ShapeError> {
        Entry::from_value(json::loads(text).unwrap()).map(|e| e.to_value())
    }

    /// M07: each as Django 6.1 answers.
    #[test]
    fn shapes_fail_as_in_django() {
        for (text, error) in [
            (r#"["__json_message"]"#, ShapeError::Cut),
            (r#"["__json_message", 1]"#, ShapeError::Cut),
            (r#"["__json_message", "x", 25]"#, ShapeError::Cut),
            (r#"["__json_message", 0]"#, ShapeError::Arity),
            (r#"["__json_message", [], 25]"#, ShapeError::Arity),
            (r#"["__json_message", 0, 25, "a", "t", "u"]"#, ShapeError::Arity),
            (r#"["__json_message", 0, "2.5", "a"]"#, ShapeError::LevelText),
            (r#"["__json_message", 0, NaN, "a"]"#, ShapeError::LevelText),
            (r#"["__json_message", 0, "\ud800", "a"]"#, ShapeError::LevelText),
            (r#"["__json_message", 0, 1e999, "a"]"#, ShapeError::LevelInfinite),
            (r#"["__json_message", 0, null, "a"]"#, ShapeError::LevelType),
            (r#"["__json_message", 0, [1], "a"]"#, ShapeError::LevelType),
            (r#"[{"a": [["__json_message"]]}]"#, ShapeError::Cut),
        ] {
            assert_eq!(read(text), Err(error), "{text}");
        }
    }

    /// M07: what Django accepts, in the form in which it would store it again.
    #[test]
    fn odd_fields_read_as_in_django() {
        for (text, again) in [
            (r#"["__json_message",0," 2_5 ","a",null]"#, r#"["__json_message",0,25,"a"]"#),
            (r#"["__json_message",0,2.9,5,""]"#, r#"["__json_message",0,2,5,""]"#),
            (r#"["__json_message",0,-0.5,"a"]"#, r#"["__json_message",0,0,"a"]"#),
            (r#"["__json_message",0,true,null]"#, r#"["__json_message",0,1,null]"#),
            (
                r#"["__json_message",0,"123456789012345678901","a"]"#,
                r#"["__json_message",0,123456789012345678901,"a"]"#,
            ),
            (r#"["__json_message",0,1e22,"a"]"#, r#"["__json_message",0,10000000000000000000000,"a"]"#),
            (r#"["__json_message","y",20,1.0,7]"#, r#"["__json_message",1,20,"1.0",7]"#),
            (r#"["__json_message",1,20,["__json_message"]]"#, r#"["__json_message",1,20,"['__json_message']"]"#),
            (r#"{"a":["__json_message",0,"1","a"],"b":[]}"#, r#"{"a":["__json_message",0,1,"a"],"b":[]}"#),
            (r#"["x",["__json_message",0,"1","a"]]"#, r#"["x",["__json_message",0,1,"a"]]"#),
        ] {
            assert_eq!(json::dumps(&read(text).unwrap()).as_deref(), Ok(again), "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = |n| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(read(&deep(MAX_DEPTH)).is_ok());
        assert_eq!(read(&deep(MAX_DEPTH + 2)), Err(ShapeError::TooDeep));
    }

    #[test]
    fn tags_are_joined_where_there_are_any() {
        assert_eq!(Message::new(27, "a").tags(), "");
        assert_eq!(Message::new(27, "a").with_extra_tags("x").tags(), "x");
        assert_eq!(Message::new(Level::INFO, "a").without_extra_tags().tags(), "info");
        assert_eq!(Message::new(Level::INFO, "a").with_extra_tags("x").tags(), "x info");
    }
}
