//! `<id>/change/` for users: everything but the password (A102, A181). Who may only look gets a page without a form (Z04).

use cloakroom_auth::WhichSession;
use cloakroom_auth::admin::{Deed, Edited, Model, UserEdit};
use cloakroom_core::clock::Timestamp;
use cloakroom_core::models::{EncodedHash, Group, User};
use cloakroom_core::names::{MAX_USERNAME_LEN, UsernameRule, model_username_errors};
use cloakroom_db::permissions::Permission;
use cloakroom_web::forms::{Field, FieldKind, Form, FormError, wording};
use cloakroom_web::{GuardRejection, redirect};

use super::desk::Desk;
use crate::accounts::view::{Answer, Asked, get_or_post};
use crate::error::PageError;
use crate::templates::context::admin::{
    AdminChange, Fact, Link, Picker, PickerOption, PickerPart, Section, SessionTable, moment,
};
use crate::templates::context::{ErrorView, FormView, SessionRow};

/// The user with what belongs to it, as stored.
struct Stored {
    user: User,
    groups: Vec<Group>,
    permissions: Vec<i64>,
}

/// What there is to pick from.
struct Offered {
    groups: Vec<Group>,
    permissions: Vec<Permission>,
}

/// The form as it was sent, and what was picked.
struct Sent {
    form: Form,
    groups: Picked,
    permissions: Picked,
}

/// Keys that were picked from a list.
pub(super) struct Picked {
    pub(super) ids: Vec<i64>,
    pub(super) errors: Vec<ErrorView>,
}

pub(super) async fn view(desk: &Desk, key: &str) -> Answer {
    let asked = get_or_post(&desk.request.ctx)?;
    let found = desk.user(key).await?;
    let needed = if matches!(asked, Asked::Show) { Deed::View } else { Deed::Change };
    let Some(user) = found else {
        desk.demand(needed, Model::User)?;
        return desk.no_such(Model::User, key);
    };
    desk.demand_with(needed, &user)?;
    let (groups, permissions) = desk.request.ctx.auth_service().access_of(&user.id).await?;
    let stored = Stored { user, groups, permissions };
    if !desk.admin.may_with(Deed::Change, &stored.user) {
        return show(desk, &stored, Vec::new(), (&[], 0)).await;
    }
    let offered = Offered {
        groups: desk.request.ctx.auth_service().all_groups().await?,
        permissions: desk.request.ctx.auth_service().all_permissions().await?,
    };
    match asked {
        Asked::Show => {
            let form = Form::plain(fields());
            let sent = Sent {
                form: initial(form, &stored.user),
                groups: Picked::of(stored.groups.iter().map(|group| group.id).collect()),
                permissions: Picked::of(stored.permissions.clone()),
            };
            show_form(desk, &stored, &offered, &sent).await
        }
        Asked::Submit => submit(desk, &stored, &offered).await,
    }
}

async fn submit(desk: &Desk, stored: &Stored, offered: &Offered) -> Answer {
    let mut sent = Sent {
        form: Form::bind(fields(), |name| desk.request.field(name)),
        groups: Picked::from_form(desk, "groups", |id| offered.groups.iter().any(|group| group.id == id)),
        permissions: Picked::from_form(desk, "user_permissions", |id| offered.permissions.iter().any(|p| p.id == id)),
    };
    if let Some(edit) = read(desk, stored, &mut sent) {
        let auth = desk.request.ctx.auth_service();
        match auth.edit_user_as(&desk.admin, &stored.user.id, &edit).await? {
            Edited::Yes(user) => {
                return Ok(done(desk, Model::User, &user.username, &desk.user_page(&user.id, "change/")));
            }
            Edited::NameTaken => sent.form.add_error("username", FormError::of("unique")),
            Edited::Gone => return desk.no_such(Model::User, &stored.user.id.to_string()),
            _ => return Err(GuardRejection::Forbidden.into()),
        }
    }
    show_form(desk, stored, offered, &sent).await
}

