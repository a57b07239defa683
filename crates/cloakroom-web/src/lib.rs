//! tower layers and axum extractors for sessions, CSRF, authentication.

pub mod forms;
