//! The developer panel: who this browser is, and why, step by step (D12, M14).
//!
//! It is there under `DEBUG` alone, and answers nobody but a browser on the same machine that asks the server directly. To
//! everybody else it is a page that does not exist:
//!
//! - whoever connected must have a loopback address, by the connection itself and not by what a header says;
//! - a request that any proxy has marked (`X-Forwarded-For`, `Forwarded`, `Via`, `X-Real-IP` and their like) is not
//!   answered, trusted proxy or not, loopback address in the header or not;
//! - the host must be a loopback name, so that neither a proxy that keeps `Host` nor a name that was bent to 127.0.0.1 (DNS
//!   rebinding) gets through;
//! - HTTP/1.0 is not answered: it is what nginx speaks to its upstreams unless told otherwise.
//!
//! A proxy on the same machine that marks nothing, rewrites `Host` and speaks HTTP/1.1 cannot be told from a browser: as
//! `DEBUG` says elsewhere too, such a site is not for the public. The panel shows each browser its own session alone.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::any;
use cloakroom_auth::explain::{Ending, Step, Story, Ticket, Went, shown};
use cloakroom_core::clock::Timestamp;
use cloakroom_core::cookies::SameSite;
use cloakroom_web::{Ctx, Debug};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};

use crate::accounts::Accounts;
use crate::error::{PageError, not_found};
use crate::templates::context::{Panel, PanelEntry, PanelSession, PanelStep};

/// Where it is.
pub const PATH: &str = "/__cloakroom__/";

/// The same without its closing slash.
const BARE_PATH: &str = "/__cloakroom__";

/// Both addresses: a request for them changes nothing, and is to be a 404 rather than a CSRF failure.
pub(crate) const PATHS: [&str; 2] = [PATH, BARE_PATH];

/// Not by a layer: where the panel is a 404, it is the same as every other.
const NO_STORE: HeaderValue = HeaderValue::from_static("max-age=0, no-cache, no-store, must-revalidate, private");

/// Whatever a proxy leaves on a request.
const PROXY_HEADERS: [&str; 14] = [
    "cf-connecting-ip",
    "client-ip",
    "fastly-client-ip",
    "forwarded",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
];

/// The panel, to be mounted under `DEBUG`.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(accounts: &Accounts) -> Router<S> {
    let pages = Arc::clone(accounts.pages());
    let page = any(async move |ctx: Ctx, headers: HeaderMap, version: Version| -> Result<Response, PageError> {
        if !may_see(&ctx, &headers, version) {
            return Ok(not_found().await);
        }
        if !matches!(*ctx.method(), Method::GET | Method::HEAD) {
            return Ok(cloakroom_web::pages::error(StatusCode::METHOD_NOT_ALLOWED));
        }
        let story = story(&ctx).await;
        let mut response = pages.page(&ctx, &panel(&ctx, &story))?;
        response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
        Ok(response)
    });
    Router::new().route(PATH, page.clone()).route(BARE_PATH, page)
}

fn may_see(ctx: &Ctx, headers: &HeaderMap, version: Version) -> bool {
    let is_loopback = |address: Option<IpAddr>| address.is_some_and(|a| a.to_canonical().is_loopback());
    ctx.config().debug == Debug::On
        && is_loopback(ctx.peer_address())
        && is_loopback(ctx.client_address())
        && version > Version::HTTP_10
        && !PROXY_HEADERS.iter().any(|name| headers.contains_key(*name))
        && ctx.host().is_ok_and(is_loopback_name)
}

/// `localhost`, a name below it, or a loopback address, with or without a port.
fn is_loopback_name(host: &str) -> bool {
    let bare = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = bare.trim_end_matches('.').to_ascii_lowercase();
    let by_address = name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    by_address || name == "localhost" || name.ends_with(".localhost")
}

/// The story of this request's cookie; of several names the first that opens something.
async fn story(ctx: &Ctx) -> Story {
    let config = ctx.sessions().config();
    let mut first = None;
    for name in std::iter::once(&config.cookie.name).chain(&config.older_names.names) {
        let Some(key) = ctx.cookie(name) else { continue };
        let from = format!("the cookie {name}");
        let story = ctx.auth_service().explain(ctx.sessions(), Ticket { key: Some(&key), from: &from }).await;
        if story.data.is_some() {
            return story;
        }
        first = first.or(Some(story));
    }
    match first {
        Some(story) => story,
        None => {
            let from = format!("the cookie {}", config.cookie.name);
            ctx.auth_service().explain(ctx.sessions(), Ticket { key: None, from: &from }).await
        }
    }
}

