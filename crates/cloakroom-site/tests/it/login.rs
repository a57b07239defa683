//! `login/` and `logout/`.

use cloakroom_site::accounts::WhileSignedIn;

use crate::site::TestSite;

/// A110, A121, C21: the form, its cookie, its hidden `next`.
#[tokio::test]
async fn the_page_has_djangos_form() {
    let site = TestSite::new().await;
    let page = site.browser().get("/accounts/login/").await;
    page.assert_ok();
    assert!(page.is_never_cached());
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.header("set-cookie").starts_with("csrftoken="));
    assert_eq!(page.tag("next"), r#"<input type="hidden" name="next" value="">"#);
    assert_eq!(
        page.tag("username"),
        r#"<input type="text" name="username" autofocus autocapitalize="none" autocomplete="username" maxlength="150" required id="id_username">"#
    );
    assert!(!page.body.contains("aria-invalid") && !page.body.contains("<title>Error"));
}

/// G28, G64: HEAD as GET, PUT as POST; A110: what is allowed.
#[tokio::test]
async fn methods_are_djangos() {
    let site = TestSite::new().await;
    let mut browser = site.browser();
    let head = browser.request("HEAD", "/accounts/login/").await;
    assert_eq!((head.status.as_u16(), head.header("set-cookie").starts_with("csrftoken=")), (200, true));
    let options = browser.request("OPTIONS", "/accounts/login/").await;
    assert_eq!((options.status.as_u16(), options.allow()), (200, "GET, POST, PUT, HEAD, OPTIONS"));
    assert!(options.is_never_cached());
    assert_eq!(browser.request("PUT", "/accounts/login/").await.status, 403);
    let put = browser.with_header("PUT", "/accounts/login/").await;
    assert_eq!((put.codes("username"), put.codes("password")), (vec!["required"], vec!["required"]));
    let delete = browser.with_header("DELETE", "/accounts/login/").await;
    assert_eq!((delete.status.as_u16(), delete.allow()), (405, "GET, POST, PUT, HEAD, OPTIONS"));
    assert!(delete.is_never_cached());
}

/// M02, M03, M15: validating the form makes no session, logging in does.
#[tokio::test]
async fn the_right_password_signs_in() {
    let site = TestSite::new().await;
    site.user("alice").await;
    let mut browser = site.browser();
    let wrong = browser.submit("/accounts/login/", &[("username", "alice"), ("password", "wrong")]).await;
    assert_eq!((wrong.status.as_u16(), wrong.codes("")), (200, vec!["invalid_login"]));
    assert!(wrong.body.contains("<title>Error: Log in"));
    assert_eq!(browser.cookie("sessionid"), None);
    let token = browser.cookie("csrftoken").unwrap().to_owned();
    browser.sign_in("alice").await.assert_redirects("/accounts/profile/");
    assert!(browser.cookie("sessionid").is_some());
    assert_ne!(browser.cookie("csrftoken"), Some(&*token), "C42");
    browser.get("/accounts/profile/").await.assert_ok();
}

