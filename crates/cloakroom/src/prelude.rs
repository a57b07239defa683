//! What nearly every application uses.

pub use crate::Cloakroom;
pub use cloakroom_sessions::SessionError;
pub use cloakroom_web::{CurrentUser, LazySession, Session, User};
