//! What an application with account pages uses.

pub use crate::facade::AccountsExt;
