//! auth_hash.json: A72.

use cloakroom::core::auth_hash::{AuthHashKeys, AuthHashMatch, session_auth_hash};
use cloakroom::core::models::EncodedHash;
use serde_json::json;

use super::Case;

pub(super) fn check(case: &Case<'_>) -> Result<(), String> {
    let keys = case.keys("fallback_keys");
    let password = EncodedHash::new(case.text("password"));
    let hash = session_auth_hash(&password, keys.current());
    let all = AuthHashKeys::new(&keys);
    let fallbacks: Vec<String> = keys.fallbacks().iter().map(|k| session_auth_hash(&password, k)).collect();
    if all.verify(&password, &hash) != AuthHashMatch::Current {
        return Err("the current hash does not verify".to_owned());
    }
    // A fallback may equal the current key, or one before it; then the first counts.
    if fallbacks.iter().any(|stored| all.verify(&password, stored) == AuthHashMatch::Mismatch) {
        return Err("a fallback's hash does not verify".to_owned());
    }
    case.expect(&json!({ "ok": { "hash": hash, "fallbacks": fallbacks } }))
}
