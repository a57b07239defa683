//! validators.json: A50–A53.

use cloakroom::core::pytext;
use cloakroom::core::validators::{
    CommonPassword, PasswordValidator, UserAttributeSimilarity, UserFacts, from_setting, quick_ratio, startproject,
    validate,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Case;

pub(super) fn check(case: &Case<'_>) -> Result<(), String> {
    case.expect(&match case.kind {
        "validate" => {
            let user = case.input["user"].as_object().map(|user| {
                let names = [
                    ("username", "username"),
                    ("first_name", "first name"),
                    ("last_name", "last name"),
                    ("email", "email address"),
                ];
                names.into_iter().fold(UserFacts::new(), |facts, (name, verbose)| match user.get(name) {
                    Some(value) => facts.with(name, verbose, value.as_str().unwrap_or_default()),
                    None => facts,
                })
            });
            let errors = validate(case.text("password"), user.as_ref(), &configured(case.text("config")));
            let errors: Vec<Value> = errors
                .into_iter()
                .map(|e| json!([e.code, if e.params.is_empty() { Value::Null } else { Value::Object(e.params) }]))
                .collect();
            json!({ "ok": errors })
        }
        "quick_ratio" => json!({ "ok": quick_ratio(&pytext::lower(case.text("a")), case.text("b")) }),
        "options" => match UserAttributeSimilarity::new(case.input["max_similarity"].as_f64().unwrap()) {
            Ok(_) => json!({ "ok": null }),
            Err(_) => json!({ "error": "ValueError" }),
        },
        "common_list" => {
            let list = CommonPassword::new();
            let entries: Vec<&str> = list.entries().collect();
            let digest = Sha256::digest(entries.join("\n"));
            let digest: String = digest.iter().map(|b| format!("{b:02x}")).collect();
            json!({ "ok": { "count": entries.len(), "sha256": digest } })
        }
        kind => return Err(format!("unknown kind {kind}")),
    })
}

fn configured(config: &str) -> Vec<Box<dyn PasswordValidator>> {
    let (name, options) = match config {
        "default" => return startproject(),
        "none" => return Vec::new(),
        "similarity" => ("user_attribute_similarity", json!({})),
        "length" => ("minimum_length", json!({})),
        "common" => ("common_password", json!({})),
        "numeric" => ("numeric_password", json!({})),
        "length12" => ("minimum_length", json!({ "min_length": 12 })),
        "length1" => ("minimum_length", json!({ "min_length": 1 })),
        "similarity_loose" => ("user_attribute_similarity", json!({ "max_similarity": 1.0 })),
        "similarity_strict" => ("user_attribute_similarity", json!({ "max_similarity": 0.3 })),
        "similarity_email" => ("user_attribute_similarity", json!({ "user_attributes": ["email"] })),
        other => panic!("unknown config {other}"),
    };
    vec![from_setting(name, options.as_object().unwrap(), &|path| std::fs::read(path)).unwrap()]
}
