//! Authentication and authorization as Django has them: the service layer, the only home of policy (Z08).
//!
//! Pages, API, admin, gateway and command line are doors to this crate. None of them decides by itself who may come in.
//!
//! [`Auth`] is the service. [`Auth::authenticate`] asks the [`backends`] whether credentials are good, [`Auth::login`] ties
//! a session to the user, [`Auth::get_user`] finds the user of a session again, [`Auth::permissions`] says what the user
//! may do.
//!
//! - "No" is a value ([`Authenticated::No`], [`Identity::Anonymous`]); an [`AuthError`] means that nobody knows (D7).
//! - Passwords are hashed on the [`lane`] and nowhere else (D9).
//! - Nothing here reads the time or draws chance by itself (D18).

mod accounts;
pub mod admin;
mod auth;
mod authenticate;
pub mod backends;
mod credentials;
mod error;
pub mod events;
pub mod explain;
mod hashing;
mod identity;
pub mod lane;
mod login;
pub mod mail;
pub mod metrics;
mod near;
mod own_sessions;
mod passwords;
pub mod permissions;
mod recovery;
mod throttle;
mod tokens;

pub use self::accounts::{Created, NameCase, NewAccount, NotCreated, ProfileUpdate};
pub use self::auth::{Auth, AuthBuilder, SetupError};
pub use self::credentials::{ActiveUser, Authenticated, Claim, Credentials};
pub use self::error::AuthError;
pub use self::identity::Identity;
pub use self::login::{BackendChoice, LoggedIn, SameUser, SessionPolicy};
pub use self::own_sessions::{AtLimit, OwnSession, Room, SessionLimit, WhichSession};
pub use self::passwords::{Confirmed, PasswordChanged, PasswordSet};
pub use self::recovery::{ResetLink, ResetOutcome};
pub use self::throttle::{ThrottleLimits, Throttled};
pub use self::tokens::TokenCheck;