/// Where the button leads that was pressed.
pub(super) fn done(desk: &Desk, model: Model, name: &str, here: &str) -> axum::response::Response {
    if desk.is_sent("_continue") {
        desk.success(format!("{name} was saved. You may go on here."));
        return redirect(here);
    }
    if desk.is_sent("_addanother") {
        desk.success(format!("{name} was saved. You may add another."));
        return redirect(&format!("{}add/", desk.list_of(model)));
    }
    desk.success(format!("{name} was saved."));
    redirect(&desk.back_from(model))
}

fn fields() -> Vec<Field> {
    let flag = |name, label, help| Field::of_kind(name, FieldKind::Boolean).label(label).optional().help(help);
    let text = |name| Field::text(name).optional().max_length(150);
    let part = |name, label, help| Field::of_kind(name, FieldKind::DateTime).label(label).help(help);
    vec![
        Field::username("username")
            .max_length(MAX_USERNAME_LEN)
            .help("At most 150 characters: letters, digits and the signs @ . + - _"),
        text("first_name"),
        text("last_name"),
        Field::email("email").label("Email address").optional().max_length(cloakroom_core::emails::MAX_EMAIL_LEN),
        flag("is_active", "Active", "Untick this instead of deleting an account."),
        flag("is_staff", "Staff status", "This user may use the admin."),
        flag("is_superuser", "Superuser status", "This user has every permission."),
        part("last_login_0", "Last login: date", "Such as 2026-01-31.").optional(),
        part("last_login_1", "Last login: time", "Such as 14:30:00, in UTC.").optional(),
        part("date_joined_0", "Date joined: date", "Such as 2026-01-31."),
        part("date_joined_1", "Date joined: time", "Such as 14:30:00, in UTC."),
    ]
}

fn initial(form: Form, user: &User) -> Form {
    let mut form = form
        .initial("username", &*user.username)
        .initial("first_name", &*user.first_name)
        .initial("last_name", &*user.last_name)
        .initial("email", &*user.email);
    for (name, set) in [("is_active", user.is_active), ("is_staff", user.is_staff), ("is_superuser", user.is_superuser)]
    {
        if set {
            form = form.initial(name, "on");
        }
    }
    for (date, time, at) in
        [("last_login_0", "last_login_1", user.last_login), ("date_joined_0", "date_joined_1", Some(user.date_joined))]
    {
        let text = at.map(|at| Timestamp::from_secs(at.as_secs()).to_sqlite_text()).unwrap_or_default();
        let (day, clock) = text.split_once(' ').unwrap_or_default();
        form = form.initial(date, day).initial(time, clock.get(..8).unwrap_or(clock));
    }
    form
}

/// The user as the form says; `None` where something is wrong with it. What others may do stays as it is where that is not
/// this administrator's to change, whatever was sent.
fn read(desk: &Desk, stored: &Stored, sent: &mut Sent) -> Option<UserEdit> {
    for code in sent.form.cleaned("username").map_or_else(Vec::new, name_errors) {
        let text = if code == "invalid" { "invalid_username" } else { code };
        sent.form.add_error("username", FormError::new(code, wording(text)));
    }
    let last_login = read_moment(&mut sent.form, "last_login_0", "last_login_1");
    let date_joined = read_moment(&mut sent.form, "date_joined_0", "date_joined_1");
    let may_grant = desk.admin.may_grant();
    let picked_wrong = !(sent.groups.errors.is_empty() && sent.permissions.errors.is_empty());
    if !sent.form.is_valid() || (may_grant && picked_wrong) {
        return None;
    }
    let text = |name| sent.form.cleaned(name).map(str::to_owned);
    let ticked = |name| desk.request.form.get(name).is_some_and(is_ticked);
    let groups = stored.groups.iter().map(|group| group.id).collect();
    let mut edit = UserEdit::of(&stored.user, groups, stored.permissions.clone());
    edit.username = text("username")?;
    edit.first_name = text("first_name")?;
    edit.last_name = text("last_name")?;
    edit.email = text("email")?;
    edit.is_active = ticked("is_active");
    edit.last_login = last_login;
    edit.date_joined = date_joined?;
    if may_grant {
        edit.is_staff = ticked("is_staff");
        edit.is_superuser = ticked("is_superuser");
        edit.groups.clone_from(&sent.groups.ids);
        edit.permissions.clone_from(&sent.permissions.ids);
    }
    Some(edit)
}

