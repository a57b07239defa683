//! What the vectors tell of an answer.

use cloakroom::web::forms::NON_FIELD;
use serde_json::{Map, Value, json};

use super::browser::Answer;

/// Django's names of the pages, by our titles.
const PAGES: [(&str, &str); 26] = [
    ("Log in", "registration/login.html"),
    ("You are logged out", "registration/logged_out.html"),
    ("Change your password", "registration/password_change_form.html"),
    ("Password changed", "registration/password_change_done.html"),
    ("Forgot your password?", "registration/password_reset_form.html"),
    ("Look into your mail", "registration/password_reset_done.html"),
    ("Choose a new password", CONFIRM),
    ("This link does not work", CONFIRM),
    ("Your new password is set", "registration/password_reset_complete.html"),
    ("Log in to the admin", "admin/login.html"),
    ("Administration", "admin/index.html"),
    ("Users", "admin/change_list.html"),
    ("Groups", "admin/change_list.html"),
    ("Add a user", "admin/auth/user/add_form.html"),
    ("Change user", CHANGE),
    ("View user", CHANGE),
    ("Add a group", CHANGE),
    ("Change group", CHANGE),
    ("View group", CHANGE),
    ("Change a password", "admin/auth/user/change_password.html"),
    ("Set a password", "admin/auth/user/change_password.html"),
    ("Delete this user?", "admin/delete_confirmation.html"),
    ("Delete this group?", "admin/delete_confirmation.html"),
    ("Delete these users?", "admin/delete_selected_confirmation.html"),
    ("Delete these groups?", "admin/delete_selected_confirmation.html"),
    ("History", "admin/object_history.html"),
];

const CHANGE: &str = "admin/change_form.html";

const CONFIRM: &str = "registration/password_reset_confirm.html";

const HEADERS: [(&str, &str); 9] = [
    ("vary", "vary"),
    ("cache-control", "cache_control"),
    ("expires", "expires"),
    ("allow", "allow"),
    ("strict-transport-security", "hsts"),
    ("x-frame-options", "xfo"),
    ("referrer-policy", "referrer_policy"),
    ("cross-origin-opener-policy", "coop"),
    ("x-content-type-options", "nosniff"),
];

/// Describes an answer to `method`, where the client had these cookies.
pub(super) fn describe(answer: &Answer, method: &str, session: &str, csrf: &str) -> Map<String, Value> {
    let mut out = Map::from_iter([("status".to_owned(), json!(answer.status.as_u16()))]);
    let mut tell = |name: &str, value: Value| drop(out.insert(name.to_owned(), value));
    if let Some(location) = answer.header("location") {
        tell("location", json!(location));
    }
    for (header, name) in HEADERS {
        if let Some(value) = answer.header(header) {
            tell(name, json!(value));
        }
    }
    if answer.status == 302 {
        tell("content_length", json!(answer.body.len().to_string()));
    }
    tell("session", json!(fate(answer.set_cookie("sessionid"), session, "deleted")));
    tell("csrf", json!(fate(answer.set_cookie("csrftoken"), csrf, "new")));
    if let Some(value) = answer.set_cookie("messages") {
        tell("messages_cookie", json!(if value.is_empty() { "deleted" } else { "set" }));
    }
    match answer.header("content-type") {
        Some("application/json") => tell("json", serde_json::from_str(&answer.body).unwrap()),
        Some(kind) if kind.starts_with("text/html") && answer.status == 200 && !answer.body.is_empty() => {
            let page = page(&answer.body);
            tell("template", json!(page));
            let has_form = answer.body.contains("<label for=\"id_");
            if page == CONFIRM {
                tell("validlink", json!(has_form));
            }
            if has_form && method == "POST" {
                tell("form_errors", errors(&answer.body));
            }
        }
        _ => {}
    }
    out
}

/// What became of a cookie.
fn fate(set: Option<&str>, before: &str, if_empty: &'static str) -> &'static str {
    match set {
        None => "none",
        Some("") => if_empty,
        Some(value) if value == before => "same",
        Some(_) => "new",
    }
}

fn page(html: &str) -> &'static str {
    let title = between(html, "<h1>", "</h1>").expect("a page has a heading");
    PAGES.iter().find(|(ours, _)| *ours == title).map_or_else(|| panic!("no page {title:?}"), |(_, name)| name)
}

/// The codes of a form's errors, by field.
fn errors(html: &str) -> Value {
    let mut all = Map::new();
    for list in html.split("<ul class=\"errorlist").skip(1) {
        let (head, rest) = list.split_once('>').expect("a tag ends");
        let field = between(head, "id=\"id_", "_error\"").unwrap_or(NON_FIELD);
        let items = rest.split("</ul>").next().unwrap_or_default();
        let codes = items.split("data-code=\"").skip(1).filter_map(|item| item.split('"').next());
        all.insert(field.to_owned(), codes.collect());
    }
    Value::Object(all)
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after)?.0)
}
