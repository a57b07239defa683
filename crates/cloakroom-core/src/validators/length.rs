//! Refuses short passwords (A01, A51).

use serde_json::{Map, Value};

use super::{PasswordValidator, UserFacts, ValidationError};

/// Refuses passwords of fewer code points than `min_length` (A04, A51).
#[derive(Clone, Copy, Debug)]
pub struct MinimumLength {
    min_length: usize,
}

impl MinimumLength {
    /// The validator with a length of one's own.
    #[must_use]
    pub const fn new(min_length: usize) -> Self {
        Self { min_length }
    }

    fn rule(&self) -> String {
        let s = if self.min_length == 1 { "" } else { "s" };
        format!("at least {} character{s}", self.min_length)
    }
}

/// Django's length: 8.
impl Default for MinimumLength {
    fn default() -> Self {
        Self::new(8)
    }
}

impl PasswordValidator for MinimumLength {
    fn validate(&self, password: &str, _: Option<&UserFacts>) -> Result<(), ValidationError> {
        if self.min_length == 0 || password.chars().nth(self.min_length - 1).is_some() {
            return Ok(());
        }
        Err(ValidationError {
            code: "password_too_short".into(),
            params: Map::from_iter([("min_length".to_owned(), Value::from(self.min_length))]),
            message: format!("This password is too short: use {}.", self.rule()),
        })
    }

    fn help_text(&self) -> String {
        format!("Use {}.", self.rule())
    }
}
