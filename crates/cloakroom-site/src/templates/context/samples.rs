//! Sample contexts: every page in each state that its template tells apart.

mod admin;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::models::User;
use cloakroom_web::forms::accounts::{
    AuthenticationForm, PasswordChangeForm, PasswordResetForm, SetPasswordForm, Taken, UpdateForm, UserCreationForm,
};
use serde_json::json;

use super::*;
use crate::templates::{TemplateError, Templates};

const TOKEN: &str = "sample-token";
const NASTY: &str = "</title><script>alert(1)</script>\"'&";

/// A layout with nobody signed in.
#[must_use]
pub fn layout() -> Layout<'static> {
    static URLS: std::sync::OnceLock<Urls> = std::sync::OnceLock::new();
    let site = Site {
        name: "Cloakroom",
        lang: "en",
        stylesheet: crate::assets::stylesheet_path(),
        icon: crate::assets::icon_path(),
        home: "/",
        csp_nonce: Some("sample-nonce"),
    };
    Layout { site, urls: URLS.get_or_init(|| Urls::under("/accounts")), nav: None, messages: &[] }
}

/// A layout with somebody signed in whose name means harm.
#[must_use]
pub fn signed_in() -> Layout<'static> {
    Layout { nav: Some(Nav { username: NASTY, csrf_token: Some(TOKEN) }), ..layout() }
}

/// Every page and mail, rendered from each of its samples, under a name for each.
pub fn render_all(templates: &Templates) -> Vec<(String, Result<String, TemplateError>)> {
    let mut all = Gallery { templates, rendered: Vec::new() };
    public_pages(&mut all);
    account_pages(&mut all);
    reset_pages(&mut all);
    panel_pages(&mut all);
    admin::all(&mut all);
    let mail = json!({ "site_name": NASTY, "username": NASTY, "link": "https://site.example/reset/MQ/a-b/" });
    for name in ["mail/password_reset_subject.txt", "mail/password_reset_body.txt"] {
        all.rendered.push((name.to_owned(), templates.text(name, &mail)));
    }
    all.rendered
}

struct Gallery<'a> {
    templates: &'a Templates,
    rendered: Vec<(String, Result<String, TemplateError>)>,
}

impl Gallery<'_> {
    fn add<P: Page>(&mut self, state: &str, layout: &Layout<'_>, page: &P) {
        let name = P::TEMPLATE.trim_end_matches(".html").replace('/', "-");
        self.rendered.push((format!("{name}{state}"), self.templates.page(layout, page)));
    }
}

fn public_pages(all: &mut Gallery<'_>) {
    let anonymous = layout();
    all.add("", &anonymous, &Index { first_steps: false });
    all.add("-first", &anonymous, &Index { first_steps: true });

    let login = |form: &AuthenticationForm, next: &str| Login {
        form: form.form().into(),
        csrf_token: TOKEN.to_owned(),
        next: next.to_owned(),
    };
    all.add("", &anonymous, &login(&AuthenticationForm::plain(), ""));
    let mut refused = AuthenticationForm::bind(|_| Some(NASTY.to_owned()));
    refused.refuse_login();
    all.add("-refused", &anonymous, &login(&refused, "/x/?a=\"<b>"));
    let browsable = |form: &AuthenticationForm, username: &str, next: &str| BrowsableLogin {
        form: form.form().into(),
        username: username.to_owned(),
        csrf_token: TOKEN.to_owned(),
        next: next.to_owned(),
    };
    all.add("", &anonymous, &browsable(&AuthenticationForm::plain(), "", ""));
    all.add("-refused", &anonymous, &browsable(&refused, NASTY, "/x/?a=\"<b>"));
    all.add("-empty", &anonymous, &login(&AuthenticationForm::bind(|_| None), ""));
    all.add("", &anonymous, &LoggedOut {});

    let signup = |form: &UserCreationForm| Signup { form: form.form().into(), csrf_token: TOKEN.to_owned() };
    all.add("", &anonymous, &signup(&UserCreationForm::plain(&help())));
    let setup = UserCreationForm::plain(&help());
    all.add("", &anonymous, &Setup { form: setup.form().into(), csrf_token: TOKEN.to_owned() });
    let mut wrong = UserCreationForm::bind(&help(), |name| match name {
        "username" => Some("alice".to_owned()),
        "email" => Some("no address".to_owned()),
        "password1" => Some("a".to_owned()),
        _ => Some(NASTY.to_owned()),
    });
    wrong.finish(Taken::Yes, |_, _| Vec::new());
    all.add("-wrong", &anonymous, &signup(&wrong));

    for (status, title) in [(403, "Forbidden"), (404, "Not found"), (503, "Back in a moment")] {
        let text = "There is no such page on this site.".to_owned();
        let detail = if status == 403 { NASTY.to_owned() } else { String::new() };
        let page = ErrorPage { status, title: title.to_owned(), text, detail, again: None };
        all.add(&format!("-{status}"), &anonymous, &page);
    }
    for (state, fields) in [("-expired", entered()), ("-reopen", Vec::new())] {
        let page = ErrorPage {
            status: 403,
            title: "This form has expired".to_owned(),
            text: "The page with the form is too old. Nothing was changed.".to_owned(),
            detail: String::new(),
            again: Some(Again { action: "/notes/".to_owned(), fields, page: "/notes/new/".to_owned() }),
        };
        all.add(state, &anonymous, &page);
    }
    let messages = ["info", "success", "warning", "error"].map(|tag| MessageView {
        text: Value::from(format!("A message of the kind {tag}. {NASTY}")),
        tags: tag.to_owned(),
        level_tag: tag,
    });
    all.add("-messages", &Layout { messages: &messages, ..layout() }, &login(&AuthenticationForm::plain(), ""));
}

