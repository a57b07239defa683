//! Lines for people, with colours where a terminal reads them.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this module is for")]

use std::io::IsTerminal as _;

const BOLD: &str = "\x1b[1m";
const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const RESET: &str = "\x1b[0m";
const YELLOW: &str = "\x1b[33m";

fn paint(colour: &str, text: &str) -> String {
    let wanted = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if wanted { format!("{colour}{text}{RESET}") } else { text.to_owned() }
}

pub(crate) fn line(text: &str) {
    println!("{text}");
}

pub(crate) fn error(text: &str) {
    eprintln!("{}", paint(RED, text));
}

pub(crate) fn heading(text: &str) {
    println!("\n{}", paint(BOLD, &format!("── {text}")));
}

pub(crate) fn good(text: &str) {
    println!("{}", paint(GREEN, text));
}

pub(crate) fn bad(text: &str) {
    println!("{}", paint(RED, text));
}

pub(crate) fn note(text: &str) {
    println!("{}", paint(YELLOW, text));
}
