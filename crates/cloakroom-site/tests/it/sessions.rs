//! `sessions/` and `sessions/revoke/`.

use cloakroom_auth::{AtLimit, SessionLimit};

use crate::site::{Browser, TestSite};

fn ids(page: &crate::site::Page) -> Vec<String> {
    let rows = page.body.split("name=\"id\" value=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0.to_owned());
    rows.filter(|id| id != "others").collect()
}

async fn signed_in(site: &TestSite, username: &str) -> Browser {
    let mut browser = site.browser();
    browser.sign_in(username).await;
    browser
}

/// S10: one's own, this one first; ending one; ending all others.
#[tokio::test]
async fn own_sessions_can_be_ended() {
    let site = TestSite::new().await;
    site.user("alice").await;
    site.user("bob").await;
    let (mut desk, mut phone, mut tablet) =
        (signed_in(&site, "alice").await, signed_in(&site, "alice").await, signed_in(&site, "alice").await);
    let mut bob = signed_in(&site, "bob").await;
    let page = desk.get("/accounts/sessions/").await;
    let own = ids(&page);
    assert_eq!(own.len(), 3);
    let key = cloakroom_core::keys::SessionKey::parse(desk.cookie("sessionid").unwrap()).unwrap();
    assert_eq!(own[0], cloakroom_sessions::public_id(&key));

    let key = cloakroom_core::keys::SessionKey::parse(phone.cookie("sessionid").unwrap()).unwrap();
    let phones = cloakroom_sessions::public_id(&key);
    desk.submit("/accounts/sessions/revoke/", &[("id", &phones)]).await.assert_redirects("/accounts/sessions/");
    assert_eq!(phone.get("/accounts/profile/").await.status, 302);
    tablet.get("/accounts/profile/").await.assert_ok();

    desk.submit("/accounts/sessions/revoke/", &[("id", "others")]).await.assert_redirects("/accounts/sessions/");
    assert_eq!(tablet.get("/accounts/profile/").await.status, 302);
    desk.get("/accounts/profile/").await.assert_ok();
    bob.get("/accounts/profile/").await.assert_ok();
}

/// One's own session is logged out; unknown and foreign ids are not found.
#[tokio::test]
async fn only_own_sessions_can_be_ended() {
    let site = TestSite::new().await;
    site.user("alice").await;
    site.user("bob").await;
    let (mut alice, mut bob) = (signed_in(&site, "alice").await, signed_in(&site, "bob").await);
    let bobs = ids(&bob.get("/accounts/sessions/").await);
    for id in [bobs[0].as_str(), "000000000000000000000000", ""] {
        let page = alice.submit("/accounts/sessions/revoke/", &[("id", id)]).await;
        assert_eq!((page.status.as_u16(), page.is_never_cached()), (404, false), "{id}");
    }
    bob.get("/accounts/profile/").await.assert_ok();
    let own = ids(&alice.get("/accounts/sessions/").await);
    alice.submit("/accounts/sessions/revoke/", &[("id", &own[0])]).await.assert_redirects("/accounts/login/");
    assert_eq!(alice.cookie("sessionid"), None);
}

async fn is_signed_in(browser: &mut Browser) -> bool {
    browser.get("/accounts/profile/").await.status == 200
}

/// S20: with a limit of 1 and of 3, the session that began first makes room.
#[tokio::test]
async fn the_oldest_session_makes_room() {
    for most in [1, 3] {
        let site = TestSite::with_session_limit(SessionLimit::of(most, AtLimit::EndOldest)).await;
        site.user("alice").await;
        site.user("bob").await;
        let mut bob = signed_in(&site, "bob").await;
        let mut browsers = Vec::new();
        for _ in 0..most + 2 {
            browsers.push(signed_in(&site, "alice").await);
            site.clock.advance(std::time::Duration::from_secs(1));
        }
        for (n, browser) in browsers.iter_mut().enumerate() {
            assert_eq!(is_signed_in(browser).await, n >= 2, "limit {most}, browser {n}");
        }
        assert!(is_signed_in(&mut bob).await, "others have limits of their own");
        let last = browsers.last_mut().unwrap();
        assert_eq!(ids(&last.get("/accounts/sessions/").await).len(), most as usize);
    }
}

/// S20: where log-ins beyond the limit are refused, the form says so, the others stay, and a log-out makes room.
#[tokio::test]
async fn a_log_in_beyond_the_limit_is_refused() {
    for most in [1, 3] {
        let site = TestSite::with_session_limit(SessionLimit::of(most, AtLimit::Refuse)).await;
        site.user("alice").await;
        let mut browsers = Vec::new();
        for _ in 0..most {
            browsers.push(signed_in(&site, "alice").await);
        }
        let mut late = site.browser();
        let credentials = [("username", "alice"), ("password", "alice-pass-9Z")];
        let page = late.submit("/accounts/login/", &credentials).await;
        assert!(page.status == 200 && page.body.contains("as many places as you may"), "{}", page.body);
        assert!(!is_signed_in(&mut late).await);
        for browser in &mut browsers {
            assert!(is_signed_in(browser).await);
        }
        browsers[0].submit("/accounts/logout/", &[]).await;
        late.submit("/accounts/login/", &credentials).await.assert_redirects("/accounts/profile/");
        assert!(is_signed_in(&mut late).await);
    }
}

/// S20: of many log-ins at the same moment no more stay than may.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn log_ins_at_once_keep_to_the_limit() {
    for at_limit in [AtLimit::EndOldest, AtLimit::Refuse] {
        let site = TestSite::with_session_limit(SessionLimit::of(2, at_limit)).await;
        site.user("alice").await;
        let log_in = |mut browser: Browser| async move {
            browser.submit("/accounts/login/", &[("username", "alice"), ("password", "alice-pass-9Z")]).await;
            browser
        };
        let mut tasks = Vec::new();
        for _ in 0..8 {
            tasks.push(tokio::spawn(log_in(site.browser())));
        }
        // Who is checked while others still log in may be signed out by them a moment later.
        let mut browsers = Vec::new();
        for task in tasks {
            browsers.push(task.await.unwrap());
        }
        let mut alive = 0;
        for browser in &mut browsers {
            alive += u32::from(is_signed_in(browser).await);
        }
        assert!((1..=2).contains(&alive), "{at_limit:?}: {alive}");
    }
}

/// M19: with the account go its sessions, in every browser.
#[tokio::test]
async fn a_deleted_account_has_no_sessions() {
    let site = TestSite::new().await;
    let user = site.user("alice").await;
    let (mut desk, mut phone) = (signed_in(&site, "alice").await, signed_in(&site, "alice").await);
    desk.submit("/accounts/delete/", &[]).await.assert_redirects("/accounts/login/");
    assert!(!is_signed_in(&mut phone).await);
    assert_eq!(phone.cookie("sessionid"), None);
    assert!(site.auth.user_by_id(&user.id).await.unwrap().is_none());
}
