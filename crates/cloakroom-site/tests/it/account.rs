//! `signup/`, `profile/`, `update/`, `delete/` (M05, M19).

use crate::site::TestSite;

const GOOD: &str = "g00d-Enough-pw";

/// M19, A64: the account is made and signed in.
#[tokio::test]
async fn signing_up_signs_in() {
    let site = TestSite::new().await;
    let mut browser = site.browser();
    let page = browser.get("/accounts/signup/").await;
    page.assert_ok();
    assert!(page.is_never_cached());
    assert!(page.tag("email").contains(r#"type="email" name="email" maxlength="254" id="id_email""#));
    let fields = [("username", " ｎewbie "), ("email", "New@SITE.Example"), ("password1", GOOD), ("password2", GOOD)];
    browser.submit("/accounts/signup/", &fields).await.assert_redirects("/accounts/profile/");
    browser.get("/accounts/profile/").await.assert_ok();
    let user = site.auth.user_by_username("newbie").await.unwrap().unwrap();
    assert_eq!(user.email, "New@site.example");
}

/// Z02: flags and names that are not on the form are not taken.
#[tokio::test]
async fn signing_up_takes_its_own_fields_alone() {
    let site = TestSite::new().await;
    let fields = [
        ("username", "newbie"),
        ("password1", GOOD),
        ("password2", GOOD),
        ("is_staff", "on"),
        ("is_superuser", "1"),
        ("is_active", ""),
        ("first_name", "X"),
    ];
    site.browser().submit("/accounts/signup/", &fields).await.assert_redirects("/accounts/profile/");
    let user = site.auth.user_by_username("newbie").await.unwrap().unwrap();
    assert!(!user.is_staff && !user.is_superuser && user.is_active && user.first_name.is_empty());
}

/// A99, A50–A53: what is wrong, by field; nothing is made.
#[tokio::test]
async fn signing_up_says_what_is_wrong() {
    let site = TestSite::new().await;
    site.user("alice").await;
    for (username, email, first, second, field, codes) in [
        ("ALICE", "", GOOD, GOOD, "username", vec!["unique"]),
        ("a b", "x", "1", "1", "username", vec!["invalid"]),
        ("a b", "x", "1", "1", "email", vec!["invalid"]),
        (
            "new",
            "",
            "12345",
            "12345",
            "password2",
            vec!["password_too_short", "password_too_common", "password_entirely_numeric"],
        ),
        ("new", "", GOOD, "other", "password2", vec!["password_mismatch"]),
        ("new", "zanzibar@site.example", "zanzibar1", "zanzibar1", "password2", vec!["password_too_similar"]),
    ] {
        let fields = [("username", username), ("email", email), ("password1", first), ("password2", second)];
        let page = site.browser().submit("/accounts/signup/", &fields).await;
        assert_eq!((page.status.as_u16(), page.codes(field)), (200, codes), "{username} {email}");
    }
    assert!(site.auth.user_by_username("new").await.unwrap().is_none());
}

/// X03, and the methods of `require_http_methods`.
#[tokio::test]
async fn other_methods_are_refused() {
    let site = TestSite::new().await;
    site.user("alice").await;
    let mut browser = site.browser();
    browser.sign_in("alice").await;
    for (path, method, allow) in [
        ("signup", "PUT", "GET, HEAD, POST"),
        ("signup", "OPTIONS", "GET, HEAD, POST"),
        ("profile", "POST", "GET, HEAD"),
        ("update", "DELETE", "GET, HEAD, POST"),
        ("delete", "PUT", "GET, HEAD, POST"),
        ("sessions", "POST", "GET, HEAD"),
        ("sessions/revoke", "GET", "POST"),
    ] {
        let page = browser.with_header(method, &format!("/accounts/{path}/")).await;
        assert_eq!((page.status.as_u16(), page.allow()), (405, allow), "{method} {path}");
        assert!(page.is_never_cached(), "{method} {path}");
    }
    assert_eq!(site.browser().post("/accounts/signup/", &[]).await.status, 403);
}

/// S23: every page of a signed-in user shows a way out; H02: the name is escaped; C03: the key is nowhere.
#[tokio::test]
async fn signed_in_pages_can_be_left() {
    let site = TestSite::new().await;
    site.user("al<i>ce").await;
    let mut browser = site.browser();
    browser.sign_in("al<i>ce").await;
    let key = browser.cookie("sessionid").unwrap().to_owned();
    for path in ["profile", "update", "delete", "sessions", "password_change", "password_change/done"] {
        let page = browser.get(&format!("/accounts/{path}/")).await;
        page.assert_ok();
        assert!(page.body.contains("Log out"), "{path}");
        assert!(page.body.contains("al&lt;i&gt;ce") && !page.body.contains("<i>"), "{path}");
        assert!(!page.body.contains(&key), "{path}");
        assert!(page.header("vary").contains("Cookie"), "{path}");
    }
}

/// M21: for others they lead to the log-in page.
#[tokio::test]
async fn strangers_are_sent_to_the_login_page() {
    let site = TestSite::new().await;
    for (path, never_cached) in [
        ("profile", true),
        ("update", true),
        ("delete", true),
        ("sessions", true),
        ("sessions/revoke", true),
        ("password_change", false),
        ("password_change/done", false),
    ] {
        let page = site.browser().get(&format!("/accounts/{path}/")).await;
        page.assert_redirects(&format!("/accounts/login/?next=/accounts/{path}/"));
        assert_eq!(page.is_never_cached(), never_cached, "{path}");
    }
}

/// M19, A14, Z02.
#[tokio::test]
async fn updating_changes_three_fields() {
    let site = TestSite::new().await;
    site.user("alice").await;
    let mut browser = site.browser();
    browser.sign_in("alice").await;
    assert!(browser.get("/accounts/update/").await.tag("email").contains(r#"value="alice@site.example""#));
    let fields = [
        ("first_name", "  Ali "),
        ("last_name", "Ünï"),
        ("email", "Me@SITE.example"),
        ("username", "hacker"),
        ("is_superuser", "on"),
        ("password", "x"),
    ];
    browser.submit("/accounts/update/", &fields).await.assert_redirects("/accounts/profile/");
    let user = site.auth.user_by_username("alice").await.unwrap().unwrap();
    assert_eq!((&*user.first_name, &*user.last_name, &*user.email), ("Ali", "Ünï", "Me@site.example"));
    assert!(!user.is_superuser);
    let page = browser.submit("/accounts/update/", &[("first_name", &"f".repeat(151)), ("email", "x@")]).await;
    assert_eq!((page.codes("first_name"), page.codes("email")), (vec!["max_length"], vec!["invalid"]));
    browser.submit("/accounts/update/", &[("first_name", "Only")]).await.assert_redirects("/accounts/profile/");
    let user = site.auth.user_by_username("alice").await.unwrap().unwrap();
    assert_eq!((&*user.first_name, &*user.last_name, &*user.email), ("Only", "", ""));
}

/// M19: the account is gone, and every session with it.
#[tokio::test]
async fn deleting_ends_everything() {
    let site = TestSite::new().await;
    site.user("alice").await;
    let (mut desk, mut phone) = (site.browser(), site.browser());
    phone.sign_in("alice").await;
    desk.sign_in("alice").await;
    desk.get("/accounts/delete/").await.assert_ok();
    desk.submit("/accounts/delete/", &[]).await.assert_redirects("/accounts/login/");
    assert_eq!(desk.cookie("sessionid"), None);
    assert!(site.auth.user_by_username("alice").await.unwrap().is_none());
    assert_eq!(phone.get("/accounts/profile/").await.status, 302);
    assert_eq!(phone.sign_in("alice").await.codes(""), ["invalid_login"]);
}