fn panel(ctx: &Ctx, story: &Story) -> Panel {
    let (title, reason, explanation) = match &story.ending {
        Ending::SignedIn(user) => (format!("Signed in as {}", user.username), "signed_in", ""),
        Ending::Anonymous(reason) => ("Not signed in".to_owned(), reason.as_str(), reason.explanation()),
        _ => ("Nobody can tell".to_owned(), "unknown", "The store gives no answer: pages are answered with 503."),
    };
    let steps = story.steps.iter().map(|told| PanelStep {
        name: told.step.as_str().replace('_', " "),
        went: told.went.as_str(),
        text: told.text.clone(),
    });
    let session = story.handle.as_ref().map(|handle| PanelSession {
        handle: handle.clone(),
        engine: story.engine,
        ends: story.ends.map(moment).unwrap_or_default(),
        data: story
            .data
            .iter()
            .flat_map(|data| data.iter())
            .map(|(name, value)| {
                let name = name.to_string_lossy();
                PanelEntry { value: shown(&name, value), name }
            })
            .collect(),
    });
    Panel {
        title,
        reason,
        explanation,
        steps: steps.collect(),
        notes: notes(ctx, story),
        session,
        request: request(ctx),
    }
}

/// Why a browser may keep the cookie to itself.
fn notes(ctx: &Ctx, story: &Story) -> Vec<String> {
    if !story.steps.iter().any(|told| told.step == Step::Cookie && told.went == Went::Wrong) {
        return Vec::new();
    }
    let cookie = &ctx.sessions().config().cookie;
    let mut notes = Vec::new();
    if cookie.secure && !ctx.is_secure() {
        notes.push(
            "SESSION_COOKIE_SECURE is true and this page came by plain HTTP: browsers do not send the cookie.".into(),
        );
    }
    if !PATH.starts_with(cookie.path.trim_end_matches('/')) {
        notes.push(format!("SESSION_COOKIE_PATH is {:?}: browsers do not send the cookie to this page.", cookie.path));
    }
    if let Some(domain) = cookie.domain.as_deref().filter(|domain| !domain.is_empty()) {
        notes.push(format!("SESSION_COOKIE_DOMAIN is {domain:?}: browsers do not send the cookie to other hosts."));
    }
    notes
}

fn request(ctx: &Ctx) -> Vec<PanelEntry> {
    let config = ctx.sessions().config();
    let entry = |name: &str, value: String| PanelEntry { name: name.into(), value };
    // Names and lengths: values are as good as passwords.
    let jar = ctx.cookies();
    let cookies: Vec<String> =
        jar.iter().map(|(name, value)| format!("{name} ({} characters)", value.chars().count())).collect();
    let cookie = &config.cookie;
    let mut flags = vec![format!("Path={}", cookie.path)];
    flags.extend(cookie.domain.as_ref().map(|domain| format!("Domain={domain}")));
    flags.extend(cookie.secure.then(|| "Secure".into()));
    flags.extend(cookie.http_only.then(|| "HttpOnly".into()));
    flags.extend(cookie.same_site.as_ref().map(|same_site: &SameSite| format!("SameSite={}", same_site.as_str())));
    vec![
        entry("Scheme", if ctx.is_secure() { "https".into() } else { "http".into() }),
        entry("Host", ctx.host().unwrap_or_default().to_owned()),
        entry("Client", ctx.client_address().map(|a| a.to_string()).unwrap_or_default()),
        entry("Cookies sent", if cookies.is_empty() { "none".into() } else { cookies.join(", ") }),
        entry("Session cookie", format!("{}; {}", cookie.name, flags.join("; "))),
        entry("Back ends", ctx.auth_service().backends().iter().map(|b| b.path()).collect::<Vec<_>>().join(", ")),
    ]
}

fn moment(at: Timestamp) -> String {
    at.plus_micros(-at.as_micros().rem_euclid(1_000_000)).to_isoformat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names() {
        for host in ["localhost", "LOCALHOST:8000", "a.localhost", "127.0.0.1:80", "[::1]", "[::1]:8000", "localhost."]
        {
            assert!(is_loopback_name(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "notlocalhost",
            "10.0.0.1",
            "[2001:db8::1]:80",
            "127.0.0.1.example",
        ] {
            assert!(!is_loopback_name(host), "{host}");
        }
    }
}
