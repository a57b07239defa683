//! The forms of the account pages (A95–A102): fields, and the rules between them.
//!
//! Each form is bound, asked what it needs to know (whose credentials, which name), told the answers, and shown again or
//! obeyed. Nothing here decides a policy: whether a name is taken or a password good enough is said from outside (Z08).

use cloakroom_auth::NameCase;
use cloakroom_core::emails::{MAX_EMAIL_LEN, normalize_email};
use cloakroom_core::models::User;
use cloakroom_core::names::{MAX_USERNAME_LEN, UsernameRule, model_username_errors};
use cloakroom_core::validators::{UserFacts, ValidationError};

use super::{Field, FieldKind, Form, FormError, FormErrors, NON_FIELD, wording};

const NAME_HELP: &str = "At most 150 characters: letters, digits and the signs @ . + - _";
const AGAIN_HELP: &str = "The same once more, to catch slips.";

/// The sentences that tell what a new password needs: one for each validator in force.
pub type PasswordHelp<'a> = &'a [String];

/// The log-in form (A95, M15): plain, not tied to a table. Validating it makes no session.
#[derive(Clone, Debug)]
pub struct AuthenticationForm(Form);

impl AuthenticationForm {
    fn fields() -> Vec<Field> {
        let username = Field::of_kind("username", FieldKind::Username)
            .autofocus()
            .attr("autocapitalize", "none")
            .autocomplete("username")
            .browser_max_length(MAX_USERNAME_LEN);
        vec![username, Field::password("password").autocomplete("current-password")]
    }

    /// The form of a first visit.
    #[must_use]
    pub fn plain() -> Self {
        Self(Form::plain(Self::fields()))
    }

    /// The form as it was sent.
    #[must_use]
    pub fn bind(get: impl Fn(&str) -> Option<String>) -> Self {
        Self(Form::bind(Self::fields(), get))
    }

    /// Calls the name to sign in with what the user model calls it, and takes one as long as an address (A17).
    #[must_use]
    pub fn with_username_label(mut self, label: impl Into<String>) -> Self {
        self.0.relabel("username", label.into(), MAX_EMAIL_LEN);
        self
    }

    /// The name and password to authenticate with; `None` if either is missing (A104).
    #[must_use]
    pub fn credentials(&self) -> Option<(&str, &str)> {
        let password = self.0.cleaned("password").filter(|p| !p.is_empty())?;
        Some((self.0.cleaned("username")?, password))
    }

    /// Says that the credentials sign nobody in, whatever the reason (E01).
    pub fn refuse_login(&mut self) {
        self.0.add_error(NON_FIELD, FormError::of("invalid_login"));
    }

    /// Says that the user has as many sessions as they may (S20).
    pub fn refuse_session_limit(&mut self) {
        self.0.add_error(NON_FIELD, FormError::of("session_limit"));
    }

    /// Says that the account is closed: only a back end that lets closed accounts authenticate leads here (A63).
    pub fn refuse_inactive(&mut self) {
        self.0.add_error(NON_FIELD, FormError::of("inactive"));
    }

    /// Says that nobody looked, after too many tries (E04).
    pub fn refuse_throttled(&mut self) {
        self.0.add_error(NON_FIELD, FormError::of("throttled"));
    }

    /// The form underneath.
    #[must_use]
    pub const fn form(&self) -> &Form {
        &self.0
    }
}

/// Which names count as taken (A99).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// Names that differ only in case are the same: `UserCreationForm`.
    CaseInsensitive,
    /// Only the very same name: `BaseUserCreationForm`.
    Exact,
}

impl From<Duplicates> for NameCase {
    fn from(rule: Duplicates) -> Self {
        match rule {
            Duplicates::CaseInsensitive => Self::Ignored,
            Duplicates::Exact => Self::Kept,
        }
    }
}

/// The sign-up form (A99, M19): makes a user without privileges. It takes the fields it shows and no others (Z02).
#[derive(Clone, Debug)]
pub struct UserCreationForm {
    form: Form,
    duplicates: Duplicates,
}

/// A user that a valid [`UserCreationForm`] asks for.
#[derive(Clone, Copy, Debug)]
pub struct NewUser<'a> {
    /// The name, in normal form.
    pub username: &'a str,
    /// The address as typed; empty if none.
    pub email: &'a str,
    /// The password.
    pub password: NewPassword<'a>,
}

