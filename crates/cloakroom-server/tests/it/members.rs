//! A user model of the site's own, by settings alone (A17, A160).

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;

use clap::Parser as _;
use cloakroom::core::keys::UserId;
use cloakroom::db::users;
use cloakroom::settings::{RawSettings, Settings};
use cloakroom::user_model::ColumnValue;
use cloakroom_server::cli::{Cli, Command};
use cloakroom_server::commands::{self, CommandError, Environment};
use cloakroom_server::terminal::Terminal;
use serde_json::json;

use crate::program::Home;

const TABLE: &str = "CREATE TABLE accounts_member (id char(32) NOT NULL PRIMARY KEY, password varchar(128) NOT NULL,
    last_login datetime NULL, is_superuser bool NOT NULL, email varchar(254) NOT NULL UNIQUE,
    full_name varchar(100) NOT NULL, birth_year integer NOT NULL, is_active bool NOT NULL, is_staff bool NOT NULL)";

fn make_table(folder: &Path, sql: &str) {
    rusqlite::Connection::open(folder.join("db.sqlite3")).unwrap().execute_batch(sql).unwrap();
}

/// A person who answers in order.
#[derive(Default)]
struct Person {
    answers: VecDeque<&'static str>,
    heard: Vec<String>,
}

impl Terminal for Person {
    fn is_tty(&self) -> bool {
        true
    }

    fn ask(&mut self, prompt: &str) -> io::Result<String> {
        self.heard.push(prompt.to_owned());
        self.answers.pop_front().map(str::to_owned).ok_or_else(|| io::ErrorKind::Interrupted.into())
    }

    fn ask_password(&mut self, prompt: &str) -> io::Result<String> {
        self.ask(prompt)
    }

    fn say(&mut self, text: &str) {
        self.heard.push(text.to_owned());
    }

    fn complain(&mut self, text: &str) {
        self.heard.push(text.to_owned());
    }
}

fn settings(folder: &Path) -> Settings {
    let mut raw = RawSettings::new();
    let database = format!("sqlite://{}", folder.join("db.sqlite3").display());
    for (name, value) in [
        ("DATABASE_URL", json!(database)),
        ("SECRET_KEY", json!("a secret key of a test, long enough to be one: 0123456789")),
        ("AUTH_USER_MODEL", json!("accounts.Member")),
        ("USERNAME_FIELD", json!("email")),
        ("REQUIRED_FIELDS", json!(["full_name", "birth_year"])),
        ("AUTH_USER_VERBOSE_NAMES", json!({"email": "email address"})),
        ("PASSWORD_HASHERS", json!(["django.contrib.auth.hashers.MD5PasswordHasher"])),
    ] {
        raw.set(name, value).unwrap();
    }
    Settings::parse(&raw).unwrap()
}

async fn createsuperuser(
    folder: &Path,
    options: &[&str],
    variables: &[(&str, &str)],
    person: &mut Person,
) -> Result<(), CommandError> {
    let site = commands::open_and_migrate(settings(folder)).await?;
    let cli = Cli::parse_from([&["cloakroom", "createsuperuser"], options].concat());
    let Some(Command::Createsuperuser(args)) = cli.command else { panic!("{cli:?}") };
    let variables: BTreeMap<_, _> = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let done = commands::createsuperuser::run(&site, &args, &Environment::new(variables, "root"), person).await;
    site.close().await;
    done
}

