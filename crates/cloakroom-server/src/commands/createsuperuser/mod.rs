//! `cloakroom createsuperuser`: Django's prompts, rules and exit codes (A160, A161).

mod swapped;

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
    let table = users::table(site.db());
    let swapped = (!table.is_stock()).then(|| swapped::Prompts::new(site, args)).transpose()?;
    if let (None, Some(unknown)) = (&swapped, args.words().next()) {
        return Err(CommandError::UnknownArgument(unknown.clone()));
    }
    let account = if args.asks_nothing() {
        match &swapped {
            Some(prompts) => prompts.without_questions(environment).await?,
            None => without_questions(site, args, environment).await?,
        }
    } else if !terminal.is_tty() {
        terminal.say(
            "Superuser creation skipped due to not running in a TTY. Run `cloakroom createsuperuser` on a terminal, or \
             with --noinput.",
        );
        return Ok(());
    } else {
        let asked = match &swapped {
            Some(prompts) => prompts.asking(terminal).await,
            None => asking(site, args, environment, terminal).await,
        };
        match asked {
            Err(CommandError::Io(e)) if e.kind() == io::ErrorKind::Interrupted => return Err(CommandError::Cancelled),
            other => other?,
        }
    };
    let mut new = account.new;
    if let Some(password) = account.password {
        new = new.with_password(password);
    }
    match site.auth().create_superuser(new).await? {
        Created::Yes(_) => {}
        Created::No(NotCreated::UsernameTaken) => {
            return Err(CommandError::Said(taken(&table.verbose_name_of(table.username_field()))));
        }
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
    new: NewAccount,
    password: Option<Secret<String>>,
}

fn taken(verbose_name: &str) -> String {
    format!("That {verbose_name} is already taken.")
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
    Ok(Account { new: NewAccount::new(username).with_email(email), password })
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
    let facts = UserFacts::new().with("username", "username", &username).with("email", "email address", &email);
    let password = ask_password(site, &facts, terminal)?;
    Ok(Account { new: NewAccount::new(username).with_email(email), password: Some(password) })
}

/// A password, twice the same, that the validators take or that is wanted all the same.
fn ask_password(
    site: &Cloakroom,
    facts: &UserFacts,
    terminal: &mut dyn Terminal,
) -> Result<Secret<String>, CommandError> {
    loop {
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
        let problems = site.auth().validate_password(&password, Some(facts));
        if problems.is_empty() {
            return Ok(password);
        }
        for problem in &problems {
            terminal.complain(&problem.message);
        }
        let bypass = terminal.ask("Bypass password validation and create user anyway? [y/N]: ")?;
        if bypass.eq_ignore_ascii_case("y") {
            return Ok(password);
        }
    }
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
        return Ok(Some(taken("username")));
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
