//! Sign-up, profile, password, withdrawal.

use cloakroom_testkit::TestSite;
use http::StatusCode;

const PASSWORD: &str = "correct horse battery 9";

/// M19, Z02: sign-up makes a plain account, whatever else the form says, and signs it in.
#[tokio::test]
async fn a_signup_makes_a_plain_account() {
    let site = TestSite::start().await;
    let mut dora = site.browser();
    let fields = [
        ("username", "dora"),
        ("email", "dora@site.example"),
        ("password1", PASSWORD),
        ("password2", PASSWORD),
        ("is_superuser", "on"),
        ("is_staff", "1"),
    ];
    let answer = dora.submit("/accounts/signup/", &fields).await;
    assert_eq!(answer.location(), Some("/accounts/profile/"));
    assert!(dora.get("/accounts/profile/").await.text().contains("dora"));
    let user = site.cloakroom().auth().user_by_username("dora").await.unwrap().unwrap();
    assert!(!user.is_superuser && !user.is_staff && user.is_active);
}

/// A05, A99, A104: what is wrong stands at its field, and nothing is made.
#[tokio::test]
async fn a_bad_signup_is_told_by_field() {
    let site = TestSite::start().await;
    site.user("alice").await;
    let cases: [(&str, &str, &str, &[&str]); 5] = [
        ("ALICE", PASSWORD, PASSWORD, &["unique"]),
        ("sp ace", PASSWORD, PASSWORD, &["invalid"]),
        ("dora", PASSWORD, "another", &["password_mismatch"]),
        ("dora", "12345678", "12345678", &["password_too_common", "password_entirely_numeric"]),
        ("", PASSWORD, PASSWORD, &["required"]),
    ];
    for (name, one, two, codes) in cases {
        let fields = [("username", name), ("email", ""), ("password1", one), ("password2", two)];
        let answer = site.browser().submit("/accounts/signup/", &fields).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.error_codes(), codes, "{name}");
        assert!(!answer.text().contains(one) || one.is_empty(), "a password is not shown again");
    }
    assert!(site.cloakroom().auth().user_by_username("dora").await.unwrap().is_none());
}

/// M24, A09, S08: a new password needs the old one, keeps this session and ends the others.
#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let site = TestSite::start().await;
    site.user("alice").await;
    let (mut here, mut there) = (site.browser(), site.browser());
    here.sign_in("/accounts/login/", "alice", "alice-pass-9Z").await;
    there.sign_in("/accounts/login/", "alice", "alice-pass-9Z").await;

    let wrong = [("old_password", "wrong"), ("new_password1", PASSWORD), ("new_password2", PASSWORD)];
    assert_eq!(here.submit("/accounts/password_change/", &wrong).await.error_codes(), ["password_incorrect"]);
    assert_eq!(there.get("/accounts/profile/").await.status, StatusCode::OK);

    let before = here.cookie("sessionid").unwrap().to_owned();
    let right = [("old_password", "alice-pass-9Z"), ("new_password1", PASSWORD), ("new_password2", PASSWORD)];
    let answer = here.submit("/accounts/password_change/", &right).await;
    assert_eq!(answer.location(), Some("/accounts/password_change/done/"));
    assert_ne!(here.cookie("sessionid"), Some(before.as_str()));
    assert_eq!(here.get("/accounts/profile/").await.status, StatusCode::OK);
    assert_eq!(there.get("/accounts/profile/").await.status, StatusCode::FOUND);
}

/// M19: the profile is edited; what others typed is escaped (H02).
#[tokio::test]
async fn a_profile_is_edited_and_escaped() {
    let site = TestSite::start().await;
    site.user("alice").await;
    let mut alice = site.browser();
    alice.sign_in("/accounts/login/", "alice", "alice-pass-9Z").await;
    let fields = [("first_name", "<script>alert(1)</script>"), ("last_name", "A"), ("email", "a@site.example")];
    assert_eq!(alice.submit("/accounts/update/", &fields).await.location(), Some("/accounts/profile/"));
    let page = alice.get("/accounts/profile/").await.text();
    assert!(!page.contains("<script>") && page.contains("&lt;script&gt;"), "{page}");
}

/// M19, S07: withdrawal deletes the account, and all its sessions with it.
#[tokio::test]
async fn a_withdrawal_ends_everything() {
    let site = TestSite::start().await;
    site.user("alice").await;
    let (mut here, mut there) = (site.browser(), site.browser());
    here.sign_in("/accounts/login/", "alice", "alice-pass-9Z").await;
    there.sign_in("/accounts/login/", "alice", "alice-pass-9Z").await;
    assert_eq!(here.submit("/accounts/delete/", &[]).await.location(), Some("/accounts/login/"));
    assert!(site.cloakroom().auth().user_by_username("alice").await.unwrap().is_none());
    assert_eq!(there.get("/accounts/profile/").await.status, StatusCode::FOUND);
}

/// H04: nothing of an account is kept by caches.
#[tokio::test]
async fn account_pages_are_not_stored() {
    let site = TestSite::start().await;
    site.user("alice").await;
    let mut alice = site.browser();
    alice.sign_in("/accounts/login/", "alice", "alice-pass-9Z").await;
    for path in ["/accounts/profile/", "/accounts/update/", "/accounts/delete/", "/accounts/sessions/"] {
        let answer = alice.get(path).await;
        let wanted = "max-age=0, no-cache, no-store, must-revalidate, private";
        assert_eq!(answer.header("cache-control"), Some(wanted), "{path}");
    }
}
