//! What the commands ask and say, behind a trait, so that a test can answer and listen.

use std::io::{self, IsTerminal as _, Write as _};

/// The terminal as commands see it.
pub trait Terminal {
    /// Whether somebody can answer.
    fn is_tty(&self) -> bool;

    /// Asks for a line.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::Interrupted`] when the person gave up, whatever reading fails with otherwise.
    fn ask(&mut self, prompt: &str) -> io::Result<String>;

    /// Asks for a password, which is not shown while it is typed.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    fn ask_password(&mut self, prompt: &str) -> io::Result<String>;

    /// Prints a result.
    fn say(&mut self, text: &str);

    /// Prints a complaint.
    fn complain(&mut self, text: &str);
}

/// The process's own terminal.
#[derive(Debug, Default)]
pub struct Console;

impl Terminal for Console {
    fn is_tty(&self) -> bool {
        io::stdin().is_terminal()
    }

    fn ask(&mut self, prompt: &str) -> io::Result<String> {
        let mut out = anstream::stdout();
        write!(out, "{prompt}")?;
        out.flush()?;
        let mut line = String::new();
        if io::stdin().read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    fn ask_password(&mut self, prompt: &str) -> io::Result<String> {
        rpassword::prompt_password(prompt)
    }

    fn say(&mut self, text: &str) {
        writeln!(anstream::stdout(), "{text}").ok();
    }

    fn complain(&mut self, text: &str) {
        writeln!(anstream::stderr(), "\x1b[31m{text}\x1b[0m").ok();
    }
}
