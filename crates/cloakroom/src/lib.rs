//! Django's session, cookie, CSRF and authentication system for axum.

pub mod settings;
