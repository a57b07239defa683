//! One database, one secret key, two services: the real Django and this one know each other's sign-ins.
//!
//! Needs `ORACLE_VENV`, a Python environment with Django; `cargo xtask test --only django` makes it.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod members;
mod redis;

use std::path::PathBuf;
use std::process::Command;

use cloakroom_testkit::TestSite;
use http::StatusCode;

/// Runs Python with Django set up for the site's database and key, and returns what it prints.
fn django(site: &TestSite, code: &str) -> String {
    let venv = std::env::var_os("ORACLE_VENV").expect("ORACLE_VENV names a Python environment with Django");
    let script = format!("{}\n{code}", include_str!("settings.py"));
    let output = Command::new(PathBuf::from(venv).join("bin/python"))
        .args(["-c", &script])
        .env("SITE_DATABASE", site.database_path())
        .env("SITE_SECRET_KEY", TestSite::SECRET_KEY)
        .env("SITE_SESSION_ENGINE", &site.cloakroom().settings().session_engine)
        .env("SITE_CACHE_URL", site.cloakroom().settings().cache_url.expose())
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// M26: Django's own migrate finds nothing to do on a database that was made here.
#[tokio::test(flavor = "multi_thread")]
async fn django_finds_nothing_to_migrate() {
    let site = TestSite::start().await;
    let plan = django(&site, "call_command('migrate', plan=True, no_color=True)");
    assert!(plan.contains("No planned migration operations."), "{plan}");
    let made = django(&site, "call_command('migrate', verbosity=1, no_color=True)");
    assert!(made.contains("No migrations to apply."), "{made}");
    django(&site, "call_command('makemigrations', check=True, dry_run=True)");
}

/// A01, G01: rows that either side writes are the other's.
#[tokio::test(flavor = "multi_thread")]
async fn rows_are_read_both_ways() {
    let site = TestSite::start().await;
    site.user("alice").await;
    let told = django(
        &site,
        "u = User.objects.get()\nu.first_name = 'Alīce'\nu.save()\nprint(u.username, u.email, u.is_active, u.last_login)",
    );
    assert_eq!(told, "alice alice@site.example True None");
    let alice = site.cloakroom().auth().user_by_username("alice").await.unwrap().unwrap();
    assert_eq!(alice.first_name, "Alīce");
}

/// M03, M05, M27: who signed in here is signed in there.
#[tokio::test(flavor = "multi_thread")]
async fn django_knows_who_signed_in_here() {
    let site = TestSite::start().await;
    site.user("alice").await;
    let mut alice = site.browser();
    alice.sign_in("/accounts/login/", "alice", "alice-pass-9Z").await;
    let key = alice.cookie("sessionid").unwrap();
    assert_eq!(django(&site, &format!("print(who('{key}'))")), "alice");

    let stolen = key.to_owned();
    alice.submit("/accounts/profile/", &[]).await;
    let page = alice.get("/accounts/profile/").await;
    let token = page.field("csrfmiddlewaretoken").unwrap();
    alice.post("/accounts/logout/", &[("csrfmiddlewaretoken", &token)]).await;
    assert_eq!(django(&site, &format!("print(who('{stolen}'))")), "");
}

/// M03, M05, M06: who signed in there is signed in here, and signing out there ends it here.
#[tokio::test(flavor = "multi_thread")]
async fn who_signed_in_at_django_is_known_here() {
    let site = TestSite::start().await;
    let key =
        django(&site, "User.objects.create_user('zoë', password='zoë-pass-9Z')\nprint(sign_in('zoë', 'zoë-pass-9Z'))");
    let mut zoe = site.browser().with_cookie("sessionid", &key);
    let page = zoe.get("/accounts/profile/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("zoë"));

    django(&site, &format!("sign_out('{key}')"));
    assert_eq!(zoe.get("/accounts/profile/").await.status, StatusCode::FOUND);
}

/// A30, M24: a password set here verifies there, and ends the sessions that Django made.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_set_here_verifies_there() {
    let site = TestSite::start().await;
    site.user("alice").await;
    let key = django(&site, "print(sign_in('alice', 'alice-pass-9Z'))");
    let mut alice = site.browser();
    alice.sign_in("/accounts/login/", "alice", "alice-pass-9Z").await;
    let fields = [
        ("old_password", "alice-pass-9Z"),
        ("new_password1", "quite another 5 words"),
        ("new_password2", "quite another 5 words"),
    ];
    assert_eq!(alice.submit("/accounts/password_change/", &fields).await.status, StatusCode::FOUND);
    assert_eq!(alice.get("/accounts/profile/").await.status, StatusCode::OK);
    let check = "print(User.objects.get(username='alice').check_password('quite another 5 words'))";
    assert_eq!(django(&site, check), "True");
    assert_eq!(django(&site, &format!("print(who('{key}'))")), "");
}

fn file(folder: &tempfile::TempDir, name: &str) -> (members::Place, String) {
    let path = folder.path().join(name);
    (("SITE_DATABASE", path.display().to_string()), format!("sqlite://{}", path.display()))
}

/// A17.
#[tokio::test(flavor = "multi_thread")]
async fn members_are_known_to_both() {
    let folder = tempfile::tempdir().unwrap();
    let (place, url) = file(&folder, "db.sqlite3");
    members::members_are_known_to_both(&place, &url).await;
}

/// A80, A87.
#[tokio::test(flavor = "multi_thread")]
async fn permissions_of_models_are_djangos() {
    let folder = tempfile::tempdir().unwrap();
    let ((ours, url), (theirs, _)) = (file(&folder, "ours.sqlite3"), file(&folder, "theirs.sqlite3"));
    members::permissions_of_models_are_djangos((&ours, &url), &theirs).await;
}
