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
