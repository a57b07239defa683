//! The fields of the forms by which staff edit users (A100–A102).

use cloakroom_core::emails::MAX_EMAIL_LEN;
use cloakroom_core::models::User;
use cloakroom_core::names::MAX_USERNAME_LEN;

use cloakroom_core::validators::{UserFacts, ValidationError};

use super::accounts::{Duplicates, PasswordHelp, UserCreationForm, judge_password, mismatch};
use super::{Field, FieldKind, Form, FormError, Required};

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
    Form::plain(user_creation_fields(help)).initial("usable_password", "true")
}

/// `AdminUserCreationForm` as it was sent: next come [`lookup`](UserCreationForm::lookup) and
/// [`finish`](UserCreationForm::finish), as on the sign-up page. Who asks for no password is not asked for one, whatever
/// stands in the fields: then the new user's is empty.
#[must_use]
pub fn bind_user_creation(help: PasswordHelp<'_>, get: impl Fn(&str) -> Option<String>) -> UserCreationForm {
    let wanted = wants_password(&get);
    let get = |name: &str| if wanted || !is_password(name) { get(name) } else { None };
    let mut form = UserCreationForm::bind_fields(user_creation_fields(help), Duplicates::CaseInsensitive, get);
    if wanted {
        form.require_passwords();
    }
    form
}

fn user_creation_fields(help: PasswordHelp<'_>) -> Vec<Field> {
    let mut fields: Vec<_> = UserCreationForm::fields(help).into_iter().map(optional_password).collect();
    fields.push(usable_password());
    fields
}

/// Whether a form that was sent asks for a password: not with `usable_password=false`. Source: `SetUnusablePasswordMixin`.
pub fn wants_password(get: &impl Fn(&str) -> Option<String>) -> bool {
    get("usable_password").as_deref() != Some("false")
}

fn is_password(name: &str) -> bool {
    matches!(name, "password1" | "password2")
}

/// `AdminPasswordChangeForm` (A101).
#[must_use]
pub fn password_change(help: PasswordHelp<'_>, usable: UsablePassword) -> Form {
    Form::plain(password_change_fields(help, usable)).initial("usable_password", "true")
}

fn password_change_fields(help: PasswordHelp<'_>, usable: UsablePassword) -> Vec<Field> {
    let mut fields = Vec::with_capacity(3);
    for field in UserCreationForm::fields(help).into_iter().filter(|f| f.kind() == FieldKind::Password) {
        let field = if field.name() == "password1" { field.autofocus() } else { field };
        fields.push(if usable == UsablePassword::Offered { optional_password(field) } else { field });
    }
    if usable == UsablePassword::Offered {
        fields.push(usable_password());
    }
    fields
}

/// `AdminPasswordChangeForm` as it was sent (A101, A184).
#[derive(Clone, Debug)]
pub struct AdminPasswordChangeForm {
    form: Form,
    wants_password: bool,
}

/// What a valid [`AdminPasswordChangeForm`] asks for.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum AskedPassword<'a> {
    /// This password.
    Usable(&'a str),
    /// None: no password is to open the account.
    Unusable,
}

/// The password never prints.
impl std::fmt::Debug for AskedPassword<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Self::Usable(_)) { "Usable(***)" } else { "Unusable" })
    }
}

impl AdminPasswordChangeForm {
    /// The form as it was sent, with everything checked.
    #[must_use]
    pub fn bind(
        help: PasswordHelp<'_>,
        usable: UsablePassword,
        get: impl Fn(&str) -> Option<String>,
        user: &UserFacts,
        judge: impl FnOnce(&str, &UserFacts) -> Vec<ValidationError>,
    ) -> Self {
        let wanted = usable == UsablePassword::Missing || wants_password(&get);
        let get = |name: &str| if wanted || !is_password(name) { get(name) } else { None };
        let mut form = Form::bind(password_change_fields(help, usable), get);
        if wanted {
            require_passwords(&mut form);
            mismatch(&mut form, "password1", "password2");
            judge_password(&mut form, "password2", user, judge);
        }
        Self { form, wants_password: wanted }
    }

    /// What it asks for, if it is valid.
    #[must_use]
    pub fn asked(&self) -> Option<AskedPassword<'_>> {
        let form = self.form.is_valid().then_some(&self.form)?;
        if self.wants_password {
            form.cleaned("password1").map(AskedPassword::Usable)
        } else {
            Some(AskedPassword::Unusable)
        }
    }

    /// Says that the password is longer than what will be hashed.
    pub fn refuse_too_long(&mut self) {
        self.form.add_error("password2", FormError::of("password_too_long"));
    }

    /// The form underneath.
    #[must_use]
    pub const fn form(&self) -> &Form {
        &self.form
    }
}

/// Passwords may be left out of these forms only by those who want none.
pub(super) fn require_passwords(form: &mut Form) {
    for name in ["password1", "password2"] {
        if form.cleaned(name) == Some("") {
            form.add_error(name, FormError::of("required"));
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(form: &Form, name: &str) -> Vec<String> {
        form.errors().codes(name).into_iter().map(str::to_owned).collect()
    }

    fn sent<'a>(fields: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| fields.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
    }

    /// A184: what is left out is missed, unless no password is wanted.
    #[test]
    fn passwords_are_needed_by_those_who_want_one() {
        let bind = |usable, fields: &[(&str, &str)]| {
            AdminPasswordChangeForm::bind(&[], usable, sent(fields), &UserFacts::new(), |_, _| Vec::new())
        };
        let empty = bind(UsablePassword::Offered, &[]);
        assert_eq!((codes(empty.form(), "password1"), empty.asked()), (vec!["required".to_owned()], None));
        let unset =
            bind(UsablePassword::Offered, &[("usable_password", "false"), ("password1", "a"), ("password2", "b")]);
        assert_eq!(unset.asked(), Some(AskedPassword::Unusable));
        let differ = bind(UsablePassword::Offered, &[("password1", "a"), ("password2", "b")]);
        assert_eq!(codes(differ.form(), "password2"), ["password_mismatch"]);
        let has_none = bind(UsablePassword::Missing, &[("usable_password", "false")]);
        assert_eq!(codes(has_none.form(), "password2"), ["required"], "there is none to turn off");
        let good = bind(UsablePassword::Missing, &[("password1", "a"), ("password2", "a")]);
        assert_eq!(good.asked(), Some(AskedPassword::Usable("a")));
        assert!(!format!("{:?}", bind(UsablePassword::Missing, &[("password1", "canary")])).contains("canary"));
    }

    /// A100
    #[test]
    fn a_user_may_be_made_without_a_password() {
        let made = |fields: &[(&str, &str)]| {
            let mut form = bind_user_creation(&[], sent(fields));
            form.finish(super::super::accounts::Taken::No, |_, _| Vec::new());
            form
        };
        let form = made(&[("username", "nopw"), ("usable_password", "false"), ("password1", "left over")]);
        assert_eq!(form.new_user().map(|user| user.password.expose().to_owned()).as_deref(), Some(""));
        let form = made(&[("username", "nopw")]);
        assert_eq!(codes(form.form(), "password2"), ["required"]);
        let form = made(&[("username", "x y"), ("password1", "a"), ("password2", "b")]);
        assert_eq!(
            (codes(form.form(), "username"), codes(form.form(), "password2")),
            (vec!["invalid".to_owned()], vec!["password_mismatch".to_owned()])
        );
    }
}