/// A password chosen in a form. Never prints.
#[derive(Clone, Copy)]
pub struct NewPassword<'a>(&'a str);

impl<'a> NewPassword<'a> {
    /// Shows the password.
    #[must_use]
    pub const fn expose(self) -> &'a str {
        self.0
    }
}

impl std::fmt::Debug for NewPassword<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl UserCreationForm {
    /// The fields of Django's own form: a name and a password twice.
    pub fn fields(help: PasswordHelp<'_>) -> Vec<Field> {
        let username = Field::username("username").max_length(MAX_USERNAME_LEN).autofocus().help(NAME_HELP);
        let [password1, password2] = new_passwords("password1", "password2", help);
        vec![username, password1.label("Password"), password2.label("Password again")]
    }

    /// The fields of the sign-up page: with an optional address.
    pub fn signup_fields(help: PasswordHelp<'_>) -> Vec<Field> {
        let mut fields = Self::fields(help);
        fields.insert(1, email("email").optional());
        fields
    }

    /// The form of a first visit to the sign-up page.
    #[must_use]
    pub fn plain(help: PasswordHelp<'_>) -> Self {
        Self { form: Form::plain(Self::signup_fields(help)), duplicates: Duplicates::CaseInsensitive }
    }

    /// The sign-up page's form as it was sent.
    #[must_use]
    pub fn bind(help: PasswordHelp<'_>, get: impl Fn(&str) -> Option<String>) -> Self {
        Self::bind_fields(Self::signup_fields(help), Duplicates::CaseInsensitive, get)
    }

    /// A form with other fields as it was sent; `username`, `password1` and `password2` must be among them.
    #[must_use]
    pub fn bind_fields(fields: Vec<Field>, duplicates: Duplicates, get: impl Fn(&str) -> Option<String>) -> Self {
        Self { form: Form::bind(fields, get), duplicates }
    }

    /// The name whose being taken must be looked up, and how; `None` where it cannot be a name anyway.
    #[must_use]
    pub fn lookup(&self) -> Option<(&str, Duplicates)> {
        let username = self.form.cleaned("username")?;
        let lookup = match self.duplicates {
            Duplicates::CaseInsensitive => true,
            Duplicates::Exact => name_errors(username).is_empty(),
        };
        lookup.then_some((username, self.duplicates))
    }

    /// Misses passwords that were left out, in a form whose fields let them be.
    pub(super) fn require_passwords(&mut self) {
        super::admin::require_passwords(&mut self.form);
    }

    /// Ends the checks, told whether the name is taken and given the judge of passwords.
    pub fn finish(&mut self, taken: Taken, judge: impl FnOnce(&str, &UserFacts) -> Vec<ValidationError>) {
        let mut username = self.form.cleaned("username").unwrap_or_default().to_owned();
        if taken == Taken::Yes {
            self.form.add_error("username", FormError::of("unique"));
            if self.duplicates == Duplicates::CaseInsensitive {
                // The form's own check leaves the user it builds without a name; the model's check does not.
                username.clear();
            }
        }
        mismatch(&mut self.form, "password1", "password2");
        if let Some(name) = self.form.cleaned("username") {
            for code in name_errors(name) {
                let text = if code == "invalid" { "invalid_username" } else { code };
                self.form.add_error("username", FormError::new(code, wording(text)));
            }
        }
        let email = self.form.cleaned("email").map(normalize_email).unwrap_or_default();
        let facts = UserFacts::new()
            .with("username", "username", username)
            .with("first_name", "first name", "")
            .with("last_name", "last name", "")
            .with("email", "email address", email);
        judge_password(&mut self.form, "password2", &facts, judge);
    }

    /// The user to make, if the form is valid.
    #[must_use]
    pub fn new_user(&self) -> Option<NewUser<'_>> {
        let form = self.form.is_valid().then_some(&self.form)?;
        Some(NewUser {
            username: form.cleaned("username")?,
            email: form.cleaned("email").unwrap_or_default(),
            password: NewPassword(form.cleaned("password1")?),
        })
    }

    /// Says that the password is longer than what will be hashed.
    pub fn refuse_too_long(&mut self) {
        self.form.add_error("password2", FormError::of("password_too_long"));
    }

    /// Says that somebody took the name meanwhile.
    pub fn refuse_taken(&mut self) {
        self.form.add_error("username", FormError::of("unique"));
    }

    /// The form underneath.
    #[must_use]
    pub const fn form(&self) -> &Form {
        &self.form
    }
}

