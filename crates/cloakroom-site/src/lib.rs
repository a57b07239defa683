//! Account pages, ready to mount: log in and out, sign up, profile, passwords, sessions.

pub mod assets;
pub mod mail;
pub mod templates;
