//! `openapi.json`: the API described for programs, in OpenAPI 3.1.

use std::sync::OnceLock;

use axum::response::Response;
use cloakroom_web::Ctx;
use serde_json::Value;

use super::answer::{ApiError, ok};
use crate::error::PageError;

/// The description, with Django's names of cookie and header.
pub(super) const DOCUMENT: &str = include_str!("openapi.json");

/// The description, with this site's names of cookie and header.
pub(super) async fn document(ctx: Ctx) -> Result<Response, ApiError> {
    static PARSED: OnceLock<Option<Value>> = OnceLock::new();
    let parsed = PARSED.get_or_init(|| serde_json::from_str(DOCUMENT).ok());
    let Some(mut document) = parsed.clone() else {
        return Err(PageError::from(cloakroom_web::GuardRejection::Server("the API's description is no JSON")).into());
    };
    let schemes = &mut document["components"]["securitySchemes"];
    schemes["session"]["name"] = ctx.sessions().config().cookie.name.clone().into();
    if let Some(header) = ctx.config().csrf.policy.header_name() {
        schemes["csrfToken"]["name"] = header.into();
    }
    Ok(ok(&document))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every door is described with its methods, and nothing else is.
    #[test]
    fn every_door_is_described() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
                described.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
        let mut doors = BTreeSet::from(["GET /auth/verify".to_owned()]);
        for (path, door) in super::super::DOORS {
            doors.extend(door.methods.iter().filter(|m| **m != "HEAD").map(|method| format!("{method} {path}")));
        }
        assert_eq!(described, doors);
        let accounts = crate::accounts::Accounts::new(crate::templates::Templates::built_in().unwrap(), "/accounts");
        let routed = super::super::doors::<()>(&accounts).map(|(path, _)| path);
        assert_eq!(routed, super::super::DOORS.map(|(path, _)| path));
    }
}