/// Whether a name belongs to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It does.
    Yes,
    /// It is free.
    No,
}

/// The form of the update page (M19): name and address, nothing else (Z02).
#[derive(Clone, Debug)]
pub struct UpdateForm(Form);

impl UpdateForm {
    fn fields() -> Vec<Field> {
        vec![
            Field::text("first_name").optional().max_length(150),
            Field::text("last_name").optional().max_length(150),
            email("email").optional(),
        ]
    }

    /// The form of a first visit, with what is stored of `user`.
    #[must_use]
    pub fn of(user: &User) -> Self {
        Self(
            Form::plain(Self::fields())
                .initial("first_name", &*user.first_name)
                .initial("last_name", &*user.last_name)
                .initial("email", &*user.email),
        )
    }

    /// The form as it was sent. What was left out becomes empty.
    #[must_use]
    pub fn bind(get: impl Fn(&str) -> Option<String>) -> Self {
        Self(Form::bind(Self::fields(), get))
    }

    /// The new first name, last name and address, if the form is valid.
    #[must_use]
    pub fn changes(&self) -> Option<ProfileChanges> {
        let form = self.0.is_valid().then_some(&self.0)?;
        Some(ProfileChanges {
            first_name: form.cleaned("first_name")?.to_owned(),
            last_name: form.cleaned("last_name")?.to_owned(),
            email: normalize_email(form.cleaned("email")?),
        })
    }

    /// The form underneath.
    #[must_use]
    pub const fn form(&self) -> &Form {
        &self.0
    }
}

/// What a valid [`UpdateForm`] asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileChanges {
    /// The first name.
    pub first_name: String,
    /// The last name.
    pub last_name: String,
    /// The address, its domain in lower case.
    pub email: String,
}

/// The form after a reset link (A97).
#[derive(Clone, Debug)]
pub struct SetPasswordForm(Form);

impl SetPasswordForm {
    /// The fields.
    pub fn fields(help: PasswordHelp<'_>) -> Vec<Field> {
        let [password1, password2] = new_passwords("new_password1", "new_password2", help);
        vec![password1.label("New password"), password2.label("New password again")]
    }

    /// The form of a first visit.
    #[must_use]
    pub fn plain(help: PasswordHelp<'_>) -> Self {
        Self(Form::plain(Self::fields(help)))
    }

    /// The form as it was sent, with everything checked.
    #[must_use]
    pub fn bind(
        help: PasswordHelp<'_>,
        get: impl Fn(&str) -> Option<String>,
        user: &UserFacts,
        judge: impl FnOnce(&str, &UserFacts) -> Vec<ValidationError>,
    ) -> Self {
        let mut form = Form::bind(Self::fields(help), get);
        check_new_passwords(&mut form, user, judge);
        Self(form)
    }

    /// Says what the service has against the new password.
    pub fn refuse_new_password(&mut self, objections: Vec<ValidationError>) {
        object(&mut self.0, "new_password2", objections);
    }

    /// Says that the new password is longer than what will be hashed.
    pub fn refuse_too_long(&mut self) {
        self.0.add_error("new_password2", FormError::of("password_too_long"));
    }

    /// The new password, if the form is valid.
    #[must_use]
    pub fn new_password(&self) -> Option<NewPassword<'_>> {
        new_password(&self.0)
    }

    /// The form underneath.
    #[must_use]
    pub const fn form(&self) -> &Form {
        &self.0
    }
}

/// The form that changes a password and asks for the old one (A98, A09).
#[derive(Clone, Debug)]
pub struct PasswordChangeForm(Form);

impl PasswordChangeForm {
    /// The fields.
    pub fn fields(help: PasswordHelp<'_>) -> Vec<Field> {
        let old = Field::password("old_password").label("Current password");
        let mut fields = vec![old.autocomplete("current-password").autofocus()];
        fields.extend(SetPasswordForm::fields(help));
        fields
    }

    /// The form of a first visit.
    #[must_use]
    pub fn plain(help: PasswordHelp<'_>) -> Self {
        Self(Form::plain(Self::fields(help)))
    }

    /// The form as it was sent. Next: [`old_password`](Self::old_password), then [`finish`](Self::finish).
    #[must_use]
    pub fn bind(help: PasswordHelp<'_>, get: impl Fn(&str) -> Option<String>) -> Self {
        Self(Form::bind(Self::fields(help), get))
    }

