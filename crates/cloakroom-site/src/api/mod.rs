//! The same doors for programs: JSON under `/api/auth/`, as Django REST framework with session authentication answers
//! them (D01–D11); and `/auth/verify`, which reverse proxies ask.
//!
//! | method and path | does |
//! |---|---|
//! | GET `csrf/` | gives a CSRF token and sets its cookie |
//! | POST `login/`, `logout/`, `signup/` | as the pages |
//! | GET, PATCH, DELETE `user/` | one's own account |
//! | POST `password/change/`, `password/reset/`, `password/reset/confirm/` | as the pages |
//! | GET, DELETE `sessions/`, DELETE `sessions/<id>/` | one's own sessions; end all others; end one |
//! | GET `openapi.json` | all this in OpenAPI 3.1 |
//!
//! Bodies are JSON objects of texts. What is wrong with one is a 400: texts by field and, under `codes`, their validation
//! codes. All else that is wrong has `{"detail": …}`. Unsafe methods need the CSRF token in its header: those of signed-in
//! users, and log-in, sign-up and reset always.

mod account;
mod answer;
mod door;
mod openapi;
mod password;
mod sessions;
mod verify;

use axum::Router;
use axum::routing::{MethodRouter, any, get};
use cloakroom_web::guards::never_cache;

use self::door::{Csrf, Door, Who, door};
use crate::accounts::Accounts;
use crate::accounts::view::append_slash;

const CSRF: Door = Door { name: "Csrf", csrf: Csrf::SignedIn, who: Who::Anybody, methods: &["GET", "HEAD"] };
const LOGIN: Door = Door { name: "Login", csrf: Csrf::Always, who: Who::Anybody, methods: &["POST"] };
const LOGOUT: Door = Door { name: "Logout", csrf: Csrf::SignedIn, who: Who::Anybody, methods: &["POST"] };
const USER: Door =
    Door { name: "User", csrf: Csrf::SignedIn, who: Who::SignedIn, methods: &["GET", "PATCH", "DELETE", "HEAD"] };
const SIGNUP: Door = Door { name: "Signup", csrf: Csrf::Always, who: Who::Anybody, methods: &["POST"] };
const CHANGE: Door = Door { name: "Password Change", csrf: Csrf::SignedIn, who: Who::SignedIn, methods: &["POST"] };
const RESET: Door = Door { name: "Password Reset", csrf: Csrf::Always, who: Who::Anybody, methods: &["POST"] };
const CONFIRM: Door =
    Door { name: "Password Reset Confirm", csrf: Csrf::Always, who: Who::Anybody, methods: &["POST"] };
const SESSIONS: Door =
    Door { name: "Sessions", csrf: Csrf::SignedIn, who: Who::SignedIn, methods: &["GET", "DELETE", "HEAD"] };
const SESSION: Door = Door { name: "Session", csrf: Csrf::SignedIn, who: Who::SignedIn, methods: &["DELETE"] };

/// Every door by its path.
#[cfg(test)]
const DOORS: [(&str, &Door); 10] = [
    ("/api/auth/csrf/", &CSRF),
    ("/api/auth/login/", &LOGIN),
    ("/api/auth/logout/", &LOGOUT),
    ("/api/auth/user/", &USER),
    ("/api/auth/signup/", &SIGNUP),
    ("/api/auth/password/change/", &CHANGE),
    ("/api/auth/password/reset/", &RESET),
    ("/api/auth/password/reset/confirm/", &CONFIRM),
    ("/api/auth/sessions/", &SESSIONS),
    ("/api/auth/sessions/{id}/", &SESSION),
];

/// The doors, each under `/api/auth/`, and `/auth/verify`. Without the slash at its end an address answers 301 (G61).
///
/// The layer around must leave [`exempt_paths`] out of its own CSRF check: these doors make the check by themselves.
pub fn router<S: Clone + Send + Sync + 'static>(accounts: &Accounts) -> Router<S> {
    let verify = Router::new()
        .route("/auth/verify", any(verify::verify))
        .route("/api/auth/openapi.json", get(openapi::document));
    doors(accounts).into_iter().fold(verify, |router, (path, page)| {
        router.route(path.trim_end_matches('/'), append_slash()).route(path, page.layer(never_cache()))
    })
}

/// The paths of [`router`] that the layer's CSRF check must not see, as
/// [`insecure_csrf_exempt_all`](cloakroom_web::CloakroomLayer::insecure_csrf_exempt_all) takes them.
pub fn exempt_paths(accounts: &Accounts) -> Vec<String> {
    let paths = doors::<()>(accounts).into_iter().map(|(path, _)| path);
    paths.flat_map(|path| [path.to_owned(), path.trim_end_matches('/').to_owned()]).collect()
}

fn doors<S: Clone + Send + Sync + 'static>(accounts: &Accounts) -> [(&'static str, MethodRouter<S>); 10] {
    let pages = accounts.pages();
    [
        ("/api/auth/csrf/", door(pages, &CSRF, account::csrf)),
        ("/api/auth/login/", door(pages, &LOGIN, account::login)),
        ("/api/auth/logout/", door(pages, &LOGOUT, account::logout)),
        ("/api/auth/user/", door(pages, &USER, account::user)),
        ("/api/auth/signup/", door(pages, &SIGNUP, account::signup)),
        ("/api/auth/password/change/", door(pages, &CHANGE, password::change)),
        ("/api/auth/password/reset/", door(pages, &RESET, password::reset)),
        ("/api/auth/password/reset/confirm/", door(pages, &CONFIRM, password::confirm)),
        ("/api/auth/sessions/", door(pages, &SESSIONS, sessions::all)),
        ("/api/auth/sessions/{id}/", door(pages, &SESSION, sessions::one)),
    ]
}
