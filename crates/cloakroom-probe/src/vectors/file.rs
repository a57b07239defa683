//! The shape of a vector file: `_meta`, cases, and what came of them.

use std::any::Any;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use cloakroom::core::clock::Timestamp;
use cloakroom::core::hashers::DjangoVersion;
use cloakroom::core::secret::{SecretKey, SecretKeys};
use serde::Deserialize as _;
use serde_json::Value;

/// The key of files that name none.
const SECRET_KEY: &str = "cloakroom-vectors-secret-key-0123456789-abcdefghijklmnop";

/// 2026-01-02T03:04:05.678901Z, the frozen moment of files that name none.
const T0: f64 = 1_767_323_045.678_901;

/// Vectors hold lists in lists, some thousand deep, and comparing them recurses.
const STACK_BYTES: usize = 64 << 20;

/// A vector file.
#[derive(Debug)]
pub(crate) struct File {
    /// Where it is; companions stand beside it.
    pub(crate) path: PathBuf,
    meta: Value,
    /// The questions with their answers.
    pub(crate) cases: Vec<Value>,
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

/// A key, and a list of fallbacks or nothing.
pub(crate) fn secret_keys(current: &str, fallbacks: &Value) -> SecretKeys {
    let key = |text: &str| SecretKey::new(text).expect("no key of a vector is empty");
    let fallbacks = fallbacks.as_array().map(Vec::as_slice).unwrap_or_default();
    SecretKeys::new(key(current), fallbacks.iter().filter_map(Value::as_str).map(key).collect())
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
        // A session of the vectors nests deeper than serde_json reads by itself.
        let mut reader = serde_json::Deserializer::from_str(&text);
        reader.disable_recursion_limit();
        let mut whole = Value::deserialize(&mut reader).map_err(|e| format!("is not JSON: {e}"))?;
        file.meta = whole["_meta"].take();
        let Value::Array(cases) = whole["cases"].take() else { return Err("has no list of cases".into()) };
        if cases.iter().any(|case| !case["id"].is_string() || !case["kind"].is_string()) {
            return Err("has a case without id or kind".into());
        }
        file.cases = cases;
        Ok(file)
    }

    /// The cases of one kind; those of `shipped`, a whole file's text, where this file has none.
    pub(crate) fn cases_of_kind(&self, kind: &str, shipped: &str) -> Vec<Value> {
        let of_kind = |cases: &[Value]| cases.iter().filter(|case| case["kind"] == kind).cloned().collect::<Vec<_>>();
        let own = of_kind(&self.cases);
        if !own.is_empty() {
            return own;
        }
        let shipped: Value = serde_json::from_str(shipped).expect("what ships is JSON");
        of_kind(shipped["cases"].as_array().expect("what ships has cases"))
    }

    /// A file at the same place with these cases.
    pub(crate) fn with_cases(&self, cases: Vec<Value>) -> Self {
        Self { path: self.path.clone(), meta: self.meta.clone(), cases }
    }

    /// `SECRET_KEY` of the file.
    pub(crate) fn secret_key(&self) -> &str {
        self.meta["SECRET_KEY"].as_str().unwrap_or(SECRET_KEY)
    }

    /// The moment at which the file's questions were asked.
    pub(crate) fn t0(&self) -> Timestamp {
        Timestamp::from_secs_f64(self.meta["T0"].as_f64().unwrap_or(T0))
    }

    /// Checks every case on all cores, for both releases where they differ. A check that panics has failed its case,
    /// and that one only.
    pub(crate) fn each(&self, check: impl Fn(&Case<'_>) -> Result<(), String> + Sync) -> Vec<Verdict> {
        self.check_on(thread::available_parallelism().map_or(1, usize::from), check)
    }

    /// As [`each`](Self::each), one case after the other: for files whose cases change what later ones see.
    pub(crate) fn in_order(&self, check: impl Fn(&Case<'_>) -> Result<(), String> + Sync) -> Vec<Verdict> {
        self.check_on(1, check)
    }

    fn check_on(&self, threads: usize, check: impl Fn(&Case<'_>) -> Result<(), String> + Sync) -> Vec<Verdict> {
        let next = AtomicUsize::new(0);
        let verdicts = Mutex::new(Vec::with_capacity(self.cases.len()));
        let ask = |all: &Value, version, out: &Value| {
            let kind = all["kind"].as_str().unwrap_or_default();
            let case = Case { kind, input: &all["in"], out, version, all, file: self };
            let outcome = catch_unwind(AssertUnwindSafe(|| check(&case)));
            outcome
                .unwrap_or_else(|panic| Err(format!("the check panicked: {}", message(&*panic))))
                .map_err(|why| format!("({version:?}) {why}"))
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
            for _ in 0..threads {
                let worker = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
                worker.expect("the system gives a thread");
            }
        });
        let mut verdicts = verdicts.into_inner().unwrap_or_else(PoisonError::into_inner);
        verdicts.sort_by(|a, b| a.id.cmp(&b.id));
        verdicts
    }
}

/// What a panic says.
fn message(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

impl Case<'_> {
    /// A text of the question.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.input[name].as_str().unwrap_or_else(|| panic!("{name} is a text"))
    }

    /// The moment in a field that holds seconds since the epoch, or the file's own.
    pub(crate) fn at(&self, name: &str) -> Timestamp {
        self.input[name].as_f64().map_or_else(|| self.file.t0(), Timestamp::from_secs_f64)
    }

    /// The key in field `key`, or the file's own, with the fallbacks in field `fallbacks`.
    pub(crate) fn keys(&self, fallbacks: &str) -> SecretKeys {
        let current = self.input["key"].as_str().unwrap_or_else(|| self.file.secret_key());
        secret_keys(current, &self.input[fallbacks])
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
