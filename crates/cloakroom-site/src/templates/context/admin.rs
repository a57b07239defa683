//! What the admin's templates may use. Every page has the frame as `admin`.

use cloakroom_core::clock::Timestamp;
use serde::Serialize;

use super::{ErrorView, FieldView, FormView, Page, SessionRow};

/// What stands around every page for those who are in: who, where, how to log out.
#[derive(Clone, Debug, Serialize)]
pub struct Frame {
    /// The first page.
    pub index: String,
    /// Where a log-out is sent.
    pub logout: String,
    /// Where one's own password is changed.
    pub password_change: String,
    /// Who is signed in.
    pub username: String,
    /// The token for the page's forms.
    pub csrf_token: String,
    /// The way from the first page to this one.
    pub crumbs: Vec<Link>,
}

/// An address and what it is called.
#[derive(Clone, Debug, Serialize)]
pub struct Link {
    /// Where it leads.
    pub url: String,
    /// What it is called.
    pub label: String,
}

impl Link {
    /// A link to `url`.
    pub fn new(url: impl Into<String>, label: impl Into<String>) -> Self {
        Self { url: url.into(), label: label.into() }
    }
}

macro_rules! admin_page {
    ($(#[$doc:meta])* $name:ident, $template:literal, $title:expr, $in_error:expr;
     { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type),* }

        impl Page for $name {
            const TEMPLATE: &'static str = $template;

            fn title(&self) -> &str {
                let title: fn(&Self) -> &str = $title;
                title(self)
            }

            fn in_error(&self) -> bool {
                let in_error: fn(&Self) -> bool = $in_error;
                in_error(self)
            }
        }
    };
}

admin_page! {
    /// `login/` (A180).
    AdminLogin, "admin/login.html", |_| "Log in to the admin", |page| page.form.has_errors();
    {
        /// The form.
        form: FormView,
        /// The token for it.
        csrf_token: String,
        /// Where to go then.
        next: String,
    }
}
admin_page! {
    /// `logout/` without a place to go.
    AdminLoggedOut, "admin/logged_out.html", |_| "You are logged out", |_| false;
    {
        /// The admin's first page.
        index: String,
    }
}
admin_page! {
    /// The first page, and that of an app.
    AdminIndex, "admin/index.html", |_| "Administration", |_| false;
    {
        /// The frame.
        admin: Frame,
        /// What there is to administer.
        models: Vec<ModelRow>,
        /// What one did last.
        recent: Vec<Recent>,
    }
}
admin_page! {
    /// The list of users or groups (A182, A185).
    AdminList, "admin/list.html", |page| &page.heading, |_| false;
    {
        /// The frame.
        admin: Frame,
        /// The page's heading.
        heading: String,
        /// How many there are, in words.
        count: String,
        /// What was searched for.
        query: String,
        /// Query fields that a search keeps.
        kept: Vec<Hidden>,
        /// The columns.
        columns: Vec<ColumnHead>,
        /// The objects of this page.
        rows: Vec<ListRow>,
        /// The filters.
        filters: Vec<Filter>,
        /// Other pages of the list.
        pages: Vec<PageLink>,
        /// Where one is added; `None` for those who may not.
        add: Option<Link>,
        /// Whether several may be deleted at once.
        may_delete: bool,
    }
}
admin_page! {
    /// `add/` for users: the first of two steps (A183).
    AdminAddUser, "admin/add_user.html", |_| "Add a user", |page| page.form.has_errors();
    {
        /// The frame.
        admin: Frame,
        /// The form.
        form: FormView,
    }
}
admin_page! {
    /// `<id>/change/`, or `add/` for groups. Without sections to fill in it is a page to look at.
    AdminChange, "admin/change.html", |page| &page.heading, |page| page.non_field_errors.len() + page.wrong > 0;
    {
        /// The frame.
        admin: Frame,
        /// The page's heading.
        heading: String,
        /// What the object is called; empty for a new one.
        object: String,
        /// The form's sections; none for those who may only look.
        sections: Vec<Section>,
        /// What is stored, for those who may only look.
        facts: Vec<Fact>,
        /// What is wrong with the form as a whole.
        non_field_errors: Vec<ErrorView>,
        /// How many fields are wrong.
        wrong: usize,
        /// What else can be done with the object.
        links: Vec<Link>,
        /// Where it is deleted; `None` for those who may not.
        delete: Option<String>,
        /// Whether another may be added.
        may_add: bool,
        /// The user's sessions, for those who may end them (S10).
        sessions: Option<SessionTable>,
    }
}
admin_page! {
    /// `<id>/password/` (A184).
    AdminPassword, "admin/password.html", |page| &page.heading, |page| page.form.has_errors();
    {
        /// The frame.
        admin: Frame,
        /// The page's heading.
        heading: String,
        /// Whose.
        object: String,
        /// The form.
        form: FormView,
        /// Whether the user has a password that can be taken away.
        may_unset: bool,
        /// Back to the user.
        back: String,
    }
}
admin_page! {
    /// `<id>/delete/`, and the confirmation of the list's action (A186).
    AdminDelete, "admin/delete.html", |page| &page.heading, |page| page.problem.is_some();
    {
        /// The frame.
        admin: Frame,
        /// The page's heading.
        heading: String,
        /// What would go.
        objects: Vec<Doomed>,
        /// Fields to send with the confirmation.
        hidden: Vec<Hidden>,
        /// Why it cannot be done.
        problem: Option<String>,
        /// Back to where one came from.
        back: String,
    }
}
admin_page! {
    /// `<id>/history/`.
    AdminHistory, "admin/history.html", |_| "History", |_| false;
    {
        /// The frame.
        admin: Frame,
        /// What the object is called.
        object: String,
        /// What happened, oldest first.
        entries: Vec<Event>,
        /// Other pages of it.
        pages: Vec<PageLink>,
        /// Back to the object.
        back: String,
    }
}
admin_page! {
    /// `password_change/`.
    AdminPasswordChange, "admin/password_change.html", |_| "Change your password", |page| page.form.has_errors();
    {
        /// The frame.
        admin: Frame,
        /// The form.
        form: FormView,
    }
}
admin_page! {
    /// `password_change/done/`.
    AdminPasswordChangeDone, "admin/password_change_done.html", |_| "Password changed", |_| false;
    {
        /// The admin's first page.
        index: String,
    }
}

