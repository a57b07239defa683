//! The first page, addresses without their slash, errors, the stylesheet, and the headers of all.

use cloakroom_auth::NewAccount;

use crate::site::TestSite;

#[tokio::test]
async fn the_first_page_tells_how_to_make_a_superuser() {
    let site = TestSite::new().await;
    let mut browser = site.browser();
    let page = browser.get("/").await;
    page.assert_ok();
    assert!(page.body.contains("cloakroom createsuperuser"));
    assert_eq!((page.header("set-cookie"), page.header("vary")), ("", ""));
    let root = NewAccount::new("root").with_password(String::from("root-pass-9Z"));
    let _ = site.auth.create_superuser(root).await.unwrap();
    assert!(!browser.get("/").await.body.contains("createsuperuser"));
}

/// G61: 301 to the address with the slash, query kept; what is no page is 404 in the site's layout.
#[tokio::test]
async fn a_missing_slash_is_added() {
    let site = TestSite::new().await;
    let mut browser = site.browser();
    for (path, to) in [
        ("/accounts/login", "/accounts/login/"),
        ("/accounts/login?next=/a%3Fb", "/accounts/login/?next=/a%3Fb"),
        ("/accounts/reset/MQ/a-b", "/accounts/reset/MQ/a-b/"),
    ] {
        let page = browser.get(path).await;
        assert_eq!((page.status.as_u16(), page.location()), (301, to));
    }
    let page = browser.get("/accounts/nothing/").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (404, "text/html; charset=utf-8"));
    assert!(page.body.contains("<h1>Not found</h1>") && page.body.contains("class=\"ticket"));
    assert_eq!(browser.post("/accounts/nothing/", &[]).await.status, 404, "no CSRF check where there is no page");
}

/// H01, H02.
#[tokio::test]
async fn every_page_has_its_headers() {
    let site = TestSite::new().await;
    for path in ["/", "/accounts/login/", "/accounts/signup/", "/accounts/password_reset/", "/nothing/"] {
        let page = site.browser().get(path).await;
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{path}: {policy}");
        assert!(policy.ends_with("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(policy.contains("; object-src 'none'; base-uri 'none';"), "{path}: {policy}");
        assert_eq!(page.nonce().len(), 22, "{path}: {policy}");
        assert!(page.body.contains(&format!(" nonce=\"{}\">", page.nonce())), "{path}: {policy}");
        let again = site.browser().get(path).await;
        assert_ne!(again.header("content-security-policy"), policy, "{path}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(page.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(page.header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert!(!page.body.contains("<script") && !page.body.contains(" style="), "{path}");
        assert!(page.body.contains("<html lang=\"en\">") && page.body.contains("class=\"skip\""), "{path}");
    }
    let login = site.browser().get("/accounts/login/").await;
    assert!(login.header("content-security-policy").contains("form-action 'self';"));
}

#[tokio::test]
async fn the_stylesheet_is_kept_by_browsers() {
    let site = TestSite::new().await;
    let page = site.browser().get(cloakroom_site::assets::stylesheet_path()).await;
    page.assert_ok();
    assert_eq!(page.header("content-type"), "text/css; charset=utf-8");
    assert!(page.header("cache-control").contains("immutable"));
    assert!(page.body.contains("prefers-color-scheme: dark"));
    assert_eq!((page.header("vary"), page.header("set-cookie")), ("", ""));
}
