//! The log-in pages of a browsable API, where REST framework has them (D40): the account pages' views with a template of
//! their own. They are there for those who mount them.

use std::sync::Arc;

use axum::Router;
use axum::routing::MethodRouter;

use super::Accounts;
use super::pages::Face;
use super::view::append_slash;

impl Accounts {
    /// `login/` and `logout/` under a prefix, mostly `/api-auth`: REST framework's `rest_framework.urls`. Without the slash at
    /// its end each answers 301.
    ///
    /// ```
    /// use axum::Router;
    /// use cloakroom_site::accounts::Accounts;
    /// use cloakroom_site::templates::Templates;
    ///
    /// let accounts = Accounts::new(Templates::built_in()?, "/accounts");
    /// let app: Router = accounts.router().merge(accounts.browsable_api("/api-auth"));
    /// # let _ = app;
    /// # Ok::<(), cloakroom_site::templates::TemplateError>(())
    /// ```
    pub fn browsable_api<S: Clone + Send + Sync + 'static>(&self, prefix: &str) -> Router<S> {
        let [login, logout] = browsable_paths(prefix);
        let pages = [(login, self.browsable_login()), (logout, self.logout())];
        pages.into_iter().fold(Router::new(), |router, (path, page)| {
            router.route(path.trim_end_matches('/'), append_slash()).route(&path, page)
        })
    }

    /// The addresses of [`browsable_api`](Self::browsable_api) without their closing slash; see
    /// [`redirecting_paths`](Self::redirecting_paths).
    pub fn browsable_redirecting_paths(prefix: &str) -> impl Iterator<Item = String> {
        browsable_paths(prefix).into_iter().map(|path| path.trim_end_matches('/').to_owned())
    }

    /// The log-in page of a browsable API.
    pub fn browsable_login<S: Clone + Send + Sync + 'static>(&self) -> MethodRouter<S> {
        let mut pages = self.clone();
        Arc::make_mut(&mut pages.0).face = Face::BrowsableApi;
        pages.login()
    }
}

fn browsable_paths(prefix: &str) -> [String; 2] {
    let prefix = prefix.trim_end_matches('/');
    [format!("{prefix}/login/"), format!("{prefix}/logout/")]
}
