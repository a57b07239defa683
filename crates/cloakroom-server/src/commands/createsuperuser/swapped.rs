//! The questions about a user model of the application's own: `USERNAME_FIELD`, then each of `REQUIRED_FIELDS` (A17, A160).

use std::collections::BTreeMap;

use cloakroom::Cloakroom;
use cloakroom::auth::NewAccount;
use cloakroom::core::pytext::capfirst;
use cloakroom::core::secret::Secret;
use cloakroom::core::validators::UserFacts;
use cloakroom::db::users;
use cloakroom::user_model::{ColumnKind, UserTable};

use super::{Account, ask_password, email_problem, taken, username_problem};
use crate::cli::CreateSuperuserArgs;
use crate::commands::{CommandError, Environment};
use crate::terminal::Terminal;

/// What is asked, and what was given by options named after the fields.
pub(super) struct Prompts<'a> {
    site: &'a Cloakroom,
    table: &'a UserTable,
    given: BTreeMap<String, String>,
}

impl<'a> Prompts<'a> {
    /// Takes options such as `--full_name X` or `--full_name=X`.
    pub(super) fn new(site: &'a Cloakroom, args: &CreateSuperuserArgs) -> Result<Self, CommandError> {
        let table = users::table(site.db());
        let mut given = BTreeMap::new();
        given.extend(args.username.clone().map(|value| ("username".to_owned(), value)));
        given.extend(args.email.clone().map(|value| ("email".to_owned(), value)));
        let mut words = args.words();
        while let Some(word) = words.next() {
            let unexpected = || CommandError::UnknownArgument(word.clone());
            let option = word.strip_prefix("--").ok_or_else(unexpected)?;
            let (name, value) = match option.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                None => (option, words.next().cloned().ok_or_else(unexpected)?),
            };
            if name != table.username_field() && !table.required_fields().iter().any(|field| field == name) {
                return Err(unexpected());
            }
            given.insert(name.to_owned(), value);
        }
        Ok(Self { site, table, given })
    }

    pub(super) async fn without_questions(&self, environment: &Environment) -> Result<Account, CommandError> {
        let value = |field: &str| {
            let variable = format!("DJANGO_SUPERUSER_{}", field.to_uppercase());
            let value = self.given.get(field).cloned().or_else(|| environment.get(&variable));
            value
                .ok_or_else(|| CommandError::Said(format!("You must use --{field} with --noinput, or set {variable}.")))
        };
        let username = value(self.table.username_field())?;
        if let Some(problem) = self.username_problem(&username).await? {
            return Err(CommandError::Said(problem));
        }
        let mut new = NewAccount::new(username);
        for field in self.table.required_fields() {
            let text = value(field)?;
            new = self.take(new, field, &text)?.map_err(CommandError::Said)?;
        }
        Ok(Account { new, password: environment.get("DJANGO_SUPERUSER_PASSWORD").map(Secret::new) })
    }

    pub(super) async fn asking(&self, terminal: &mut dyn Terminal) -> Result<Account, CommandError> {
        let username = self.ask_username(terminal).await?;
        let field = self.table.username_field().to_owned();
        let verbose_name = self.table.verbose_name_of(&field);
        let mut facts = UserFacts::new().with(field, verbose_name, &username);
        let mut new = NewAccount::new(username);
        for field in self.table.required_fields() {
            let verbose_name = self.table.verbose_name_of(field);
            let mut given = self.given.get(field).cloned();
            new = loop {
                let said = given.is_some();
                let text = match given.take() {
                    Some(text) => text,
                    None => terminal.ask(&format!("{}: ", capfirst(&verbose_name)))?,
                };
                match self.take(new.clone(), field, &text)? {
                    Ok(taken) => {
                        facts = facts.with(field.clone(), verbose_name.clone(), text);
                        break taken;
                    }
                    Err(problem) if said => return Err(CommandError::Said(problem)),
                    Err(problem) => terminal.complain(&format!("Error: {problem}")),
                }
            };
        }
        let password = ask_password(self.site, &facts, terminal)?;
        Ok(Account { new, password: Some(password) })
    }

    async fn ask_username(&self, terminal: &mut dyn Terminal) -> Result<String, CommandError> {
        let field = self.table.username_field();
        if let Some(given) = self.given.get(field) {
            match self.username_problem(given).await? {
                None => return Ok(given.clone()),
                Some(problem) if given.is_empty() => return Err(CommandError::Said(problem)),
                Some(problem) => terminal.complain(&format!("Error: {problem}")),
            }
        }
        let prompt = format!("{}: ", capfirst(&self.table.verbose_name_of(field)));
        loop {
            let name = terminal.ask(&prompt)?;
            match self.username_problem(&name).await? {
                None => return Ok(name),
                Some(problem) => terminal.complain(&format!("Error: {problem}")),
            }
        }
    }

    async fn username_problem(&self, name: &str) -> Result<Option<String>, CommandError> {
        let field = self.table.username_field();
        if field == "username" {
            return username_problem(self.site, name).await;
        }
        let verbose_name = self.table.verbose_name_of(field);
        if name.is_empty() {
            return Ok(Some(format!("{} cannot be blank.", capfirst(&verbose_name))));
        }
        if users::exists_username(self.site.db(), name).await? {
            return Ok(Some(taken(&verbose_name)));
        }
        Ok(if field == self.table.email_field() { email_problem(name) } else { None })
    }

    /// Puts a field's text into the account, or says what is wrong with it.
    fn take(&self, new: NewAccount, field: &str, text: &str) -> Result<Result<NewAccount, String>, CommandError> {
        if text.is_empty() {
            return Ok(Err("This field cannot be blank.".into()));
        }
        let mut new = new;
        match field {
            field if field == self.table.email_field() => {
                if let Some(problem) = email_problem(text) {
                    return Ok(Err(problem));
                }
                new.email = text.to_owned();
            }
            "first_name" => new.first_name = text.to_owned(),
            "last_name" => new.last_name = text.to_owned(),
            _ => {
                let kind = users::column_kind(self.site.db(), field)?.unwrap_or(ColumnKind::Text);
                match kind.parse(text) {
                    Some(value) => new = new.with_column(field, value),
                    None => return Ok(Err(format!("“{text}” value must be {}.", wanted(kind)))),
                }
            }
        }
        Ok(Ok(new))
    }
}

const fn wanted(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Int => "an integer",
        ColumnKind::Bool => "either True or False",
        ColumnKind::Float => "a float",
        other => other.description(),
    }
}
