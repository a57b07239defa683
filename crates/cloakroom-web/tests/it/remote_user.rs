//! Users whom a proxy vouches for (A144, G01, G02, G48, Z03).

use axum::Router;
use axum::routing::get;
use cloakroom_auth::backends::BackendKind;
use cloakroom_core::hosts::Scheme;
use cloakroom_web::{Connection, OnAbsence, RemoteUser, User};
use http::{HeaderName, Method};

use crate::browser::{Answer, Browser, Site, config, login_routes};

const PROXY: [u8; 4] = [10, 0, 0, 1];

async fn site() -> Site {
    let remote = BackendKind::parse("remote_user").unwrap();
    let site = Site::with_backends(vec![remote, BackendKind::model()]).await;
    site.user("alice").await;
    site
}

fn browser(site: &Site, on_absence: OnAbsence) -> Browser {
    let layer = RemoteUser::from_proxies(HeaderName::from_static("remote-user"), [PROXY.into()]);
    let routes = Router::new()
        .route("/", get(async |user: Option<User>| user.map_or(String::new(), |u| u.username.clone())))
        .merge(login_routes())
        .layer(layer.with_absence(on_absence));
    Browser::new(routes.layer(site.layer(config())))
}

async fn ask(browser: &mut Browser, peer: [u8; 4], names: &[&str]) -> Answer {
    let mut request = browser.request(Method::GET, "/", "".into());
    for name in names {
        request.headers_mut().append("remote-user", name.parse().unwrap());
    }
    let peer = Some((peer, 5000).into());
    request.extensions_mut().insert(Connection { peer, local: None, scheme: Scheme::Http });
    browser.send(request).await
}

#[tokio::test]
async fn a_proxys_word_signs_in_and_its_silence_out() {
    let site = site().await;
    let mut browser = browser(&site, OnAbsence::LogOut);
    assert_eq!(ask(&mut browser, PROXY, &["alice"]).await.body, "alice");
    let key = browser.cookies["sessionid"].clone();
    assert_eq!(ask(&mut browser, PROXY, &["alice"]).await.set_cookie.len(), 0);
    assert_eq!(ask(&mut browser, PROXY, &["newcomer"]).await.body, "newcomer");
    assert!(!site.stores(&key).await);
    assert_eq!(ask(&mut browser, PROXY, &[]).await.body, "");
    assert!(!browser.cookies.contains_key("sessionid"));
}

#[tokio::test]
async fn silence_may_mean_nothing() {
    let site = site().await;
    let mut browser = browser(&site, OnAbsence::Keep);
    ask(&mut browser, PROXY, &["alice"]).await;
    assert_eq!(ask(&mut browser, PROXY, &[]).await.body, "alice");
}

/// A user who signed in by password stays when the header is absent; an empty one is present and names nobody.
#[tokio::test]
async fn others_are_left_alone() {
    let site = site().await;
    let mut browser = browser(&site, OnAbsence::LogOut);
    browser.sign_in("alice").await;
    assert_eq!(ask(&mut browser, PROXY, &[]).await.body, "alice");
    assert_eq!(ask(&mut browser, PROXY, &[""]).await.body, "alice");
}

/// G01, G02, Z03: nobody but the proxy is believed, and no repeated header.
#[tokio::test]
async fn a_clients_own_header_is_nothing() {
    let site = site().await;
    let mut browser = browser(&site, OnAbsence::LogOut);
    assert_eq!(ask(&mut browser, [10, 0, 0, 2], &["alice"]).await.body, "");
    assert_eq!(ask(&mut browser, PROXY, &["alice", "root"]).await.status, 400);
    let mut request = browser.request(Method::GET, "/", "".into());
    request.headers_mut().append("remote-user", "alice".parse().unwrap());
    assert_eq!(browser.send(request).await.body, "");
}
