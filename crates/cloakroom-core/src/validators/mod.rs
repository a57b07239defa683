//! Rules for new passwords: Django's four validators, and the trait for one's own (A50–A54).
//!
//! No composition rules, any Unicode, lengths in code points (A04).

mod common;
mod facts;
mod length;
mod numeric;
mod similarity;

pub use self::common::CommonPassword;
pub use self::facts::UserFacts;
pub use self::length::MinimumLength;
pub use self::numeric::NumericPassword;
pub use self::similarity::{UserAttributeSimilarity, quick_ratio};

use std::borrow::Cow;
use std::path::Path;
use std::{fmt, io};

use serde_json::{Map, Value};

/// A rule for new passwords (A54).
pub trait PasswordValidator: fmt::Debug + Send + Sync + 'static {
    /// Judges `password` for `user`, who may not exist yet.
    ///
    /// # Errors
    ///
    /// Why the password is refused.
    fn validate(&self, password: &str, user: Option<&UserFacts>) -> Result<(), ValidationError>;

    /// What the rule asks for, in a sentence for the form.
    fn help_text(&self) -> String;

    /// Called when a new password was saved.
    fn password_changed(&self, password: &str, user: Option<&UserFacts>) {
        let _ = (password, user);
    }
}

/// Why a password is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidationError {
    /// Django's code, such as `password_too_short`.
    pub code: Cow<'static, str>,
    /// What the message needs, by Django's names.
    pub params: Map<String, Value>,
    /// A sentence for the form.
    pub message: String,
}

/// Judges `password` by every rule and returns what they object to, in order; nothing means the password will do.
#[must_use]
pub fn validate(
    password: &str,
    user: Option<&UserFacts>,
    validators: &[Box<dyn PasswordValidator>],
) -> Vec<ValidationError> {
    validators.iter().filter_map(|v| v.validate(password, user).err()).collect()
}

/// Why `AUTH_PASSWORD_VALIDATORS` is refused at start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValidatorsError {
    /// No validator goes by this name.
    #[error("AUTH_PASSWORD_VALIDATORS: unknown validator {0:?}")]
    Unknown(String),
    /// The validator has no such option.
    #[error("AUTH_PASSWORD_VALIDATORS: {validator} has no option {option:?}")]
    UnknownOption {
        /// The validator's short name.
        validator: &'static str,
        /// The option.
        option: String,
    },
    /// An option has a value that it cannot have.
    #[error("AUTH_PASSWORD_VALIDATORS: {validator}, option {option:?}: {expected}")]
    BadOption {
        /// The validator's short name.
        validator: &'static str,
        /// The option.
        option: String,
        /// What it can be.
        expected: &'static str,
    },
    /// The list of common passwords cannot be read.
    #[error("AUTH_PASSWORD_VALIDATORS: cannot read the list of common passwords {path:?}: {reason}")]
    List {
        /// The list's path.
        path: String,
        /// What went wrong.
        reason: String,
    },
}

/// Makes the validator that a setting names by its dotted path or its short name, with its `OPTIONS`.
///
/// Short names: `user_attribute_similarity`, `minimum_length`, `common_password`, `numeric_password`. `read_file` opens
/// the list that `password_list_path` names: `&|path| std::fs::read(path)`.
///
/// ```
/// use cloakroom_core::validators::{from_setting, validate};
/// use serde_json::json;
///
/// let options = json!({ "min_length": 12 });
/// let name = "django.contrib.auth.password_validation.MinimumLengthValidator";
/// let rules = [from_setting(name, options.as_object().unwrap(), &|path| std::fs::read(path))?];
/// assert_eq!(validate("correct", None, &rules)[0].code, "password_too_short");
/// # Ok::<(), cloakroom_core::validators::ValidatorsError>(())
/// ```
///
/// # Errors
///
/// When the name or an option is unknown, an option's value unfit, or the list cannot be read.
pub fn from_setting(
    name: &str,
    options: &Map<String, Value>,
    read_file: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
) -> Result<Box<dyn PasswordValidator>, ValidatorsError> {
    let path = name.strip_prefix("django.contrib.auth.password_validation.");
    let class = path.unwrap_or(name);
    let short = SHORT_NAMES.iter().find(|s| s.0 == class).map(|s| s.1);
    match short.unwrap_or(if path.is_some() { "" } else { name }) {
        "user_attribute_similarity" => {
            let options = Options::new("user_attribute_similarity", options, &["user_attributes", "max_similarity"])?;
            let limit = options.get("max_similarity", "a number of at least 0.1", Value::as_f64)?;
            let names = options.get("user_attributes", "a list of attributes' names", texts)?;
            let rule = match limit {
                Some(limit) => UserAttributeSimilarity::new(limit)?,
                None => UserAttributeSimilarity::default(),
            };
            Ok(match names {
                Some(names) => Box::new(rule.with_attributes(names)),
                None => Box::new(rule),
            })
        }
        "minimum_length" => {
            let options = Options::new("minimum_length", options, &["min_length"])?;
            let length = options.get("min_length", "a whole number of characters", Value::as_u64)?;
            let length = length.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
            Ok(Box::new(length.map_or_else(MinimumLength::default, MinimumLength::new)))
        }
        "common_password" => {
            let options = Options::new("common_password", options, &["password_list_path"])?;
            let path = options.get("password_list_path", "a path", |v| v.as_str().map(str::to_owned))?;
            let Some(path) = path else { return Ok(Box::new(CommonPassword::new())) };
            match read_file(Path::new(&path)).and_then(|bytes| CommonPassword::from_list(&bytes)) {
                Ok(rule) => Ok(Box::new(rule)),
                Err(e) => Err(ValidatorsError::List { path, reason: e.to_string() }),
            }
        }
        "numeric_password" => {
            Options::new("numeric_password", options, &[])?;
            Ok(Box::new(NumericPassword))
        }
        _ => Err(ValidatorsError::Unknown(name.to_owned())),
    }
}