fn name_errors(name: &str) -> Vec<&'static str> {
    model_username_errors(name, UsernameRule::Unicode, MAX_USERNAME_LEN)
}

/// Source: `CheckboxInput.value_from_datadict` and `BooleanField.to_python`.
fn is_ticked(value: &str) -> bool {
    !matches!(value, "" | "false" | "False" | "0")
}

/// The moment in two fields. Each part must be there if the other is.
fn read_moment(form: &mut Form, date: &'static str, time: &'static str) -> Option<Timestamp> {
    let (day, clock) = (form.cleaned(date)?.trim().to_owned(), form.cleaned(time)?.trim().to_owned());
    match (day.is_empty(), clock.is_empty()) {
        (true, true) => return None,
        (true, false) => form.add_error(date, FormError::of("required")),
        (false, true) => form.add_error(time, FormError::of("required")),
        (false, false) => {}
    }
    if day.is_empty() || clock.is_empty() {
        return None;
    }
    let shape = |text: &str, signs: &str| {
        text.len() == signs.len()
            && text.bytes().zip(signs.bytes()).all(|(t, s)| s == t || (s == b'0' && t.is_ascii_digit()))
    };
    let clock = if shape(&clock, "00:00") { format!("{clock}:00") } else { clock };
    let day_of =
        |day: &str| shape(day, "0000-00-00").then(|| Timestamp::from_sqlite_text(&format!("{day} 00:00:00"))).flatten();
    if day_of(&day).is_none() {
        form.add_error(date, FormError::new("invalid_date", "Please write a date such as 2026-01-31."));
        return None;
    }
    let at = shape(&clock, "00:00:00").then(|| Timestamp::from_sqlite_text(&format!("{day} {clock}"))).flatten();
    if at.is_none() {
        form.add_error(time, FormError::new("invalid_time", "Please write a time such as 14:30:00."));
    }
    at
}

impl Picked {
    pub(super) const fn of(ids: Vec<i64>) -> Self {
        Self { ids, errors: Vec::new() }
    }

    /// What was picked under a name; each must be offered.
    pub(super) fn from_form(desk: &Desk, name: &'static str, is_offered: impl Fn(i64) -> bool) -> Self {
        let mut picked = Self::of(Vec::new());
        for value in desk.request.form.fields().get_list(name) {
            match value.parse::<i64>().ok().filter(|id| is_offered(*id)) {
                Some(id) => picked.ids.push(id),
                None if picked.errors.is_empty() => {
                    let code = if value.parse::<i64>().is_ok() { "invalid_choice" } else { "invalid_pk_value" };
                    let message = "One of these is not there any more. Please choose again.".to_owned();
                    picked.errors.push(ErrorView { code: code.to_owned(), message });
                }
                None => {}
            }
        }
        picked
    }
}

