//! The life of an account in a real browser: headless Chromium through ChromeDriver.
//!
//! Needs both programs on the path; `cargo xtask test --only browser` installs them where it can.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod admin;
mod chromium;
mod passwords;
mod tabs;

use cloakroom_testkit::TestSite;
use fantoccini::{Client, Locator};

use self::chromium::Chromium;

async fn text(page: &Client) -> String {
    page.find(Locator::Css("body")).await.unwrap().text().await.unwrap()
}

async fn path(page: &Client) -> String {
    page.current_url().await.unwrap().path().to_owned()
}

/// Fills the fields of the page's main form and presses its button.
async fn submit(page: &Client, fields: &[(&str, &str)]) {
    for (name, value) in fields {
        let field = page.find(Locator::Css(&format!("main form [name='{name}']"))).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(value).await.unwrap();
    }
    press(page, "main form").await;
}

/// Presses the form's button and waits until the next page is there.
async fn press(page: &Client, form: &str) {
    let mark = "document.documentElement.dataset.left = '1'";
    page.execute(mark, vec![]).await.unwrap();
    page.find(Locator::Css(&format!("{form} button"))).await.unwrap().click().await.unwrap();
    page.wait().for_element(Locator::Css("html:not([data-left])")).await.unwrap();
}

/// M02–M07, M19, M21, M24, H09, A10: everything that happens to an account, from sign-up to withdrawal.
#[tokio::test(flavor = "multi_thread")]
async fn the_whole_life_of_an_account() {
    let site = TestSite::start().await.served().await;
    let chromium = Chromium::start().await;
    let page = chromium.page().await;
    let url = |path: &str| format!("{}{path}", site.url());

    // M21: a guarded page leads to the login page and remembers where from.
    page.goto(&url("/accounts/profile/")).await.unwrap();
    assert_eq!(path(&page).await, "/accounts/login/");
    assert_eq!(page.current_url().await.unwrap().query(), Some("next=/accounts/profile/"));

    // M19: sign-up signs in.
    page.goto(&url("/accounts/signup/")).await.unwrap();
    let password = "correct horse battery 9";
    let account =
        [("username", "dora"), ("email", "dora@site.example"), ("password1", password), ("password2", password)];
    submit(&page, &account).await;
    assert_eq!(path(&page).await, "/accounts/profile/");
    assert!(text(&page).await.contains("dora"));

    // M04: the ticket is there, for two weeks, and no script can read it.
    let ticket = page.get_named_cookie("sessionid").await.unwrap();
    assert_eq!(ticket.http_only(), Some(true));
    assert!(ticket.expires_datetime().is_some());
    let seen = page.execute("return document.cookie", vec![]).await.unwrap();
    let seen = seen.as_str().unwrap();
    assert!(seen.contains("csrftoken") && !seen.contains("sessionid"), "script reads {seen}");
    assert!(!seen.contains(ticket.value()));

    // M19: the profile changes.
    page.goto(&url("/accounts/update/")).await.unwrap();
    submit(&page, &[("first_name", "Dora"), ("last_name", "Diaz")]).await;
    assert!(text(&page).await.contains("Dora"));

    // M24: a new password keeps this session, under a new key.
    page.goto(&url("/accounts/password_change/")).await.unwrap();
    let new_password = "a much better phrase 7";
    submit(&page, &[("old_password", password), ("new_password1", new_password), ("new_password2", new_password)])
        .await;
    assert_eq!(path(&page).await, "/accounts/password_change/done/");
    let renewed = page.get_named_cookie("sessionid").await.unwrap();
    assert_ne!(renewed.value(), ticket.value());
    page.goto(&url("/accounts/profile/")).await.unwrap();
    assert_eq!(path(&page).await, "/accounts/profile/");

    // M06, H09: after logout the cookie is gone, and Back shows nothing private.
    press(&page, "form[action$='/logout/']").await;
    assert!(page.get_named_cookie("sessionid").await.is_err());
    page.back().await.unwrap();
    page.wait().for_element(Locator::Css("main")).await.unwrap();
    let shown = text(&page).await;
    assert!(!shown.contains("Dora") && !shown.contains("dora@site.example"), "Back shows {shown}");

    // A wrong password is told at the form; the right one leads to the page that was wanted (M21).
    page.goto(&url("/accounts/update/")).await.unwrap();
    submit(&page, &[("username", "dora"), ("password", "wrong")]).await;
    assert!(page.find(Locator::Css("ul.errorlist.nonfield li[data-code='invalid_login']")).await.is_ok());
    submit(&page, &[("username", "dora"), ("password", new_password)]).await;
    assert_eq!(path(&page).await, "/accounts/update/");

    // M18: without the cookie nobody is known.
    page.delete_cookie("sessionid").await.unwrap();
    page.goto(&url("/accounts/profile/")).await.unwrap();
    assert_eq!(path(&page).await, "/accounts/login/");
    submit(&page, &[("username", "dora"), ("password", new_password)]).await;
    assert_eq!(path(&page).await, "/accounts/profile/");

    // M19: withdrawal.
    page.goto(&url("/accounts/delete/")).await.unwrap();
    press(&page, "main form").await;
    assert_eq!(path(&page).await, "/accounts/login/");
    submit(&page, &[("username", "dora"), ("password", new_password)]).await;
    assert!(page.find(Locator::Css("[data-code='invalid_login']")).await.is_ok());
    chromium.end(page).await;
}

/// M12: where so configured the ticket has no expiry, so it ends with the browser.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_cookie_ends_with_the_browser() {
    let site = TestSite::builder().setting("SESSION_EXPIRE_AT_BROWSER_CLOSE", true).start().await.served().await;
    site.user("alice").await;
    let chromium = Chromium::start().await;
    let page = chromium.page().await;
    page.goto(&format!("{}/accounts/login/", site.url())).await.unwrap();
    submit(&page, &[("username", "alice"), ("password", "alice-pass-9Z")]).await;
    let ticket = page.get_named_cookie("sessionid").await.unwrap();
    assert!(ticket.expires_datetime().is_none() && ticket.max_age().is_none());
    chromium.end(page).await;
}
