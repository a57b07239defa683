//! Events and the log (L01, L03, L04, R30–R32).

use cloakroom_auth::{Authenticated, Credentials};

use crate::site::{Site, logged, secret};

/// L01, L03, L04: one line an event, with who and what came of it; no secret; control characters escaped.
#[tokio::test]
async fn each_event_is_one_clean_record() {
    let site = Site::new().await;
    site.user("alice").await;
    let evil = "eve\n2026-01-01 INFO forged\u{1b}[31m";
    let address = "203.0.113.9".parse().ok();
    let refused = Credentials::password(evil, secret("canary-password")).with_address(address);
    assert!(matches!(site.auth.authenticate(&refused).await.unwrap(), Authenticated::No(_)));
    let good = Credentials::password("alice", secret("alice-pass-9Z"));
    let Authenticated::Yes(alice) = site.auth.authenticate(&good).await.unwrap() else { panic!() };
    let session = site.session(None).await;
    let _ = site.auth.login(&session, &alice).await.unwrap();
    let key = site.save(&session).await;
    site.auth.logout(&session, Some(alice.user())).await.unwrap();

    let text = logged();
    let lines: Vec<_> = text.lines().filter(|l| l.contains("cloakroom::auth")).collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[0].contains("user_created") && lines[0].contains("alice"));
    assert!(lines[1].contains("login_failed") && lines[1].contains("unknown_user") && lines[1].contains("203.0.113.9"));
    assert!(lines[1].contains(r"eve\n2026") && !text.contains('\u{1b}'));
    assert!(lines[2].contains("logged_in") && lines[2].contains("user=1") && lines[2].contains("success"));
    assert!(lines[3].contains("logged_out") && lines[3].contains("user=1"));
    for secret in ["canary-password", "alice-pass-9Z", &key, alice.password.expose()] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}
