//! `cloakroom drf_create_token`: REST framework's command of that name (D30).

use cloakroom::Cloakroom;
use cloakroom::db::tokens;

use super::CommandError;
use crate::cli::DrfCreateTokenArgs;
use crate::terminal::Terminal;

/// Prints the user's token, made if there is none, or anew with `--reset`.
///
/// # Errors
///
/// [`CommandError::Said`] for an unknown account, or where the site has no tokens.
pub async fn run(site: &Cloakroom, args: &DrfCreateTokenArgs, terminal: &mut dyn Terminal) -> Result<(), CommandError> {
    if !tokens::is_installed(site.db()).await? {
        let what = "the database has no table of tokens; set API_TOKENS = true and run `cloakroom migrate`";
        return Err(CommandError::Said(what.into()));
    }
    let username = &args.username;
    let unknown = || CommandError::Said(format!("Cannot create the Token: user {username} does not exist"));
    let user = site.auth().user_by_username(username).await?.ok_or_else(unknown)?;
    let token = match args.reset {
        true => site.auth().renew_token(&user.id).await?,
        false => site.auth().token_of(&user.id).await?,
    };
    let token = token.ok_or_else(unknown)?;
    terminal.say(&format!("Generated token {} for user {username}", token.key.expose()));
    Ok(())
}
