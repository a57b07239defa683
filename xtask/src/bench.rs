//! `cargo xtask bench`: builds what is measured, starts what it needs, and measures.

use std::path::PathBuf;
use std::process::Command;

use crate::services::Services;
use crate::terminal;
use crate::tools::{self, Failure, Outcome, cargo, run};

/// The core from which the benchmark asks.
const LOAD_CORE: &str = "1";

/// What to measure.
pub(crate) struct Bench {
    gate: bool,
    peers: bool,
    passed_on: Vec<String>,
}

impl Bench {
    /// Reads the words behind `bench`.
    pub(crate) fn read(words: &[&str]) -> Result<Self, String> {
        let mut bench = Self { gate: false, peers: true, passed_on: Vec::new() };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--gate" => bench.gate = true,
                "--without-peers" => bench.peers = false,
                "--rounds" | "--seconds" | "--stored" | "--only" | "--out" => {
                    let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
                    bench.passed_on.extend([(*word).to_owned(), (*value).to_owned()]);
                }
                other => return Err(format!("unknown option {other}")),
            }
        }
        Ok(bench)
    }

    /// Measures.
    pub(crate) fn run(&self) -> Outcome {
        tools::need("wrk", &["wrk"])?;
        tools::need("taskset", &["util-linux"])?;
        tools::need("sqlite3", &["sqlite3"])?;
        terminal::heading("building");
        cargo(&["build", "--release", "--package", "cloakroom-bench", "--package", "cloakroom-server", "--bins"])?;
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| tools::root().join("target"), Into::into);
        let mut command = Command::new(target.join("release/cloakroom-bench"));
        if self.peers {
            command.env("CLOAKROOM_BENCH_AXUM_LOGIN", axum_login(&target)?);
            command.env("CLOAKROOM_BENCH_PYTHON", django()?);
        }
        // Were PostgreSQL and Redis now on the one core and now on the other, figures would be a matter of chance. What asks
        // slowly and times each answer goes where there is room: beside who clears a million sessions it would time itself.
        let every_core = format!("0-{}", std::thread::available_parallelism().map_or(0, |cores| cores.get() - 1));
        stay_on(LOAD_CORE)?;
        let services = Services::start()?;
        stay_on(&every_core)?;
        terminal::heading("measuring; leave the machine alone");
        command.arg("run").args(&self.passed_on).envs(services.variables().iter().cloned());
        if self.gate {
            command.arg("--gate");
        }
        run(&mut command)
    }
}

/// Has this process run on these cores, and whatever it starts from here on.
fn stay_on(cores: &str) -> Outcome {
    run(Command::new("taskset").args(["-a", "-c", "-p", cores, &std::process::id().to_string()]))
}

fn axum_login(target: &std::path::Path) -> Result<PathBuf, Failure> {
    let manifest = tools::root().join("crates/cloakroom-bench/peers/axum-login/Cargo.toml");
    let target = target.join("peers");
    let (manifest, folder) = (manifest.display().to_string(), target.display().to_string());
    cargo(&["build", "--release", "--manifest-path", &manifest, "--target-dir", &folder])?;
    Ok(target.join("release/bench-axum-login"))
}

fn django() -> Result<PathBuf, Failure> {
    let python = tools::oracle()?.join("bin/python");
    let has = || Command::new(&python).args(["-c", "import gunicorn"]).status().is_ok_and(|status| status.success());
    if !has() {
        terminal::note("setting up gunicorn");
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "gunicorn"]))?;
    }
    Ok(python)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let bench = Bench::read(&["--gate", "--rounds", "3", "--without-peers"]).unwrap_or_else(|e| panic!("{e}"));
        assert!(bench.gate && !bench.peers);
        assert_eq!(bench.passed_on, ["--rounds", "3"]);
        assert!(Bench::read(&["--rounds"]).is_err() && Bench::read(&["--fast"]).is_err());
    }
}
