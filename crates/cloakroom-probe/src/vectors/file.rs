//! The shape of a vector file: `_meta`, cases, and the values that JSON cannot hold.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

/// A vector file.
#[derive(Debug)]
pub struct File {
    /// Where it is; companions stand beside it.
    pub path: PathBuf,
    /// `_meta`: versions, `SECRET_KEY`, `T0`, the note.
    pub meta: Value,
    /// The cases in order.
    pub cases: Vec<Case>,
}

/// One question and Django's answer.
#[derive(Debug)]
pub struct Case {
    /// `file/kind-number`.
    pub id: String,
    /// What is asked; the file's note defines the kinds.
    pub kind: String,
    /// The whole case.
    pub all: Value,
}

/// How a case came out.
#[derive(Debug)]
pub struct Verdict {
    /// The case's id.
    pub id: String,
    /// What differed, or nothing.
    pub problem: Option<String>,
}

impl File {
    /// Reads a file. One that is no JSON (the SQLite fixture) has no cases and no meta, but a path.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let mut file = Self { path: path.to_owned(), meta: Value::Null, cases: Vec::new() };
        if path.extension().is_none_or(|e| e != "json") {
            return Ok(file);
        }
        let text = fs::read_to_string(path).map_err(|e| format!("cannot be read: {e}"))?;
        let mut whole: Value = serde_json::from_str(&text).map_err(|e| format!("is not JSON: {e}"))?;
        file.meta = whole["_meta"].take();
        let Value::Array(cases) = whole["cases"].take() else { return Err("has no list of cases".into()) };
        for all in cases {
            let (Some(id), Some(kind)) = (all["id"].as_str(), all["kind"].as_str()) else {
                return Err("has a case without id or kind".into());
            };
            file.cases.push(Case { id: id.to_owned(), kind: kind.to_owned(), all });
        }
        Ok(file)
    }

    /// Checks every case on all cores. A check that panics has failed its case, and that one only.
    pub(super) fn each(&self, check: impl Fn(&Case) -> Result<(), String> + Sync) -> Vec<Verdict> {
        let next = AtomicUsize::new(0);
        let verdicts = Mutex::new(Vec::with_capacity(self.cases.len()));
        let work = || {
            while let Some(case) = self.cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                let outcome = catch_unwind(AssertUnwindSafe(|| check(case)));
                let problem = outcome.unwrap_or_else(|_| Err("the check panicked".into())).err();
                let verdict = Verdict { id: case.id.clone(), problem };
                verdicts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(verdict);
            }
        };
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
        });
        let mut verdicts = verdicts.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        verdicts.sort_by(|a, b| a.id.cmp(&b.id));
        verdicts
    }
}

impl Case {
    /// The question.
    pub(super) fn input(&self) -> &Value {
        &self.all["in"]
    }

    /// The answer.
    pub(super) fn out(&self) -> &Value {
        &self.all["out"]
    }
}

impl Verdict {
    pub(super) fn failed(id: &str, problem: &str) -> Self {
        Self { id: id.to_owned(), problem: Some(problem.to_owned()) }
    }
}
