//! Django's session, cookie, CSRF and authentication system for axum.
//!
//! [`Cloakroom`] puts a site's parts together from [`settings`]; its [`layer`](Cloakroom::layer) goes around a router,
//! and handlers take what they need by extractors: [`User`](prelude::User), `Option<User>`,
//! [`CurrentUser`](prelude::CurrentUser), [`Session`](prelude::Session). What is not extracted costs nothing.

mod build;
mod cloakroom;
mod error;
pub mod prelude;
mod serve;
pub mod settings;

pub use cloakroom_auth as auth;
pub use cloakroom_cache as cache;
pub use cloakroom_core as core;
pub use cloakroom_core::user_model::{self, UserModel};
pub use cloakroom_db as db;
pub use cloakroom_derive::UserModel;
pub use cloakroom_sessions as sessions;
pub use cloakroom_web as web;

pub use self::cloakroom::{Cloakroom, CloakroomBuilder};
pub use self::error::{BuildError, ServeError};
pub use self::serve::{end_signal, serve};
