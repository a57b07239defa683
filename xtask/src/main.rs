//! `cargo xtask`: the project's own commands.

mod steps;
mod terminal;
mod tools;

use std::process::ExitCode;

const USAGE: &str = "\
The project's own commands.

Usage: cargo xtask test [--without NAME]... [--only NAME]...
       cargo xtask list

  test   runs everything; installs and starts what it needs; names what it could not run, and fails then,
         unless told to go --without it
  list   prints the names of the steps

Examples:
  cargo xtask test
  cargo xtask test --without browser --without diff
  cargo xtask test --only clippy
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
        [] | ["--help" | "-h" | "help", ..] => {
            terminal::line(USAGE);
            ExitCode::SUCCESS
        }
        [other, ..] => fail(&format!("unknown command {other}")),
    }
}

fn fail(message: &str) -> ExitCode {
    terminal::error(&format!("{message}\n\n{USAGE}"));
    ExitCode::from(2)
}
