//! Who may do what: every page under every permission (Z04, A183).

use cloakroom_auth::admin::StaffReach;

use super::{borrowed, permission, root, staff, stored, unchanged};
use crate::site::TestSite;

/// Pages about users and groups, and which permissions open them for GET and POST.
#[tokio::test]
async fn each_permission_opens_its_pages_and_no_others() {
    let site = TestSite::new().await;
    let alice = site.user("alice").await.id;
    let group = match cloakroom_db::groups::create(site.auth.db(), "editors").await.unwrap() {
        cloakroom_db::groups::Created::Yes(group) => group.id,
        other => panic!("{other:?}"),
    };
    let (user, group) = (format!("/admin/auth/user/{alice}/"), format!("/admin/auth/group/{group}/"));
    let at = |base: &str, page: &str| format!("{base}{page}");
    let ways: [(&str, String, &[&str]); 19] = [
        ("GET", "/admin/auth/user/".into(), &["view_user", "change_user", "both_user"]),
        ("GET", "/admin/auth/user/add/".into(), &["both_user"]),
        ("POST", "/admin/auth/user/add/".into(), &["both_user"]),
        ("GET", at(&user, "change/"), &["view_user", "change_user", "both_user"]),
        ("POST", at(&user, "change/"), &["change_user", "both_user"]),
        ("GET", at(&user, "history/"), &["view_user", "change_user", "both_user"]),
        ("GET", at(&user, "password/"), &["change_user", "both_user"]),
        ("POST", at(&user, "password/"), &["change_user", "both_user"]),
        ("POST", at(&user, "sessions/"), &["change_user", "both_user"]),
        ("GET", at(&user, "delete/"), &["delete_user"]),
        ("GET", "/admin/auth/group/".into(), &["view_group", "change_group"]),
        ("GET", "/admin/auth/group/add/".into(), &["add_group"]),
        ("POST", "/admin/auth/group/add/".into(), &["add_group"]),
        ("GET", at(&group, "change/"), &["view_group", "change_group"]),
        ("POST", at(&group, "change/"), &["change_group"]),
        ("GET", at(&group, "history/"), &["view_group", "change_group"]),
        ("GET", at(&group, "delete/"), &["delete_group"]),
        ("GET", "/admin/auth/user/99/change/".into(), &["view_user", "change_user", "both_user"]),
        ("GET", "/admin/auth/user/99/delete/".into(), &["delete_user"]),
    ];
    let holders = [
        "none",
        "view_user",
        "add_user",
        "change_user",
        "delete_user",
        "both_user",
        "view_group",
        "add_group",
        "change_group",
        "delete_group",
    ];
    for held in holders {
        let permissions: &[&str] = match held {
            "none" => &[],
            "both_user" => &["add_user", "change_user"],
            one => &[one],
        };
        let mut browser = staff(&site, &format!("s_{held}"), permissions).await;
        for (method, page, open_to) in &ways {
            let answer = match *method {
                "GET" => browser.get(page).await,
                // An empty form: refused by its fields, once it is let in.
                _ => browser.submit(page, &[]).await,
            };
            let refused = answer.status == 403;
            assert_eq!(!refused, open_to.contains(&held), "{held}: {method} {page} answers {}", answer.status);
        }
    }
    assert_eq!(stored(&site, "alice").await.unwrap().username, "alice");
}

/// A18, Z04: who may look sees no form, no token for one, and no hash.
#[tokio::test]
async fn a_page_to_look_at_has_nothing_to_send() {
    let site = TestSite::new().await;
    let alice = site.user("alice").await;
    let mut browser = staff(&site, "bob", &["view_user"]).await;
    let page = browser.get("/admin/auth/user/1/change/").await;
    page.assert_ok();
    assert!(page.body.contains("View user") && page.body.contains("alice@site.example"));
    assert!(!page.body.contains("name=\"username\"") && !page.body.contains("name=\"_save\""));
    for part in alice.password.expose().split('$').filter(|part| part.len() > 3) {
        assert!(!page.body.contains(part), "{part}");
    }
    let mut root = root(&site).await;
    let page = root.get("/admin/auth/user/1/change/").await;
    let secret = alice.password.expose().rsplit('$').next().unwrap();
    assert!(page.body.contains("pbkdf2_sha256") && !page.body.contains(secret) && !page.body.contains(&secret[..6]));
}

