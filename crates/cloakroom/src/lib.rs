//! Django's session, cookie, CSRF and authentication system for axum.

mod serve;
pub mod settings;

pub use self::serve::{end_signal, serve};
