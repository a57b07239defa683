//! What each page's template may use.

pub mod admin;
pub mod samples;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::messages::{Markup, Message};
use cloakroom_core::models::User;
use cloakroom_sessions::Visit;
use cloakroom_web::FormAgain;
use cloakroom_web::forms::{self, FieldKind, Form, Help, Required};
use minijinja::Value;
use serde::Serialize;

use crate::agent;

/// A page: a template and what it may use.
pub trait Page: Serialize {
    /// The template's name.
    const TEMPLATE: &'static str;

    /// The page's heading, and its title in the browser's tab.
    fn title(&self) -> &str;

    /// Whether a form on it was refused: the tab's title says so.
    fn in_error(&self) -> bool {
        false
    }
}

/// What stands around every page.
#[derive(Clone, Debug)]
pub struct Layout<'a> {
    /// The site.
    pub site: Site<'a>,
    /// Where the account pages are.
    pub urls: &'a Urls,
    /// The signed-in user; `None` on pages that do not ask who looks at them.
    pub nav: Option<Nav<'a>>,
    /// The messages that waited for this page.
    pub messages: &'a [MessageView],
}

/// A message as templates see it, in `messages`.
#[derive(Clone, Debug, Serialize)]
pub struct MessageView {
    /// What it says; safe to print if whoever added it said so.
    pub text: Value,
    /// `success`, `error` and the like, and extra tags.
    pub tags: String,
    /// The level's own tag.
    pub level_tag: &'static str,
}

impl From<&Message> for MessageView {
    fn from(message: &Message) -> Self {
        let text = message.text().into_owned();
        let text = match message.markup() {
            Markup::Safe => Value::from_safe_string(text),
            Markup::Escape => Value::from(text),
        };
        Self { text, tags: message.tags(), level_tag: message.level_tag() }
    }
}

/// The site, as `site` in every template; `title` and `in_error` are added from the page.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// Its name.
    pub name: &'a str,
    /// The language of its texts.
    pub lang: &'a str,
    /// The stylesheet's address.
    pub stylesheet: &'a str,
    /// The icon's address.
    pub icon: &'a str,
    /// Where the brand leads.
    pub home: &'a str,
    /// The nonce of the answer's policy, as `csp_nonce` in every template (M42).
    pub csp_nonce: Option<&'a str>,
}

/// Who is signed in, as `nav`.
#[derive(Clone, Debug, Serialize)]
pub struct Nav<'a> {
    /// The user's name.
    pub username: &'a str,
    /// For the log-out button (S23); `None` on pages that hold no token.
    pub csrf_token: Option<&'a str>,
}

/// Where the account pages are, as `urls`.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "each field is the path of the page of that name")]
pub struct Urls {
    pub delete: String,
    pub login: String,
    pub logout: String,
    pub password_change: String,
    pub password_change_done: String,
    pub password_reset: String,
    pub password_reset_complete: String,
    pub password_reset_done: String,
    pub profile: String,
    pub resume: String,
    pub sessions: String,
    pub sessions_revoke: String,
    pub signup: String,
    pub update: String,
}

impl Urls {
    /// The pages under a prefix without a slash at its end, such as `/accounts`; empty for the root (M11).
    #[must_use]
    pub fn under(prefix: &str) -> Self {
        let at = |page: &str| format!("{prefix}/{page}/");
        Self {
            delete: at("delete"),
            login: at("login"),
            logout: at("logout"),
            password_change: at("password_change"),
            password_change_done: at("password_change/done"),
            password_reset: at("password_reset"),
            password_reset_complete: at("reset/done"),
            password_reset_done: at("password_reset/done"),
            profile: at("profile"),
            resume: at("resume"),
            sessions: at("sessions"),
            sessions_revoke: at("sessions/revoke"),
            signup: at("signup"),
            update: at("update"),
        }
    }

    /// The page that a mailed link opens (A116).
    #[must_use]
    pub fn password_reset_confirm(&self, uid: &str, token: &str) -> String {
        let prefix = self.login.strip_suffix("login/").unwrap_or("/");
        format!("{prefix}reset/{uid}/{token}/")
    }
}

/// A form as templates see it.
#[derive(Clone, Debug, Serialize)]
pub struct FormView {
    /// Its fields in order.
    pub fields: Vec<FieldView>,
    /// What is wrong with the form as a whole.
    pub non_field_errors: Vec<ErrorView>,
}

