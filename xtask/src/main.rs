//! `cargo xtask`: the project's own commands.

mod bench;
mod services;
mod steps;
mod terminal;
mod tools;

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode, ExitStatus};

use crate::services::Services;
use crate::tools::Failure;

const USAGE: &str = "\
The project's own commands.

Usage: cargo xtask test [--without NAME]... [--only NAME]...
       cargo xtask services -- COMMAND...
       cargo xtask bench [--gate] [--rounds N] [--seconds N] [--stored N]... [--only NAME]... [--without-peers] [--out DIR]
       cargo xtask list

  test      runs everything; installs and starts what it needs; names what it could not run, and fails then,
            unless told to go --without it
  services  starts PostgreSQL, MariaDB and Redis on spare ports of 127.0.0.1, runs COMMAND and stops them; as root on
            Debian, installs what is missing. COMMAND finds in its environment:
              CLOAKROOM_TEST_POSTGRES  postgres://..., an account that may make databases
              CLOAKROOM_TEST_MYSQL     mysql://..., the same on MariaDB
              CLOAKROOM_TEST_REDIS     redis://...
              CLOAKROOM_TEST_CA        the file with the certificate that the first two show for TLS
  bench     measures release builds beside bare axum, axum-login and Django, in one run; --gate fails where a goal is
            missed; --out writes benchmarks.md and benchmarks.svg there
  list      prints the names of the steps

Examples:
  cargo xtask test
  cargo xtask test --without browser --without diff
  cargo xtask test --only clippy
  cargo xtask bench --gate --stored 1000000 --stored 10000000 --out docs
  cargo xtask services -- cargo test -p cloakroom-db --features services --test services
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["list"] => {
            for step in steps::ALL {
                terminal::line(&format!("{:<10} {}", step.name, step.about));
            }
            ExitCode::SUCCESS
        }
        ["test", options @ ..] => match steps::choose(options) {
            Ok(chosen) => steps::run(&chosen),
            Err(message) => fail(&message),
        },
        ["bench", options @ ..] => match bench::Bench::read(options) {
            Ok(bench) => match bench.run() {
                Ok(()) => ExitCode::SUCCESS,
                Err(Failure::Missing(why) | Failure::Failed(why)) => {
                    terminal::error(&why);
                    ExitCode::FAILURE
                }
            },
            Err(message) => fail(&message),
        },
        ["services", "--", program, arguments @ ..] => with_services(program, arguments),
        ["services", ..] => fail("services needs a command: cargo xtask services -- COMMAND..."),
        [] | ["--help" | "-h" | "help", ..] => {
            terminal::line(USAGE);
            ExitCode::SUCCESS
        }
        [other, ..] => fail(&format!("unknown command {other}")),
    }
}

/// Runs a command with the servers, and returns its status.
fn with_services(program: &str, arguments: &[&str]) -> ExitCode {
    let services = match Services::start() {
        Ok(services) => services,
        Err(Failure::Missing(why) | Failure::Failed(why)) => {
            terminal::error(&why);
            return ExitCode::FAILURE;
        }
    };
    match Command::new(program).args(arguments).envs(services.variables().iter().cloned()).status() {
        Ok(status) => ExitCode::from(code(status)),
        Err(e) => {
            terminal::error(&format!("{program}: {e}"));
            ExitCode::from(127)
        }
    }
}

/// A status as a shell gives it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

fn fail(message: &str) -> ExitCode {
    terminal::error(&format!("{message}\n\n{USAGE}"));
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_that_of_a_shell() {
        assert_eq!(code(ExitStatus::from_raw(0)), 0);
        assert_eq!(code(ExitStatus::from_raw(7 << 8)), 7);
        assert_eq!(code(ExitStatus::from_raw(15)), 143);
    }
}