/// A model on the first page.
#[derive(Clone, Debug, Serialize)]
pub struct ModelRow {
    /// Its name, for several.
    pub name: String,
    /// Its list; `None` for those who may not look.
    pub list: Option<String>,
    /// Where one is added; `None` for those who may not.
    pub add: Option<String>,
}

/// One of one's own last deeds.
#[derive(Clone, Debug, Serialize)]
pub struct Recent {
    /// What was done: `Added`, `Changed`, `Deleted`.
    pub deed: String,
    /// What the object was called.
    pub object: String,
    /// The object; `None` if it is gone or not administered here.
    pub url: Option<String>,
    /// When.
    pub time: String,
}

/// A column's heading.
#[derive(Clone, Debug, Serialize)]
pub struct ColumnHead {
    /// What stands in it.
    pub label: String,
    /// The list ordered by it.
    pub url: Option<String>,
    /// `ascending`, `descending` or `none`.
    pub sort: &'static str,
}

/// An object in a list.
#[derive(Clone, Debug, Serialize)]
pub struct ListRow {
    /// Its key.
    pub id: String,
    /// Its page.
    pub url: String,
    /// What it is called, which stands in the first column.
    pub name: String,
    /// The other columns, each with its label.
    pub cells: Vec<Fact>,
}

/// A filter of a list.
#[derive(Clone, Debug, Serialize)]
pub struct Filter {
    /// What it looks at.
    pub label: String,
    /// What may be chosen.
    pub choices: Vec<PageLink>,
}

/// A link of which one is the present.
#[derive(Clone, Debug, Serialize)]
pub struct PageLink {
    /// What it is called.
    pub label: String,
    /// Where it leads.
    pub url: String,
    /// Whether it is where one is.
    pub current: bool,
}

/// A hidden field.
#[derive(Clone, Debug, Serialize)]
pub struct Hidden {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

/// Something that is known.
#[derive(Clone, Debug, Serialize)]
pub struct Fact {
    /// What it is.
    pub label: String,
    /// How it is.
    pub value: String,
}

impl Fact {
    /// `label` is `value`.
    pub fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), value: value.into() }
    }
}

/// A part of a form under one heading.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Section {
    /// The heading; may be empty.
    pub legend: String,
    /// What is only shown.
    pub facts: Vec<Fact>,
    /// The fields.
    pub fields: Vec<FieldView>,
    /// Lists to pick from.
    pub pickers: Vec<Picker>,
}

/// A list to pick from, each a tick box.
#[derive(Clone, Debug, Serialize)]
pub struct Picker {
    /// The fields' name.
    pub name: &'static str,
    /// What is picked.
    pub legend: String,
    /// A sentence of help.
    pub help: String,
    /// What is offered.
    pub parts: Vec<PickerPart>,
    /// What is wrong with the choice.
    pub errors: Vec<ErrorView>,
}

/// A part of what is offered.
#[derive(Clone, Debug, Serialize)]
pub struct PickerPart {
    /// Its heading; may be empty.
    pub label: String,
    /// What is in it.
    pub options: Vec<PickerOption>,
}

/// Something to pick.
#[derive(Clone, Debug, Serialize)]
pub struct PickerOption {
    /// What is sent.
    pub value: i64,
    /// What people read.
    pub label: String,
    /// Whether it is picked.
    pub checked: bool,
}

/// The sessions of a user.
#[derive(Clone, Debug, Serialize)]
pub struct SessionTable {
    /// Where they are ended.
    pub action: String,
    /// The sessions.
    pub rows: Vec<SessionRow>,
}

/// An object that would be deleted, and what would go with it.
#[derive(Clone, Debug, Serialize)]
pub struct Doomed {
    /// What it is called.
    pub name: String,
    /// What goes with it.
    pub with: Vec<String>,
}

/// An entry of an object's history.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// When.
    pub time: String,
    /// By whom.
    pub username: String,
    /// What happened.
    pub what: String,
}

/// `2 Jan 2026, 03:04 UTC`.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    super::moment(at)
}
