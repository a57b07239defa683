//! Account pages, ready to mount: log in and out, sign up, profile, passwords, sessions.

pub mod accounts;
pub mod assets;
mod error;
pub mod mail;
pub mod templates;

pub use self::error::{PageError, not_found};