/// E01: unknown, wrong, closed: the same answer but for the name that was typed, the token and the nonce.
#[tokio::test]
async fn refusals_look_alike() {
    let site = TestSite::new().await;
    site.user("alice").await;
    let mut idle = site.user("idles").await;
    let _ = site.auth.set_activity(&mut idle, cloakroom_auth::events::Activity::Inactive).await.unwrap();
    let mut answers = Vec::new();
    for (name, password) in [("alice", "wrong"), ("nobod", "wrong"), ("idles", "idles-pass-9Z")] {
        let page = site.browser().submit("/accounts/login/", &[("username", name), ("password", password)]).await;
        let token = page.tag("csrfmiddlewaretoken").to_owned();
        let nonce = page.nonce().to_owned();
        answers.push((page.status, page.body.replace(name, "NAME").replace(&token, "TOKEN").replace(&nonce, "NONCE")));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

/// A104: the codes of odd input; H02: what was typed comes back escaped.
#[tokio::test]
async fn odd_input_is_told_by_field() {
    let site = TestSite::new().await;
    let mut browser = site.browser();
    let empty = browser.submit("/accounts/login/", &[("username", "  "), ("password", "")]).await;
    assert_eq!((empty.codes("username"), empty.codes("password")), (vec!["required"], vec!["required"]));
    assert!(empty.tag("password").contains(r#"aria-invalid="true" aria-describedby="id_password_error""#));
    let nul = browser.submit("/accounts/login/", &[("username", "a\0"), ("password", "b\0")]).await;
    assert_eq!(nul.codes("username"), ["null_characters_not_allowed"]);
    assert_eq!(nul.codes("password"), ["null_characters_not_allowed"]);
    let html = browser.submit("/accounts/login/", &[("username", "\"><script>"), ("password", "canary")]).await;
    assert!(html.tag("username").contains(r#"value="&quot;&gt;&lt;script&gt;""#));
    assert!(!html.body.contains("canary"));
}

/// A119, G65, M21, X09.
#[tokio::test]
async fn next_leads_home_if_it_is_safe() {
    let site = TestSite::new().await;
    site.user("alice").await;
    let to_login = site.browser().get("/accounts/update/?a=b").await;
    to_login.assert_redirects("/accounts/login/?next=/accounts/update/%3Fa%3Db");
    let page = site.browser().get(to_login.location()).await;
    assert!(page.tag("next").contains("update"));
    let evil = site.browser().get("/accounts/login/?next=//evil.example").await;
    assert_eq!(evil.tag("next"), r#"<input type="hidden" name="next" value="">"#);

    for (query, field, to) in [
        ("?next=/x/%3Fa=1", None, "/x/?a=1"),
        ("?next=/query/", Some("/form/"), "/form/"),
        ("?next=/query/", Some(""), "/accounts/profile/"),
        ("", Some("https://evil.example/"), "/accounts/profile/"),
        ("", Some("/é b"), "/%C3%A9%20b"),
    ] {
        let mut fields = vec![("username", "alice"), ("password", "alice-pass-9Z")];
        fields.extend(field.map(|next| ("next", next)));
        site.browser().submit(&format!("/accounts/login/{query}"), &fields).await.assert_redirects(to);
    }
}

/// X03: without a token the login form is refused.
#[tokio::test]
async fn a_login_without_token_is_refused() {
    let site = TestSite::new().await;
    site.user("alice").await;
    let mut browser = site.browser();
    browser.get("/accounts/login/").await;
    let page = browser.post("/accounts/login/", &[("username", "alice"), ("password", "alice-pass-9Z")]).await;
    assert_eq!((page.status.as_u16(), page.is_never_cached()), (403, false));
    assert!(page.body.contains("/static/cloakroom.") || page.body.contains("&#x2f;static"), "in the site's layout");
}

/// A120: with the redirect switched on, and its loop.
#[tokio::test]
async fn the_signed_in_may_be_sent_on() {
    let redirecting = |a: cloakroom_site::accounts::Accounts| a.with_login_while_signed_in(WhileSignedIn::Redirect);
    let site = TestSite::with(redirecting, |_| {}).await;
    site.user("alice").await;
    let mut browser = site.browser();
    browser.get("/accounts/login/").await.assert_ok();
    browser.sign_in("alice").await;
    browser.get("/accounts/login/").await.assert_redirects("/accounts/profile/");
    browser.get("/accounts/login/?next=/x").await.assert_redirects("/x");

    let looping = |urls: &mut cloakroom_web::LoginUrls| urls.login_redirect_url = "/accounts/login/".into();
    let site = TestSite::with(redirecting, looping).await;
    site.user("alice").await;
    let mut browser = site.browser();
    browser.sign_in("alice").await;
    assert_eq!(browser.get("/accounts/login/").await.status, 500);
}

/// A111, M06, M07.
#[tokio::test]
async fn logout_is_post_alone() {
    let site = TestSite::new().await;
    site.user("alice").await;
    let mut browser = site.browser();
    browser.sign_in("alice").await;
    let get = browser.get("/accounts/logout/").await;
    assert_eq!((get.status.as_u16(), get.allow(), get.is_never_cached()), (405, "POST, OPTIONS", true));
    let options = browser.request("OPTIONS", "/accounts/logout/").await;
    assert_eq!((options.status.as_u16(), options.allow()), (200, "POST, OPTIONS"));
    browser.get("/accounts/profile/").await.assert_ok();

    let stolen = browser.cookie("sessionid").unwrap().to_owned();
    let page = browser.submit("/accounts/logout/", &[]).await;
    page.assert_ok();
    assert!(page.header("set-cookie").contains("expires=Thu, 01 Jan 1970 00:00:00 GMT"), "{:?}", page.headers);
    assert_eq!(browser.cookie("sessionid"), None);
    let mut thief = site.browser();
    thief.set_cookie("sessionid", &stolen);
    assert_eq!(thief.get("/accounts/profile/").await.status, 302);
    browser.submit("/accounts/logout/", &[]).await.assert_ok();
}

/// A119, A125.
#[tokio::test]
async fn logout_leads_on() {
    let site = TestSite::new().await;
    let mut browser = site.browser();
    browser.submit("/accounts/logout/", &[("next", "/x/")]).await.assert_redirects("/x/");
    browser.submit("/accounts/logout/", &[("next", "//evil.example")]).await.assert_ok();
    browser.submit("/accounts/logout/?next=//evil.example", &[]).await.assert_redirects("/accounts/logout/");
    let site = TestSite::with(|a| a, |urls| urls.logout_redirect_url = Some("/bye/".into())).await;
    site.browser().submit("/accounts/logout/", &[]).await.assert_redirects("/bye/");
    let site = TestSite::with(|a| a.with_logout_next_page("/own/"), |_| {}).await;
    site.browser().submit("/accounts/logout/", &[]).await.assert_redirects("/own/");
}