/// The four validators of a project that `django-admin startproject` makes, in its order.
#[must_use]
pub fn startproject() -> Vec<Box<dyn PasswordValidator>> {
    vec![
        Box::new(UserAttributeSimilarity::default()),
        Box::new(MinimumLength::default()),
        Box::new(CommonPassword::new()),
        Box::new(NumericPassword),
    ]
}

/// Django's classes and their names here.
const SHORT_NAMES: [(&str, &str); 4] = [
    ("UserAttributeSimilarityValidator", "user_attribute_similarity"),
    ("MinimumLengthValidator", "minimum_length"),
    ("CommonPasswordValidator", "common_password"),
    ("NumericPasswordValidator", "numeric_password"),
];

/// The `OPTIONS` of one validator, all of whose names are known.
struct Options<'a> {
    validator: &'static str,
    options: &'a Map<String, Value>,
}

impl<'a> Options<'a> {
    fn new(validator: &'static str, options: &'a Map<String, Value>, known: &[&str]) -> Result<Self, ValidatorsError> {
        match options.keys().find(|k| !known.contains(&k.as_str())) {
            Some(option) => Err(ValidatorsError::UnknownOption { validator, option: option.clone() }),
            None => Ok(Self { validator, options }),
        }
    }

    fn get<T>(
        &self,
        option: &str,
        expected: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ValidatorsError> {
        let bad = || ValidatorsError::BadOption { validator: self.validator, option: option.to_owned(), expected };
        self.options.get(option).map(|value| read(value).ok_or_else(bad)).transpose()
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|v| v.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn make(name: &str, options: &Value) -> Result<Box<dyn PasswordValidator>, ValidatorsError> {
        from_setting(name, options.as_object().unwrap(), &|path| match path.to_str() {
            Some("list") => Ok(b"zebra".to_vec()),
            _ => Err(io::ErrorKind::NotFound.into()),
        })
    }

    /// Names and options are checked at start, not at the first password.
    #[test]
    fn settings_are_read_or_refused() {
        for (class, short) in SHORT_NAMES {
            make(short, &json!({})).unwrap();
            make(&format!("django.contrib.auth.password_validation.{class}"), &json!({})).unwrap();
        }
        let list = make("common_password", &json!({ "password_list_path": "list" })).unwrap();
        assert!(list.validate("Zebra", None).is_err());
        for (name, options, what) in [
            ("rot13", json!({}), "unknown validator \"rot13\""),
            ("django.contrib.auth.password_validation.Other", json!({}), "unknown validator"),
            ("minimum_length", json!({ "length": 3 }), "no option \"length\""),
            ("minimum_length", json!({ "min_length": "3" }), "a whole number"),
            ("user_attribute_similarity", json!({ "max_similarity": 0.05 }), "at least 0.1"),
            ("user_attribute_similarity", json!({ "user_attributes": [1] }), "a list"),
            ("common_password", json!({ "password_list_path": "gone" }), "cannot read"),
        ] {
            let error = make(name, &options).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }
}
