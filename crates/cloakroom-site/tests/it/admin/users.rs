//! Users: list, added, changed, given passwords, deleted, watched (A182–A184, G59, S10).

use std::sync::{Arc, Mutex};

use cloakroom_auth::events::{AccessChange, Activity, AuthEvent, EndedBy, Switch};
use cloakroom_db::admin::Action;

use super::{borrowed, enter, log, permission, root, stored, unchanged};
use crate::site::TestSite;

/// What a browser shows for a message.
fn says(page: &crate::site::Page, text: &str) -> bool {
    page.body
        .split("<ul class=\"messages\"")
        .nth(1)
        .is_some_and(|list| list.split("</ul>").next().unwrap().contains(text))
}

#[tokio::test]
async fn a_user_is_made_in_two_steps() {
    let site = TestSite::new().await;
    let mut root = root(&site).await;
    let add = "/admin/auth/user/add/";
    assert!(root.get(add).await.body.contains("Add a user"));
    let fields = |username: &'static str, first: &'static str, second: &'static str| {
        [("username", username), ("usable_password", "true"), ("password1", first), ("password2", second)]
    };
    for (sent, field, code) in [
        (fields("ROOT", "brand-New-77", "brand-New-77"), "username", "unique"),
        (fields("x y", "brand-New-77", "brand-New-77"), "username", "invalid"),
        (fields("", "brand-New-77", "brand-New-77"), "username", "required"),
        (fields("new", "brand-New-77", "other-New-77"), "password2", "password_mismatch"),
        (fields("new", "", ""), "password1", "required"),
        (fields("new", "1234", "1234"), "password2", "password_too_short"),
    ] {
        let page = root.submit(add, &sent).await;
        page.assert_ok();
        assert_eq!(page.codes(field).first(), Some(&code), "{sent:?}");
    }
    root.submit(add, &fields("new", "brand-New-77", "brand-New-77"))
        .await
        .assert_redirects("/admin/auth/user/2/change/");
    assert!(says(&root.get("/admin/auth/user/2/change/").await, "new was added"));
    let entries = log(&site, "user", "2").await;
    assert_eq!((entries.len(), entries[0].action), (1, Some(Action::Addition)));
    assert_eq!((entries[0].change_message.as_str(), entries[0].object_repr.as_str()), (r#"[{"added": {}}]"#, "new"));
    assert_eq!(entries[0].username, "root");

    let unusable = [("username", "sso"), ("usable_password", "false"), ("_addanother", "1")];
    root.submit(add, &unusable).await.assert_redirects(add);
    assert!(!stored(&site, "sso").await.unwrap().password.is_usable());
    let new = stored(&site, "new").await.unwrap();
    assert!(!new.is_staff && !new.is_superuser && new.is_active && new.password.is_usable());
}

/// G59, R30: only what changed is written, told and announced.
#[tokio::test]
async fn a_change_is_logged_as_django_logs_it() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let site = TestSite::tuned(move |auth| auth.with_listener(move |e| seen.lock().unwrap().push(e.clone()))).await;
    let mut root = root(&site).await;
    let before = site.user("alice").await;
    let page = "/admin/auth/user/2/change/";
    events.lock().unwrap().clear();
    root.submit(page, &borrowed(&unchanged("alice"))).await.assert_redirects("/admin/auth/user/");
    assert_eq!(log(&site, "user", "2").await[0].change_message, "[]");
    assert!(events.lock().unwrap().is_empty());
    assert_eq!(stored(&site, "alice").await.unwrap().date_joined, before.date_joined, "to the microsecond");

    let group = match cloakroom_db::groups::create(site.auth.db(), "editors").await.unwrap() {
        cloakroom_db::groups::Created::Yes(group) => group.id.to_string(),
        other => panic!("{other:?}"),
    };
    let may = permission(&site, "add_session").await;
    let mut fields = unchanged("alice");
    fields.retain(|(name, _)| !matches!(*name, "email" | "is_active"));
    fields.extend([
        ("email", "Alice@New.EXAMPLE".to_owned()),
        ("first_name", " Alice ".to_owned()),
        ("is_staff", "on".to_owned()),
        ("groups", group),
        ("user_permissions", may),
        ("last_login_0", "2026-01-31".to_owned()),
        ("last_login_1", "14:30".to_owned()),
        ("_continue", "1".to_owned()),
    ]);
    root.submit(page, &borrowed(&fields)).await.assert_redirects(page);
    let alice = stored(&site, "alice").await.unwrap();
    assert_eq!((alice.first_name.as_str(), alice.email.as_str()), ("Alice", "Alice@New.EXAMPLE"));
    assert_eq!((alice.is_active, alice.is_staff, alice.is_superuser), (false, true, false));
    assert_eq!(alice.last_login.unwrap().as_secs(), 1_769_869_800);
    let entries = log(&site, "user", "2").await;
    assert_eq!(
        entries[1].change_message,
        r#"[{"changed": {"fields": ["First name", "Email address", "Active", "Staff status", "Groups", "User permissions", "Last login"]}}]"#
    );
    let told = events.lock().unwrap().clone();
    let access: Vec<_> = told
        .iter()
        .filter_map(|event| match event {
            AuthEvent::AccessChanged { change, .. } => Some(change.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(
        access,
        [
            AccessChange::Staff(Switch::On),
            AccessChange::Joined("editors".into()),
            AccessChange::Granted("sessions.add_session".into())
        ]
    );
    let closed = |e: &AuthEvent| matches!(e, AuthEvent::ActivityChanged { now: Activity::Inactive, .. });
    assert!(told.iter().any(closed) && told.iter().any(|e| matches!(e, AuthEvent::ProfileChanged { .. })));

    let history = root.get("/admin/auth/user/2/history/").await;
    assert!(history.body.contains("Changed: First name, Email address, Active,") && history.body.contains("root"));
    let index = root.get("/admin/").await;
    assert!(index.plain().contains("href=\"/admin/auth/user/2/change/\">alice</a>"), "{}", index.body);
}

#[tokio::test]
async fn a_wrong_form_changes_nothing() {
    let site = TestSite::new().await;
    let mut root = root(&site).await;
    site.user("alice").await;
    let page = "/admin/auth/user/2/change/";
    for (name, value, code) in [
        ("username", "root", "unique"),
        ("username", "a b", "invalid"),
        ("username", "", "required"),
        ("email", "no address", "invalid"),
        ("date_joined_0", "soon", "invalid_date"),
        ("date_joined_1", "noon", "invalid_time"),
        ("date_joined_0", "", "required"),
        ("last_login_1", "12:00", ""),
        ("groups", "99", "invalid_choice"),
        ("user_permissions", "x", "invalid_pk_value"),
    ] {
        let mut fields = unchanged("alice");
        fields.retain(|(n, _)| *n != name);
        fields.extend([(name, value.to_owned()), ("first_name", "Changed".to_owned())]);
        let answer = root.submit(page, &borrowed(&fields)).await;
        answer.assert_ok();
        let (field, code) = if code.is_empty() { ("last_login_0", "required") } else { (name, code) };
        assert_eq!(answer.codes(field), [code], "{name} {value}");
        assert!(answer.body.contains("<title>Error: "));
    }
    let alice = stored(&site, "alice").await.unwrap();
    assert_eq!((alice.first_name.as_str(), alice.username.as_str()), ("", "alice"));
    for page in ["/admin/auth/user/99/change/", "/admin/auth/user/x/history/", "/admin/auth/user/99/delete/"] {
        root.get(page).await.assert_redirects("/admin/");
        assert!(says(&root.get("/admin/").await, "There is no user"), "{page}");
    }
    assert_eq!(root.get("/admin/auth/user/99/password/").await.status, 404);
}

/// A184, A74
#[tokio::test]
async fn a_password_is_set_or_turned_off() {
    let site = TestSite::new().await;
    let mut root = root(&site).await;
    site.user("alice").await;
    let mut alice = enter(&site, "alice").await;
    let page = "/admin/auth/user/2/password/";
    assert!(root.get(page).await.body.contains("name=\"unset-password\""));
    let wrong = root.submit(page, &[("password1", "brand-New-77"), ("password2", "x")]).await;
    assert_eq!(wrong.codes("password2"), ["password_mismatch"]);
    alice.get("/accounts/profile/").await.assert_ok();

    let session = root.cookie("sessionid").unwrap().to_owned();
    let new = [("password1", "brand-New-77"), ("password2", "brand-New-77"), ("usable_password", "true")];
    root.submit(page, &new).await.assert_redirects("/admin/auth/user/2/change/");
    assert_ne!(root.cookie("sessionid").unwrap(), session, "the key is a new one");
    assert_eq!(alice.get("/accounts/profile/").await.status, 302, "signed out everywhere");
    root.get("/admin/").await.assert_ok();
    let message = || async { log(&site, "user", "2").await.last().unwrap().change_message.clone() };
    assert_eq!(message().await, r#"[{"changed": {"fields": ["password"]}}]"#);

    root.submit(page, &[("usable_password", "false")]).await.assert_redirects(page);
    assert!(stored(&site, "alice").await.unwrap().password.is_usable(), "the wrong button");
    assert!(says(&root.get(page).await, "do not agree"));
    let off = [("usable_password", "false"), ("unset-password", "1")];
    root.submit(page, &off).await.assert_redirects("/admin/auth/user/2/change/");
    assert!(!stored(&site, "alice").await.unwrap().password.is_usable());
    assert_eq!(message().await, "[]");
    let shown = root.get(page).await;
    assert!(!shown.body.contains("unset-password") && shown.body.contains("Set a password"));
    assert_eq!(root.submit(page, &off).await.codes("password1"), ["required"]);

    let own = [("password1", "root-New-77x"), ("password2", "root-New-77x"), ("usable_password", "true")];
    root.submit("/admin/auth/user/1/password/", &own).await.assert_redirects("/admin/auth/user/1/change/");
    root.get("/admin/").await.assert_ok();
}

/// A23, A186: what goes is shown first; sessions end.
#[tokio::test]
async fn deleting_is_confirmed_and_takes_everything() {
    let site = TestSite::new().await;
    let mut root = root(&site).await;
    site.user("alice").await;
    for name in ["bob", "carol", "dave"] {
        site.user(name).await;
    }
    let mut alice = enter(&site, "alice").await;
    let page = "/admin/auth/user/2/delete/";
    let shown = root.get(page).await;
    shown.assert_ok();
    assert!(shown.body.contains("Delete this user?") && shown.body.contains("Every session"));
    assert!(stored(&site, "alice").await.is_some());
    root.submit(page, &[("post", "yes")]).await.assert_redirects("/admin/auth/user/");
    assert!(stored(&site, "alice").await.is_none());
    assert_eq!(alice.get("/accounts/profile/").await.status, 302);
    let entries = log(&site, "user", "2").await;
    assert_eq!((entries[0].action, entries[0].change_message.as_str()), (Some(Action::Deletion), ""));
    assert_eq!(entries[0].object_repr, "alice");

    let list = "/admin/auth/user/";
    root.submit(list, &[("action", "delete_selected")]).await.assert_redirects(list);
    assert!(says(&root.get(list).await, "Choose at least one"));
    root.submit(list, &[("action", "fly"), ("_selected_action", "3")]).await.assert_redirects(list);
    let several = [("action", "delete_selected"), ("_selected_action", "3"), ("_selected_action", "4")];
    let shown = root.submit(list, &several).await;
    shown.assert_ok();
    assert!(shown.body.contains("Delete these users?") && shown.body.contains("carol") && !shown.body.contains("dave"));
    assert!(stored(&site, "bob").await.is_some());
    let confirmed = [several.as_slice(), &[("post", "yes")]].concat();
    root.submit(list, &confirmed).await.assert_redirects(list);
    assert!(says(&root.get(list).await, "2 users were deleted"));
    assert!(stored(&site, "bob").await.is_none() && stored(&site, "dave").await.is_some());
}

/// A182, Z05
#[tokio::test]
async fn the_list_is_searched_filtered_and_ordered() {
    let site = TestSite::new().await;
    let mut root = root(&site).await;
    for name in ["alice", "bob", "carol"] {
        site.user(name).await;
    }
    let names = |page: &crate::site::Page| -> Vec<String> {
        let body = page.plain();
        let rows = body.split("/change/\">").skip(1);
        rows.map(|rest| rest.split_once('<').unwrap().0.to_owned()).collect()
    };
    for (query, expected) in [
        ("", &["alice", "bob", "carol", "root"][..]),
        ("?q=AL", &["alice"]),
        ("?q=o+site.example", &["bob", "carol", "root"]),
        ("?is_staff__exact=1", &["root"]),
        ("?is_superuser__exact=0&o=-1", &["carol", "bob", "alice"]),
        ("?is_active__exact=0", &[]),
        ("?groups__id__exact=1", &[]),
        ("?o=-5.1", &["root", "alice", "bob", "carol"]),
        ("?e=1", &["alice", "bob", "carol", "root"]),
    ] {
        let page = root.get(&format!("/admin/auth/user/{query}")).await;
        page.assert_ok();
        assert_eq!(names(&page), expected, "{query}");
    }
    for query in ["?password__regex=a", "?password__startswith=pbkdf2", "?password=x"] {
        assert_eq!(root.get(&format!("/admin/auth/user/{query}")).await.status, 400, "{query}");
    }
    for query in ["?username__regex=a", "?is_staff__exact=maybe", "?p=9", "?p=x", "?groups__password=x"] {
        root.get(&format!("/admin/auth/user/{query}")).await.assert_redirects("/admin/auth/user/?e=1");
    }
    let nasty = root.get("/admin/auth/user/?q=%22%3E%3Cscript%3E").await;
    assert!(!nasty.body.contains("\"><script>"));
}

/// S10: one or all, with an entry in the audit log.
#[tokio::test]
async fn an_administrator_ends_sessions() {
    let ended = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&ended);
    let site = TestSite::tuned(move |auth| {
        auth.with_listener(move |event| {
            if matches!(event, AuthEvent::SessionEnded { by: EndedBy::Administrator, .. }) {
                *seen.lock().unwrap() += 1;
            }
        })
    })
    .await;
    let mut root = root(&site).await;
    site.user("alice").await;
    let (mut desk, mut phone, mut tablet) =
        (enter(&site, "alice").await, enter(&site, "alice").await, enter(&site, "alice").await);
    let (page, sessions) = ("/admin/auth/user/2/change/", "/admin/auth/user/2/sessions/");
    let key = cloakroom_core::keys::SessionKey::parse(desk.cookie("sessionid").unwrap()).unwrap();
    let id = cloakroom_sessions::public_id(&key);
    let shown = root.get(page).await;
    assert!(shown.body.contains(&format!("value=\"{id}\"")) && !shown.body.contains(key.expose()));
    root.submit(sessions, &[("id", &id)]).await.assert_redirects(page);
    assert_eq!(desk.get("/accounts/profile/").await.status, 302);
    phone.get("/accounts/profile/").await.assert_ok();
    assert_eq!(root.submit(sessions, &[("id", &id)]).await.status, 404);
    assert_eq!(root.get(sessions).await.status, 405);
    root.submit(sessions, &[("id", "all")]).await.assert_redirects(page);
    assert_eq!(phone.get("/accounts/profile/").await.status, 302);
    assert_eq!(tablet.get("/accounts/profile/").await.status, 302);
    assert_eq!(*ended.lock().unwrap(), 3);
    root.submit("/admin/auth/user/1/sessions/", &[("id", "all")]).await.assert_redirects("/admin/auth/user/1/change/");
    root.get("/admin/").await.assert_ok();
}
