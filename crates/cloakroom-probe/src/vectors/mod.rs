//! Checks golden vectors: every case of every file is asserted, an unknown file or kind is a failure.

mod file;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(crate) use self::file::{Case, File, Verdict};

/// How a file is checked.
enum Suite {
    /// Case by case.
    Each(fn(&Case<'_>) -> Result<(), String>),
    /// As a whole, where cases need what others say.
    Whole(fn(&File) -> Vec<Verdict>),
}

/// The files and who checks them.
const SUITES: &[(&str, Suite)] = &[];

/// Files of a folder that hold no cases of their own: they belong to another file's suite.
const COMPANIONS: &[&str] = &["fixture.json"];

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
        if COMPANIONS.contains(&name) || name.ends_with(".md") || name.ends_with(".py") {
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
