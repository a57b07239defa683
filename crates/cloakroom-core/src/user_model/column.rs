//! What further columns hold, and which types read them.

use std::fmt;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::keys::UserId;
use crate::models::EncodedHash;

/// The value of a column that Django's own user table does not have.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ColumnValue {
    /// NULL.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text; and what is no type of its own here, as text: a UUID with hyphens, a date, a decimal number, JSON.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A moment.
    Time(Timestamp),
}

impl From<&UserId> for ColumnValue {
    fn from(id: &UserId) -> Self {
        match id {
            UserId::Int(n) => Self::Int(*n),
            UserId::Text(text) => Self::Text(text.to_string()),
        }
    }
}

/// What kind of value a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnKind {
    /// Yes or no.
    Bool,
    /// Whole numbers.
    Int,
    /// Numbers.
    Float,
    /// Texts, and whatever is read as text.
    Text,
    /// Bytes.
    Bytes,
    /// Moments.
    Time,
}

impl ColumnKind {
    /// Reads a text as a value of this kind, as a prompt or a setting gives it.
    ///
    /// ```
    /// use cloakroom_core::user_model::{ColumnKind, ColumnValue};
    ///
    /// assert_eq!(ColumnKind::Int.parse("1970"), Some(ColumnValue::Int(1970)));
    /// assert_eq!(ColumnKind::Bool.parse("maybe"), None);
    /// ```
    #[must_use]
    pub fn parse(self, text: &str) -> Option<ColumnValue> {
        Some(match self {
            Self::Bool => ColumnValue::Bool(match text.to_ascii_lowercase().as_str() {
                "t" | "true" | "1" => true,
                "f" | "false" | "0" => false,
                _ => return None,
            }),
            Self::Int => ColumnValue::Int(crate::pyint::PyInt::parse(text, 10)?.to_i64()?),
            Self::Float => ColumnValue::Float(text.trim().parse().ok().filter(|n: &f64| n.is_finite())?),
            Self::Text => ColumnValue::Text(text.to_owned()),
            Self::Bytes => ColumnValue::Bytes(text.as_bytes().to_vec()),
            Self::Time => ColumnValue::Time(Timestamp::from_sqlite_text(text.trim_end_matches(['Z', 'z']))?),
        })
    }

    /// What a value of this kind is called in an error.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Bool => "a yes-or-no column",
            Self::Int => "a whole number",
            Self::Float => "a number",
            Self::Text => "a text",
            Self::Bytes => "bytes",
            Self::Time => "a moment",
        }
    }
}

/// Whether a column may be NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// It may.
    Allowed,
    /// It may not.
    Refused,
}

/// The columns of a user's row that Django's own table does not have. Their values do not print.
#[derive(Clone, Default)]
pub struct Extra(Option<Box<Row>>);

#[derive(Clone)]
struct Row {
    names: Arc<[Box<str>]>,
    values: Vec<ColumnValue>,
}

impl Extra {
    /// Values, and the names of their columns in the same order.
    #[must_use]
    pub fn new(names: Arc<[Box<str>]>, values: Vec<ColumnValue>) -> Self {
        Self(Some(Box::new(Row { names, values })))
    }

    /// The value of the column of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ColumnValue> {
        self.iter().find(|(column, _)| *column == name).map(|(_, value)| value)
    }

    /// Each column's name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ColumnValue)> {
        self.0.iter().flat_map(|row| row.names.iter().map(|name| &**name).zip(&row.values))
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

/// Why a user's row cannot be read into a type of the application's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ColumnError {
    /// The row has no such column: the database was opened without the model.
    #[error("the user's row has no column {column}; give the model to the builder with `user_model`")]
    Missing {
        /// The column.
        column: &'static str,
    },
    /// The column holds another type than the field, or NULL.
    #[error("the column {column} of the user's row does not hold what its field does; an Option takes NULL")]
    Type {
        /// The column.
        column: &'static str,
    },
}

/// A type of a field in a user model.
pub trait Field: Sized {
    /// What its column holds; `None` if it takes every kind.
    const KIND: Option<ColumnKind>;
    /// Whether the column may be NULL.
    const NULLS: Nulls = Nulls::Refused;

    /// Takes the value over, `None` if it is of another type.
    fn from_column(value: &ColumnValue) -> Option<Self>;
}

macro_rules! fields {
    ($($type:ty, $kind:expr, |$value:ident| $take:expr;)*) => {$(
        impl Field for $type {
            const KIND: Option<ColumnKind> = $kind;

            fn from_column($value: &ColumnValue) -> Option<Self> {
                $take
            }
        }
    )*};
}

fields! {
    bool, Some(ColumnKind::Bool), |v| if let ColumnValue::Bool(b) = v { Some(*b) } else { None };
    i64, Some(ColumnKind::Int), |v| if let ColumnValue::Int(n) = v { Some(*n) } else { None };
    i32, Some(ColumnKind::Int), |v| if let ColumnValue::Int(n) = v { i32::try_from(*n).ok() } else { None };
    u32, Some(ColumnKind::Int), |v| if let ColumnValue::Int(n) = v { u32::try_from(*n).ok() } else { None };
    f64, Some(ColumnKind::Float), |v| if let ColumnValue::Float(n) = v { Some(*n) } else { None };
    String, Some(ColumnKind::Text), |v| if let ColumnValue::Text(t) = v { Some(t.clone()) } else { None };
    EncodedHash, Some(ColumnKind::Text), |v| if let ColumnValue::Text(t) = v { Some(Self::new(t.clone())) } else { None };
    Vec<u8>, Some(ColumnKind::Bytes), |v| if let ColumnValue::Bytes(b) = v { Some(b.clone()) } else { None };
    Timestamp, Some(ColumnKind::Time), |v| if let ColumnValue::Time(at) = v { Some(*at) } else { None };
    ColumnValue, None, |v| Some(v.clone());
    UserId, None, |v| match v {
        ColumnValue::Int(n) => Some(Self::Int(*n)),
        ColumnValue::Text(text) => Some(Self::Text(text.as_str().into())),
        _ => None,
    };
}

impl<T: Field> Field for Option<T> {
    const KIND: Option<ColumnKind> = T::KIND;
    const NULLS: Nulls = Nulls::Allowed;

    fn from_column(value: &ColumnValue) -> Option<Self> {
        match value {
            ColumnValue::Null => Some(None),
            value => T::from_column(value).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_django_reads_them() {
        assert_eq!(ColumnKind::Bool.parse("True"), Some(ColumnValue::Bool(true)));
        assert_eq!(ColumnKind::Int.parse(" 1_000 "), Some(ColumnValue::Int(1000)));
        assert_eq!(ColumnKind::Int.parse("x"), None);
        assert_eq!(
            ColumnKind::Time.parse("2026-01-02 03:04:05"),
            Some(ColumnValue::Time(Timestamp::from_secs(1_767_323_045)))
        );
        assert_eq!(ColumnKind::Float.parse("inf"), None);
    }

    #[test]
    fn values_do_not_print() {
        let extra = Extra::new(Arc::from(["token".into()]), vec![ColumnValue::Text("canary".into())]);
        assert_eq!(format!("{extra:?}"), r#"{"token"}"#);
        assert_eq!(extra.get("token"), Some(&ColumnValue::Text("canary".into())));
    }
}
