//! tower layers and axum extractors for sessions, CSRF, authentication.
//!
//! [`CloakroomLayer`] goes around a router; handlers ask for what they need by [extractors](extract), and [`guards`] keep
//! out who may not pass. [`Ctx`] is one request: read it to see the way from cookie to user (M29).
//!
//! - Order inward: security ▸ session ▸ host ▸ CSRF ▸ user ▸ messages ▸ frames ▸ handler; outward the reverse (M16, M32).
//! - A store that fails is a 503 and leaves the cookie alone; it never makes anybody anonymous (F01).
//! - `Set-Cookie` and `Vary` are written in one place, at the end.
//! - Policy lives in `cloakroom-auth`, formats in `cloakroom-core`; here is HTTP alone.

pub mod api;
mod around;
mod body;
mod config;
mod csp;
pub mod csrf;
mod ctx;
mod error;
pub mod extract;
pub mod forms;
pub mod guards;
mod interrupted;
mod messages;
pub mod pages;
mod remote_user;
mod respond;
mod site;
mod stack;

pub use self::around::AroundService;
pub use self::body::{BodyError, FormData, FormRejection, JsonBody, QueryDict, Upload};
pub use self::config::{
    ApiPaths, CsrfConfig, Debug, HostCheck, Limits, LoginUrls, MessageStorage, MessagesConfig, ResumePosts,
    SecurityConfig, WebConfig,
};
pub use self::csp::{CspOverride, CspOverrideFuture, CspOverrideService, csp_override, csp_report_only_override};
pub use self::csrf::Csrf;
pub use self::ctx::{Connection, Ctx};
pub use self::extract::{Auth, Client, CurrentUser, LazySession, MissingLayer, Session, User};
pub use self::guards::GuardRejection;
pub use self::interrupted::{FormAgain, KeptPost};
pub use self::messages::{Messages, MessagesRejection};
pub use self::remote_user::{OnAbsence, RemoteUser};
pub use self::respond::{permanent_redirect, redirect};
pub use self::stack::{CloakroomFuture, CloakroomLayer, CloakroomService, XFrameOptionsExempt};
