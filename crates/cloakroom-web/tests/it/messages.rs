//! Messages over HTTP: where they wait, what uses them up, what untouched requests get (M01–M08, M32).

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use cloakroom_core::messages::{Keep, Level, Message, MessageSigner};
use cloakroom_core::random::random_string;
use cloakroom_core::signing::{Compression, TimestampSigner, cookie_keys};
use cloakroom_sessions::SessionConfig;
use cloakroom_web::{Ctx, Debug, GuardRejection, MessageStorage, Messages, Session};
use http::StatusCode;

use crate::browser::{Browser, Site, T0, config};

fn routes() -> Router {
    async fn list(messages: Messages) -> Result<String, GuardRejection> {
        Ok(messages.read().await?.iter().map(|m| format!("{}:{} ", m.level_tag(), m.text())).collect())
    }
    Router::new()
        .route("/plain/", get(async |_: Messages| "plain"))
        .route("/list/", get(list))
        .route("/add/{text}/", get(async |messages: Messages, Path(text): Path<String>| messages.info(text)))
        .route("/long/{n}/", get(long))
        .route("/fail/", get(async |messages: Messages| (messages.error("it broke"), StatusCode::IM_A_TEAPOT).1))
        .route("/panic/", get(panics))
        .route("/count/", get(async |messages: Messages| Ok::<_, GuardRejection>(messages.count().await?.to_string())))
        .route("/then/", get(then))
        .route("/levels/", get(levels))
        .route("/key/", get(async |session: Session| format!("{:?}", session.get_value("_messages"))))
}

