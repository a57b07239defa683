//! One reason for each refusal, in the log and the metrics, and the same bytes for all of them (D12, L05, E01).

use cloakroom::auth::BackendChoice;
use cloakroom::auth::events::Activity;
use cloakroom::core::clock::Timestamp;
use cloakroom::core::reason::Anonymous;
use cloakroom::core::secret::Secret;
use cloakroom::core::value::Value;
use cloakroom_testkit::{Answer, TestSite};
use http::Method;

const T0: Timestamp = Timestamp::from_secs(1_767_323_045);
const ID: &str = "_auth_user_id";
const BACKEND: &str = "_auth_user_backend";
const HASH: &str = "_auth_user_hash";
const MODEL: &str = "django.contrib.auth.backends.ModelBackend";

/// Status, headers and body, without what is drawn anew for each answer, and without the line that takes a dead session's
/// cookie away: whether there is one says whether a cookie came, which the client knows.
fn bytes(answer: &Answer) -> String {
    let mut text = format!("{}\n", answer.status);
    for (name, value) in &answer.headers {
        let value = value.to_str().unwrap();
        if !value.starts_with("sessionid=") {
            text += &format!("{name}: {value}\n");
        }
    }
    text += &answer.text();
    for secret in [answer.nonce().to_owned(), answer.field("csrfmiddlewaretoken").unwrap_or_default()] {
        if !secret.is_empty() {
            text = text.replace(&secret, "");
        }
    }
    match answer.set_cookie("csrftoken") {
        Some(line) => text.replace(line.split(';').next().unwrap(), ""),
        None => text,
    }
}

/// A session in the store for each reason; the cookie's value, `None` for no cookie at all.
async fn cookies(site: &TestSite) -> Vec<(Anonymous, Option<String>)> {
    let c = site.cloakroom();
    let user = async |name: &str| {
        site.user(name).await;
        c.auth().user_by_username(name).await.unwrap().unwrap()
    };
    let stored = async |values: Vec<(&str, Value)>| {
        let session = c.sessions().open(None).load().await.unwrap();
        for (name, value) in values {
            session.set_value(name, value);
        }
        session.save().await.unwrap();
        Some(session.key().unwrap().expose().to_owned())
    };
    let signed_in = async |user: &cloakroom::core::models::User| {
        let session = c.sessions().open(None).load().await.unwrap();
        let user = std::sync::Arc::new(user.clone());
        let _ = c.auth().login_without_proof(&session, &user, BackendChoice::First).await.unwrap();
        session.save().await.unwrap();
        Some(session.key().unwrap().expose().to_owned())
    };
    let alice = user("alice").await;
    let id = || (ID, Value::from(alice.id.to_string()));
    let model = || (BACKEND, Value::from(MODEL));

    let altered = signed_in(&alice).await.unwrap();
    let key = cloakroom::core::keys::SessionKey::parse(&altered).unwrap();
    let mut row = cloakroom::db::sessions::find(c.db(), &key, T0).await.unwrap().unwrap();
    row.session_data = format!("{}x", row.session_data).into();
    let durability = cloakroom::db::Durability::Normal;
    let _ = cloakroom::db::sessions::update(c.db(), &key, row, durability).await.unwrap();

    let mut closed = user("closed").await;
    let of_closed = signed_in(&closed).await;
    let _ = c.auth().set_activity(&mut closed, Activity::Inactive).await.unwrap();
    let mut changed = user("changed").await;
    let of_changed = signed_in(&changed).await;
    let _ = c.auth().set_password(&mut changed, &Secret::new("another-9Z".to_owned())).await.unwrap();

    let session = c.sessions().open(None).load().await.unwrap();
    let _ = c
        .auth()
        .login_without_proof(&session, &std::sync::Arc::new(alice.clone()), BackendChoice::First)
        .await
        .unwrap();
    session.set_value("_cloakroom_since", T0.as_secs() - 86_400);
    session.save().await.unwrap();
    let of_old = Some(session.key().unwrap().expose().to_owned());

    vec![
        (Anonymous::NoCookie, None),
        (Anonymous::KeyMalformed, Some("short".into())),
        (Anonymous::KeyMalformed, Some("a".repeat(100))),
        (Anonymous::NoSession, Some("abcdefgh12345678abcdefgh12345678".into())),
        (Anonymous::BadSignature, Some(altered)),
        (Anonymous::NotSignedIn, stored(vec![("cart", Value::from(1))]).await),
        (Anonymous::BackendUnknown, stored(vec![id(), (BACKEND, Value::from("example.Gone"))]).await),
        (Anonymous::UserGone, stored(vec![(ID, Value::from("9999")), model()]).await),
        (Anonymous::UserInactive, of_closed),
        (Anonymous::HashMissing, stored(vec![id(), model()]).await),
        (Anonymous::HashMismatch, stored(vec![id(), model(), (HASH, Value::from("0".repeat(64)))]).await),
        (Anonymous::HashMismatch, of_changed),
        (Anonymous::TooOld, of_old),
    ]
}

