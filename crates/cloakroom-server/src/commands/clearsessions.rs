//! `cloakroom clearsessions`: deletes expired sessions in batches that nobody notices (S48, S59).

use std::io::{IsTerminal as _, Write as _};

use cloakroom::Cloakroom;

use super::CommandError;
use crate::cli::ClearSessionsArgs;
use crate::terminal::Terminal;

/// Deletes what has expired and says how many there were.
///
/// # Errors
///
/// The store failed. What was deleted before stays deleted.
pub async fn run(site: &Cloakroom, args: &ClearSessionsArgs, terminal: &mut dyn Terminal) -> Result<(), CommandError> {
    let shown = args.common.verbosity > 0 && std::io::stderr().is_terminal();
    let cleared = site
        .sessions()
        .clear_expired_telling(&mut |cleared| {
            if shown {
                // Over the line before; a terminal that is gone is no reason to stop.
                write!(std::io::stderr(), "\r{cleared} deleted …").ok();
            }
        })
        .await?;
    if shown {
        write!(std::io::stderr(), "\r\x1b[K").ok();
    }
    match (args.common.verbosity, cleared) {
        (0, _) => {}
        (_, 1) => terminal.say("1 expired session deleted."),
        (_, n) => terminal.say(&format!("{n} expired sessions deleted.")),
    }
    Ok(())
}
