//! Authentication and authorization as Django has them: the service layer, the only home of policy (Z08).
//!
//! Pages, API, admin, gateway and command line are doors to this crate. None of them decides by itself who may come in.

mod credentials;
mod error;
pub mod events;
pub mod lane;
pub mod mail;

pub use self::credentials::{ActiveUser, Authenticated, Claim, Credentials};
pub use self::error::AuthError;
