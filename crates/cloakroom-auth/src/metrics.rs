//! What is counted, by name: the one list of all metrics, through the facade `metrics`. Without a recorder they cost nothing;
//! the server's recorder answers Prometheus at `METRICS_ADDR`, a program with a recorder of its own finds them there.
//!
//! | name | labels | counts |
//! |---|---|---|
//! | `cloakroom_identities_total` | `reason` | requests that asked who is there: `signed_in`, or why nobody is ([`Anonymous`]) |
//! | `cloakroom_refusals_total` | `kind`, `reason` | what was refused: credentials, pages, forms ([`Reason`]) |
//! | `cloakroom_events_total` | `event` | [events](crate::events::AuthEvent) by their name |
//! | `cloakroom_failures_total` | `status` | answers 503 and 500 since a store or a part of the site failed |
//!
//! Labels have few values, all known beforehand: nothing of a request, a user or a session is among them (L03).

use cloakroom_core::reason::{Anonymous, Reason};
use metrics::{counter, describe_counter};

use crate::events::AuthEvent;

/// Tells a recorder what each metric means. For those who install one.
pub fn describe() {
    describe_counter!("cloakroom_identities_total", "Requests that asked who is there, by the reason why nobody is");
    describe_counter!("cloakroom_refusals_total", "What was refused: credentials, pages, forms");
    describe_counter!("cloakroom_events_total", "Events of accounts and sessions");
    describe_counter!("cloakroom_failures_total", "Answers 503 and 500 since a part of the site failed");
}

/// Literal labels make no allocation: this stands on the path of signed-in requests.
macro_rules! identities {
    ($label:expr, $($known:literal),*) => {
        match $label {
            $($known => counter!("cloakroom_identities_total", "reason" => $known).increment(1),)*
            other => counter!("cloakroom_identities_total", "reason" => other).increment(1),
        }
    };
}

/// A request asked who is there; this is why nobody is, if nobody is.
pub fn identity(reason: Option<Anonymous>) {
    let label = reason.map_or("signed_in", Anonymous::as_str);
    identities!(label, "signed_in", "no_cookie", "not_signed_in", "no_session", "key_malformed");
}

/// Something was refused.
pub fn refused(reason: Reason) {
    counter!("cloakroom_refusals_total", "kind" => reason.kind(), "reason" => reason.as_str()).increment(1);
}

/// A part of the site failed, and this is the answer's status.
pub fn failed(status: u16) {
    match status {
        503 => counter!("cloakroom_failures_total", "status" => "503").increment(1),
        _ => counter!("cloakroom_failures_total", "status" => "500").increment(1),
    }
}

pub(crate) fn event(event: &AuthEvent) {
    counter!("cloakroom_events_total", "event" => event.name()).increment(1);
    if let AuthEvent::LoginFailed { refusal, .. } = event {
        refused(Reason::Refused(*refusal));
    }
}