/// A160: the name to sign in with, then the required fields, by their verbose names.
#[tokio::test]
async fn createsuperuser_asks_for_what_the_model_has() {
    let folder = tempfile::tempdir().unwrap();
    make_table(folder.path(), TABLE);
    let answers =
        ["", "nobody", "ada@Site.Example", "", "Ada Lovelace", "soon", "1815", "quite 5 another", "quite 5 another"];
    let mut ada = Person { answers: answers.into(), ..Person::default() };
    createsuperuser(folder.path(), &[], &[], &mut ada).await.unwrap();
    assert_eq!(
        ada.heard,
        [
            "Email address: ",
            "Error: Email address cannot be blank.",
            "Email address: ",
            "Error: Enter a valid email address.",
            "Email address: ",
            "Full name: ",
            "Error: This field cannot be blank.",
            "Full name: ",
            "Birth year: ",
            "Error: “soon” value must be an integer.",
            "Birth year: ",
            "Password: ",
            "Password (again): ",
            "Superuser created successfully.",
        ]
    );
    let site = commands::open_migrated(settings(folder.path())).await.unwrap();
    let made = users::by_username(site.db(), "ada@site.example").await.unwrap().unwrap();
    assert!(made.is_superuser && made.is_staff && made.is_active);
    assert!(matches!(&made.id, UserId::Text(text) if text.len() == 36), "{:?}", made.id);
    assert_eq!(made.extra.get("birth_year"), Some(&ColumnValue::Int(1815)));
    site.close().await;

    let mut again = Person { answers: ["ada@site.example"].into(), ..Person::default() };
    let given_up = createsuperuser(folder.path(), &[], &[], &mut again).await;
    assert!(matches!(given_up, Err(CommandError::Cancelled)));
    assert_eq!(again.heard[1], "Error: That email address is already taken.");
}

/// A161: options named after the fields, and variables.
#[tokio::test]
async fn createsuperuser_takes_options_named_after_the_fields() {
    let folder = tempfile::tempdir().unwrap();
    make_table(folder.path(), TABLE);
    let options = ["--email", "bob@site.example", "--full_name=Bob", "--noinput"];
    let refused = createsuperuser(folder.path(), &options, &[], &mut Person::default()).await.unwrap_err().to_string();
    assert_eq!(refused, "You must use --birth_year with --noinput, or set DJANGO_SUPERUSER_BIRTH_YEAR.");
    let variables = [("DJANGO_SUPERUSER_BIRTH_YEAR", "1970")];
    createsuperuser(folder.path(), &options, &variables, &mut Person::default()).await.unwrap();
    let unknown = ["--shoe_size", "37", "--noinput"];
    let refused = createsuperuser(folder.path(), &unknown, &[], &mut Person::default()).await.unwrap_err();
    assert_eq!(refused.to_string(), "unexpected argument '--shoe_size'; --help tells what there is");
}

/// What a table lacks stops the start, in one line; `migrate` makes the rest and says it too.
#[test]
fn a_table_that_is_not_there_stops_the_start() {
    let home = Home::quick().with("AUTH_USER_MODEL", "accounts.Member").with("USERNAME_FIELD", "email");
    let migrated = home.run(&["migrate"]);
    assert_eq!(migrated.code, Some(0), "{migrated:?}");
    assert!(migrated.stderr.contains("the database has no table accounts_member"), "{migrated:?}");
    assert!(migrated.stdout.contains("4 permissions of accounts.member"), "{migrated:?}");
    let ended = home.run(&["serve", "--addr", "127.0.0.1:0"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let missing = ended.stderr.lines().filter(|line| line.contains("no table accounts_member"));
    assert_eq!(missing.count(), 1, "{ended:?}");
    let checked = home.run(&["check"]);
    assert!(checked.code == Some(1) && checked.stdout.contains("cloakroom.E023"), "{checked:?}");

    make_table(&home.path(""), TABLE);
    let migrated = home.run(&["migrate"]);
    assert!(migrated.stderr.is_empty() && migrated.stdout.contains("No migrations to apply."), "{migrated:?}");
}

/// A80, A87.
#[test]
fn migrate_makes_permissions_of_the_applications_models() {
    let models = r#"[{"name": "blog.BlogPost", "permissions": [["pin", "Pin to the top"]]}]"#;
    let home = Home::new().with("MODELS", models);
    let first = home.run(&["migrate"]);
    assert!(first.stdout.contains("5 permissions of blog.blogpost"), "{first:?}");
    assert_eq!(home.run(&["migrate"]).stdout, "No migrations to apply.\n");
    let stored = rusqlite::Connection::open(home.path("db.sqlite3")).unwrap();
    let name: String = stored
        .query_row("SELECT name FROM auth_permission WHERE codename = 'change_blogpost'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(name, "Can change blog post");
}
