//! `cloakroom migrate`: Django's tables, made or found.

use cloakroom::Cloakroom;
use cloakroom::db::migrations::{self, MigrationStep, Status};

use super::CommandError;
use crate::cli::MigrateArgs;
use crate::terminal::Terminal;

/// Makes what is missing, says each step. A database that Django made is left as it is.
///
/// # Errors
///
/// A database that cannot be written, or whose tables are of a Django that is not known here.
pub async fn run(site: &Cloakroom, args: &MigrateArgs, terminal: &mut dyn Terminal) -> Result<(), CommandError> {
    let status = migrations::status(site.db()).await?;
    let pending = !matches!(status, Status::UpToDate);
    if args.plan || args.check {
        terminal.say(if pending { "Planned: make Django's tables." } else { "Nothing to do." });
        return match args.check && pending {
            true => Err(CommandError::Said("the database is not up to date; run `cloakroom migrate`".into())),
            false => Ok(()),
        };
    }
    let loud = args.common.verbosity >= 1;
    migrations::migrate(site.db(), site.clock().now(), &mut |step: MigrationStep<'_>| {
        if loud {
            terminal.say(&format!("  {step}"));
        }
    })
    .await?;
    if loud {
        terminal.say(if pending { "\x1b[32mDone.\x1b[0m" } else { "No migrations to apply." });
    }
    Ok(())
}