/// A field as templates see it.
#[derive(Clone, Debug, Serialize)]
pub struct FieldView {
    /// The name under which it is sent.
    pub name: &'static str,
    /// The element's id.
    pub id: String,
    /// The label's text.
    pub label: String,
    /// The element, safe to print.
    pub html: Value,
    /// What kind of element it is: `input`, `tick` or `radio`.
    pub widget: &'static str,
    /// Whether it must be filled in.
    pub required: bool,
    /// Sentences of help.
    pub help: Vec<String>,
    /// What is wrong with it.
    pub errors: Vec<ErrorView>,
}

/// An error as templates see it.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorView {
    /// The code that tools compare.
    pub code: String,
    /// The sentence that people read.
    pub message: String,
}

impl FormView {
    fn has_errors(&self) -> bool {
        !self.non_field_errors.is_empty() || self.fields.iter().any(|field| !field.errors.is_empty())
    }
}

impl From<&Form> for FormView {
    fn from(form: &Form) -> Self {
        let fields = form.fields().map(|field| FieldView {
            name: field.name(),
            id: field.id(),
            label: field.label().to_owned(),
            html: Value::from_safe_string(field.html()),
            widget: match field.kind() {
                FieldKind::Boolean => "tick",
                FieldKind::Choice => "radio",
                _ => "input",
            },
            required: field.required() == Required::Yes,
            help: match field.help() {
                Help::None => Vec::new(),
                Help::Text(text) => vec![text.to_string()],
                Help::List(rules) => rules.iter().map(ToString::to_string).collect(),
            },
            errors: errors(field.errors()),
        });
        Self { fields: fields.collect(), non_field_errors: errors(form.errors().non_field()) }
    }
}

fn errors(errors: &[forms::FormError]) -> Vec<ErrorView> {
    errors.iter().map(|e| ErrorView { code: e.code().to_owned(), message: e.message().to_owned() }).collect()
}

macro_rules! page {
    ($(#[$doc:meta])* $name:ident, $template:literal, $title:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? }
     $(in_error: $in_error:expr)?) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type),* }

        impl Page for $name {
            const TEMPLATE: &'static str = $template;

            fn title(&self) -> &str {
                $title
            }

            $(fn in_error(&self) -> bool {
                let in_error: fn(&Self) -> bool = $in_error;
                in_error(self)
            })?
        }
    };
}

page! {
    /// The first page of the server.
    Index, "index.html", "Welcome" {
        /// Whether the site has no superuser yet.
        first_steps: bool,
    }
}
/// The developer panel (D12).
#[derive(Clone, Debug, Serialize)]
pub struct Panel {
    /// Who is signed in, or that nobody is.
    #[serde(skip)]
    pub title: String,
    /// The reason's label; `signed_in` where somebody is.
    pub reason: &'static str,
    /// The reason in words; empty where somebody is signed in.
    pub explanation: &'static str,
    /// Why the browser may keep the cookie to itself.
    pub notes: Vec<String>,
    /// The steps from the cookie to the user.
    pub steps: Vec<PanelStep>,
    /// The session, if the cookie has the form of a key.
    pub session: Option<PanelSession>,
    /// What the request says of itself.
    pub request: Vec<PanelEntry>,
}

impl Page for Panel {
    const TEMPLATE: &'static str = "panel.html";

    fn title(&self) -> &str {
        &self.title
    }
}

/// A step from the cookie to the user.
#[derive(Clone, Debug, Serialize)]
pub struct PanelStep {
    /// Its name.
    pub name: String,
    /// `ok`, `wrong`, `unknown` or `not_reached`.
    pub went: &'static str,
    /// The same in words.
    pub text: String,
}

/// A session without what is private in it.
#[derive(Clone, Debug, Serialize)]
pub struct PanelSession {
    /// Its handle.
    pub handle: String,
    /// The engine that keeps it.
    pub engine: &'static str,
    /// When it ends; empty where that is not known.
    pub ends: String,
    /// Its data, masked.
    pub data: Vec<PanelEntry>,
}

