//! Refuses passwords of digits alone (A53).

use serde_json::Map;

use super::{PasswordValidator, UserFacts, ValidationError};
use crate::pytext;

/// Refuses passwords that consist of digits, of whatever script (A53).
#[derive(Clone, Copy, Debug, Default)]
pub struct NumericPassword;

impl PasswordValidator for NumericPassword {
    fn validate(&self, password: &str, _: Option<&UserFacts>) -> Result<(), ValidationError> {
        if password.is_empty() || !password.chars().all(pytext::is_digit) {
            return Ok(());
        }
        Err(ValidationError {
            code: "password_entirely_numeric".into(),
            params: Map::new(),
            message: "This password consists of digits alone.".to_owned(),
        })
    }

    fn help_text(&self) -> String {
        "Do not use digits alone.".to_owned()
    }
}
