//! `cloakroom createsuperuser`: Django's prompts, rules and exit codes (A160, A161).

use std::io;

use cloakroom::Cloakroom;
use cloakroom::auth::{Created, NewAccount, NotCreated};
use cloakroom::core::emails::validate_email;
use cloakroom::core::names::{UsernameRule, default_system_username, model_username_errors};
use cloakroom::core::secret::Secret;
use cloakroom::core::validators::UserFacts;
use cloakroom::db::users;

use super::{CommandError, Environment};
use crate::cli::CreateSuperuserArgs;
use crate::terminal::Terminal;

const MAX_USERNAME_CHARS: usize = 150;
const MAX_EMAIL_CHARS: usize = 254;
const TAKEN: &str = "That username is already taken.";

/// Makes a superuser, asking for what is missing unless `--noinput` is given.
///
/// Without a terminal to ask on it says so, makes nothing and succeeds, as Django does.
///
/// # Errors
///
/// What is wrong with a name or an address given by option; [`CommandError::Cancelled`] when the person gave up.
pub async fn run(
    site: &Cloakroom,
    args: &CreateSuperuserArgs,
    environment: &Environment,
    terminal: &mut dyn Terminal,
) -> Result<(), CommandError> {
    let account = if args.noinput {
        without_questions(site, args, environment).await?
    } else if !terminal.is_tty() {
        terminal.say(
            "Superuser creation skipped due to not running in a TTY. Run `cloakroom createsuperuser` on a terminal, or \
             with --noinput.",
        );
        return Ok(());
    } else {
        match asking(site, args, environment, terminal).await {
            Err(CommandError::Io(e)) if e.kind() == io::ErrorKind::Interrupted => return Err(CommandError::Cancelled),
            other => other?,
        }
    };
    let mut new = NewAccount::new(account.username).with_email(account.email);
    if let Some(password) = account.password {
        new = new.with_password(password);
    }
    match site.auth().create_superuser(new).await? {
        Created::Yes(_) => {}
        Created::No(NotCreated::UsernameTaken) => return Err(CommandError::Said(TAKEN.into())),
        other => {
            let why = if let Created::No(why) = other { why.django_name() } else { "" };
            return Err(CommandError::Said(format!("the account was not made: {why}")));
        }
    }
    if args.common.verbosity >= 1 {
        terminal.say("Superuser created successfully.");
    }
    Ok(())
}

struct Account {
    username: String,
    email: String,
    password: Option<Secret<String>>,
}

async fn without_questions(
    site: &Cloakroom,
    args: &CreateSuperuserArgs,
    environment: &Environment,
) -> Result<Account, CommandError> {
    let username = args.username.clone().or_else(|| environment.get("DJANGO_SUPERUSER_USERNAME"));
    let Some(username) = username else { return Err(missing("--username", "DJANGO_SUPERUSER_USERNAME")) };
    if let Some(problem) = username_problem(site, &username).await? {
        return Err(CommandError::Said(problem));
    }
    let email = match (&args.email, environment.get("DJANGO_SUPERUSER_EMAIL").filter(|e| !e.is_empty())) {
        (Some(given), _) => given.clone(),
        (None, Some(variable)) => variable,
        (None, None) => return Err(missing("--email", "DJANGO_SUPERUSER_EMAIL")),
    };
    if let Some(problem) = email_problem(&email) {
        return Err(CommandError::Said(problem));
    }
    // Django does not run the validators here, and takes an empty variable for an empty password.
    let password = environment.get("DJANGO_SUPERUSER_PASSWORD").map(Secret::new);
    Ok(Account { username, email, password })
}