/// Z04, CVE-2026-4277: what is not offered is not taken.
#[tokio::test]
async fn a_forged_action_is_looked_at_again() {
    let site = TestSite::new().await;
    let alice = site.user("alice").await.id.to_string();
    let mut viewer = staff(&site, "viewer", &["view_user"]).await;
    let forged = [("action", "delete_selected"), ("_selected_action", alice.as_str()), ("post", "yes")];
    viewer.submit("/admin/auth/user/", &forged).await.assert_redirects("/admin/auth/user/");
    assert!(stored(&site, "alice").await.is_some());
    let mut deleter = staff(&site, "deleter", &["delete_user"]).await;
    assert_eq!(deleter.submit("/admin/auth/user/", &forged).await.status, 403, "the list is not theirs to see");
    assert!(stored(&site, "alice").await.is_some());
}

/// A183: Django's profile lets who may change users make anybody a superuser.
#[tokio::test]
async fn who_may_change_users_may_make_superusers_as_in_django() {
    let site = TestSite::new().await;
    let mut bob = staff(&site, "bob", &["change_user"]).await;
    let mut fields = unchanged("bob");
    fields.extend([("is_staff", "on".to_owned()), ("is_superuser", "on".to_owned()), ("_continue", "1".to_owned())]);
    bob.submit("/admin/auth/user/1/change/", &borrowed(&fields)).await.assert_redirects("/admin/auth/user/1/change/");
    assert!(stored(&site, "bob").await.unwrap().is_superuser);
}

/// The hardened profile: what others may do, and superusers' accounts, are for superusers.
#[tokio::test]
async fn staff_reach_below_superusers_where_the_profile_says_so() {
    let site = TestSite::tuned(|auth| auth.with_staff_reach(StaffReach::BelowSuperusers)).await;
    let mut root = root(&site).await;
    let mut bob = staff(&site, "bob", &["change_user", "delete_user", "view_user", "change_group", "add_group"]).await;
    let id = stored(&site, "bob").await.unwrap().id;
    let page = format!("/admin/auth/user/{id}/change/");
    let shown = bob.get(&page).await;
    assert!(!shown.body.contains("name=\"is_superuser\"") && !shown.body.contains("name=\"user_permissions\""));
    let some = permission(&site, "add_session").await;
    let mut fields = unchanged("bob");
    fields.extend([
        ("first_name", "Bob".to_owned()),
        ("is_superuser", "on".to_owned()),
        ("user_permissions", some.clone()),
        ("_continue", "1".to_owned()),
    ]);
    bob.submit(&page, &borrowed(&fields)).await.assert_redirects(&page);
    let user = stored(&site, "bob").await.unwrap();
    assert_eq!((user.first_name.as_str(), user.is_superuser, user.is_staff), ("Bob", false, true));
    assert_eq!(site.auth.access_of(&user.id).await.unwrap().1.len(), 5, "what was given stays");

    for page in ["password/", "delete/"] {
        assert_eq!(bob.get(&format!("/admin/auth/user/1/{page}")).await.status, 403, "{page}");
    }
    let view = bob.get("/admin/auth/user/1/change/").await;
    assert!(view.body.contains("View user"));
    assert_eq!(bob.submit("/admin/auth/user/1/change/", &borrowed(&unchanged("root"))).await.status, 403);
    assert_eq!(bob.submit("/admin/auth/user/1/sessions/", &[("id", "all")]).await.status, 403);
    let several = [("action", "delete_selected"), ("_selected_action", "1"), ("post", "yes")];
    assert_eq!(bob.submit("/admin/auth/user/", &several).await.status, 403);
    assert!(stored(&site, "root").await.is_some());

    let group = [("name", "editors"), ("permissions", some.as_str())];
    bob.submit("/admin/auth/group/add/", &group).await.assert_redirects("/admin/auth/group/");
    assert!(site.auth.permissions_of_group(1).await.unwrap().is_empty());
    root.submit("/admin/auth/group/1/change/", &group).await.assert_redirects("/admin/auth/group/");
    assert_eq!(site.auth.permissions_of_group(1).await.unwrap().len(), 1);
}
