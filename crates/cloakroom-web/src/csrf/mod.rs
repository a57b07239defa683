//! CSRF over HTTP: the token for pages, the check of requests, the cookie of answers (C20–C43).
//!
//! The rules are [`cloakroom_core::csrf`]'s; here they meet requests. [`Csrf`] gives pages their token. The check of every
//! matched route is part of [`CloakroomLayer`](crate::CloakroomLayer); [`CsrfProtect`] puts it on one route where that is
//! switched off or the route exempt, [`EnsureCsrfCookie`] sends the cookie even if no page asks.
//!
//! A body is read only for a `POST` whose other proofs are good, and only if it is a form (C28, C29).

mod check;
mod layer;
mod step;
mod token;

pub use self::check::CsrfRefusal;
pub(crate) use self::check::{Gate, check, gate, refusal};
pub use self::layer::{CsrfProtect, EnsureCsrfCookie, WhomToProtect};
pub use self::step::{CsrfStep, TokenCheck};
pub use self::token::Csrf;
pub(crate) use self::token::{finish_cookie, finish_session, prepare, renew_cookie};
