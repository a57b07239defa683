//! What every page of the site has around it, by its settings.

use cloakroom_testkit::TestSite;
use serde_json::json;

/// M40–M42: `SECURE_CSP` is the site's own word, for its account pages too; the nonce is theirs.
#[tokio::test]
async fn the_settings_policy_stands_on_the_sites_own_pages() {
    let site = TestSite::builder()
        .setting("SECURE_CSP", json!({ "default-src": "'none'", "style-src": ["'self'", "<CSP_NONCE_SENTINEL>"] }))
        .setting("SECURE_CSP_REPORT_ONLY", json!({ "upgrade-insecure-requests": true, "img-src": null }))
        .start()
        .await;
    for path in ["/", "/accounts/login/", "/nothing/"] {
        let page = site.browser().get(path).await;
        let policy = page.header("content-security-policy").unwrap();
        let nonce = policy.strip_prefix("default-src 'none'; style-src 'self' 'nonce-").unwrap().trim_end_matches('\'');
        assert_eq!(nonce.len(), 22);
        assert!(page.text().contains(&format!(" nonce=\"{nonce}\"")), "{path}");
        assert_eq!(page.header("content-security-policy-report-only"), Some("upgrade-insecure-requests"));
    }
    let refused = cloakroom::settings::RawSettings::new();
    let mut refused = refused;
    refused.set("SECURE_CSP", json!({ "img-src": 1 })).unwrap();
    let settings = cloakroom::settings::Settings::parse(&refused).unwrap();
    let error = cloakroom::Cloakroom::builder().settings(settings).build().await.unwrap_err().to_string();
    assert!(error.contains("SECURE_CSP: the value of img-src"), "{error}");
}

/// The value of a messages cookie that holds one message.
fn message_cookie(site: &TestSite, text: &str) -> String {
    use cloakroom::core::messages::{Keep, Level, Message, MessageSigner};
    let signer = MessageSigner::new(site.cloakroom().secret_keys());
    let message = Message::new(Level::SUCCESS, text).with_extra_tags("saved");
    signer.pack(&[message.into()], Keep::Oldest, site.cloakroom().clock().now()).unwrap().cookie.unwrap()
}

/// M06, M08, H02: what waits is shown once, escaped, with its tags.
#[tokio::test]
async fn messages_are_shown_once() {
    let site = TestSite::start().await;
    let cookie = message_cookie(&site, "Kept <b>it</b>");
    let mut browser = site.browser().with_cookie("messages", &cookie);
    let page = browser.get("/accounts/login/").await;
    assert!(
        page.text().contains(r#"<li class="saved success">Kept &lt;b&gt;it&lt;&#x2f;b&gt;</li>"#),
        "{}",
        page.text()
    );
    assert!(browser.cookie("messages").is_none());
    assert!(!browser.get("/accounts/login/").await.text().contains("Kept"));

    // Where a page shows none, they wait.
    let mut browser = site.browser().with_cookie("messages", &cookie);
    assert!(browser.get("/accounts/profile/").await.set_cookie("messages").is_none());
    assert!(browser.cookie("messages").is_some());

    let quiet = TestSite::builder().setting("SHOW_MESSAGES", false).start().await;
    let mut browser = quiet.browser().with_cookie("messages", &cookie);
    assert!(!browser.get("/accounts/login/").await.text().contains("Kept"));
    assert!(browser.cookie("messages").is_some());
}

/// C40: the page of a refused form is a template of the site's, as `CSRF_FAILURE_VIEW` would be.
#[tokio::test]
async fn a_refusals_page_is_a_template() {
    let folder = tempfile::tempdir().unwrap();
    let template = r#"{% extends "base.html" %}{% block content %}<p>Our own words for {{ status }}</p>{% endblock %}"#;
    std::fs::write(folder.path().join("error.html"), template).unwrap();
    let site = TestSite::builder().setting("TEMPLATES_DIR", folder.path().to_str().unwrap()).start().await;
    let refused = site.browser().post("/accounts/login/", &[("username", "alice")]).await;
    assert_eq!(refused.status.as_u16(), 403);
    assert!(refused.text().contains("Our own words for 403"), "{}", refused.text());
}
