//! The shape of a vector file: `_meta`, cases, and what came of them.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use cloakroom::core::hashers::DjangoVersion;
use serde_json::Value;

/// A vector file.
#[derive(Debug)]
pub(crate) struct File {
    /// Where it is; companions stand beside it.
    pub(crate) path: PathBuf,
    /// `_meta`: versions, `SECRET_KEY`, `T0`, the note.
    pub(crate) meta: Value,
    cases: Vec<Value>,
}

/// One question of a vector file, with the answer of one Django release.
pub(crate) struct Case<'a> {
    pub(crate) kind: &'a str,
    pub(crate) input: &'a Value,
    pub(crate) out: &'a Value,
    pub(crate) version: DjangoVersion,
    /// The whole case, for fields of its own.
    pub(crate) all: &'a Value,
    /// The file that it stands in.
    pub(crate) file: &'a File,
}

/// How a case came out.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// The case's id.
    pub(crate) id: String,
    /// What differed, or nothing.
    pub(crate) problem: Option<String>,
}

impl File {
    /// Reads a file. One that is no JSON (the SQLite fixture) has no cases and no meta, but a path.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let mut file = Self { path: path.to_owned(), meta: Value::Null, cases: Vec::new() };
        if path.extension().is_none_or(|e| e != "json") {
            return Ok(file);
        }
        let text = fs::read_to_string(path).map_err(|e| format!("cannot be read: {e}"))?;
        let mut whole: Value = serde_json::from_str(&text).map_err(|e| format!("is not JSON: {e}"))?;
        file.meta = whole["_meta"].take();
        let Value::Array(cases) = whole["cases"].take() else { return Err("has no list of cases".into()) };
        if cases.iter().any(|case| !case["id"].is_string() || !case["kind"].is_string()) {
            return Err("has a case without id or kind".into());
        }
        file.cases = cases;
        Ok(file)
    }

    /// The cases of one kind.
    pub(crate) fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.cases.iter().filter(move |case| case["kind"] == kind)
    }

    /// Checks every case on all cores, for both releases where they differ. A check that panics has failed its case,
    /// and that one only.
    pub(crate) fn each(&self, check: impl Fn(&Case<'_>) -> Result<(), String> + Sync) -> Vec<Verdict> {
        let next = AtomicUsize::new(0);
        let verdicts = Mutex::new(Vec::with_capacity(self.cases.len()));
        let ask = |all: &Value, version, out: &Value| {
            let kind = all["kind"].as_str().unwrap_or_default();
            let case = Case { kind, input: &all["in"], out, version, all, file: self };
            let outcome = catch_unwind(AssertUnwindSafe(|| check(&case)));
            outcome.unwrap_or_else(|_| Err("the check panicked".into())).map_err(|why| format!("({version:?}) {why}"))
        };
        let work = || {
            while let Some(case) = self.cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                let mut outcome = ask(case, DjangoVersion::V6_1, &case["out"]);
                if let Some(old) = case["version"]["5.2"].get("out") {
                    outcome = outcome.and_then(|()| ask(case, DjangoVersion::V5_2, old));
                }
                let verdict =
                    Verdict { id: case["id"].as_str().unwrap_or_default().to_owned(), problem: outcome.err() };
                verdicts.lock().unwrap_or_else(PoisonError::into_inner).push(verdict);
            }
        };
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
        });
        let mut verdicts = verdicts.into_inner().unwrap_or_else(PoisonError::into_inner);
        verdicts.sort_by(|a, b| a.id.cmp(&b.id));
        verdicts
    }
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

impl Verdict {
    pub(crate) fn failed(id: &str, problem: &str) -> Self {
        Self { id: id.to_owned(), problem: Some(problem.to_owned()) }
    }
}
