//! Who comes in (A180).

use super::{enter, root, staff, stored};
use crate::site::TestSite;

const PAGES: [&str; 9] = [
    "/admin/",
    "/admin/auth/",
    "/admin/auth/user/",
    "/admin/auth/user/add/",
    "/admin/auth/user/1/change/",
    "/admin/auth/user/1/password/",
    "/admin/auth/group/",
    "/admin/password_change/",
    "/admin/nowhere/",
];

#[tokio::test]
async fn who_is_no_staff_is_sent_to_the_admins_login_page() {
    let site = TestSite::new().await;
    site.user("alice").await;
    for mut browser in [site.browser(), enter(&site, "alice").await] {
        for page in PAGES {
            let answer = browser.get(page).await;
            answer.assert_redirects(&format!("/admin/login/?next={page}"));
            assert_eq!(answer.is_never_cached(), page != "/admin/password_change/", "{page}");
        }
        browser.get("/admin/logout/").await.assert_redirects("/admin/");
        browser.submit("/admin/logout/", &[]).await.assert_redirects("/admin/");
    }
}

/// A flag that is taken away closes the admin at the next request (Z01).
#[tokio::test]
async fn a_change_of_flags_acts_at_once() {
    let site = TestSite::new().await;
    let mut bob = staff(&site, "bob", &["view_user"]).await;
    bob.get("/admin/auth/user/").await.assert_ok();
    let user = stored(&site, "bob").await.unwrap();
    let holder = cloakroom_auth::permissions::Holder::User(user.id.clone());
    assert!(site.auth.revoke(&holder, "auth.view_user").await.unwrap());
    assert_eq!(bob.get("/admin/auth/user/").await.status, 403);
    let mut user = user;
    let _ = site.auth.set_staff(&mut user, cloakroom_auth::events::Switch::Off).await.unwrap();
    bob.get("/admin/").await.assert_redirects("/admin/login/?next=/admin/");
}

#[tokio::test]
async fn the_login_page_lets_staff_in_and_nobody_else() {
    let site = TestSite::new().await;
    drop(staff(&site, "bob", &[]).await);
    site.user("alice").await;
    let mut browser = site.browser();
    let page = browser.get("/admin/login/?next=/admin/auth/").await;
    page.assert_ok();
    assert!(page.is_never_cached() && page.plain().contains("name=\"next\" value=\"/admin/auth/\""));
    for (username, password) in [("alice", "alice-pass-9Z"), ("bob", "wrong"), ("nobody", "x")] {
        let page = browser.submit("/admin/login/", &[("username", username), ("password", password)]).await;
        page.assert_ok();
        assert_eq!(page.codes(""), ["invalid_login"], "{username}");
        assert_eq!(browser.cookie("sessionid"), None);
    }
    let fields = [("username", "bob"), ("password", "bob-pass-9Z"), ("next", "/admin/auth/user/")];
    browser.submit("/admin/login/", &fields).await.assert_redirects("/admin/auth/user/");
    browser.get("/admin/login/").await.assert_redirects("/admin/");
    browser.get("/admin/login/?next=/admin/auth/").await.assert_redirects("/admin/auth/");
    browser.get("/admin/login/?next=https://evil.example/").await.assert_redirects("/admin/");
    let page = browser.get("/admin/").await;
    page.assert_ok();
    assert!(page.body.contains("no permission"), "{}", page.body);
    assert_eq!(browser.get("/admin/auth/").await.status, 404, "nothing of the app may be seen");
}

#[tokio::test]
async fn logging_out_takes_a_post() {
    let site = TestSite::new().await;
    let mut root = root(&site).await;
    assert_eq!(root.get("/admin/logout/").await.status, 405);
    let page = root.submit("/admin/logout/", &[]).await;
    page.assert_ok();
    assert!(page.is_never_cached() && page.body.contains("You are logged out"));
    assert_eq!(root.cookie("sessionid"), None);
    root.get("/admin/logout/").await.assert_redirects("/admin/");
}

/// X06: every form is refused without its token.
#[tokio::test]
async fn posts_need_a_token() {
    let site = TestSite::new().await;
    let mut root = root(&site).await;
    for page in
        ["/admin/login/", "/admin/logout/", "/admin/auth/user/", "/admin/auth/user/add/", "/admin/auth/user/1/delete/"]
    {
        assert_eq!(root.post(page, &[("post", "yes")]).await.status, 403, "{page}");
    }
    assert!(stored(&site, "root").await.is_some());
}

#[tokio::test]
async fn ones_own_password_is_changed_here_too() {
    let site = TestSite::new().await;
    let mut root = root(&site).await;
    let page = root.get("/admin/password_change/").await;
    page.assert_ok();
    assert!(!page.is_never_cached(), "as in Django");
    let wrong = [("old_password", "x"), ("new_password1", "brand-New-77"), ("new_password2", "brand-New-77")];
    assert_eq!(root.submit("/admin/password_change/", &wrong).await.codes("old_password"), ["password_incorrect"]);
    let right =
        [("old_password", "root-pass-9Z"), ("new_password1", "brand-New-77"), ("new_password2", "brand-New-77")];
    root.submit("/admin/password_change/", &right).await.assert_redirects("/admin/password_change/done/");
    root.get("/admin/password_change/done/").await.assert_ok();
}

#[tokio::test]
async fn addresses_without_their_slash_are_sent_on() {
    let site = TestSite::new().await;
    let mut root = root(&site).await;
    for (page, to) in [
        ("/admin", "/admin/"),
        ("/admin/auth", "/admin/auth/"),
        ("/admin/auth/user?q=a", "/admin/auth/user/?q=a"),
        ("/admin/auth/user/1/change", "/admin/auth/user/1/change/"),
        ("/admin/login", "/admin/login/"),
    ] {
        let answer = root.get(page).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (301, to), "{page}");
    }
    root.get("/admin/auth/user/1/").await.assert_redirects("/admin/auth/user/1/change/");
    for page in ["/admin/nowhere/", "/admin/nowhere", "/admin/auth/group/1/password/", "/admin/shop/order/"] {
        assert_eq!(root.get(page).await.status, 404, "{page}");
    }
}
