//! Groups: list, added, changed, deleted (A185, G59).

use cloakroom_db::admin::Action;

use super::{log, permission, root};
use crate::site::TestSite;

#[tokio::test]
async fn a_group_is_made_changed_and_deleted() {
    let site = TestSite::new().await;
    let mut root = root(&site).await;
    let (one, two) = (permission(&site, "add_user").await, permission(&site, "view_user").await);
    let add = "/admin/auth/group/add/";
    assert_eq!(root.submit(add, &[("name", "")]).await.codes("name"), ["required"]);
    assert_eq!(
        root.submit(add, &[("name", "x"), ("permissions", "9999")]).await.codes("permissions"),
        ["invalid_choice"]
    );
    root.submit(add, &[("name", "editors"), ("permissions", &one)]).await.assert_redirects("/admin/auth/group/");
    assert_eq!(root.submit(add, &[("name", "editors")]).await.codes("name"), ["unique"]);
    let page = "/admin/auth/group/1/change/";
    let shown = root.get(page).await;
    assert!(
        shown.tag("name").contains("value=\"editors\"") && shown.body.contains(&format!("value=\"{one}\" checked"))
    );

    let changed = [("name", "writers"), ("permissions", two.as_str()), ("_continue", "1")];
    root.submit(page, &changed).await.assert_redirects(page);
    assert_eq!(site.auth.permissions_of_group(1).await.unwrap(), [two.parse::<i64>().unwrap()]);
    root.submit(add, &[("name", "readers"), ("_addanother", "1")]).await.assert_redirects(add);
    assert_eq!(root.submit(page, &[("name", "readers")]).await.codes("name"), ["unique"]);

    let entries = log(&site, "group", "1").await;
    assert_eq!((entries[0].action, entries[0].change_message.as_str()), (Some(Action::Addition), r#"[{"added": {}}]"#));
    assert_eq!(entries[1].change_message, r#"[{"changed": {"fields": ["Name", "Permissions"]}}]"#);
    assert_eq!(entries.len(), 2);
    assert!(root.get("/admin/auth/group/1/history/").await.body.contains("Changed: Name and Permissions."));

    let list = root.get("/admin/auth/group/?q=WRIT").await;
    assert!(list.body.contains("writers") && !list.body.contains("readers"));
    root.get("/admin/auth/group/?is_staff__exact=1").await.assert_redirects("/admin/auth/group/?e=1");
    root.get("/admin/auth/group/1/delete/").await.assert_ok();
    root.submit("/admin/auth/group/1/delete/", &[("post", "yes")]).await.assert_redirects("/admin/auth/group/");
    let several = [("action", "delete_selected"), ("_selected_action", "2"), ("post", "yes")];
    root.submit("/admin/auth/group/", &several).await.assert_redirects("/admin/auth/group/");
    assert!(site.auth.all_groups().await.unwrap().is_empty());
    root.get("/admin/auth/group/1/change/").await.assert_redirects("/admin/");
}