async fn show_form(desk: &Desk, stored: &Stored, offered: &Offered, sent: &Sent) -> Answer {
    let view = FormView::from(&sent.form);
    let (non_field, wrong) =
        (view.non_field_errors.clone(), view.fields.iter().filter(|f| !f.errors.is_empty()).count());
    let wrong = wrong + sent.groups.errors.len() + sent.permissions.errors.len();
    let may_grant = desk.admin.may_grant();
    let mut fields = view.fields.into_iter();
    let mut take = |names: &[&str]| {
        let found: Vec<_> = fields.by_ref().take(names.len()).collect();
        debug_assert!(found.iter().zip(names).all(|(field, name)| field.name == *name), "fields in their order");
        found
    };
    let login = take(&["username"]);
    let personal = take(&["first_name", "last_name", "email"]);
    let mut flags = take(&["is_active", "is_staff", "is_superuser"]);
    let dates = take(&["last_login_0", "last_login_1", "date_joined_0", "date_joined_1"]);
    let groups = [PickerPart {
        label: String::new(),
        options: offered.groups.iter().map(|g| sent.groups.option(g.id, &g.name)).collect(),
    }];
    let mut access = Section { legend: "Permissions".to_owned(), ..Section::default() };
    if may_grant {
        access.pickers = vec![
            Picker {
                name: "groups",
                legend: "Groups".to_owned(),
                help: "A user gets every permission of each of their groups.".to_owned(),
                parts: groups.into_iter().filter(|part| !part.options.is_empty()).collect(),
                errors: sent.groups.errors.clone(),
            },
            Picker {
                name: "user_permissions",
                legend: "User permissions".to_owned(),
                help: "What this user may do beside that.".to_owned(),
                parts: permission_parts(&offered.permissions, &sent.permissions),
                errors: sent.permissions.errors.clone(),
            },
        ];
    } else {
        flags.truncate(1);
        access.facts = access_facts(desk, stored).await?;
    }
    access.fields = flags;
    let sections = vec![
        Section {
            fields: login,
            facts: vec![Fact::new("Password", password_summary(desk, &stored.user.password))],
            ..Section::default()
        },
        Section { legend: "Personal information".to_owned(), fields: personal, ..Section::default() },
        access,
        Section { legend: "Dates".to_owned(), fields: dates, ..Section::default() },
    ];
    show(desk, stored, sections, (&non_field, wrong)).await
}

/// Permissions by app and model.
pub(super) fn permission_parts(all: &[Permission], picked: &Picked) -> Vec<PickerPart> {
    let mut parts: Vec<PickerPart> = Vec::new();
    for permission in all {
        let label = format!("{} | {}", permission.app_label, permission.model);
        let option = picked.option(permission.id, &permission.name);
        match parts.last_mut().filter(|part| part.label == label) {
            Some(part) => part.options.push(option),
            None => parts.push(PickerPart { label, options: vec![option] }),
        }
    }
    parts
}

impl Picked {
    fn option(&self, value: i64, label: &str) -> PickerOption {
        PickerOption { value, label: label.to_owned(), checked: self.ids.contains(&value) }
    }
}

async fn show(
    desk: &Desk,
    stored: &Stored,
    sections: Vec<Section>,
    (non_field, wrong): (&[ErrorView], usize),
) -> Answer {
    let user = &stored.user;
    let may_change = !sections.is_empty();
    let mut links = vec![Link::new(desk.user_page(&user.id, "history/"), "History")];
    if may_change {
        let label = if user.password.is_usable() { "Change the password" } else { "Set a password" };
        links.insert(0, Link::new(desk.user_page(&user.id, "password/"), label));
    }
    let page = AdminChange {
        admin: desk.frame_in(Model::User, None).await?,
        heading: if may_change { "Change user" } else { "View user" }.to_owned(),
        object: user.username.clone(),
        facts: if may_change { Vec::new() } else { facts(desk, stored).await? },
        sections,
        non_field_errors: non_field.to_vec(),
        wrong,
        links,
        delete: desk.admin.may_with(Deed::Delete, user).then(|| desk.user_page(&user.id, "delete/")),
        may_add: desk.admin.may(Deed::Add, Model::User),
        sessions: if may_change { Some(sessions(desk, user).await?) } else { None },
    };
    desk.page(&page)
}

async fn facts(desk: &Desk, stored: &Stored) -> Result<Vec<Fact>, PageError> {
    let user = &stored.user;
    let mut facts = vec![
        Fact::new("Username", &*user.username),
        Fact::new("First name", &*user.first_name),
        Fact::new("Last name", &*user.last_name),
        Fact::new("Email address", &*user.email),
        Fact::new("Active", yes(user.is_active)),
    ];
    facts.extend(access_facts(desk, stored).await?);
    facts.push(Fact::new("Last login", user.last_login.map(moment).unwrap_or_default()));
    facts.push(Fact::new("Date joined", moment(user.date_joined)));
    Ok(facts)
}

