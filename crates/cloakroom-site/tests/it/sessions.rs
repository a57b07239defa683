//! `sessions/` and `sessions/revoke/`.

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
