//! The admin's pages, each in every state that its template tells apart.

use cloakroom_core::clock::Timestamp;
use cloakroom_web::forms::accounts::{AuthenticationForm, PasswordChangeForm, Taken};
use cloakroom_web::forms::admin::{UsablePassword, bind_user_creation, password_change, user_creation};

use super::{Gallery, NASTY, TOKEN, help, layout};
use crate::templates::context::admin::*;
use crate::templates::context::{ErrorView, FormView, SessionRow};

fn frame() -> Frame {
    Frame {
        index: "/admin/".to_owned(),
        logout: "/admin/logout/".to_owned(),
        password_change: "/admin/password_change/".to_owned(),
        username: NASTY.to_owned(),
        csrf_token: TOKEN.to_owned(),
        crumbs: vec![Link::new("/admin/auth/user/", "Users"), Link::new("/admin/auth/user/1/change/", NASTY)],
    }
}

pub(super) fn all(all: &mut Gallery<'_>) {
    doors(all);
    lists(all);
    forms(all);
    ends(all);
}

fn doors(all: &mut Gallery<'_>) {
    let layout = layout();
    let login = |form: &AuthenticationForm| AdminLogin {
        form: form.form().into(),
        csrf_token: TOKEN.to_owned(),
        next: "/admin/".to_owned(),
    };
    all.add("", &layout, &login(&AuthenticationForm::plain()));
    let mut refused = AuthenticationForm::bind(|_| Some(NASTY.to_owned()));
    refused.refuse_login();
    all.add("-refused", &layout, &login(&refused));
    all.add("", &layout, &AdminLoggedOut { index: "/admin/".to_owned() });
    let change = PasswordChangeForm::plain(&help());
    all.add("", &layout, &AdminPasswordChange { admin: frame(), form: change.form().into() });
    all.add("", &layout, &AdminPasswordChangeDone { index: "/admin/".to_owned() });
    let row = |name: &str, url: Option<&str>| ModelRow {
        name: name.to_owned(),
        list: url.map(str::to_owned),
        add: url.map(|url| format!("{url}add/")),
    };
    let recent = |deed: &str, url: Option<&str>| Recent {
        deed: deed.to_owned(),
        object: NASTY.to_owned(),
        url: url.map(str::to_owned),
        time: "2 Jan 2026, 03:04 UTC".to_owned(),
    };
    let models = vec![row("Groups", None), row("Users", Some("/admin/auth/user/"))];
    let recent = vec![recent("Changed", Some("/admin/auth/user/1/change/")), recent("Deleted", None)];
    all.add("", &layout, &AdminIndex { admin: frame(), models, recent });
    all.add("-nothing", &layout, &AdminIndex { admin: frame(), models: Vec::new(), recent: Vec::new() });
}

fn lists(all: &mut Gallery<'_>) {
    let layout = layout();
    let link = |label: &str, current| PageLink { label: label.to_owned(), url: "?p=2".to_owned(), current };
    let row = |id: &str, name: &str, email: &str| ListRow {
        id: id.to_owned(),
        url: format!("/admin/auth/user/{id}/change/"),
        name: name.to_owned(),
        cells: vec![
            Fact::new("Email address", email),
            Fact::new("First name", ""),
            Fact::new("Last name", "de Courcy-Featherstonehaugh"),
            Fact::new("Staff", "No"),
        ],
    };
    let column = |label: &str, sort| ColumnHead { label: label.to_owned(), url: Some("?o=1".to_owned()), sort };
    let page = AdminList {
        admin: frame(),
        heading: "Users".to_owned(),
        count: "3 users".to_owned(),
        query: NASTY.to_owned(),
        kept: vec![Hidden { name: "is_staff__exact", value: "1".to_owned() }],
        columns: vec![
            column("Username", "ascending"),
            column("Email address", "none"),
            column("First name", "none"),
            column("Last name", "none"),
            column("Staff", "descending"),
        ],
        rows: vec![row("1", "alice", "alice@site.example"), row("2", NASTY, ""), row("3", "émile", "e@site.example")],
        filters: vec![Filter { label: "Staff".to_owned(), choices: vec![link("All", true), link("Yes", false)] }],
        pages: vec![link("1", true), link("2", false)],
        add: Some(Link::new("/admin/auth/user/add/", "Add a user")),
        may_delete: true,
    };
    all.add("", &layout, &page);
    let bare = AdminList {
        kept: Vec::new(),
        rows: Vec::new(),
        filters: Vec::new(),
        pages: vec![link("1", true)],
        add: None,
        may_delete: false,
        ..page
    };
    all.add("-none", &layout, &bare);
}