async fn access_facts(desk: &Desk, stored: &Stored) -> Result<Vec<Fact>, PageError> {
    let groups: Vec<_> = stored.groups.iter().map(|group| group.name.as_str()).collect();
    let all = desk.request.ctx.auth_service().all_permissions().await?;
    let held = all.iter().filter(|permission| stored.permissions.contains(&permission.id));
    let held: Vec<_> = held.map(|permission| permission.name.as_str()).collect();
    Ok(vec![
        Fact::new("Staff status", yes(stored.user.is_staff)),
        Fact::new("Superuser status", yes(stored.user.is_superuser)),
        Fact::new("Groups", groups.join(", ")),
        Fact::new("User permissions", held.join(", ")),
    ])
}

const fn yes(flag: bool) -> &'static str {
    if flag { "Yes" } else { "No" }
}

/// What may be told of a stored password: how it is hashed, and no part of salt or hash (A18, A46).
fn password_summary(desk: &Desk, hash: &EncodedHash) -> String {
    if !hash.is_usable() {
        return "None: no password opens this account".to_owned();
    }
    match desk.request.ctx.auth_service().hashers().safe_summary(hash) {
        Ok(parts) => {
            let algorithm = hash.expose().split_once('$').map_or("an old format", |(algorithm, _)| algorithm);
            let told = parts.into_iter().filter(|(name, _)| !matches!(*name, "salt" | "hash" | "checksum"));
            let told: Vec<_> = told.map(|(name, value)| format!("{name} {value}")).collect();
            if told.is_empty() { algorithm.to_owned() } else { format!("{algorithm} ({})", told.join(", ")) }
        }
        Err(_) => "In a format that cannot be read: set a new one".to_owned(),
    }
}

/// Where the user is signed in (S10).
async fn sessions(desk: &Desk, user: &User) -> Result<SessionTable, PageError> {
    let ctx = &desk.request.ctx;
    let current = ctx.session().await?.key();
    let now = ctx.now();
    let own = ctx.auth_service().own_sessions(ctx.sessions(), user, current.as_ref()).await?;
    let rows = own.into_iter().map(|row| {
        let shown = SessionRow::new(row.public_id(), row.which == WhichSession::Current, row.expire_date);
        row.visit.iter().fold(shown, |shown, visit| shown.with_visit(visit, now))
    });
    Ok(SessionTable { action: desk.user_page(&user.id, "sessions/"), rows: rows.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_from_two_fields() {
        let read = |day: &str, clock: &str| {
            let values = [("date_joined_0", day), ("date_joined_1", clock)];
            let get = |name: &str| values.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
            let part = |name| Field::of_kind(name, FieldKind::DateTime).optional();
            let mut form = Form::bind(vec![part("date_joined_0"), part("date_joined_1")], get);
            let at = read_moment(&mut form, "date_joined_0", "date_joined_1");
            let codes: Vec<_> = form.errors().iter().map(|(name, e)| format!("{name} {}", e[0].code())).collect();
            (at.map(Timestamp::as_secs), codes.concat())
        };
        let ok = |secs| (Some(secs), String::new());
        assert_eq!(read("2026-01-02", "03:04:05"), ok(1_767_323_045));
        assert_eq!(read(" 2026-01-02 ", "03:04"), ok(1_767_323_040));
        assert_eq!(read("", ""), (None, String::new()));
        assert_eq!(read("2026-01-02", ""), (None, "date_joined_1 required".into()));
        assert_eq!(read("2026-13-02", "03:04:05"), (None, "date_joined_0 invalid_date".into()));
        assert_eq!(read("2026-01-02", "25:00:00"), (None, "date_joined_1 invalid_time".into()));
        assert_eq!(read("2026-01-02", "03:04:05+02"), (None, "date_joined_1 invalid_time".into()));
    }

    #[test]
    fn ticks_are_read_as_django_reads_them() {
        assert!(is_ticked("on") && is_ticked("1"));
        assert!(!is_ticked("false") && !is_ticked("0") && !is_ticked(""));
    }
}
