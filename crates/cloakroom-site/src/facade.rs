//! The site on [`Cloakroom`]: pages from settings, and the whole server.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use cloakroom::Cloakroom;
use cloakroom::settings::Settings;
use cloakroom_web::api::obtain_auth_token;

use crate::accounts::view::append_slash;
use crate::accounts::{Accounts, DeveloperPanel, ShowMessages};
use crate::admin::Admin;
use crate::error::not_found;
use crate::mail::{MailSettingsError, PostOffice};
use crate::setup::SetupLink;
use crate::templates::{TemplateError, Templates};
use crate::{ErrorPages, api, home};

/// What a site's settings say of its pages is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SiteError {
    /// A template of `TEMPLATES_DIR` is broken.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The settings of mail cannot be used.
    #[error(transparent)]
    Mail(#[from] MailSettingsError),
}

/// Account pages for a [`Cloakroom`].
pub trait AccountsExt {
    /// The account pages as the settings describe them: prefix, templates, mail.
    ///
    /// # Errors
    ///
    /// A broken template of `TEMPLATES_DIR`, or settings of mail that cannot be used.
    fn account_pages(&self) -> Result<Accounts, SiteError>;

    /// The account pages' routes under `ACCOUNTS_PREFIX`.
    ///
    /// # Panics
    ///
    /// Where [`account_pages`](Self::account_pages) fails; a program that lets others choose templates calls that.
    fn accounts(&self) -> Router;
}

impl AccountsExt for Cloakroom {
    fn account_pages(&self) -> Result<Accounts, SiteError> {
        let (accounts, office) = parts(self.settings())?;
        Ok(accounts.with_mailer(Arc::new(office.with_clock(Arc::clone(self.clock())))))
    }

    fn accounts(&self) -> Router {
        match self.account_pages() {
            Ok(accounts) => accounts.router(),
            Err(e) => panic!("the account pages cannot be made: {e}"),
        }
    }
}

/// Whether [`account_pages`](AccountsExt::account_pages) can be made from these settings, before there is a site: nothing
/// is written yet then.
///
/// # Errors
///
/// As [`account_pages`](AccountsExt::account_pages).
pub fn check_settings(settings: &Settings) -> Result<(), SiteError> {
    parts(settings).map(drop)
}

fn parts(settings: &Settings) -> Result<(Accounts, PostOffice), SiteError> {
    let templates = Templates::load(settings.templates_dir.as_deref().map(Path::new))?;
    let accounts = Accounts::new(templates.clone(), &settings.accounts_prefix);
    let accounts = match settings.x_frame_options.eq_ignore_ascii_case("SAMEORIGIN") {
        true => accounts.with_frame_ancestors("'self'"),
        false => accounts,
    };
    let accounts = match settings.show_messages {
        true => accounts,
        false => accounts.with_messages(ShowMessages::No),
    };
    let panel = if settings.debug { DeveloperPanel::Yes } else { DeveloperPanel::No };
    let accounts = accounts.with_developer_panel(panel);
    let office = PostOffice::from_settings(settings, templates, accounts.urls().clone())?;
    Ok((accounts, office))
}

/// The server's pages without the layer: the first page, the accounts, their API, and the set-up link if there is one. A
/// router that adds pages of its own puts [`Cloakroom::layer`] around both.
pub fn routes(accounts: &Accounts, setup: Option<&SetupLink>) -> Router {
    let pages = accounts.router().merge(api::router(accounts)).merge(home::router(accounts));
    match setup {
        Some(link) => pages.merge(link.router()),
        None => pages,
    }
}

/// The whole server: pages, the admin unless `ADMIN_PREFIX` is empty, error pages, the layer around all; with `API_TOKENS`
/// and `API_LOGIN_PAGES` the doors of REST framework too.
pub fn server(site: &Cloakroom, accounts: &Accounts, setup: Option<&SetupLink>) -> Router {
    let (mut routes, mut layer) = (routes(accounts, setup), site.layer());
    if site.settings().api_tokens {
        let without_slash = OBTAIN_TOKEN.trim_end_matches('/');
        routes = routes.route(OBTAIN_TOKEN, obtain_auth_token()).route(without_slash, append_slash());
        // The view checks those who are signed in by itself (D03).
        layer = layer.insecure_csrf_exempt_all([OBTAIN_TOKEN, without_slash]);
    }
    if site.settings().api_login_pages {
        routes = routes.merge(accounts.browsable_api(BROWSABLE_API));
        layer = layer.insecure_csrf_exempt_all(Accounts::browsable_redirecting_paths(BROWSABLE_API));
    }
    if !site.settings().admin_prefix.is_empty() {
        let admin = Admin::new(accounts, &site.settings().admin_prefix);
        layer = layer.insecure_csrf_exempt_all(admin.redirecting_paths());
        routes = routes.merge(admin.router());
    }
    finish(routes, accounts, layer)
}

/// Where the server gives tokens (D30).
const OBTAIN_TOKEN: &str = "/api-token-auth/";

/// Below what the server has the log-in pages of a browsable API (D40).
const BROWSABLE_API: &str = "/api-auth";

/// Puts the layer and the error pages around routes, those of no route included. The API makes its CSRF checks itself.
pub fn finish(routes: Router, accounts: &Accounts, layer: cloakroom_web::CloakroomLayer) -> Router {
    let exempt = accounts.redirecting_paths().chain(api::exempt_paths(accounts));
    let exempt = exempt.chain(crate::panel::PATHS.map(str::to_owned));
    let layer = layer.insecure_csrf_exempt_all(exempt);
    routes.fallback(not_found).layer(layer).layer(ErrorPages::new(accounts.clone()))
}
