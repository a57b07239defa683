//! The admin as people meet it: a user is added, given a permission, and the history tells it (A180–A186).

use cloakroom::auth::{Created, NewAccount};
use cloakroom_testkit::TestSite;
use fantoccini::{Client, Locator};

use super::chromium::Chromium;
use super::{path, submit, text};

/// Presses a button by its name and waits until the next page is there.
async fn press_named(page: &Client, name: &str) {
    page.execute("document.documentElement.dataset.left = '1'", vec![]).await.unwrap();
    page.find(Locator::Css(&format!("main button[name='{name}']"))).await.unwrap().click().await.unwrap();
    page.wait().for_element(Locator::Css("html:not([data-left])")).await.unwrap();
}

async fn follow(page: &Client, link: &str) {
    page.execute("document.documentElement.dataset.left = '1'", vec![]).await.unwrap();
    page.find(Locator::LinkText(link)).await.unwrap().click().await.unwrap();
    page.wait().for_element(Locator::Css("html:not([data-left])")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_added_and_given_a_permission() {
    let site = TestSite::start().await.served().await;
    let root = NewAccount::new("root").with_password("root-pass-9Z".to_owned());
    let made = site.cloakroom().auth().create_superuser(root).await.unwrap();
    assert!(matches!(made, Created::Yes(_)));
    let chromium = Chromium::start().await;
    let page = chromium.page().await;
    page.goto(&format!("{}/admin/", site.url())).await.unwrap();
    assert_eq!(path(&page).await, "/admin/login/");
    submit(&page, &[("username", "root"), ("password", "root-pass-9Z")]).await;
    assert_eq!(path(&page).await, "/admin/");

    follow(&page, "Users").await;
    follow(&page, "Add a user").await;
    let password = "correct horse battery 9";
    for (name, value) in [("username", "dora"), ("password1", password), ("password2", password)] {
        page.find(Locator::Css(&format!("main [name='{name}']"))).await.unwrap().send_keys(value).await.unwrap();
    }
    press_named(&page, "_save").await;
    assert_eq!(path(&page).await, "/admin/auth/user/2/change/");
    assert!(text(&page).await.contains("dora was added"));

    let may_view = "//label[contains(., 'Can view user')]/input[@name='user_permissions']";
    page.find(Locator::XPath(may_view)).await.unwrap().click().await.unwrap();
    page.find(Locator::Css("[name='is_staff']")).await.unwrap().click().await.unwrap();
    press_named(&page, "_continue").await;
    assert!(text(&page).await.contains("dora was saved"));
    assert!(page.find(Locator::XPath(may_view)).await.unwrap().is_selected().await.unwrap());

    follow(&page, "History").await;
    let shown = text(&page).await;
    assert!(shown.contains("Added.") && shown.contains("Changed: Staff status and User permissions."), "{shown}");

    // What was given acts at once, and no further than it goes.
    page.find(Locator::XPath("//button[text()='Log out']")).await.unwrap().click().await.unwrap();
    page.wait().for_element(Locator::LinkText("Log in again")).await.unwrap();
    page.goto(&format!("{}/admin/auth/user/1/change/", site.url())).await.unwrap();
    submit(&page, &[("username", "dora"), ("password", password)]).await;
    assert_eq!(path(&page).await, "/admin/auth/user/1/change/");
    let shown = text(&page).await;
    assert!(shown.contains("View user") && shown.contains("root"), "{shown}");
    assert!(page.find(Locator::Css("main [name='username']")).await.is_err(), "nothing to send");
    chromium.end(page).await;
}