fn account_pages(all: &mut Gallery<'_>) {
    let layout = signed_in();
    let mut user = User::new(1.into(), NASTY, Timestamp::UNIX_EPOCH);
    all.add("-bare", &layout, &Profile { account: (&user).into(), csrf_token: TOKEN.to_owned() });
    user.first_name = "Émile".into();
    user.email = "emile@site.example".into();
    all.add("", &layout, &Profile { account: (&user).into(), csrf_token: TOKEN.to_owned() });

    let update = |form: &UpdateForm| Update { form: form.form().into(), csrf_token: TOKEN.to_owned() };
    all.add("", &layout, &update(&UpdateForm::of(&user)));
    all.add("-wrong", &layout, &update(&UpdateForm::bind(|_| Some("\0".repeat(200)))));
    all.add("", &layout, &Delete { csrf_token: TOKEN.to_owned() });

    let resume = Resume { target: "/notes/?a=1".to_owned(), fields: entered(), csrf_token: TOKEN.to_owned() };
    all.add("", &layout, &resume);

    let rows = [
        ("4f2a90c1", true, "Safari on iPhone", "2001:db8:85a3:8d3:1319:8a2e:370:7348", "just now"),
        ("b81e77d0", false, "Firefox on Linux", "192.0.2.7", "3 hours ago"),
        ("09c4d2e6", false, "", "", "12 days ago"),
        ("7d00aa13", false, "", "", ""),
    ];
    let rows = rows.map(|(id, current, browser, address, last_seen)| SessionRow {
        browser: browser.to_owned(),
        address: address.to_owned(),
        last_seen: last_seen.to_owned(),
        first_seen: if last_seen.is_empty() { String::new() } else { "2 Jan 2026, 03:04 UTC".to_owned() },
        ..SessionRow::new(id.to_owned(), current, Timestamp::from_secs(1_800_000_000))
    });
    all.add("", &layout, &Sessions { rows: rows.to_vec(), csrf_token: TOKEN.to_owned() });
    all.add("-none", &layout, &Sessions { rows: Vec::new(), csrf_token: TOKEN.to_owned() });

    let change = |form: &PasswordChangeForm| PasswordChange { form: form.form().into(), csrf_token: TOKEN.to_owned() };
    all.add("", &layout, &change(&PasswordChangeForm::plain(&help())));
    let mut wrong = PasswordChangeForm::bind(&help(), |name| Some(name.to_owned()));
    wrong.refuse_old_password();
    all.add("-wrong", &layout, &change(&wrong));
    let without_token = Layout { nav: Some(Nav { username: "alice", csrf_token: None }), ..layout };
    all.add("", &without_token, &PasswordChangeDone {});
}

fn reset_pages(all: &mut Gallery<'_>) {
    let anonymous = layout();
    let reset = |form: &PasswordResetForm| PasswordReset { form: form.form().into(), csrf_token: TOKEN.to_owned() };
    all.add("", &anonymous, &reset(&PasswordResetForm::plain()));
    all.add("-wrong", &anonymous, &reset(&PasswordResetForm::bind(|_| None)));
    all.add("", &anonymous, &PasswordResetDone {});
    let form = SetPasswordForm::plain(&help());
    let confirm = PasswordResetConfirm { form: Some(form.form().into()), csrf_token: TOKEN.to_owned() };
    all.add("", &anonymous, &confirm);
    all.add("-invalid", &anonymous, &PasswordResetConfirm { form: None, csrf_token: String::new() });
    all.add("", &anonymous, &PasswordResetComplete {});
}

fn entered() -> Vec<Entered> {
    let fields = [("title", "A walk"), ("csrfmiddlewaretoken", TOKEN), ("the_text", NASTY), ("empty", "")];
    Entered::all(&fields.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

fn help() -> Vec<String> {
    ["At least 8 characters.", "Not too much like your other details.", "Not one that many people use."]
        .map(str::to_owned)
        .to_vec()
}

fn panel_pages(all: &mut Gallery<'_>) {
    let entry = |name: &str| PanelEntry { name: name.to_owned(), value: NASTY.to_owned() };
    let steps = ["ok", "wrong", "unknown", "not_reached"];
    let steps = steps.map(|went| PanelStep { name: "user id".into(), went, text: NASTY.to_owned() });
    let nobody = Panel {
        title: "Not signed in".into(),
        reason: "no_cookie",
        explanation: "The browser sent no session cookie.",
        notes: vec![NASTY.to_owned()],
        steps: steps.to_vec(),
        session: None,
        request: vec![entry("Host")],
    };
    all.add("", &layout(), &nobody);
    let session = PanelSession {
        handle: "b81e77d0c4f2a90c1d3e5f60".into(),
        engine: "db",
        ends: "2026-01-02T03:04:05+00:00".into(),
        data: vec![entry("cart")],
    };
    let title = format!("Signed in as {NASTY}");
    let alice =
        Panel { title, reason: "signed_in", explanation: "", notes: Vec::new(), session: Some(session), ..nobody };
    all.add("-signed-in", &layout(), &alice);
}
