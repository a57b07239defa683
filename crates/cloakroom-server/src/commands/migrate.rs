//! `cloakroom migrate`: Django's tables, made or found.

use cloakroom::Cloakroom;
use cloakroom::auth::permissions::MadeRows;
use cloakroom::db::migrations::{self, MigrationStep, Status};
use cloakroom::db::{tokens, users};

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
    let of_tokens = if site.settings().api_tokens { tokens::pending(site.db()).await? } else { Vec::new() };
    let pending = !matches!(status, Status::Ready) || !of_tokens.is_empty();
    if args.plan || args.check {
        match &status {
            _ if !pending => terminal.say("No planned migration operations."),
            status => {
                let (migrations, rows) = match status {
                    Status::Pending { migrations, rows } => (migrations.as_slice(), *rows),
                    _ => (&[][..], 0),
                };
                for migration in migrations.iter().chain(&of_tokens) {
                    terminal.say(&format!("  {}.{}", migration.app, migration.name));
                }
                let planned = migrations.len() + of_tokens.len();
                terminal.say(&format!("Planned: {planned} migrations, {rows} rows of permissions."));
            }
        }
        return match args.check && pending {
            true => Err(CommandError::Said("the database is not up to date; run `cloakroom migrate`".into())),
            false => Ok(()),
        };
    }
    let loud = args.common.verbosity >= 1;
    let mut steps = Vec::new();
    site.migrate(&mut |step| steps.push(step)).await?;
    let made = site.create_permissions().await?;
    let pending = pending || !made.is_empty();
    for line in steps.into_iter().map(describe).chain(made.iter().map(describe_model)).filter(|_| loud) {
        terminal.say(&format!("  {line}"));
    }
    if let Err(error) = users::check(site.db()).await {
        // Tables of a model are made by whoever has it, perhaps next.
        terminal.complain(&error.to_string());
    }
    if loud {
        terminal.say(if pending { "\x1b[32mDone.\x1b[0m" } else { "No migrations to apply." });
    }
    Ok(())
}

/// A step as a line for people.
pub(super) fn describe(step: MigrationStep) -> String {
    match step {
        MigrationStep::Applied(m) => format!("Applied {}.{}", m.app, m.name),
        MigrationStep::ContentType { app_label, model } => format!("Content type {app_label}.{model}"),
        MigrationStep::Permissions { app_label, model, made } => format!("{made} permissions of {app_label}.{model}"),
        other => format!("{other:?}"),
    }
}

/// The rows of a model as a line for people.
pub(super) fn describe_model(made: &MadeRows) -> String {
    let MadeRows { app_label, model, permissions, .. } = made;
    format!("{permissions} permissions of {app_label}.{model}")
}
