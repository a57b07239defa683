//! The CSRF decision: whatever the request says, an unsafe one without the secret's token does not pass.

#![no_main]

use std::sync::LazyLock;

use cloakroom_core::csrf::{
    CsrfSecret, Decision, Facts, Policy, PolicySettings, Stored, TokenState, check_format, decide, decide_before_body,
    is_safe_method, mask_with, matches, unmask,
};
use cloakroom_core::hosts::Scheme;
use cloakroom_core::random::OsRandom;
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "abcdefghijklmnopqrstuvwxyzABCDEF";

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let origins = ["https://*.example.org".to_owned(), "http://friend.example:8080".to_owned()];
    let settings = PolicySettings { trusted_origins: &origins, ..PolicySettings::default() };
    Policy::new(&settings).expect("the origins are good")
});

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.split('\n');
    let mut next = || parts.next().filter(|part| !part.is_empty());
    let scheme = if data.len() % 2 == 0 { Scheme::Https } else { Scheme::Http };
    let facts = Facts {
        method: next().unwrap_or("POST"),
        scheme,
        host: next(),
        port: next().unwrap_or("443"),
        origin: next(),
        referer: next(),
        sec_fetch_site: next(),
    };
    let cookie = next();
    let (form, header) = (next(), next());

    let stored = Stored::from_cookie(cookie);
    let decision = decide(&POLICY, &facts, &stored, form, header);
    if is_safe_method(facts.method) {
        assert_eq!(decide_before_body(&POLICY, &facts, &stored), Decision::Pass);
        assert!(decision.is_ok());
    } else if decision.is_ok() {
        let Stored::Known(secret) = &stored else { panic!("passed without a secret") };
        let token = form.or(header).expect("passed without a token");
        let sent = if token.len() == 64 { unmask(token) } else { Some(CsrfSecret::from_stored(token)) };
        assert_eq!(
            sent.map(|s| s.expose().to_owned()).as_deref(),
            Some(secret.expose()),
            "passed with another's token"
        );
        assert!(facts.origin != Some("null"), "passed from nowhere");
    }

    for token in [cookie, form, header].into_iter().flatten() {
        check_token(token);
    }

    // The token that a page shows is taken from that page's form.
    let mut state = TokenState::new(&stored, &OsRandom);
    if let Ok(token) = state.token(&OsRandom) {
        let secret = state.to_send().cloned().or_else(|| match &stored {
            Stored::Known(secret) => Some(secret.clone()),
            _ => None,
        });
        assert!(matches(&token, &secret.expect("a token has a secret")));
    }
});

fn check_token(token: &str) {
    let good = check_format(token).is_ok();
    assert_eq!(good, matches!(token.len(), 32 | 64) && token.bytes().all(|b| b.is_ascii_alphanumeric()));
    if !good {
        return;
    }
    let ours = CsrfSecret::from_stored(SECRET);
    assert!(!matches(token, &ours) || token == SECRET || unmask(token).is_some_and(|s| s.expose() == SECRET));
    // As a mask it hides the secret and gives it back.
    if token.len() == 32 {
        let masked = mask_with(&ours, token).expect("the secret has the alphabet's characters");
        assert_eq!(masked.len(), 64);
        assert!(matches(&masked, &ours));
        assert_eq!(unmask(&masked).map(|s| s.expose().to_owned()).as_deref(), Some(SECRET));
    }
}
