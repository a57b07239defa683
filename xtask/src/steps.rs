//! The steps of `cargo xtask test`, in order.

use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::services::Services;
use crate::terminal;
use crate::tools::{self, Failure, Outcome, cargo, run as execute};

pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    run: fn() -> Outcome,
}

pub(crate) const ALL: &[Step] = &[
    Step { name: "fmt", about: "formatting", run: || cargo(&["fmt", "--all", "--check"]) },
    Step {
        name: "clippy",
        about: "lints, warnings are errors",
        run: || cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]),
    },
    Step {
        name: "test",
        about: "unit and integration tests, the golden vectors among them; what the micro-benchmarks measure, once",
        run: || {
            cargo(&["test", "--workspace"])?;
            cargo(&["test", "--workspace", "--bench", "request", "--bench", "near"])
        },
    },
    Step { name: "services", about: "tests on PostgreSQL, MariaDB and Redis, the real Django beside", run: services },
    Step { name: "docs", about: "documentation without a broken link", run: docs },
    Step { name: "browser", about: "the life of an account in headless Chromium", run: browser },
    Step { name: "django", about: "the same database opened by the real Django, both ways", run: django },
    Step { name: "diff", about: "the differential runner against the real Django", run: diff },
];

/// The scenarios whose every route exists, and the profiles that they run under.
const SCENARIOS: [&str; 11] =
    ["session_cookie", "csrf", "login", "logout", "guards", "account", "password", "api", "cross", "core", "messages"];

/// Reads `--without NAME` and `--only NAME`.
pub(crate) fn choose(options: &[&str]) -> Result<Vec<&'static Step>, String> {
    let mut without = Vec::new();
    let mut only = Vec::new();
    let mut words = options.iter();
    while let Some(word) = words.next() {
        let list = match *word {
            "--without" => &mut without,
            "--only" => &mut only,
            other => return Err(format!("unknown option {other}")),
        };
        let name = words.next().ok_or_else(|| format!("{word} needs the name of a step"))?;
        if !ALL.iter().any(|step| step.name == *name) {
            return Err(format!("unknown step {name}; `cargo xtask list` names them"));
        }
        list.push(*name);
    }
    let chosen = ALL.iter().filter(|s| !without.contains(&s.name) && (only.is_empty() || only.contains(&s.name)));
    Ok(chosen.collect())
}

/// Runs the steps and sums up. A step that could not run counts as failed.
pub(crate) fn run(chosen: &[&Step]) -> ExitCode {
    let mut rows = Vec::new();
    for step in chosen {
        terminal::heading(&format!("{}: {}", step.name, step.about));
        let start = Instant::now();
        let outcome = (step.run)();
        rows.push((step.name, outcome, start.elapsed().as_secs()));
    }
    terminal::heading("summary");
    for (name, outcome, seconds) in &rows {
        match outcome {
            Ok(()) => terminal::good(&format!("passed     {name} ({seconds} s)")),
            Err(Failure::Failed(why)) => terminal::bad(&format!("failed     {name} ({seconds} s): {why}")),
            Err(Failure::Missing(why)) => {
                terminal::bad(&format!("not run    {name}: {why}; go on without it by --without {name}"));
            }
        }
    }
    for step in ALL.iter().filter(|step| !rows.iter().any(|(name, ..)| *name == step.name)) {
        terminal::note(&format!("left out   {}", step.name));
    }
    let passed = rows.iter().filter(|(_, outcome, _)| outcome.is_ok()).count();
    terminal::line(&format!("{passed} passed, {} failed", rows.len() - passed));
    if passed == rows.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn docs() -> Outcome {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    execute(Command::new(program).args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
}

fn services() -> Outcome {
    let oracle = tools::oracle_with_drivers()?;
    let services = Services::start()?;
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    execute(
        Command::new(program)
            .args(["test", "--workspace", "--features", "services,django", "--test", "services", "--test", "stale"])
            .env("ORACLE_VENV", oracle)
            .envs(services.variables().iter().cloned()),
    )
}

fn browser() -> Outcome {
    tools::need("chromium", &["chromium", "chromium-driver"])?;
    tools::need("chromedriver", &["chromium-driver"])?;
    cargo(&["test", "--package", "cloakroom-testkit", "--features", "browser", "--test", "browser"])
}

fn django() -> Outcome {
    tools::need("redis-server", &["redis-server"])?;
    let oracle = tools::oracle()?;
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    execute(
        Command::new(program)
            .args([
                "test",
                "--package",
                "cloakroom-testkit",
                "--features",
                "django",
                "--test",
                "django",
                "--test",
                "stale",
            ])
            .env("ORACLE_VENV", oracle),
    )
}

fn diff() -> Outcome {
    let oracle = tools::oracle()?;
    cargo(&["build", "--package", "cloakroom-probe"])?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| tools::root().join("target"), Into::into);
    let subject = target.join("debug/cloakroom-probe");
    let mut command = Command::new("sh");
    command.arg(tools::conformance().join("diff/run")).arg("--subject").arg(subject);
    command.args(["--profile", "default", "--deliberate", "conformance/deliberate.yaml"]);
    for scenario in SCENARIOS {
        command.args(["--scenarios", scenario]);
    }
    execute(command.env("ORACLE_VENV", oracle))
}
