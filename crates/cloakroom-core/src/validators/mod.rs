//! Rules for new passwords: Django's four validators, and the trait for one's own (A50–A54).
//!
//! No composition rules, any Unicode, lengths in code points (A04).

mod facts;

pub use self::facts::UserFacts;

use std::borrow::Cow;
use std::fmt;

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
    #[error("auth_password_validators: unknown validator {0:?}")]
    Unknown(String),
    /// The validator has no such option.
    #[error("auth_password_validators: {validator} has no option {option:?}")]
    UnknownOption {
        /// The validator's short name.
        validator: &'static str,
        /// The option.
        option: String,
    },
    /// An option has a value that it cannot have.
    #[error("auth_password_validators: {validator}, option {option:?}: {expected}")]
    BadOption {
        /// The validator's short name.
        validator: &'static str,
        /// The option.
        option: String,
        /// What it can be.
        expected: &'static str,
    },
    /// The list of common passwords cannot be read.
    #[error("auth_password_validators: cannot read the list of common passwords {path:?}: {reason}")]
    List {
        /// The list's path.
        path: String,
        /// What went wrong.
        reason: String,
    },
}

/// Makes the validator that a setting names by its dotted path, its class or its short name, with its `OPTIONS`.
///
/// Short names: `user_attribute_similarity`, `minimum_length`, `common_password`, `numeric_password`.
///
/// # Errors
///
/// When the name or an option is unknown, or an option's value unfit.
pub fn from_setting(name: &str, options: &Map<String, Value>) -> Result<Box<dyn PasswordValidator>, ValidatorsError> {
    let _ = (name, options);
    todo!()
}

/// The four validators of a project that `django-admin startproject` makes, in its order.
#[must_use]
pub fn startproject() -> Vec<Box<dyn PasswordValidator>> {
    todo!()
}
