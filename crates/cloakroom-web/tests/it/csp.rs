//! `SECURE_CSP`: as Django's `ContentSecurityPolicyMiddleware` (M40–M42).

use axum::Router;
use axum::routing::get;
use cloakroom_core::headers::{CspPolicy, CspValue, NONCE};
use cloakroom_web::guards::Guard;
use cloakroom_web::{Ctx, WebConfig, csp_override, csp_report_only_override};
use http::StatusCode;

use crate::browser::{Answer, Browser, Site, config};

const ENFORCE: &str = "content-security-policy";
const REPORT_ONLY: &str = "content-security-policy-report-only";

fn policy(directive: &str, values: &[&str]) -> CspPolicy {
    CspPolicy::new([(directive.to_owned(), CspValue::List(values.iter().map(|v| (*v).to_owned()).collect()))])
}

fn routes() -> Router {
    Router::new()
        .route("/", get(async || "plain"))
        .route("/nonce/", get(async |ctx: Ctx| format!("{} {}", ctx.csp_nonce(), ctx.csp_nonce())))
        .route("/own/", get(async || [(ENFORCE, "sandbox")]))
        .route("/other/", get(async || "").layer(csp_override(policy("img-src", &["*"]))))
        .route("/none/", get(async || "").layer(csp_override(CspPolicy::default())))
        .route("/report/", get(async || "").layer(csp_report_only_override(policy("img-src", &["*"]))))
        .route(
            "/both/",
            get(async || "")
                .layer(csp_override(policy("img-src", &["a"])))
                .layer(csp_report_only_override(CspPolicy::default()))
                .layer(csp_override(policy("img-src", &["b"]))),
        )
        .route("/guarded/", get(async || "").layer(Guard::login_required()))
        .route("/broken/", get(async || StatusCode::INTERNAL_SERVER_ERROR))
}

async fn answer(config: WebConfig, path: &str) -> Answer {
    let site = Site::in_memory().await;
    Browser::new(routes().layer(site.layer(config))).get(path).await
}

fn both() -> WebConfig {
    let mut config = config();
    config.security.csp = policy("script-src", &["'self'", NONCE]);
    config.security.csp_report_only = policy("style-src", &[NONCE]);
    config
}

#[tokio::test]
async fn by_default_there_is_no_policy() {
    for path in ["/", "/nonce/", "/guarded/"] {
        let answer = answer(config(), path).await;
        assert_eq!((answer.header(ENFORCE), answer.header(REPORT_ONLY)), ("", ""), "{path}");
    }
}

/// M41, M42: the nonce is drawn once per request, and in the header only if the page used it.
#[tokio::test]
async fn a_nonce_stands_in_the_policy_if_the_page_used_it() {
    let plain = answer(both(), "/").await;
    assert_eq!(plain.header(ENFORCE), "script-src 'self'");
    assert!(plain.headers.contains_key(REPORT_ONLY) && plain.header(REPORT_ONLY).is_empty());
    let used = answer(both(), "/nonce/").await;
    let text = used.body.clone();
    let (one, two) = text.split_once(' ').unwrap();
    assert_eq!((one, one.len()), (two, 22));
    assert_eq!(used.header(ENFORCE), format!("script-src 'self' 'nonce-{one}'"));
    assert_eq!(used.header(REPORT_ONLY), format!("style-src 'nonce-{one}'"));
    assert_ne!(answer(both(), "/nonce/").await.body, text);
}

/// M40: a header that is there stays; routes have policies of their own, or none.
#[tokio::test]
async fn routes_have_policies_of_their_own() {
    let of = async |path| {
        let answer = answer(both(), path).await;
        (answer.header(ENFORCE).to_owned(), answer.header(REPORT_ONLY).to_owned())
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(of("/own/").await, pair("sandbox", ""));
    assert_eq!(of("/other/").await, pair("img-src *", ""));
    assert_eq!(of("/none/").await, pair("", ""));
    assert_eq!(of("/report/").await, pair("script-src 'self'", "img-src *"));
    assert_eq!(of("/both/").await, pair("img-src b", ""));
    let none = answer(both(), "/none/").await;
    assert!(!none.headers.contains_key(ENFORCE));
}

/// Redirects and failures have it too; error pages may use the nonce.
#[tokio::test]
async fn every_answer_has_the_policy() {
    assert_eq!(answer(both(), "/guarded/").await.header(ENFORCE), "script-src 'self'");
    assert_eq!(answer(both(), "/broken/").await.header(ENFORCE), "script-src 'self'");
    assert_eq!(answer(both(), "/missing/").await.header(ENFORCE), "script-src 'self'");
}