/// Adds a message of so many characters, which do not compress.
async fn long(ctx: Ctx, messages: Messages, Path(n): Path<usize>) {
    messages.info(random_string(ctx.random(), n, b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"));
}

async fn panics(messages: Messages) -> &'static str {
    messages.info("before");
    panic!("on purpose")
}

/// Reads, adds, and reads again.
async fn then(messages: Messages) -> Result<String, GuardRejection> {
    messages.info("a");
    let first = messages.read().await?.len();
    messages.info("b");
    let count = messages.count().await?;
    Ok(format!("{first} {count}"))
}

async fn levels(messages: Messages) -> Result<String, GuardRejection> {
    messages.debug("dropped");
    messages.info("");
    messages.set_level(Level::WARNING);
    messages.success("dropped too");
    messages.warning("kept");
    messages.set_level(None);
    messages.success("kept too");
    messages.set_level(Level::DEBUG);
    messages.debug("kept as well");
    messages.add(Message::new(27, "odd"));
    Ok(messages.read().await?.iter().map(|m| format!("{}:{} ", m.level_tag(), m.text())).collect())
}

fn browser(site: &Site, storage: MessageStorage) -> Browser {
    let mut config = config();
    config.messages.storage = storage;
    Browser::new(routes().layer(site.layer(config)))
}

const ALL: [MessageStorage; 3] = [MessageStorage::Fallback, MessageStorage::Cookie, MessageStorage::Session];

/// M06: messages wait through requests that do not read them, are shown once, and then gone.
#[tokio::test]
async fn messages_are_shown_once() {
    let site = Site::new().await;
    for storage in ALL {
        let mut browser = browser(&site, storage);
        browser.get("/add/one/").await;
        browser.get("/add/two/").await;
        let untouched = browser.get("/plain/").await;
        assert!(untouched.set_cookie.is_empty() && untouched.header("vary").is_empty(), "{storage:?}: {untouched:?}");
        assert_eq!(browser.get("/count/").await.body, "2", "{storage:?}");
        assert_eq!(browser.get("/list/").await.body, "info:one info:two ", "{storage:?}");
        assert_eq!(browser.get("/list/").await.body, "", "{storage:?}");
        assert!(!browser.cookies.contains_key("messages"), "{storage:?}");
    }
}

/// M06: only what is added after reading is kept.
#[tokio::test]
async fn what_was_added_after_reading_stays() {
    let site = Site::new().await;
    for storage in ALL {
        let mut browser = browser(&site, storage);
        browser.get("/add/old/").await;
        assert_eq!(browser.get("/then/").await.body, "2 3", "{storage:?}");
        assert_eq!(browser.get("/list/").await.body, "info:b ", "{storage:?}");
    }
}

/// M01, M08.
#[tokio::test]
async fn low_levels_and_empty_texts_are_dropped() {
    let site = Site::new().await;
    let answer = browser(&site, MessageStorage::Fallback).get("/levels/").await;
    assert_eq!(answer.body, "warning:kept success:kept too debug:kept as well :odd ");
}

/// M03: the session cookie's attributes, but neither its path nor its age.
#[tokio::test]
async fn the_cookie_has_the_session_cookies_attributes() {
    let mut session = SessionConfig::default();
    session.cookie.path = "/app/".into();
    session.cookie.domain = Some("site.example".into());
    session.cookie.secure = true;
    let site = Site::with(session).await;
    let mut browser = browser(&site, MessageStorage::Fallback);
    let answer = browser.get("/add/one/").await;
    let [line] = &answer.set_cookie[..] else { panic!("one cookie: {answer:?}") };
    assert!(line.ends_with("; Domain=site.example; HttpOnly; Path=/; SameSite=Lax; Secure"), "{line}");
    assert!(answer.header("vary").is_empty());
    let answer = browser.get("/list/").await;
    let gone =
        "messages=\"\"; Domain=site.example; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=Lax";
    assert_eq!(answer.set_cookie, [gone]);
}

/// M04, M05: what does not fit goes into the session, and both are emptied when read.
#[tokio::test]
async fn what_does_not_fit_goes_into_the_session() {
    let site = Site::new().await;
    let mut browser = browser(&site, MessageStorage::Fallback);
    browser.get("/add/short/").await;
    let answer = browser.get("/long/3000/").await;
    assert_eq!(answer.cookie_names(), ["messages", "sessionid"]);
    assert_eq!(answer.header("vary"), "Cookie");
    assert!(browser.get("/key/").await.body.contains(r#"[[\"__json_message\", 0, 20, "#));
    let shown = browser.get("/list/").await.body;
    assert!(shown.starts_with("info:short info:") && shown.len() > 3000);
    assert_eq!(browser.get("/key/").await.body, "None");
    assert!(!browser.cookies.contains_key("messages"));
}

/// M04: without the session the oldest are lost; developers get an error.
#[tokio::test]
async fn the_cookie_alone_keeps_the_newest() {
    let site = Site::new().await;
    let mut quiet = browser(&site, MessageStorage::Cookie);
    quiet.get("/long/1500/").await;
    quiet.get("/add/new/").await;
    assert_eq!(quiet.get("/long/1400/").await.status, 200);
    let shown = quiet.get("/list/").await.body;
    assert_eq!((shown.matches("info:").count(), &shown[..9]), (2, "info:new "), "{shown}");

    let mut config = config();
    config.messages.storage = MessageStorage::Cookie;
    config.debug = Debug::On;
    let mut loud = Browser::new(routes().layer(site.layer(config)));
    assert_eq!(loud.get("/long/3000/").await.status, 500);
}

/// M06: a forged cookie says nothing; Django deletes it where the cookie is all there is, and leaves it otherwise.
#[tokio::test]
async fn a_forged_cookie_holds_nothing() {
    let site = Site::new().await;
    for (storage, cookies) in [(MessageStorage::Fallback, 0), (MessageStorage::Cookie, 1)] {
        let mut browser = browser(&site, storage);
        browser.cookies.insert("messages".into(), "garbage:x:y".into());
        let answer = browser.get("/list/").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{storage:?}");
        assert_eq!(answer.set_cookie.len(), cookies, "{storage:?}");
        browser.cookies.insert("messages".into(), "garbage:x:y".into());
        browser.get("/add/fresh/").await;
        assert_eq!(browser.get("/list/").await.body, "info:fresh ", "{storage:?}");
    }
}

/// M07: a genuine cookie of another shape is a 500, at reading and at adding.
#[tokio::test]
async fn a_genuine_cookie_of_another_shape_is_an_error() {
    let site = Site::new().await;
    let signer = MessageSigner::new(site.auth.secret_keys());
    let entry = Message::new(20, "a").without_extra_tags();
    let cookie = signer.pack(&[entry.into()], Keep::Oldest, T0).unwrap().cookie.unwrap();
    let signer = TimestampSigner::new(&cookie_keys(site.auth.secret_keys()), "django.contrib.messages");
    let bad = signer.sign_bytes(br#"[["__json_message",0,25]]"#, Compression::Never, T0);
    let mut browser = browser(&site, MessageStorage::Fallback);
    for (cookie, status) in [(cookie, 200), (bad, 500)] {
        for path in ["/add/one/", "/list/"] {
            browser.cookies.insert("messages".into(), cookie.clone());
            let answer = browser.get(path).await;
            assert_eq!(answer.status, status, "{path}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        }
    }
}

/// M32: the layer stores messages whatever the handler answered, a panic included, as Django's middleware does.
#[tokio::test]
async fn failing_handlers_leave_their_messages() {
    let site = Site::new().await;
    let mut browser = browser(&site, MessageStorage::Fallback);
    assert_eq!(browser.get("/fail/").await.status, 418);
    assert_eq!(browser.get("/panic/").await.status, 500);
    assert_eq!(browser.get("/list/").await.body, "error:it broke info:before ");
}

/// F01: what waits in a session whose store is down is neither shown nor lost: 503. Messages in the cookie go on.
#[tokio::test]
async fn a_session_store_that_is_down_is_a_503() {
    let site = Site::new().await;
    let mut in_session = browser(&site, MessageStorage::Session);
    in_session.get("/add/one/").await;
    let mut in_cookie = browser(&site, MessageStorage::Fallback);
    site.db.close().await;
    for path in ["/list/", "/add/two/"] {
        let answer = in_session.get(path).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "5"), "{path}");
        assert!(answer.set_cookie.is_empty(), "{path}");
    }
    in_cookie.get("/add/one/").await;
    assert_eq!(in_cookie.get("/list/").await.body, "info:one ");
    assert_eq!(in_cookie.get("/long/3000/").await.status, 503);
}