/// A name and a value.
#[derive(Clone, Debug, Serialize)]
pub struct PanelEntry {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

page! {
    /// The set-up link's page (A17).
    Setup, "setup.html", "Make the first superuser" {
        /// The form.
        form: FormView,
        /// The token for it.
        csrf_token: String,
    } in_error: |page| page.form.has_errors()
}
page! {
    /// `login/` (A110).
    Login, "accounts/login.html", "Log in" {
        /// The form.
        form: FormView,
        /// The token for it.
        csrf_token: String,
        /// Where to go then, if it is safe; else empty (A119, G65).
        next: String,
    } in_error: |page| page.form.has_errors()
}
page! {
    /// The log-in page of a browsable API (D40).
    BrowsableLogin, "rest_framework/login.html", "Log in" {
        /// The form; its elements are the template's own.
        form: FormView,
        /// The name as it was typed.
        username: String,
        /// The token for the form.
        csrf_token: String,
        /// Where to go then, if it is safe; else empty (A119, G65).
        next: String,
    } in_error: |page| page.form.has_errors()
}
page! {
    /// `logout/` without a place to go (A111).
    LoggedOut, "accounts/logged_out.html", "You are logged out" {}
}
page! {
    /// `signup/` (M19).
    Signup, "accounts/signup.html", "Make an account" {
        /// The form.
        form: FormView,
        /// The token for it.
        csrf_token: String,
    } in_error: |page| page.form.has_errors()
}
page! {
    /// `profile/` (M05).
    Profile, "accounts/profile.html", "Your account" {
        /// Whose.
        account: Account,
        /// The token for the log-out button.
        csrf_token: String,
    }
}
page! {
    /// `update/` (M19).
    Update, "accounts/update.html", "Your details" {
        /// The form.
        form: FormView,
        /// The token for it.
        csrf_token: String,
    } in_error: |page| page.form.has_errors()
}
page! {
    /// `delete/` (M19).
    Delete, "accounts/delete.html", "Delete your account?" {
        /// The token for the form.
        csrf_token: String,
    }
}
page! {
    /// `resume/` (M22).
    Resume, "accounts/resume.html", "Send your form now?" {
        /// Where it was to go.
        target: String,
        /// What was entered.
        fields: Vec<Entered>,
        /// The token for the forms.
        csrf_token: String,
    }
}
page! {
    /// `sessions/`.
    Sessions, "accounts/sessions.html", "Where you are signed in" {
        /// One's sessions, this one first.
        rows: Vec<SessionRow>,
        /// The token for the forms.
        csrf_token: String,
    }
}
page! {
    /// `password_change/` (A112).
    PasswordChange, "accounts/password_change.html", "Change your password" {
        /// The form.
        form: FormView,
        /// The token for it.
        csrf_token: String,
    } in_error: |page| page.form.has_errors()
}
page! {
    /// `password_change/done/` (A113).
    PasswordChangeDone, "accounts/password_change_done.html", "Password changed" {}
}
page! {
    /// `password_reset/` (A114).
    PasswordReset, "accounts/password_reset.html", "Forgot your password?" {
        /// The form.
        form: FormView,
        /// The token for it.
        csrf_token: String,
    } in_error: |page| page.form.has_errors()
}
page! {
    /// `password_reset/done/` (A115).
    PasswordResetDone, "accounts/password_reset_done.html", "Look into your mail" {}
}
page! {
    /// `reset/done/` (A115).
    PasswordResetComplete, "accounts/password_reset_complete.html", "Your new password is set" {}
}

/// `reset/<uidb64>/<token>/` (A116).
#[derive(Clone, Debug, Serialize)]
pub struct PasswordResetConfirm {
    /// The form; `None` where the link is not valid.
    pub form: Option<FormView>,
    /// The token for it.
    pub csrf_token: String,
}

impl Page for PasswordResetConfirm {
    const TEMPLATE: &'static str = "accounts/password_reset_confirm.html";

    fn title(&self) -> &str {
        if self.form.is_some() { "Choose a new password" } else { "This link does not work" }
    }

    fn in_error(&self) -> bool {
        self.form.as_ref().is_some_and(FormView::has_errors)
    }
}

/// An answer that is no page: 403, 404 and the like.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorPage {
    /// The status.
    pub status: u16,
    /// The heading.
    pub title: String,
    /// What to tell people; no reasons (L05).
    pub text: String,
    /// The reason, for developers alone; empty unless `DEBUG` is on.
    pub detail: String,
    /// The way back to a form that expired (X11).
    pub again: Option<Again>,
}

impl Page for ErrorPage {
    const TEMPLATE: &'static str = "error.html";

    fn title(&self) -> &str {
        &self.title
    }
}

/// The way back to a form that expired.
#[derive(Clone, Debug, Serialize)]
pub struct Again {
    /// Where the form leads.
    pub action: String,
    /// Its fields; none where it must be filled in anew.
    pub fields: Vec<Entered>,
    /// The page that it was on.
    pub page: String,
}

impl From<&FormAgain> for Again {
    fn from(again: &FormAgain) -> Self {
        Self { action: again.action.to_string(), fields: Entered::all(&again.fields), page: again.page.to_string() }
    }
}

/// A field of a form that is to be sent again.
#[derive(Clone, Debug, Serialize)]
pub struct Entered {
    /// The field's name.
    pub name: String,
    /// What was entered.
    pub value: String,
    /// The name for people; empty for the CSRF token.
    pub label: String,
    /// The beginning of what was entered.
    pub shown: String,
}

