//! Checks golden vectors: every case of every file is asserted, an unknown file or kind is a failure.

#![expect(clippy::unwrap_used, reason = "a vector of another shape fails its own case, and that one only")]

mod auth_flows;
mod auth_hash;
mod checks;
mod commands;
mod cookies;
mod csrf;
mod csrf_requests;
mod drf;
mod emails;
mod expiry;
mod file;
mod fixture;
mod hashers;
mod headers;
mod legacy_session;
mod messages;
mod permissions;
mod pool;
mod redirects;
mod reset_tokens;
mod session;
mod session_middleware;
mod signing;
mod site;
mod typed;
mod usernames;
mod validators;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(crate) use self::file::{Case, File, Verdict, secret_keys};

/// How a file is checked.
enum Suite {
    /// Case by case.
    Each(fn(&Case<'_>) -> Result<(), String>),
    /// As a whole, where cases need what others say.
    Whole(fn(&File) -> Vec<Verdict>),
}

/// The files and who checks them.
const SUITES: &[(&str, Suite)] = &[
    ("auth_flows.json", Suite::Whole(auth_flows::check)),
    ("auth_hash.json", Suite::Each(auth_hash::check)),
    ("checks.json", Suite::Each(checks::check)),
    ("commands.json", Suite::Whole(commands::check)),
    ("cookies.json", Suite::Each(cookies::check)),
    ("csrf.json", Suite::Each(csrf::check)),
    ("csrf_requests.json", Suite::Each(csrf_requests::check)),
    ("drf.json", Suite::Whole(drf::check)),
    ("emails.json", Suite::Whole(emails::check)),
    ("expiry.json", Suite::Each(expiry::check)),
    ("fixture.sqlite3", Suite::Whole(fixture::check)),
    ("hashers.json", Suite::Each(hashers::check)),
    ("headers.json", Suite::Each(headers::check)),
    ("legacy_hashers.json", Suite::Each(hashers::check_legacy)),
    ("legacy_session.json", Suite::Each(legacy_session::check)),
    ("messages.json", Suite::Each(messages::check)),
    ("permissions.json", Suite::Whole(permissions::check)),
    ("redirects.json", Suite::Each(redirects::check)),
    ("reset_tokens.json", Suite::Each(reset_tokens::check)),
    ("session_middleware.json", Suite::Whole(session_middleware::check)),
    ("session.json", Suite::Each(session::check)),
    ("signing.json", Suite::Each(signing::check)),
    ("usernames.json", Suite::Each(usernames::check)),
    ("validators.json", Suite::Each(validators::check)),
];

/// Files that hold no cases of their own, and the file whose suite reads them.
const COMPANIONS: &[(&str, &str)] = &[("fixture.json", "fixture.sqlite3")];

/// How many cases passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Cases that came out as Django's.
    pub passed: usize,
    /// Cases that did not, and files that nobody knows.
    pub failed: usize,
}

/// Checks every vector file of `dir` and writes a line a file, every failing case, and a closing line
/// `N passed, M failed`.
///
/// # Errors
///
/// When `dir` or a file in it cannot be read, or `out` cannot be written. A file that is not understood is a failure, not
/// an error.
pub fn check_dir(dir: &Path, out: &mut dyn Write) -> io::Result<Tally> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    paths.sort();
    let mut total = Tally::default();
    for path in paths.iter().filter(|path| path.is_file()) {
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else { continue };
        // What describes or makes the vectors is no vector.
        if name.ends_with(".md") || name.ends_with(".py") {
            continue;
        }
        let reader = COMPANIONS.iter().find(|(companion, _)| *companion == name);
        if reader.is_some_and(|(_, reader)| paths.contains(&dir.join(reader))) {
            continue;
        }
        let verdicts = check_file(path, name);
        let failed = verdicts.iter().filter(|v| v.problem.is_some()).count();
        let tally = Tally { passed: verdicts.len() - failed, failed };
        for verdict in &verdicts {
            if let Some(problem) = &verdict.problem {
                writeln!(out, "FAILED {}: {problem}", verdict.id)?;
            }
        }
        writeln!(out, "{name}: {} passed, {} failed", tally.passed, tally.failed)?;
        total = Tally { passed: total.passed + tally.passed, failed: total.failed + tally.failed };
    }
    writeln!(out, "{} passed, {} failed", total.passed, total.failed)?;
    Ok(total)
}

fn check_file(path: &Path, name: &str) -> Vec<Verdict> {
    let Some((_, suite)) = SUITES.iter().find(|(known, _)| *known == name) else {
        return vec![Verdict::failed(name, "no suite knows this file")];
    };
    match File::read(path) {
        Ok(file) => {
            let verdicts = match suite {
                Suite::Each(check) => file.each(check),
                Suite::Whole(check) => check(&file),
            };
            if verdicts.is_empty() { vec![Verdict::failed(name, "the file has no case")] } else { verdicts }
        }
        Err(problem) => vec![Verdict::failed(name, &problem)],
    }
}