    /// The old password to check.
    #[must_use]
    pub fn old_password(&self) -> Option<&str> {
        self.0.cleaned("old_password")
    }

    /// Says that the old password is wrong.
    pub fn refuse_old_password(&mut self) {
        self.0.add_error("old_password", FormError::of("password_incorrect"));
    }

    /// Ends the checks, given whose password it is and the judge of passwords.
    pub fn finish(&mut self, user: &UserFacts, judge: impl FnOnce(&str, &UserFacts) -> Vec<ValidationError>) {
        check_new_passwords(&mut self.0, user, judge);
    }

    /// Says what the service has against the new password.
    pub fn refuse_new_password(&mut self, objections: Vec<ValidationError>) {
        object(&mut self.0, "new_password2", objections);
    }

    /// Says that the new password is longer than what will be hashed.
    pub fn refuse_too_long(&mut self) {
        self.0.add_error("new_password2", FormError::of("password_too_long"));
    }

    /// The new password, if the form is valid.
    #[must_use]
    pub fn new_password(&self) -> Option<NewPassword<'_>> {
        new_password(&self.0)
    }

    /// The form underneath.
    #[must_use]
    pub const fn form(&self) -> &Form {
        &self.0
    }
}

/// The form that asks for a reset link (A96).
#[derive(Clone, Debug)]
pub struct PasswordResetForm(Form);

impl PasswordResetForm {
    fn fields() -> Vec<Field> {
        vec![Field::email("email").label("Email address").autocomplete("email").max_length(MAX_EMAIL_LEN)]
    }

    /// The form of a first visit.
    #[must_use]
    pub fn plain() -> Self {
        Self(Form::plain(Self::fields()))
    }

    /// The form as it was sent.
    #[must_use]
    pub fn bind(get: impl Fn(&str) -> Option<String>) -> Self {
        Self(Form::bind(Self::fields(), get))
    }

    /// The address to send a link to, if the form is valid.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.0.is_valid().then(|| self.0.cleaned("email")).flatten()
    }

    /// The form underneath.
    #[must_use]
    pub const fn form(&self) -> &Form {
        &self.0
    }
}

/// Errors by field of any of these forms, for answers that are no page.
impl AsRef<FormErrors> for Form {
    fn as_ref(&self) -> &FormErrors {
        self.errors()
    }
}

fn email(name: &'static str) -> Field {
    Field::email(name).label("Email address").max_length(MAX_EMAIL_LEN)
}

fn new_passwords(first: &'static str, second: &'static str, help: PasswordHelp<'_>) -> [Field; 2] {
    [
        Field::password(first).autocomplete("new-password").help_list(help.iter().cloned()),
        Field::password(second).autocomplete("new-password").help(AGAIN_HELP),
    ]
}

fn check_new_passwords(
    form: &mut Form,
    user: &UserFacts,
    judge: impl FnOnce(&str, &UserFacts) -> Vec<ValidationError>,
) {
    mismatch(form, "new_password1", "new_password2");
    judge_password(form, "new_password2", user, judge);
}

pub(super) fn mismatch(form: &mut Form, first: &'static str, second: &'static str) {
    if let (Some(a), Some(b)) = (form.cleaned(first), form.cleaned(second))
        && !a.is_empty()
        && !b.is_empty()
        && a != b
    {
        form.add_error(second, FormError::of("password_mismatch"));
    }
}

/// Validators judge the second password, and only one that is still clean: a mismatch stands alone (A97).
pub(super) fn judge_password(
    form: &mut Form,
    name: &'static str,
    user: &UserFacts,
    judge: impl FnOnce(&str, &UserFacts) -> Vec<ValidationError>,
) {
    let Some(password) = form.cleaned(name).filter(|password| !password.is_empty()) else { return };
    let objections = judge(password, user);
    object(form, name, objections);
}

fn object(form: &mut Form, name: &'static str, objections: Vec<ValidationError>) {
    for objection in objections {
        form.add_error(name, FormError::new(objection.code, objection.message));
    }
}

fn new_password(form: &Form) -> Option<NewPassword<'_>> {
    form.is_valid().then(|| form.cleaned("new_password1")).flatten().map(NewPassword)
}

fn name_errors(name: &str) -> Vec<&'static str> {
    model_username_errors(name, UsernameRule::Unicode, MAX_USERNAME_LEN)
}