/// L05: whoever is anonymous is answered alike on every kind of page, on both profiles.
#[tokio::test]
async fn the_client_never_learns_why_it_is_anonymous() {
    for profile in ["django", "hardened"] {
        let site = TestSite::builder().frozen_at(T0).setting("SECURITY_PROFILE", profile);
        let site = site.setting("SESSION_ABSOLUTE_AGE", 86_400).start().await;
        let all = cookies(&site).await;
        for (method, path) in [
            (Method::GET, "/accounts/profile/"),
            (Method::GET, "/accounts/sessions/"),
            (Method::GET, "/accounts/login/"),
            (Method::GET, "/api/auth/user/"),
            (Method::GET, "/auth/verify"),
            (Method::HEAD, "/accounts/profile/"),
        ] {
            let mut seen: Option<(Anonymous, String)> = None;
            for (reason, cookie) in &all {
                let mut browser = site.browser();
                if let Some(cookie) = cookie {
                    browser = browser.with_cookie("sessionid", cookie);
                }
                let answer = browser.send(method.clone(), path, &[], axum::body::Body::empty()).await;
                if let Some(line) = answer.set_cookie("sessionid") {
                    assert!(line.starts_with("sessionid=\"\"") && cookie.is_some(), "{reason}: {line}");
                }
                assert!(!answer.text().contains(reason.as_str()), "{profile} {path}: {reason}");
                let bytes = bytes(&answer);
                match &seen {
                    None => seen = Some((*reason, bytes)),
                    Some((first, expected)) => assert_eq!(&bytes, expected, "{profile} {path}: {reason} and {first}"),
                }
            }
        }
    }
}

/// E01: a refused log-in is answered alike for each reason, on the page and by the API.
#[tokio::test]
async fn a_refused_log_in_is_the_same_for_all() {
    let site = TestSite::builder().frozen_at(T0).setting("THROTTLE", false).start().await;
    let _ = cookies(&site).await;
    let auth = site.cloakroom().auth();
    site.user("member").await;
    site.user("locked").await;
    let mut locked = auth.user_by_username("locked").await.unwrap().unwrap();
    let _ = auth.set_unusable_password(&mut locked).await.unwrap();
    let long = "x".repeat(5_000);
    // Names of one length, since the form shows them again.
    let tries = [
        ("nobody", "nobody-pass-9Z"),
        ("member", "wrong"),
        ("closed", "closed-pass-9Z"),
        ("closed", "wrong"),
        ("locked", "locked-pass-9Z"),
        ("member", long.as_str()),
        ("nobody", long.as_str()),
    ];
    let (mut pages, mut answers) = (Vec::new(), Vec::new());
    for (username, password) in tries {
        let mut browser = site.browser();
        let page = browser.submit("/accounts/login/", &[("username", username), ("password", password)]).await;
        assert_eq!((page.status.as_u16(), page.error_codes()), (200, vec!["invalid_login".to_owned()]), "{username}");
        pages.push(bytes(&page).replace(&format!("value=\"{username}\""), ""));

        let token = browser.get("/api/auth/csrf/").await.json()["csrfToken"].as_str().unwrap().to_owned();
        let body = serde_json::json!({ "username": username, "password": password }).to_string();
        let headers = [
            (http::header::CONTENT_TYPE, "application/json"),
            (http::HeaderName::from_static("x-csrftoken"), token.as_str()),
        ];
        let answer = browser.send(Method::POST, "/api/auth/login/", &headers, axum::body::Body::from(body)).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        answers.push(bytes(&answer));
    }
    for (n, (username, _)) in tries.iter().enumerate() {
        assert_eq!(pages[n], pages[0], "{username}");
        assert_eq!(answers[n], answers[0], "{username}");
    }
}
