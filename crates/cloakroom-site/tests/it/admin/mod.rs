//! The admin for users and groups (A180–A186, Z04, Z05, S10, G59).

mod access;
mod groups;
mod matrix;
mod users;

use cloakroom_auth::events::Switch;
use cloakroom_auth::permissions::{Granted, Holder};
use cloakroom_core::models::User;
use cloakroom_db::admin::{LogEntry, Slice};

use crate::site::{Browser, TestSite};

/// A superuser called `root`, signed in.
async fn root(site: &TestSite) -> Browser {
    let mut root = site.user("root").await;
    let _ = site.auth.set_staff(&mut root, Switch::On).await.unwrap();
    let _ = site.auth.set_superuser(&mut root, Switch::On).await.unwrap();
    enter(site, "root").await
}

/// A member of the staff with these permissions of the app `auth`, signed in.
async fn staff(site: &TestSite, username: &str, permissions: &[&str]) -> Browser {
    let mut user = site.user(username).await;
    let _ = site.auth.set_staff(&mut user, Switch::On).await.unwrap();
    for permission in permissions {
        let granted = site.auth.grant(&Holder::User(user.id.clone()), &format!("auth.{permission}")).await.unwrap();
        assert_eq!(granted, Granted::Yes, "{permission}");
    }
    enter(site, username).await
}

async fn enter(site: &TestSite, username: &str) -> Browser {
    let mut browser = site.browser();
    browser.sign_in(username).await;
    browser
}

async fn stored(site: &TestSite, username: &str) -> Option<User> {
    site.auth.user_by_username(username).await.unwrap()
}

/// What the log says of a user or group, as Django would read it.
async fn log(site: &TestSite, model: &str, id: &str) -> Vec<LogEntry> {
    let content_type = cloakroom_db::content_types::ensure(site.auth.db(), "auth", model).await.unwrap();
    let all = Slice { offset: 0, limit: 100 };
    cloakroom_db::admin::entries_of(site.auth.db(), content_type, id, all).await.unwrap().0
}

/// The key of a permission.
async fn permission(site: &TestSite, codename: &str) -> String {
    let all = site.auth.all_permissions().await.unwrap();
    all.iter().find(|permission| permission.codename == codename).unwrap().id.to_string()
}

/// What the change page sends for `alice` where nothing is changed.
fn unchanged(username: &str) -> Vec<(&'static str, String)> {
    let email = format!("{username}@site.example");
    [
        ("username", username),
        ("email", email.as_str()),
        ("is_active", "on"),
        ("date_joined_0", "2026-01-02"),
        ("date_joined_1", "03:04:05"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

fn borrowed<'a>(fields: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    fields.iter().map(|(name, value)| (*name, value.as_str())).collect()
}
