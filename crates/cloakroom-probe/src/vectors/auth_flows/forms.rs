//! The forms against Django's own widgets and answers (A95–A104).

use cloakroom::core::keys::UserId;
use cloakroom::core::models::User;
use cloakroom::core::names::unicode_ci_compare;
use cloakroom::core::validators;
use cloakroom::web::forms::accounts::{
    AuthenticationForm, Duplicates, PasswordChangeForm, PasswordResetForm, SetPasswordForm, Taken, UserCreationForm,
};
use cloakroom::web::forms::{Form, Required, Strip, admin};
use serde_json::{Map, Value, json};

use super::super::Case;

/// Kind `form`: the widgets' attributes, in Django's order.
pub(super) fn widgets(case: &Case<'_>) -> Value {
    let help: Vec<String> = validators::startproject().iter().map(|v| v.help_text()).collect();
    let mut alice = User::new(UserId::from(1), "alice", case.file.t0());
    alice.email = "alice@example.com".to_owned();
    let form = match case.text("form") {
        "AuthenticationForm" | "AdminAuthenticationForm" => AuthenticationForm::plain().form().clone(),
        "PasswordResetForm" => PasswordResetForm::plain().form().clone(),
        "SetPasswordForm" => SetPasswordForm::plain(&help).form().clone(),
        "PasswordChangeForm" => PasswordChangeForm::plain(&help).form().clone(),
        "UserCreationForm" | "BaseUserCreationForm" => Form::plain(UserCreationForm::fields(&help)),
        "AdminUserCreationForm" => admin::user_creation(&help),
        "AdminPasswordChangeForm" => admin::password_change(&help, admin::UsablePassword::Offered),
        "AdminPasswordChangeForm(no password)" => admin::password_change(&help, admin::UsablePassword::Missing),
        "UserChangeForm" => admin::user_change(&alice),
        other => panic!("unknown form {other}"),
    };
    json!({ "ok": describe(&form) })
}

fn describe(form: &Form) -> Value {
    let fields = form.fields().map(|bound| {
        let field = bound.field();
        let html = match field.kind().django_name() {
            "BooleanField" => String::new(),
            _ => bound.html(),
        };
        let about = json!({
            "type": field.kind().django_name(),
            "required": field.required() == Required::Yes,
            "max_length": field.max_chars(),
            "strip": field.strip().map(|strip| strip == Strip::Yes),
            "html": html,
        });
        (field.name().to_owned(), about)
    });
    Value::Object(fields.collect())
}

/// Kind `create_form`: what the creation forms make of their input where these users exist.
pub(super) fn creation(case: &Case<'_>, users: &[Value]) -> Value {
    let rules = validators::startproject();
    let help: Vec<String> = rules.iter().map(|v| v.help_text()).collect();
    let duplicates = match case.text("form") {
        "UserCreationForm" => Duplicates::CaseInsensitive,
        "BaseUserCreationForm" => Duplicates::Exact,
        other => panic!("unknown form {other}"),
    };
    let data = &case.input["data"];
    let mut form = UserCreationForm::bind_fields(UserCreationForm::fields(&help), duplicates, |name| {
        data[name].as_str().map(str::to_owned)
    });
    let mut names = users.iter().map(|user| user["username"].as_str().unwrap());
    let taken = match form.lookup() {
        Some((name, Duplicates::CaseInsensitive)) => names.any(|n| unicode_ci_compare(n, name)),
        Some((name, Duplicates::Exact)) => names.any(|n| n == name),
        None => false,
    };
    form.finish(if taken { Taken::Yes } else { Taken::No }, |password, user| {
        validators::validate(password, Some(user), &rules)
    });
    let errors = form.form().errors().iter();
    let errors: Map<String, Value> = errors
        .map(|(name, errors)| (name.to_owned(), errors.iter().map(|e| Value::from(e.code())).collect()))
        .collect();
    json!({ "ok": {
        "valid": form.form().is_valid(), "errors": errors, "username": form.form().cleaned("username"),
    } })
}
