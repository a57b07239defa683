//! A user's own sessions.

use cloakroom_testkit::TestSite;
use http::StatusCode;

/// M09, S09: a stolen session is seen and ended, and is dead from the next request on; keys are never shown.
#[tokio::test]
async fn other_sessions_are_ended() {
    let site = TestSite::start().await;
    site.user("alice").await;
    let mut alice = site.browser();
    alice.sign_in("/accounts/login/", "alice", "alice-pass-9Z").await;
    let mut thief = site.browser();
    thief.sign_in("/accounts/login/", "alice", "alice-pass-9Z").await;

    let page = alice.get("/accounts/sessions/").await;
    assert!(!page.text().contains(alice.cookie("sessionid").unwrap()));
    assert!(!page.text().contains(thief.cookie("sessionid").unwrap()));
    let token = page.field("csrfmiddlewaretoken").unwrap();
    let answer = alice.post("/accounts/sessions/revoke/", &[("csrfmiddlewaretoken", &token), ("id", "others")]).await;
    assert_eq!(answer.location(), Some("/accounts/sessions/"));
    assert_eq!(thief.get("/accounts/profile/").await.status, StatusCode::FOUND);
    assert_eq!(alice.get("/accounts/profile/").await.status, StatusCode::OK);
}

/// M08, F02: two tabs that log in at once are both signed in, each under its own key.
#[tokio::test]
async fn parallel_logins_do_not_disturb_each_other() {
    let site = TestSite::start().await;
    site.user("alice").await;
    let tabs = (0..10).map(|_| {
        let mut tab = site.browser();
        tokio::spawn(async move {
            tab.sign_in("/accounts/login/", "alice", "alice-pass-9Z").await;
            tab.get("/accounts/profile/").await.status
        })
    });
    for tab in tabs.collect::<Vec<_>>() {
        assert_eq!(tab.await.unwrap(), StatusCode::OK);
    }
    assert_eq!(site.stored_sessions().await, 10);
}
