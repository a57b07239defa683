//! Passwords and sessions as people meet them: the reset by mail, the change, the list of where one is signed in.

use std::path::Path;
use std::time::Duration;

use cloakroom_testkit::TestSite;
use fantoccini::{Client, Locator};

use super::chromium::Chromium;
use super::{path, press, submit, text};

/// The link in the only mail of a folder.
async fn mailed_link(folder: &Path) -> String {
    for _ in 0..200 {
        let files = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        for file in files {
            let mail = std::fs::read_to_string(file.path()).unwrap();
            if let Some(link) = mail.split_whitespace().find(|word| word.starts_with("http")) {
                return link.to_owned();
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no mail came");
}

async fn sign_in(page: &Client, site: &TestSite, password: &str) {
    page.goto(&format!("{}/accounts/login/", site.url())).await.unwrap();
    submit(page, &[("username", "alice"), ("password", password)]).await;
    assert_eq!(path(page).await, "/accounts/profile/");
}

/// A114–A118, R01, R02, R03: from the request to the first log-in with the new password.
#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_replaced_by_mail() {
    let mails = tempfile::tempdir().unwrap();
    let site = TestSite::builder()
        .setting("EMAIL_BACKEND", "file")
        .setting("EMAIL_FILE_PATH", mails.path().to_str().unwrap())
        .start()
        .await
        .served()
        .await;
    site.user("alice").await;
    let chromium = Chromium::start().await;
    let page = chromium.page().await;

    page.goto(&format!("{}/accounts/login/", site.url())).await.unwrap();
    page.find(Locator::LinkText("Forgot your password?")).await.unwrap().click().await.unwrap();
    page.wait().for_element(Locator::Css("[name='email']")).await.unwrap();
    submit(&page, &[("email", "alice@site.example")]).await;
    assert_eq!(path(&page).await, "/accounts/password_reset/done/");

    let link = mailed_link(mails.path()).await;
    assert!(link.starts_with(&site.url()), "{link}");
    page.goto(&link).await.unwrap();
    // R03: the token has left the address.
    let shown = path(&page).await;
    assert!(shown.starts_with("/accounts/reset/") && shown.ends_with("/set-password/"), "{shown}");
    let field = page.find(Locator::Css("[name='new_password1']")).await.unwrap();
    assert_eq!(field.attr("autocomplete").await.unwrap().as_deref(), Some("new-password"));
    submit(&page, &[("new_password1", "short"), ("new_password2", "other")]).await;
    assert!(page.find(Locator::Css("ul.errorlist li")).await.is_ok());
    let new = "a quite new phrase 7";
    submit(&page, &[("new_password1", new), ("new_password2", new)]).await;
    assert_eq!(path(&page).await, "/accounts/reset/done/");
    // R02: nobody is signed in by it.
    assert!(page.get_named_cookie("sessionid").await.is_err() || !text(&page).await.contains("Log out"));
    sign_in(&page, &site, new).await;

    // R01: once.
    page.goto(&link).await.unwrap();
    assert!(page.find(Locator::Css("[name='new_password1']")).await.is_err());
    assert!(text(&page).await.contains("This link does not work"));
    chromium.end(page).await;
}

/// A112, M24, A09: the old one is asked, this browser stays signed in, the other does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_ends_the_other_browsers_session() {
    let site = TestSite::start().await.served().await;
    site.user("alice").await;
    let (mine, other) = (Chromium::start().await, Chromium::start().await);
    let (page, elsewhere) = (mine.page().await, other.page().await);
    sign_in(&page, &site, "alice-pass-9Z").await;
    sign_in(&elsewhere, &site, "alice-pass-9Z").await;

    page.goto(&format!("{}/accounts/password_change/", site.url())).await.unwrap();
    let new = "a quite new phrase 7";
    submit(&page, &[("old_password", "wrong"), ("new_password1", new), ("new_password2", new)]).await;
    assert!(page.find(Locator::Css("#id_old_password_error [data-code='password_incorrect']")).await.is_ok());
    submit(&page, &[("old_password", "alice-pass-9Z"), ("new_password1", new), ("new_password2", new)]).await;
    assert_eq!(path(&page).await, "/accounts/password_change/done/");

    elsewhere.refresh().await.unwrap();
    assert_eq!(path(&elsewhere).await, "/accounts/login/");
    page.goto(&format!("{}/accounts/profile/", site.url())).await.unwrap();
    assert_eq!(path(&page).await, "/accounts/profile/");
    mine.end(page).await;
    other.end(elsewhere).await;
}

/// S09, S10: one sees where one is signed in and ends what is not wanted; keys are nowhere on the page (C03).
#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_and_ended() {
    let site = TestSite::start().await.served().await;
    site.user("alice").await;
    let (mine, other) = (Chromium::start().await, Chromium::start().await);
    let (page, elsewhere) = (mine.page().await, other.page().await);
    sign_in(&elsewhere, &site, "alice-pass-9Z").await;
    sign_in(&page, &site, "alice-pass-9Z").await;

    page.goto(&format!("{}/accounts/sessions/", site.url())).await.unwrap();
    assert_eq!(page.find_all(Locator::Css(".sessions li")).await.unwrap().len(), 2);
    let source = page.source().await.unwrap();
    for browser in [&page, &elsewhere] {
        let key = browser.get_named_cookie("sessionid").await.unwrap();
        assert!(!source.contains(key.value()));
    }
    press(&page, ".sessions li:nth-child(2) form").await;
    assert_eq!(path(&page).await, "/accounts/sessions/");
    assert_eq!(page.find_all(Locator::Css(".sessions li")).await.unwrap().len(), 1);
    elsewhere.refresh().await.unwrap();
    assert_eq!(path(&elsewhere).await, "/accounts/login/");

    // One's own is a log-out.
    press(&page, ".sessions li:nth-child(1) form").await;
    page.goto(&format!("{}/accounts/profile/", site.url())).await.unwrap();
    assert_eq!(path(&page).await, "/accounts/login/");
    mine.end(page).await;
    other.end(elsewhere).await;
}
