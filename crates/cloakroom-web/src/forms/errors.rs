//! What is wrong with a form, by field.

use std::borrow::Cow;

use super::wording::wording;

/// The name under which form-wide errors stand (`__all__` in Django).
pub const NON_FIELD: &str = "__all__";

/// One thing that is wrong: a code that tools compare and a text that people read.
///
/// ```
/// use cloakroom_web::forms::FormError;
///
/// let error = FormError::of("invalid_login");
/// assert_eq!(error.code(), "invalid_login");
/// assert!(error.message().contains("password"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormError {
    code: Cow<'static, str>,
    message: Cow<'static, str>,
}

impl FormError {
    /// An error with this code and text.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    /// The error with this code in our usual words; see [`wording`].
    #[must_use]
    pub fn of(code: &'static str) -> Self {
        Self::new(code, wording(code))
    }

    /// Django's validation code, such as `required`.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The sentence to show.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// Errors in the order in which they were found, by field name; form-wide ones under [`NON_FIELD`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormErrors(Vec<(&'static str, Vec<FormError>)>);

impl FormErrors {
    /// No error yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds an error to a field or to [`NON_FIELD`].
    pub fn push(&mut self, name: &'static str, error: FormError) {
        match self.0.iter_mut().find(|(n, _)| *n == name) {
            Some((_, errors)) => errors.push(error),
            None => self.0.push((name, vec![error])),
        }
    }

    /// The errors of a field.
    #[must_use]
    pub fn of(&self, name: &str) -> &[FormError] {
        self.0.iter().find(|(n, _)| *n == name).map_or(&[], |(_, errors)| errors)
    }

    /// The form-wide errors.
    #[must_use]
    pub fn non_field(&self) -> &[FormError] {
        self.of(NON_FIELD)
    }

    /// The codes of a field's errors.
    #[must_use]
    pub fn codes(&self, name: &str) -> Vec<&str> {
        self.of(name).iter().map(FormError::code).collect()
    }

    /// Every field in error with its errors.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &[FormError])> {
        self.0.iter().map(|(name, errors)| (*name, errors.as_slice()))
    }
}