impl Entered {
    /// All fields in order.
    #[must_use]
    pub fn all(fields: &[(String, String)]) -> Vec<Self> {
        fields.iter().map(|(name, value)| Self::new(name, value)).collect()
    }

    fn new(name: &str, value: &str) -> Self {
        const SHOWN_CHARS: usize = 300;
        let label = if name == cloakroom_core::csrf::FORM_FIELD { String::new() } else { name.replace('_', " ") };
        let mut shown: String = value.chars().take(SHOWN_CHARS).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        Self { name: name.to_owned(), value: value.to_owned(), label, shown }
    }
}

/// The user as the profile page shows them.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// The name to sign in with.
    pub username: String,
    /// First and last name; may be empty.
    pub full_name: String,
    /// May be empty.
    pub email: String,
    /// A date.
    pub date_joined: String,
}

impl From<&User> for Account {
    fn from(user: &User) -> Self {
        Self {
            username: user.username.to_string(),
            full_name: user.get_full_name(),
            email: user.email.to_string(),
            date_joined: date(user.date_joined),
        }
    }
}

/// A session as the sessions page shows it.
#[derive(Clone, Debug, Serialize)]
pub struct SessionRow {
    /// Its public id: says nothing of its key (C03).
    pub id: String,
    /// The first characters of the id, to tell rows apart.
    pub short_id: String,
    /// Whether it is the one that asks.
    pub current: bool,
    /// When it ends.
    pub expires: String,
    /// Such as `Firefox on Linux`; may be empty.
    pub browser: String,
    /// The address of its last request; may be empty.
    pub address: String,
    /// When it was last used, such as `5 minutes ago`; may be empty.
    pub last_seen: String,
    /// When it was first used; may be empty.
    pub first_seen: String,
}

impl SessionRow {
    /// A row for the session with this public id, of which nothing more is known.
    #[must_use]
    pub fn new(id: String, current: bool, expires: Timestamp) -> Self {
        let short_id = id.chars().take(6).collect();
        let nothing = String::new;
        Self {
            id,
            short_id,
            current,
            expires: moment(expires),
            browser: nothing(),
            address: nothing(),
            last_seen: nothing(),
            first_seen: nothing(),
        }
    }

    /// Adds what the index of sessions knows.
    #[must_use]
    pub fn with_visit(mut self, visit: &Visit, now: Timestamp) -> Self {
        self.browser = agent::describe(&visit.user_agent);
        self.address.clone_from(&visit.address);
        self.last_seen = ago(visit.last_seen, now);
        self.first_seen = moment(visit.first_seen);
        self
    }
}

/// `5 minutes ago`, in whole units; the index does not know it better.
fn ago(then: Timestamp, now: Timestamp) -> String {
    let minutes = (now.as_secs() - then.as_secs()).max(0) / 60;
    let (count, unit) = match minutes {
        0..5 => return "just now".to_owned(),
        5..60 => (minutes, "minute"),
        60..1440 => (minutes / 60, "hour"),
        _ => (minutes / 1440, "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

/// `2 Jan 2026`.
fn date(t: Timestamp) -> String {
    let text = t.to_http_date();
    text.get(5..16).unwrap_or(&text).trim_start_matches('0').to_owned()
}

/// `2 Jan 2026, 03:04 UTC`.
fn moment(t: Timestamp) -> String {
    let text = t.to_http_date();
    format!("{}, {} UTC", date(t), text.get(17..22).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_since_are_readable() {
        let now = Timestamp::from_secs(1_767_323_045);
        for (secs, text) in [
            (-5, "just now"),
            (299, "just now"),
            (300, "5 minutes ago"),
            (3_600, "1 hour ago"),
            (86_399, "23 hours ago"),
            (86_400, "1 day ago"),
            (1_000_000, "11 days ago"),
        ] {
            assert_eq!(ago(now.plus_secs(-secs), now), text);
        }
    }

    #[test]
    fn moments_are_readable() {
        let t = Timestamp::from_secs(1_767_323_045);
        assert_eq!(date(t), "2 Jan 2026");
        assert_eq!(moment(t), "2 Jan 2026, 03:04 UTC");
    }

    /// M11: under a prefix of the site's choice, the root too.
    #[test]
    fn urls_follow_the_prefix() {
        assert_eq!(Urls::under("/accounts").login, "/accounts/login/");
        assert_eq!(Urls::under("").sessions_revoke, "/sessions/revoke/");
    }
}
