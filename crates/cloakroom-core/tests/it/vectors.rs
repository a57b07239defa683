//! Reads a vector file and puts every case of it to a check.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use cloakroom_core::hashers::DjangoVersion;
use serde::Deserialize;
use serde_json::Value;

/// One question of a vector file, with the answer of one Django release.
pub(crate) struct Case<'a> {
    pub(crate) kind: &'a str,
    pub(crate) input: &'a Value,
    pub(crate) out: &'a Value,
    pub(crate) version: DjangoVersion,
    /// The whole case, for fields of its own.
    pub(crate) all: &'a Value,
}

impl Case<'_> {
    /// A text of the question.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.input[name].as_str().unwrap_or_else(|| panic!("{name} is a text"))
    }

    /// Compares what should be in `out` with what is.
    pub(crate) fn expect(&self, ours: &Value) -> Result<(), String> {
        if ours == self.out { Ok(()) } else { Err(format!("ours {ours}, Django's {}", self.out)) }
    }
}

/// Checks every case of `file`, on all processors, and panics with the ids of those that differ.
pub(crate) fn run(file: &str, check: fn(&Case<'_>) -> Result<(), String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cloakroom-probe/vectors").join(file);
    let bytes = std::fs::read(path).unwrap();
    // A session of the vectors nests deeper than serde_json reads by itself.
    let mut reader = serde_json::Deserializer::from_slice(&bytes);
    reader.disable_recursion_limit();
    let vectors = Value::deserialize(&mut reader).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let ask = |all: &Value, version: DjangoVersion, out: &Value| {
        let case = Case { kind: all["kind"].as_str().unwrap(), input: &all["in"], out, version, all };
        if let Err(why) = check(&case) {
            let failure = format!("{} ({version:?}): {why}", all["id"].as_str().unwrap());
            failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    ask(case, DjangoVersion::V6_1, &case["out"]);
                    if let Some(old) = case["version"]["5.2"].get("out") {
                        ask(case, DjangoVersion::V5_2, old);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {} differ:\n{}", failures.len(), cases.len(), failures.join("\n"));
}
