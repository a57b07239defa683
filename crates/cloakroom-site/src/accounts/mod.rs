//! The account pages, with Django's names and behaviour (A110–A125), and sign-up, profile and sessions beyond.
//!
//! ```
//! use axum::Router;
//! use cloakroom_site::accounts::Accounts;
//! use cloakroom_site::templates::Templates;
//!
//! let accounts = Accounts::new(Templates::built_in()?, "/members");
//! let all: Router = accounts.router();
//! let one: Router = Router::new().route("/enter/", accounts.login());
//! # let _ = (all, one);
//! # Ok::<(), cloakroom_site::templates::TemplateError>(())
//! ```
//!
//! Each page is a route of its own, to be mounted together by [`Accounts::router`] or alone. They need
//! [`CloakroomLayer`](cloakroom_web::CloakroomLayer) around them, and hold no policy: they ask `cloakroom-auth`.

mod browsable;
pub(crate) mod change;
mod delete;
pub(crate) mod login;
pub(crate) mod logout;
mod outgoing;
pub(crate) mod pages;
mod profile;
pub(crate) mod reset;
mod resume;
pub(crate) mod sessions;
pub(crate) mod signup;
pub(crate) mod update;
pub(crate) mod view;

use std::sync::Arc;

use axum::Router;
use axum::routing::MethodRouter;
use cloakroom_auth::mail::Mailer;
use cloakroom_web::csrf::CsrfProtect;
use cloakroom_web::guards::never_cache;

use self::pages::Pages;
pub use self::pages::{AfterReset, DeveloperPanel, ShowMessages, WhileSignedIn};
use self::view::{append_slash, signed_in, view};
use crate::assets;
use crate::error_pages::ErrorPages;
use crate::panel;
use crate::templates::Templates;
use crate::templates::context::Urls;

/// The account pages. Cheap to clone; each method that makes a route or router may be called as often as needed.
#[derive(Clone, Debug)]
#[must_use]
pub struct Accounts(Arc<Pages>);

impl Accounts {
    /// The pages under a prefix such as `/accounts`, or `/` for the root (M11).
    pub fn new(templates: Templates, prefix: &str) -> Self {
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
        Self(Arc::new(Pages::new(templates, prefix)))
    }

    /// Sets who sends the links of `password_reset/`. Without, nothing is sent, and the log says so.
    pub fn with_mailer(self, mailer: Arc<dyn Mailer>) -> Self {
        self.change(|pages| pages.mailer = Some(mailer))
    }

    /// Sets the name that stands on every page; by default `Cloakroom`.
    pub fn with_name(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.change(|pages| pages.name = name)
    }

    /// Sets what the log-in page does for those who are signed in (`redirect_authenticated_user`, A120).
    pub fn with_login_while_signed_in(self, what: WhileSignedIn) -> Self {
        self.change(|pages| pages.while_signed_in = what)
    }

    /// Sets whether a reset signs in (`post_reset_login`, A118). By default it does not (R02).
    pub fn with_after_reset(self, what: AfterReset) -> Self {
        self.change(|pages| pages.after_reset = what)
    }

    /// Sets where a log-in without `next` leads, over `LOGIN_REDIRECT_URL` (`next_page`, A119).
    pub fn with_login_next_page(self, url: impl Into<String>) -> Self {
        let url = url.into();
        self.change(|pages| pages.login_next_page = Some(url))
    }

    /// Sets where a log-out without `next` leads, over `LOGOUT_REDIRECT_URL` (`next_page`, A119, A123).
    pub fn with_logout_next_page(self, url: impl Into<String>) -> Self {
        let url = url.into();
        self.change(|pages| pages.logout_next_page = Some(url))
    }

    /// Lets `next` lead to these hosts too (`success_url_allowed_hosts`, A119).
    pub fn with_allowed_hosts<H: Into<String>>(self, hosts: impl IntoIterator<Item = H>) -> Self {
        let hosts = hosts.into_iter().map(Into::into).collect();
        self.change(|pages| pages.allowed_hosts = hosts)
    }

    /// Sets who may put the pages into a frame: the sources of `frame-ancestors`. By default `'none'` (H01).
    pub fn with_frame_ancestors(self, sources: impl Into<String>) -> Self {
        let sources = sources.into();
        self.change(|pages| pages.frame_ancestors = sources)
    }

    /// Sets whether the pages show the messages that wait for the next page (M08). By default they do; Django's own views
    /// leave that to the site's templates.
    pub fn with_messages(self, what: ShowMessages) -> Self {
        self.change(|pages| pages.messages = what)
    }

    /// Sets whether [the developer panel](crate::panel) is mounted beside the pages. By default it is not; the facade mounts
    /// it under `DEBUG`.
    pub fn with_developer_panel(self, what: DeveloperPanel) -> Self {
        self.change(|pages| pages.panel = what)
    }