async fn asking(
    site: &Cloakroom,
    args: &CreateSuperuserArgs,
    environment: &Environment,
    terminal: &mut dyn Terminal,
) -> Result<Account, CommandError> {
    let username = ask_username(site, args, environment, terminal).await?;
    let email = match &args.email {
        Some(email) => match email_problem(email) {
            Some(problem) => return Err(CommandError::Said(problem)),
            None => email.clone(),
        },
        None => loop {
            let typed = terminal.ask("Email address: ")?;
            match email_problem(&typed) {
                Some(problem) => terminal.complain(&format!("Error: {problem}")),
                None => break typed,
            }
        },
    };
    let password = loop {
        let first = terminal.ask_password("Password: ")?;
        let second = terminal.ask_password("Password (again): ")?;
        if first != second {
            terminal.complain("Error: Your passwords didn't match.");
            continue;
        }
        if first.trim().is_empty() {
            terminal.complain("Error: Blank passwords aren't allowed.");
            continue;
        }
        let password = Secret::new(first);
        let facts = UserFacts::new().with("username", "username", &username).with("email", "email address", &email);
        let problems = site.auth().validate_password(&password, Some(&facts));
        if problems.is_empty() {
            break password;
        }
        for problem in &problems {
            terminal.complain(&problem.message);
        }
        let bypass = terminal.ask("Bypass password validation and create user anyway? [y/N]: ")?;
        if bypass.eq_ignore_ascii_case("y") {
            break password;
        }
    };
    Ok(Account { username, email, password: Some(password) })
}

async fn ask_username(
    site: &Cloakroom,
    args: &CreateSuperuserArgs,
    environment: &Environment,
    terminal: &mut dyn Terminal,
) -> Result<String, CommandError> {
    if let Some(given) = &args.username {
        match username_problem(site, given).await? {
            None => return Ok(given.clone()),
            Some(problem) if given.is_empty() => return Err(CommandError::Said(problem)),
            Some(problem) => terminal.complain(&format!("Error: {problem}")),
        }
    }
    let default = default_username(site, environment).await?;
    let prompt = match &default {
        Some(name) => format!("Username (leave blank to use '{name}'): "),
        None => "Username: ".to_owned(),
    };
    loop {
        let typed = terminal.ask(&prompt)?;
        let name = match &default {
            Some(name) if typed.is_empty() => name.clone(),
            _ => typed,
        };
        match username_problem(site, &name).await? {
            None => return Ok(name),
            Some(problem) => terminal.complain(&format!("Error: {problem}")),
        }
    }
}

/// The system user's name, if it can be a username and nobody has it.
async fn default_username(site: &Cloakroom, environment: &Environment) -> Result<Option<String>, CommandError> {
    let name = default_system_username(environment.system_user());
    let free = !name.is_empty() && username_problem(site, &name).await?.is_none();
    Ok(free.then_some(name))
}

async fn username_problem(site: &Cloakroom, username: &str) -> Result<Option<String>, CommandError> {
    if username.is_empty() {
        return Ok(Some("Username cannot be blank.".into()));
    }
    if users::exists_username(site.db(), username).await? {
        return Ok(Some(TAKEN.into()));
    }
    let said =
        model_username_errors(username, UsernameRule::Unicode, MAX_USERNAME_CHARS).into_iter().map(|code| match code {
            "max_length" => format!(
                "Ensure this value has at most {MAX_USERNAME_CHARS} characters (it has {}).",
                username.chars().count()
            ),
            _ => {
                "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.".into()
            }
        });
    let said = said.collect::<Vec<String>>();
    Ok((!said.is_empty()).then(|| said.join("; ")))
}

fn email_problem(email: &str) -> Option<String> {
    if email.is_empty() {
        return None;
    }
    if email.chars().count() > MAX_EMAIL_CHARS {
        return Some(format!("Ensure this value has at most {MAX_EMAIL_CHARS} characters."));
    }
    (!validate_email(email)).then(|| "Enter a valid email address.".into())
}

fn missing(option: &str, variable: &str) -> CommandError {
    CommandError::Said(format!("You must use {option} with --noinput, or set {variable}."))
}
