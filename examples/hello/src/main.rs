//! The smallest application with accounts: a page for everybody, a page for who signed in, a cart in the session.
//!
//! Run it, open http://127.0.0.1:8000/, sign up at /accounts/signup/.

use std::error::Error;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use cloakroom::prelude::*;
use cloakroom_site::prelude::*;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cloakroom = Cloakroom::from_env().await?; // settings + database + engine; SQLite if nothing is said
    let app = Router::new()
        .route("/", get(home))
        .route("/profile/", get(profile))
        .merge(cloakroom.accounts()) // login, logout, sign-up, …
        .layer(cloakroom.layer()); // the whole stack in the right order
    cloakroom.serve(app).await?;
    Ok(())
}

/// Anonymous visitors are sent to the login page and come back here.
async fn profile(user: User) -> String {
    format!("Hello {}", user.username)
}

/// Everybody has a cart; it is kept when the visitor signs in.
async fn home(user: Option<User>, cart: Session) -> Result<Html<String>, GuardRejection> {
    let visits = cart.get::<u32>("visits")?.unwrap_or(0) + 1;
    cart.set("visits", &visits)?;
    let name = user.map_or_else(|| "stranger".to_owned(), |user| user.username.clone());
    Ok(Html(format!("Hello {name}, this is visit {visits}. <a href=\"/profile/\">Profile</a>")))
}