    fn change(mut self, change: impl FnOnce(&mut Pages)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    pub(crate) const fn pages(&self) -> &Arc<Pages> {
        &self.0
    }

    /// A layer that says what went wrong in the layout of these pages. Put it outside of
    /// [`CloakroomLayer`](cloakroom_web::CloakroomLayer).
    pub fn error_pages(&self) -> ErrorPages {
        ErrorPages::new(self.clone())
    }

    /// Where the pages are.
    #[must_use]
    pub fn urls(&self) -> &Urls {
        &self.0.urls
    }

    /// All pages under the prefix, with their stylesheet. Without the slash at its end each address answers 301 to the one
    /// with it (G61).
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let beside = match self.0.panel {
            DeveloperPanel::Yes => assets::router().merge(panel::router(self)),
            DeveloperPanel::No => assets::router(),
        };
        self.pages_by_path().into_iter().fold(beside, |router, (path, page)| {
            router.route(path.trim_end_matches('/'), append_slash()).route(&path, page)
        })
    }

    /// The addresses without their closing slash. As in Django their requests are sent on without a CSRF check; have the
    /// layer leave them out ([`insecure_csrf_exempt_all`](cloakroom_web::CloakroomLayer::insecure_csrf_exempt_all)).
    pub fn redirecting_paths(&self) -> impl Iterator<Item = String> {
        self.pages_by_path::<()>().into_iter().map(|(path, _)| path.trim_end_matches('/').to_owned())
    }

    /// The pages that the anonymous need, for
    /// [`LoginRequired::open_all`](cloakroom_web::guards::LoginRequired::open_all): those that Django marks `login_not_required`
    /// (A142), sign-up, and the stylesheet.
    pub fn open_paths(&self) -> impl Iterator<Item = String> {
        let urls = self.urls();
        let pages = [
            urls.login.clone(),
            urls.password_reset.clone(),
            urls.password_reset_complete.clone(),
            urls.password_reset_done.clone(),
            urls.password_reset_confirm("{uidb64}", "{token}"),
            urls.signup.clone(),
        ];
        // To whom the panel is not shown, it is a 404.
        let others = assets::all().map(|(path, _)| path).into_iter().chain(panel::PATHS);
        pages.into_iter().chain(others.map(str::to_owned))
    }

    fn pages_by_path<S: Clone + Send + Sync + 'static>(&self) -> [(String, MethodRouter<S>); 15] {
        let urls = self.urls();
        [
            (urls.delete.clone(), self.delete()),
            (urls.login.clone(), self.login()),
            (urls.logout.clone(), self.logout()),
            (urls.password_change.clone(), self.password_change()),
            (urls.password_change_done.clone(), self.password_change_done()),
            (urls.password_reset.clone(), self.password_reset()),
            (urls.password_reset_complete.clone(), self.password_reset_complete()),
            (urls.password_reset_done.clone(), self.password_reset_done()),
            (urls.password_reset_confirm("{uidb64}", "{token}"), self.password_reset_confirm()),
            (urls.profile.clone(), self.profile()),
            (urls.resume.clone(), self.resume()),
            (urls.sessions.clone(), self.sessions()),
            (urls.sessions_revoke.clone(), self.sessions_revoke()),
            (urls.signup.clone(), self.signup()),
            (urls.update.clone(), self.update()),
        ]
    }

    /// `login/` (A110, M02).
    pub fn login<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        view(&self.0, login::view).layer(never_cache()).layer(CsrfProtect::new())
    }

    /// `logout/` (A111, M06).
    pub fn logout<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        view(&self.0, logout::view).layer(never_cache()).layer(CsrfProtect::new())
    }

    /// `signup/` (M19).
    pub fn signup<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        view(&self.0, signup::view).layer(never_cache()).layer(CsrfProtect::new())
    }

    /// `profile/` (M05).
    pub fn profile<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        signed_in(&self.0, profile::view).layer(never_cache())
    }

    /// `update/` (M19).
    pub fn update<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        signed_in(&self.0, update::view).layer(never_cache()).layer(CsrfProtect::new())
    }

    /// `delete/` (M19).
    pub fn delete<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        signed_in(&self.0, delete::view).layer(never_cache()).layer(CsrfProtect::new())
    }

    /// `resume/` (M22): 404 unless `RESUME_POSTS` is on.
    pub fn resume<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        signed_in(&self.0, resume::view).layer(never_cache()).layer(CsrfProtect::new())
    }

    /// `sessions/`.
    pub fn sessions<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        signed_in(&self.0, sessions::list).layer(never_cache())
    }

    /// `sessions/revoke/`.
    pub fn sessions_revoke<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        signed_in(&self.0, sessions::revoke).layer(never_cache()).layer(CsrfProtect::new())
    }

    /// `password_change/` (A112).
    pub fn password_change<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        signed_in(&self.0, change::view).layer(CsrfProtect::new())
    }

    /// `password_change/done/` (A113).
    pub fn password_change_done<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        signed_in(&self.0, change::done)
    }

    /// `password_reset/` (A114).
    pub fn password_reset<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        view(&self.0, reset::request).layer(CsrfProtect::new())
    }

    /// `password_reset/done/` (A115).
    pub fn password_reset_done<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        view(&self.0, reset::requested)
    }

    /// `reset/<uidb64>/<token>/` (A116): the last two parts of the path are taken, whatever stands before.
    pub fn password_reset_confirm<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        view(&self.0, reset::confirm).layer(never_cache())
    }

    /// `reset/done/` (A115).
    pub fn password_reset_complete<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        view(&self.0, reset::complete)
    }
}
