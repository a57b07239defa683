//! The forms against Django's own widgets and answers: kinds `form` and `create_form` of `auth_flows.json`.

use std::path::Path;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::UserId;
use cloakroom_core::models::User;
use cloakroom_core::validators;
use serde_json::{Value, json};

use super::accounts::{
    AuthenticationForm, Duplicates, PasswordChangeForm, PasswordResetForm, SetPasswordForm, Taken, UserCreationForm,
};
use super::{Form, Required, Strip, admin};

/// The users that exist where the creation forms were asked.
const NAMES: [&str; 2] = ["alice", "idle"];

fn cases(kind: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cloakroom-probe/vectors/auth_flows.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases: Vec<_> = file["cases"].as_array().unwrap().iter().filter(|c| c["kind"] == kind).cloned().collect();
    assert!(!cases.is_empty());
    cases
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

/// A95–A102: the widgets' attributes, in Django's order.
#[test]
fn widgets_are_djangos() {
    let help: Vec<String> = validators::startproject().iter().map(|v| v.help_text()).collect();
    let mut alice = User::new(UserId::from(1), "alice", Timestamp::from_micros(1_767_323_045_678_901));
    alice.email = "alice@example.com".to_owned();
    for case in cases("form") {
        let form = match case["in"]["form"].as_str().unwrap() {
            "AuthenticationForm" | "AdminAuthenticationForm" => AuthenticationForm::plain().form().clone(),
            "PasswordResetForm" => PasswordResetForm::plain().form().clone(),
            "SetPasswordForm" => SetPasswordForm::plain(&help).form().clone(),
            "PasswordChangeForm" => PasswordChangeForm::plain(&help).form().clone(),
            "UserCreationForm" | "BaseUserCreationForm" => Form::plain(UserCreationForm::fields(&help)),
            "AdminUserCreationForm" => admin::user_creation(&help),
            "AdminPasswordChangeForm" => admin::password_change(&help, admin::UsablePassword::Offered),
            "AdminPasswordChangeForm(no password)" => admin::password_change(&help, admin::UsablePassword::Missing),
            "UserChangeForm" => admin::user_change(&alice),
            other => panic!("{}: unknown form {other}", case["id"]),
        };
        assert_eq!(describe(&form), case["out"]["ok"], "{}", case["id"]);
    }
}

/// A99, A103, A104: what the creation forms make of their input.
#[test]
fn creation_forms_answer_as_djangos() {
    let rules = validators::startproject();
    let help: Vec<String> = rules.iter().map(|v| v.help_text()).collect();
    for case in cases("create_form") {
        let duplicates = match case["in"]["form"].as_str().unwrap() {
            "UserCreationForm" => Duplicates::CaseInsensitive,
            "BaseUserCreationForm" => Duplicates::Exact,
            other => panic!("{}: unknown form {other}", case["id"]),
        };
        let data = &case["in"]["data"];
        let mut form = UserCreationForm::bind_fields(UserCreationForm::fields(&help), duplicates, |name| {
            data[name].as_str().map(str::to_owned)
        });
        let taken = match form.lookup() {
            Some((name, Duplicates::CaseInsensitive)) => NAMES.iter().any(|n| n.eq_ignore_ascii_case(name)),
            Some((name, Duplicates::Exact)) => NAMES.contains(&name),
            None => false,
        };
        form.finish(if taken { Taken::Yes } else { Taken::No }, |password, user| {
            validators::validate(password, Some(user), &rules)
        });

        let errors: Value =
            form.form().errors().iter().map(|(name, e)| (name, e.iter().map(|e| e.code()).collect::<Vec<_>>())).fold(
                json!({}),
                |mut all, (name, codes)| {
                    all[name] = json!(codes);
                    all
                },
            );
        let answer =
            json!({"valid": form.form().is_valid(), "errors": errors, "username": form.form().cleaned("username")});
        assert_eq!(answer, case["out"]["ok"], "{}", case["id"]);
    }
}
