//! [`Ctx`]: everything of one request, read when somebody asks (D4).

mod facts;
mod form;
mod request;
mod session;
mod user;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use cloakroom_auth::Identity;
use cloakroom_auth::permissions::PermissionSet;
use cloakroom_core::cookies::ResponseCookies;
use cloakroom_core::csrf::TokenState;
use cloakroom_core::models::User;
use cloakroom_sessions::LazySession;

pub use self::facts::Connection;
pub(crate) use self::facts::{Facts, Head, header_text, with_host_facts};
use crate::body::FormData;
use crate::interrupted::KeptPost;
use crate::messages::MessageState;
use crate::site::Site;

/// One request, as the layer knows it: the same for all who hold a clone, and in the request's extensions.
///
/// The way from cookie to user is [`cookie`](Self::cookie) → [`lazy_session`](Self::lazy_session) →
/// [`session`](Self::session) → [`identity`](Self::identity) → [`user`](Self::user) (M29). What is not asked for is not
/// read, costs nothing, and adds no `Vary: Cookie` (G29, A77).
///
/// ```
/// use cloakroom_web::Ctx;
///
/// async fn whoami(ctx: Ctx) -> Result<String, cloakroom_web::GuardRejection> {
///     let user = ctx.user().await?;
///     Ok(user.map_or_else(|| "nobody".into(), |user| user.username.clone()))
/// }
/// # let _ = whoami;
/// ```
#[derive(Clone)]
pub struct Ctx(Arc<Inner>);

struct Inner {
    site: Arc<Site>,
    facts: Facts,
    session: OnceLock<LazySession>,
    form: OnceLock<Arc<FormData>>,
    /// Held by whoever asks a store who is there, or what they may do.
    asking: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

/// What changes while the request runs, without waiting for anything.
#[derive(Default)]
pub(crate) struct State {
    /// Who is there; `None` until somebody asks.
    pub(crate) identity: Option<Identity>,
    /// What they may do; `None` until somebody asks.
    pub(crate) permissions: Option<Arc<PermissionSet>>,
    /// The CSRF secret; `None` until somebody needs it.
    pub(crate) token: Option<TokenState>,
    /// Whether the request passed the CSRF check, so that no second one need be made.
    pub(crate) csrf: CsrfCheck,
    /// What was done with messages; `None` until somebody does.
    pub(crate) messages: Option<Box<MessageState>>,
    /// A form that a guard turned away, to be kept.
    pub(crate) kept_post: Option<Box<KeptPost>>,
    /// The nonce of the answer's policy; `None` until somebody asks for it.
    pub(crate) csp_nonce: Option<Arc<str>>,
    /// Whether the request's user is an API's caller and not the session's.
    pub(crate) is_caller: bool,
    /// Who signed in during this request.
    pub(crate) logged_in: Option<Arc<User>>,
    /// The cookies that the answer will set.
    pub(crate) cookies: ResponseCookies,
    /// Whether the answer depends on cookies.
    pub(crate) vary_cookie: bool,
}

/// How far the CSRF check is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CsrfCheck {
    /// Nobody checks this request.
    #[default]
    Absent,
    /// A check is in force, but this route is exempt.
    Exempt,
    /// The request passed.
    Passed,
}

impl Ctx {
    pub(crate) fn new(site: Arc<Site>, head: Head<'_>) -> Self {
        let facts = Facts::read(head, &site.config.security, &site.good_hosts);
        Self(Arc::new(Inner {
            site,
            facts,
            session: OnceLock::new(),
            form: OnceLock::new(),
            asking: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        }))
    }

    pub(crate) fn site(&self) -> &Arc<Site> {
        &self.0.site
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.0.facts
    }

    /// The state; never held across an await. A panic elsewhere leaves it usable.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Ctx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ctx")
            .field("method", &self.0.facts.method)
            .field("path", &self.0.facts.uri.path())
            .finish_non_exhaustive()
    }
}
