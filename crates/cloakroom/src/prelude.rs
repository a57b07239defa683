//! What nearly every application uses.

pub use crate::Cloakroom;
pub use crate::UserModel;
pub use cloakroom_web::{CurrentUser, GuardRejection, LazySession, Messages, Session, User};
