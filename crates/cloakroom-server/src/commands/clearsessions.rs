//! `cloakroom clearsessions`: deletes expired sessions in batches that nobody notices (S48, S59).

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
    let cleared = site.sessions().clear_expired().await?;
    match (args.common.verbosity, cleared) {
        (0, _) => {}
        (_, 1) => terminal.say("1 expired session deleted."),
        (_, n) => terminal.say(&format!("{n} expired sessions deleted.")),
    }
    Ok(())
}
