//! `password_change/`, `password_reset/`, `reset/…/`.

use std::time::Duration;

use cloakroom_site::accounts::AfterReset;

use crate::site::TestSite;

const NEW: &str = "t0tally-New-pw";

fn change<'a>(old: &'a str, first: &'a str, second: &'a str) -> [(&'a str, &'a str); 3] {
    [("old_password", old), ("new_password1", first), ("new_password2", second)]
}

/// A112, M24: this session stays, under a new key; all others end.
#[tokio::test]
async fn a_change_keeps_this_session_and_ends_others() {
    let site = TestSite::new().await;
    site.user("alice").await;
    let (mut desk, mut phone) = (site.browser(), site.browser());
    phone.sign_in("alice").await;
    desk.sign_in("alice").await;
    let page = desk.get("/accounts/password_change/").await;
    page.assert_ok();
    assert!(!page.is_never_cached());
    assert!(page.tag("old_password").contains(r#"autocomplete="current-password" autofocus required"#));
    assert!(page.tag("new_password2").contains(r#"autocomplete="new-password" required"#));
    let before = desk.cookie("sessionid").unwrap().to_owned();
    let done = desk.submit("/accounts/password_change/", &change("alice-pass-9Z", NEW, NEW)).await;
    done.assert_redirects("/accounts/password_change/done/");
    assert_ne!(desk.cookie("sessionid"), Some(&*before));
    let page = desk.get("/accounts/password_change/done/").await;
    page.assert_ok();
    assert_eq!(page.header("set-cookie"), "", "nothing on it needs a token");
    assert_eq!(phone.get("/accounts/profile/").await.status, 302);
    assert_eq!(phone.sign_in("alice").await.codes(""), ["invalid_login"]);
}

/// A98, A09, A104.
#[tokio::test]
async fn a_change_says_what_is_wrong() {
    let site = TestSite::new().await;
    site.user("alice").await;
    let mut browser = site.browser();
    browser.sign_in("alice").await;
    for (fields, old, new) in [
        (change("", "", ""), vec!["required"], vec!["required"]),
        (change("wrong", NEW, NEW), vec!["password_incorrect"], vec![]),
        (change("wrong", NEW, "other"), vec!["password_incorrect"], vec!["password_mismatch"]),
        (change("alice-pass-9Z", "aB3$", "aB3$"), vec![], vec!["password_too_short"]),
        (
            change("alice-pass-9Z", "", "1"),
            vec![],
            vec!["password_too_short", "password_too_common", "password_entirely_numeric"],
        ),
    ] {
        let page = browser.submit("/accounts/password_change/", &fields).await;
        assert_eq!((page.codes("old_password"), page.codes("new_password2")), (old, new), "{fields:?}");
    }
    browser.get("/accounts/profile/").await.assert_ok();
    let put = browser.with_header("PUT", "/accounts/password_change/").await;
    assert_eq!(put.codes("old_password"), ["required"]);
}

/// A114–A118: the whole dance, and each step after it is used up.
#[tokio::test]
async fn a_reset_by_mail() {
    let site = TestSite::new().await;
    site.user("alice").await;
    let mut browser = site.browser();
    let page = browser.get("/accounts/password_reset/").await;
    assert!(page.tag("email").contains(r#"type="email" name="email" autocomplete="email" maxlength="254" required"#));
    let sent = browser.submit("/accounts/password_reset/", &[("email", "ALICE@site.example")]).await;
    sent.assert_redirects("/accounts/password_reset/done/");
    browser.get("/accounts/password_reset/done/").await.assert_ok();
    let link = site.mailed_link(1).await;

    let mut elsewhere = site.browser();
    let first = elsewhere.get(&link).await;
    assert_eq!(first.status, 302);
    assert!(first.is_never_cached());
    let set = first.location().to_owned();
    assert!(set.ends_with("/set-password/"), "{set}");
    assert!(site.browser().get(&set).await.body.contains("This link does not work"), "another browser");
    assert!(elsewhere.get(&set).await.tag("new_password1").contains("new-password"));
    let wrong = elsewhere.submit(&set, &[("new_password1", NEW), ("new_password2", "x")]).await;
    assert_eq!(wrong.codes("new_password2"), ["password_mismatch"]);
    let delete = elsewhere.with_header("DELETE", &set).await;
    assert_eq!((delete.status.as_u16(), delete.allow()), (405, "GET, POST, PUT, HEAD, OPTIONS"));
    let done = elsewhere.submit(&set, &[("new_password1", NEW), ("new_password2", NEW)]).await;
    done.assert_redirects("/accounts/reset/done/");
    elsewhere.get("/accounts/reset/done/").await.assert_ok();
    assert_eq!(elsewhere.get("/accounts/profile/").await.status, 302, "R02: nobody is signed in by it");
    for path in [&link, &set] {
        let page = elsewhere.get(path).await;
        assert!(page.status == 200 && page.body.contains("This link does not work"));
    }
    let page = elsewhere.submit("/accounts/login/", &[("username", "alice"), ("password", NEW)]).await;
    page.assert_redirects("/accounts/profile/");
}

/// E02, A105: unknown addresses are answered alike, and nobody gets a mail.
#[tokio::test]
async fn a_reset_does_not_tell_who_is_there() {
    let site = TestSite::new().await;
    site.user("alice").await;
    let mut browser = site.browser();
    let unknown = browser.submit("/accounts/password_reset/", &[("email", "nobody@site.example")]).await;
    unknown.assert_redirects("/accounts/password_reset/done/");
    let known = browser.submit("/accounts/password_reset/", &[("email", "alice@site.example")]).await;
    known.assert_redirects("/accounts/password_reset/done/");
    assert!(site.mailed_link(1).await.contains("/reset/"));
    assert_eq!(browser.submit("/accounts/password_reset/", &[("email", "x")]).await.codes("email"), ["invalid"]);
    assert_eq!(browser.submit("/accounts/password_reset/", &[]).await.codes("email"), ["required"]);
}

/// A106: mails go out in the order in which they were asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reset_mails_keep_their_order() {
    let site = TestSite::new().await;
    let mut browser = site.browser();
    let names: Vec<_> = (0..20).map(|n| format!("user{n}")).collect();
    for name in &names {
        site.user(name).await;
    }
    for name in &names {
        browser.submit("/accounts/password_reset/", &[("email", &format!("{name}@site.example"))]).await;
    }
    site.mailed_link(names.len()).await;
    let order: Vec<_> = site.outbox.letters().iter().map(|letter| letter.to.to_string()).collect();
    assert_eq!(order, names.iter().map(|name| format!("{name}@site.example")).collect::<Vec<_>>());
}

/// A91, A93: old, damaged and nonsensical links are pages with 200.
#[tokio::test]
async fn bad_links_are_told_kindly() {
    let site = TestSite::new().await;
    let user = site.user("alice").await;
    let link = site.auth.make_reset_link(&user).unwrap();
    let good = format!("/accounts/reset/{}/{}/", link.uid, link.token.expose());
    for path in ["/accounts/reset/MQ/x/", "/accounts/reset/!!/set-password/", "/accounts/reset/OTk/a-b/"] {
        let page = site.browser().get(path).await;
        assert!(page.status == 200 && page.body.contains("This link does not work"), "{path}");
        assert!(page.is_never_cached());
    }
    site.clock.advance(Duration::from_secs(3 * 24 * 60 * 60 + 2));
    assert!(site.browser().get(&good).await.body.contains("This link does not work"));
}

/// A118: `post_reset_login`.
#[tokio::test]
async fn a_reset_may_sign_in() {
    let site = TestSite::with(|a| a.with_after_reset(AfterReset::SignIn), |_| {}).await;
    let user = site.user("alice").await;
    let link = site.auth.make_reset_link(&user).unwrap();
    let mut browser = site.browser();
    let set = browser.get(&format!("/accounts/reset/{}/{}/", link.uid, link.token.expose())).await;
    let done = browser.submit(set.location(), &[("new_password1", NEW), ("new_password2", NEW)]).await;
    done.assert_redirects("/accounts/reset/done/");
    browser.get("/accounts/profile/").await.assert_ok();
}
