//! Two tabs of one browser: what happens in one must not make the other a dead end (M22, X10, X11).

use cloakroom_testkit::TestSite;
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, Locator};

use super::chromium::Chromium;
use super::{path, press, submit, text};

const PASSWORD: &str = "alice-pass-9Z";

/// A browser for alice, who has an account.
async fn browser(site: &TestSite) -> (Chromium, Client) {
    site.user("alice").await;
    let chromium = Chromium::start().await;
    let page = chromium.page().await;
    (chromium, page)
}

async fn open(page: &Client, site: &TestSite, path: &str) {
    page.goto(&format!("{}{path}", site.url())).await.unwrap();
}

/// Opens a second tab, which is shown then, and returns the first.
async fn second_tab(page: &Client) -> WindowHandle {
    let first = page.window().await.unwrap();
    let second = page.new_window(true).await.unwrap().handle;
    page.switch_to_window(second).await.unwrap();
    first
}

/// Opens the form of alice's account, and sends it when something has happened in a second tab.
async fn send_a_form_after(page: &Client, site: &TestSite, happens: impl AsyncFnOnce()) {
    sign_in(page, site).await;
    open(page, site, "/accounts/update/").await;
    let first = second_tab(page).await;
    happens().await;
    page.switch_to_window(first).await.unwrap();
    submit(page, &[("first_name", "Ann"), ("last_name", "Lee")]).await;
}

async fn sign_in(page: &Client, site: &TestSite) {
    open(page, site, "/accounts/login/").await;
    submit(page, &[("username", "alice"), ("password", PASSWORD)]).await;
    assert_eq!(path(page).await, "/accounts/profile/");
}

async fn log_out(page: &Client, site: &TestSite) {
    open(page, site, "/accounts/profile/").await;
    press(page, "form[action$='/logout/']").await;
}

/// X11: a log-in in tab 2 makes the form of tab 1 too old; it is sent again by a button, with what was entered.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_outlives_a_login_in_another_tab() {
    let site = TestSite::start().await.served().await;
    let (chromium, page) = browser(&site).await;
    send_a_form_after(&page, &site, async || {
        log_out(&page, &site).await;
        sign_in(&page, &site).await;
    })
    .await;
    assert_eq!(path(&page).await, "/accounts/update/");
    let shown = text(&page).await;
    assert!(shown.contains("This form has expired") && shown.contains("Ann"), "{shown}");
    press(&page, "form#again").await;
    assert_eq!(path(&page).await, "/accounts/profile/");
    assert!(text(&page).await.contains("Ann Lee"));
    chromium.end(page).await;
}

/// X11: the log-in page of tab 1, after a log-in in tab 2, leads to a fresh form; no password is shown.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_login_page_leads_to_a_fresh_one() {
    let site = TestSite::start().await.served().await;
    let (chromium, page) = browser(&site).await;
    open(&page, &site, "/accounts/login/?next=/accounts/update/").await;

    let first = second_tab(&page).await;
    sign_in(&page, &site).await;

    page.switch_to_window(first).await.unwrap();
    submit(&page, &[("username", "alice"), ("password", PASSWORD)]).await;
    assert!(text(&page).await.contains("This form has expired"));
    assert!(!page.source().await.unwrap().contains(PASSWORD));
    page.find(Locator::Css("main a.button")).await.unwrap().click().await.unwrap();
    page.wait().for_element(Locator::Css("[name='password']")).await.unwrap();
    submit(&page, &[("username", "alice"), ("password", PASSWORD)]).await;
    assert_eq!(path(&page).await, "/accounts/update/");
    chromium.end(page).await;
}

/// M22, X10: a log-out in tab 2 interrupts the form of tab 1; after the log-in it waits, and is sent when one says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_waits_for_the_login_after_a_logout_in_another_tab() {
    let site = TestSite::builder().setting("SECURITY_PROFILE", "hardened").start().await.served().await;
    let (chromium, page) = browser(&site).await;
    send_a_form_after(&page, &site, async || log_out(&page, &site).await).await;
    assert_eq!(path(&page).await, "/accounts/login/");
    submit(&page, &[("username", "alice"), ("password", PASSWORD)]).await;
    assert_eq!(path(&page).await, "/accounts/resume/");
    assert!(text(&page).await.contains("Ann"));
    press(&page, "form#resume").await;
    assert_eq!(path(&page).await, "/accounts/profile/");
    assert!(text(&page).await.contains("Ann Lee"));
    chromium.end(page).await;
}

/// M06: a log-out in one tab is one in all.
#[tokio::test(flavor = "multi_thread")]
async fn a_logout_counts_in_all_tabs() {
    let site = TestSite::start().await.served().await;
    let (chromium, page) = browser(&site).await;
    sign_in(&page, &site).await;
    let first = second_tab(&page).await;
    log_out(&page, &site).await;
    page.switch_to_window(first).await.unwrap();
    page.refresh().await.unwrap();
    assert_eq!(path(&page).await, "/accounts/login/");
    chromium.end(page).await;
}