fn forms(all: &mut Gallery<'_>) {
    let layout = layout();
    let help = help();
    all.add("", &layout, &AdminAddUser { admin: frame(), form: (&user_creation(&help)).into() });
    let mut wrong = bind_user_creation(&help, |name| (name == "username").then(|| NASTY.to_owned()));
    wrong.finish(Taken::Yes, |_, _| Vec::new());
    all.add("-wrong", &layout, &AdminAddUser { admin: frame(), form: wrong.form().into() });
    for (state, usable) in [("", UsablePassword::Offered), ("-none", UsablePassword::Missing)] {
        let page = AdminPassword {
            admin: frame(),
            heading: "Change a password".to_owned(),
            object: NASTY.to_owned(),
            form: (&password_change(&help, usable)).into(),
            may_unset: usable == UsablePassword::Offered,
            back: "/admin/auth/user/1/change/".to_owned(),
        };
        all.add(state, &layout, &page);
    }

    let error = || ErrorView { code: "invalid_choice".to_owned(), message: NASTY.to_owned() };
    let form = FormView::from(wrong.form());
    let option = |value, checked| PickerOption { value, label: NASTY.to_owned(), checked };
    let picker = |name, errors| Picker {
        name,
        legend: "Groups".to_owned(),
        help: "A sentence.".to_owned(),
        parts: vec![PickerPart { label: "auth | user".to_owned(), options: vec![option(1, true), option(2, false)] }],
        errors,
    };
    let session = |id: &str, current, browser: &str, last_seen: &str| SessionRow {
        browser: browser.to_owned(),
        address: "192.0.2.7".to_owned(),
        last_seen: last_seen.to_owned(),
        ..SessionRow::new(id.to_owned(), current, Timestamp::from_secs(1_800_000_000))
    };
    let rows = vec![session("4f2a90c1", true, "Firefox on Linux", "just now"), session("b81e77d0", false, "", "")];
    let page = AdminChange {
        admin: frame(),
        heading: "Change user".to_owned(),
        object: NASTY.to_owned(),
        sections: vec![Section {
            legend: "Permissions".to_owned(),
            facts: vec![Fact::new("Password", "pbkdf2_sha256"), Fact::new("Nothing", "")],
            fields: form.fields,
            pickers: vec![picker("groups", Vec::new()), picker("user_permissions", vec![error()])],
        }],
        facts: Vec::new(),
        non_field_errors: vec![error()],
        wrong: 1,
        links: vec![Link::new("/admin/auth/user/1/history/", "History")],
        delete: Some("/admin/auth/user/1/delete/".to_owned()),
        may_add: true,
        sessions: Some(SessionTable { action: "/admin/auth/user/1/sessions/".to_owned(), rows }),
    };
    all.add("", &layout, &page);
    let nowhere = SessionTable { action: "/admin/auth/user/1/sessions/".to_owned(), rows: Vec::new() };
    all.add("-nowhere", &layout, &AdminChange { sessions: Some(nowhere), may_add: false, ..page.clone() });
    let view = AdminChange {
        heading: "View user".to_owned(),
        sections: Vec::new(),
        facts: vec![Fact::new("Username", NASTY), Fact::new("Groups", "")],
        non_field_errors: Vec::new(),
        wrong: 0,
        links: Vec::new(),
        delete: None,
        sessions: None,
        object: String::new(),
        ..page
    };
    all.add("-view", &layout, &view);
}

fn ends(all: &mut Gallery<'_>) {
    let layout = layout();
    let page = AdminDelete {
        admin: frame(),
        heading: "Delete these users?".to_owned(),
        objects: vec![
            Doomed { name: NASTY.to_owned(), with: vec![format!("Membership in {NASTY}")] },
            Doomed { name: "bob".to_owned(), with: Vec::new() },
        ],
        hidden: vec![Hidden { name: "_selected_action", value: "1".to_owned() }],
        problem: None,
        back: "/admin/auth/user/".to_owned(),
    };
    all.add("", &layout, &page);
    all.add("-refused", &layout, &AdminDelete { problem: Some(NASTY.to_owned()), ..page });
    let event = |username: &str| Event {
        time: "2 Jan 2026, 03:04 UTC".to_owned(),
        username: username.to_owned(),
        what: "Changed: Email address and Groups.".to_owned(),
    };
    let page = AdminHistory {
        admin: frame(),
        object: NASTY.to_owned(),
        entries: vec![event(NASTY), event("")],
        pages: Vec::new(),
        back: "/admin/auth/user/1/change/".to_owned(),
    };
    all.add("", &layout, &page);
    all.add("-empty", &layout, &AdminHistory { entries: Vec::new(), ..page });
}
