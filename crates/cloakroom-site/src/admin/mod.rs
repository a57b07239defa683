//! The admin for users and groups, at the addresses and with the answers of Django's (A180–A186).
//!
//! ```
//! use axum::Router;
//! use cloakroom_site::accounts::Accounts;
//! use cloakroom_site::admin::Admin;
//! use cloakroom_site::templates::Templates;
//!
//! let accounts = Accounts::new(Templates::built_in()?, "/accounts");
//! let admin: Router = Admin::new(&accounts, "/admin").router();
//! # let _ = admin;
//! # Ok::<(), cloakroom_site::templates::TemplateError>(())
//! ```
//!
//! The pages look like those of [`Accounts`], work without scripts, and need
//! [`CloakroomLayer`](cloakroom_web::CloakroomLayer) around them. They hold no policy: who may do what is asked of
//! `cloakroom-auth` (Z08). What Django's admin has beside this, its `autocomplete/`, `jsi18n/` and `r/`, serves scripts and
//! models that are not here.

mod access;
mod add;
mod change;
mod delete;
mod desk;
mod groups;
mod history;
mod index;
mod list;
mod password;
mod place;
mod sessions;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, any};
use cloakroom_web::csrf::CsrfProtect;
use cloakroom_web::guards::never_cache;
use cloakroom_web::{Ctx, FormData};

use crate::accounts::Accounts;
use crate::accounts::pages::Pages;
use crate::accounts::view::{Request, append_slash};
use crate::assets;

/// The admin's pages. Cheap to clone.
#[derive(Clone, Debug)]
#[must_use]
pub struct Admin(Arc<Site>);

/// Where the pages are and what they look like.
#[derive(Debug)]
struct Site {
    pages: Arc<Pages>,
    /// Without a slash at its end.
    prefix: String,
}

impl Site {
    fn at(&self, rest: &str) -> String {
        format!("{}/{rest}", self.prefix)
    }
}

impl Admin {
    /// The pages under a prefix such as `/admin`, in the layout of `accounts`.
    pub fn new(accounts: &Accounts, prefix: &str) -> Self {
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("/{prefix}") };
        Self(Arc::new(Site { pages: Arc::new(accounts.pages().with_messages()), prefix }))
    }

    /// All pages under the prefix.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let site = &self.0;
        let router = Router::new()
            .route(&site.at(""), self.pages())
            .route(&site.at("{*page}"), self.pages())
            .route(&site.at("login/"), self.login())
            .route(&site.at("password_change/"), self.password_change())
            .route(&site.at("password_change/done/"), self.password_change_done());
        if site.prefix.is_empty() { router } else { router.route(&site.prefix, append_slash()) }
    }

    /// The stylesheet, where the account pages are not mounted, which bring it.
    pub fn assets<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        assets::router()
    }

    /// The address without its closing slash, which is sent on without a CSRF check; have the layer leave it out
    /// ([`insecure_csrf_exempt_all`](cloakroom_web::CloakroomLayer::insecure_csrf_exempt_all)).
    pub fn redirecting_paths(&self) -> impl Iterator<Item = String> {
        Some(self.0.prefix.clone()).filter(|prefix| !prefix.is_empty()).into_iter()
    }

    /// The routes that ask for themselves who is there, for
    /// [`LoginRequired::open_all`](cloakroom_web::guards::LoginRequired::open_all): all of them, as their log-in page is another.
    pub fn open_paths(&self) -> impl Iterator<Item = String> {
        let site = Arc::clone(&self.0);
        let pages = ["", "{*page}", "login/", "password_change/", "password_change/done/"];
        pages.into_iter().map(move |page| site.at(page)).chain(self.redirecting_paths())
    }

    /// `login/` (A180).
    pub fn login<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        self.view(access::login).layer(never_cache()).layer(CsrfProtect::new())
    }

    /// `password_change/`.
    pub fn password_change<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        self.view(access::password_change).layer(CsrfProtect::new())
    }

    /// `password_change/done/`.
    pub fn password_change_done<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        self.view(access::password_change_done).layer(CsrfProtect::new())
    }

    /// Every other page, by its path.
    pub fn pages<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        self.view(place::answer).layer(never_cache()).layer(CsrfProtect::new())
    }

    fn view<F, Fut, S>(&self, f: F) -> MethodRouter<S>
    where
        F: Fn(Arc<Site>, Request) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = crate::accounts::view::Answer> + Send,
        S: Clone + Send + Sync + 'static,
    {
        let site = Arc::clone(&self.0);
        any(async move |ctx: Ctx, form: FormData| {
            site.pages.load_messages(&ctx).await;
            f(site, Request { ctx, form }).await
        })
    }
}
