//! The fields of the forms by which staff edit users (A100–A102).

use cloakroom_core::emails::MAX_EMAIL_LEN;
use cloakroom_core::models::User;
use cloakroom_core::names::MAX_USERNAME_LEN;

use super::accounts::{PasswordHelp, UserCreationForm};
use super::{Field, FieldKind, Form, Required};

/// Whether a form lets staff turn log-in by password off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsablePassword {
    /// It shows the choice, and passwords may be left empty.
    Offered,
    /// The user has no usable password: the form sets one.
    Missing,
}

/// `AdminUserCreationForm` (A100).
#[must_use]
pub fn user_creation(help: PasswordHelp<'_>) -> Form {
    let mut fields: Vec<_> = UserCreationForm::fields(help).into_iter().map(optional_password).collect();
    fields.push(usable_password());
    Form::plain(fields).initial("usable_password", "true")
}

/// `AdminPasswordChangeForm` (A101).
#[must_use]
pub fn password_change(help: PasswordHelp<'_>, usable: UsablePassword) -> Form {
    let mut fields = Vec::with_capacity(3);
    for field in UserCreationForm::fields(help).into_iter().filter(|f| f.kind() == FieldKind::Password) {
        let field = if field.name() == "password1" { field.autofocus() } else { field };
        fields.push(if usable == UsablePassword::Offered { optional_password(field) } else { field });
    }
    if usable == UsablePassword::Offered {
        fields.push(usable_password());
    }
    Form::plain(fields).initial("usable_password", "true")
}

/// `UserChangeForm` (A102), showing what is stored of `user`.
#[must_use]
pub fn user_change(user: &User) -> Form {
    let flag = |name| Field::of_kind(name, FieldKind::Boolean).optional();
    let text = |name| Field::text(name).optional().max_length(150);
    let fields = vec![
        Field::of_kind("password", FieldKind::ReadOnlyPasswordHash).optional(),
        Field::of_kind("last_login", FieldKind::DateTime).optional(),
        flag("is_superuser").help("This user has every permission."),
        Field::of_kind("groups", FieldKind::MultipleChoice).optional(),
        Field::of_kind("user_permissions", FieldKind::MultipleChoice).optional(),
        Field::username("username").max_length(MAX_USERNAME_LEN).help("Up to 150 characters."),
        text("first_name"),
        text("last_name"),
        Field::email("email").optional().max_length(MAX_EMAIL_LEN),
        flag("is_staff").help("This user may use the admin."),
        flag("is_active").help("Untick this instead of deleting an account."),
        Field::of_kind("date_joined", FieldKind::DateTime),
    ];
    // A text input shows no fraction of a second: forms/widgets.py, supports_microseconds.
    let moment = |t: cloakroom_core::clock::Timestamp| {
        let text = t.to_sqlite_text();
        text.split_once('.').map_or(text.clone(), |(whole, _)| whole.to_owned())
    };
    let mut form = Form::plain(fields)
        .initial("username", &*user.username)
        .initial("first_name", &*user.first_name)
        .initial("last_name", &*user.last_name)
        .initial("email", &*user.email)
        .initial("date_joined", moment(user.date_joined));
    if let Some(last_login) = user.last_login {
        form = form.initial("last_login", moment(last_login));
    }
    for (name, set) in [("is_superuser", user.is_superuser), ("is_staff", user.is_staff), ("is_active", user.is_active)]
    {
        if set {
            form = form.initial(name, "on");
        }
    }
    form
}

fn optional_password(field: Field) -> Field {
    if field.kind() == FieldKind::Password && field.required() == Required::Yes { field.optional() } else { field }
}

fn usable_password() -> Field {
    Field::choice("usable_password", &[("true", "Enabled"), ("false", "Disabled")])
        .label("Password-based log-in")
        .optional()
        .attr("class", "radiolist")
        .help("Without a password, this user can still sign in by other means, where there are any.")
}
