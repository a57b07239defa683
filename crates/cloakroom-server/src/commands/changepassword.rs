//! `cloakroom changepassword`: up to three tries, as Django's (A162).

use std::io;

use cloakroom::Cloakroom;
use cloakroom::auth::PasswordSet;
use cloakroom::core::secret::Secret;
use cloakroom::core::validators::UserFacts;
use cloakroom::db::users;

use super::{CommandError, Environment};
use crate::cli::ChangePasswordArgs;
use crate::terminal::Terminal;

const MAX_TRIES: u32 = 3;

/// Asks for a new password twice and sets it. The account's other sessions end with it (A74).
///
/// # Errors
///
/// [`CommandError::Said`] for an unknown account, an empty password, or three failures;
/// [`CommandError::Interrupted`] when the person gave up.
pub async fn run(
    site: &Cloakroom,
    args: &ChangePasswordArgs,
    environment: &Environment,
    terminal: &mut dyn Terminal,
) -> Result<(), CommandError> {
    let username = args.username.clone().unwrap_or_else(|| environment.system_user().to_owned());
    let Some(mut user) = users::by_username(site.db(), &username).await? else {
        return Err(CommandError::Said(format!("user '{username}' does not exist")));
    };
    terminal.say(&format!("Changing password for user '{username}'"));
    for _ in 0..MAX_TRIES {
        let first = ask(terminal, "Password: ")?;
        let second = ask(terminal, "Password (again): ")?;
        if first != second {
            terminal.say("Passwords do not match. Please try again.");
            continue;
        }
        let password = Secret::new(first);
        let problems = site.auth().validate_password(&password, Some(&UserFacts::from(&user)));
        if problems.is_empty() {
            match site.auth().set_password(&mut user, &password).await? {
                PasswordSet::Yes => {}
                other => return Err(CommandError::Said(format!("the password was not changed: {other:?}"))),
            }
            if args.common.verbosity >= 1 {
                terminal.say(&format!("Password changed successfully for user '{username}'"));
            }
            return Ok(());
        }
        let said: Vec<_> = problems.into_iter().map(|p| p.message).collect();
        terminal.complain(&said.join("\n"));
    }
    Err(CommandError::Said(format!("Aborting password change for user '{username}' after {MAX_TRIES} attempts")))
}

fn ask(terminal: &mut dyn Terminal, prompt: &str) -> Result<String, CommandError> {
    match terminal.ask_password(prompt) {
        Ok(typed) if typed.is_empty() => Err(CommandError::Said("aborted".into())),
        Ok(typed) => Ok(typed),
        Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(CommandError::Interrupted),
        Err(e) => Err(e.into()),
    }
}
