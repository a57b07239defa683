//! [`Guard`]: a rule about who may pass.

use std::fmt;
use std::sync::Arc;

use cloakroom_auth::metrics;
use cloakroom_core::models::User;
use cloakroom_core::reason::{Anonymous, Denial};
use cloakroom_core::urls::{LoginRedirect, login_required_location, redirect_to_login};

use super::GuardRejection;
use crate::ctx::Ctx;
use crate::interrupted;

/// A rule about who may pass: `login_required`, `permission_required`, `user_passes_test` (A140).
///
/// As a layer it stands before a route; a handler can ask it too, with what it learnt from the path:
///
/// ```
/// use axum::{Router, routing::get};
/// use cloakroom_web::{Ctx, GuardRejection, guards::Guard};
///
/// async fn report(ctx: Ctx) -> Result<&'static str, GuardRejection> {
///     Guard::permission_required(["reports.view_report"]).check(&ctx).await?;
///     Ok("figures")
/// }
///
/// let app: Router = Router::new()
///     .route("/report/", get(report))
///     .route("/inbox/", get(async || "letters").layer(Guard::login_required().with_login_url("/enter/")));
/// # let _ = app;
/// ```
#[derive(Clone)]
#[must_use = "a guard keeps nobody out until it is asked or put on a route"]
pub struct Guard {
    test: Test,
    on_refusal: OnRefusal,
    login_url: Option<Arc<str>>,
    /// `next` where none is set.
    field: Option<Arc<str>>,
}

#[derive(Clone)]
enum Test {
    LoggedIn,
    Permissions(Vec<String>),
    User(Arc<UserTest>),
}

type UserTest = dyn Fn(Option<&User>) -> bool + Send + Sync;

/// What becomes of somebody who may not pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnRefusal {
    /// To the log-in page, signed in or not: Django's decorators (A140).
    #[default]
    ToLogin,
    /// To the log-in page if anonymous, else 403: Django's mixins (A141).
    ToLoginIfAnonymous,
    /// 403: `raise_exception`.
    Forbid,
}

impl Guard {
    /// Lets signed-in users pass: `login_required` (M21).
    pub fn login_required() -> Self {
        Self::new(Test::LoggedIn)
    }

    /// Lets those pass who have all of these permissions, named `app_label.codename`: `permission_required`.
    pub fn permission_required<P: Into<String>>(permissions: impl IntoIterator<Item = P>) -> Self {
        Self::new(Test::Permissions(permissions.into_iter().map(Into::into).collect()))
    }

    /// Lets those pass for whom `test` is true; it is asked about `None` for the anonymous: `user_passes_test`.
    pub fn user_passes_test(test: impl Fn(Option<&User>) -> bool + Send + Sync + 'static) -> Self {
        Self::new(Test::User(Arc::new(test)))
    }

    /// Lets active members of the staff pass: `staff_member_required` (A147).
    pub fn staff_member_required() -> Self {
        Self::user_passes_test(|user| user.is_some_and(|u| u.is_active && u.is_staff))
    }

    fn new(test: Test) -> Self {
        Self { test, on_refusal: OnRefusal::default(), login_url: None, field: None }
    }

    /// Sets the log-in page, instead of `LOGIN_URL`.
    pub fn with_login_url(mut self, url: impl Into<Arc<str>>) -> Self {
        self.login_url = Some(url.into());
        self
    }

    /// Sets the name of the query field, instead of `next`; an empty one sends none.
    pub fn with_redirect_field(mut self, name: impl Into<Arc<str>>) -> Self {
        self.field = Some(name.into());
        self
    }

    fn field(&self) -> &str {
        self.field.as_deref().unwrap_or("next")
    }

    /// Sets what becomes of those who may not pass.
    pub const fn with_refusal(mut self, on_refusal: OnRefusal) -> Self {
        self.on_refusal = on_refusal;
        self
    }

    /// Whether the request may pass; `Err` is the answer otherwise.
    ///
    /// # Errors
    ///
    /// The refusal; [`GuardRejection::Unavailable`] when a store fails (F01).
    pub async fn check(&self, ctx: &Ctx) -> Result<Option<Arc<User>>, GuardRejection> {
        let user = ctx.user().await?;
        let passes = match &self.test {
            Test::LoggedIn => user.is_some(),
            // In a box: most guards ask for none.
            Test::Permissions(names) => Box::pin(ctx.permissions()).await?.has_perms(names),
            Test::User(test) => test(user.as_deref()),
        };
        if passes { Ok(user) } else { Err(self.refusal(ctx, user.as_deref())) }
    }

    /// Why somebody may not pass, for log and metrics (D12, L02). Why nobody is signed in was logged when that was found out.
    fn record(&self, ctx: &Ctx, user: Option<&User>) {
        let Some(user) = user else {
            metrics::refused(ctx.reason().unwrap_or(Anonymous::NotSignedIn).into());
            return;
        };
        let denial = match self.test {
            Test::Permissions(_) => Denial::NoPermission,
            Test::LoggedIn | Test::User(_) => Denial::TestFailed,
        };
        metrics::refused(denial.into());
        tracing::info!(
            target: "cloakroom::auth", event = "denied", outcome = "refused", reason = %denial, user = %user.id,
            path = ?ctx.path(), address = ctx.client_address().map(tracing::field::display)
        );
    }

    /// As [`check`](Self::check), and somebody must be signed in.
    pub(crate) async fn user(&self, ctx: &Ctx) -> Result<Arc<User>, GuardRejection> {
        match self.check(ctx).await? {
            Some(user) => Ok(user),
            None => Err(self.refusal(ctx, None)),
        }
    }

    fn refusal(&self, ctx: &Ctx, user: Option<&User>) -> GuardRejection {
        self.record(ctx, user);
        let forbids = match self.on_refusal {
            OnRefusal::ToLogin => false,
            OnRefusal::ToLoginIfAnonymous => user.is_some(),
            OnRefusal::Forbid => true,
        };
        let is_api = ctx.config().api.contains(&ctx.path());
        if forbids || (is_api && user.is_some()) {
            tracing::warn!(target: "django.request", path = ?ctx.path(), "Forbidden (Permission denied)");
            return if is_api { GuardRejection::ApiForbidden } else { GuardRejection::Forbidden };
        }
        if is_api {
            return GuardRejection::ApiAnonymous;
        }
        let login_url = self.login_url.as_deref().unwrap_or(&ctx.config().urls.login_url);
        if user.is_none()
            && !self.field().is_empty()
            && let Some(next) = interrupted::way_back(ctx)
        {
            return match redirect_to_login(&next, login_url, Some(self.field())) {
                Ok(location) => GuardRejection::Anonymous { location },
                Err(_) => GuardRejection::Server("the log-in URL is no URL"),
            };
        }
        let login = LoginRedirect { login_url, field: Some(self.field()) };
        match ctx.with_url(|url| login_required_location(url, &login)) {
            Ok(Ok(location)) => GuardRejection::Anonymous { location },
            Ok(Err(_)) => GuardRejection::Server("the log-in URL is no URL"),
            Err(e) => GuardRejection::Host(e.clone()),
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let test = match &self.test {
            Test::LoggedIn => "login_required",
            Test::Permissions(_) => "permission_required",
            Test::User(_) => "user_passes_test",
        };
        f.debug_struct("Guard").field("test", &test).field("on_refusal", &self.on_refusal).finish_non_exhaustive()
    }
}
