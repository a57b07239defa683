//! One database at a server, two services: the real Django and this one know each other's sign-ins (M26, M27).

#[path = "../django/members.rs"]
mod members;

use std::path::PathBuf;
use std::process::Command;

use cloakroom_testkit::{OwnDatabase, TestSite};
use http::StatusCode;

/// Runs Python with Django set up for the database and the site's key, and returns what it prints.
fn django(own: &OwnDatabase, code: &str) -> String {
    let venv = std::env::var_os("ORACLE_VENV").expect("ORACLE_VENV names a Python environment with Django");
    let script = format!("{}\n{code}", include_str!("../django/settings.py"));
    let output = Command::new(PathBuf::from(venv).join("bin/python"))
        .args(["-W", "ignore", "-c", &script])
        .env("SITE_DATABASE_URL", own.url())
        .env("SITE_SECRET_KEY", TestSite::SECRET_KEY)
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn site_on(own: &OwnDatabase) -> TestSite {
    TestSite::builder().setting("DATABASE_URL", own.url()).start().await
}

/// A database that was made here is Django's: it finds nothing to do, in its tables nor its rows.
async fn what_is_made_here_is_djangos(own: OwnDatabase) {
    let site = site_on(&own).await;
    let plan = django(&own, "call_command('migrate', plan=True, no_color=True)");
    assert!(plan.contains("No planned migration operations."), "{plan}");
    let made = django(&own, "call_command('migrate', verbosity=1, no_color=True)");
    assert!(made.contains("No migrations to apply."), "{made}");
    django(&own, "call_command('makemigrations', check=True, dry_run=True)");
    let count = "from django.contrib.auth.models import Permission\nprint(Permission.objects.count())";
    assert_eq!(django(&own, count), "24");
    site.cloakroom().close().await;
}

/// A database that Django made opens unchanged, and sign-ins go both ways.
async fn what_django_made_is_ours(own: OwnDatabase) {
    let made = "call_command('migrate', verbosity=0)\n\
                User.objects.create_user('zoë', 'zoe@site.example', 'zoë-pass-9Z')\n\
                print(sign_in('zoë', 'zoë-pass-9Z'))";
    let key = django(&own, made);
    let site = site_on(&own).await;
    let mut zoe = site.browser().with_cookie("sessionid", &key);
    let page = zoe.get("/accounts/profile/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("zoë"));

    let mut again = site.browser();
    again.sign_in("/accounts/login/", "zoë", "zoë-pass-9Z").await;
    let here = again.cookie("sessionid").unwrap().to_owned();
    assert_eq!(django(&own, &format!("print(who('{here}'))")), "zoë");
    let told = "u = User.objects.get()\nprint(u.username, u.last_login is not None, u.date_joined.tzinfo)";
    assert_eq!(django(&own, told), "zoë True UTC");

    let page = again.get("/accounts/password_change/").await;
    let token = page.field("csrfmiddlewaretoken").unwrap();
    again.post("/accounts/logout/", &[("csrfmiddlewaretoken", &token)]).await;
    assert_eq!(django(&own, &format!("print(who('{here}'))")), "");
    django(&own, &format!("sign_out('{key}')"));
    assert_eq!(zoe.get("/accounts/profile/").await.status, StatusCode::FOUND);
    site.cloakroom().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_here_on_mysql_is_djangos() {
    what_is_made_here_is_djangos(OwnDatabase::mysql()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_here_on_postgres_is_djangos() {
    what_is_made_here_is_djangos(OwnDatabase::postgres()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_django_made_on_mysql_is_ours() {
    what_django_made_is_ours(OwnDatabase::mysql()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_django_made_on_postgres_is_ours() {
    what_django_made_is_ours(OwnDatabase::postgres()).await;
}

/// A17, A80: user models of one's own, and permissions of the application's models.
async fn members_are_djangos_too(new: fn() -> OwnDatabase) {
    let (own, ours, theirs) = (new(), new(), new());
    let place = |own: &OwnDatabase| ("SITE_DATABASE_URL", own.url());
    members::members_are_known_to_both(&place(&own), &own.url()).await;
    members::permissions_of_models_are_djangos((&place(&ours), &ours.url()), &place(&theirs)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_on_mysql_are_djangos_too() {
    members_are_djangos_too(OwnDatabase::mysql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_on_postgres_are_djangos_too() {
    members_are_djangos_too(OwnDatabase::postgres).await;
}
