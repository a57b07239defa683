//! commands.json: what `createsuperuser` and `changepassword` ask, say and do (A160–A163).

use std::collections::{BTreeMap, VecDeque};
use std::io;

use clap::Parser as _;
use clap::error::ErrorKind;
use cloakroom::Cloakroom;
use cloakroom::auth::{Created, NewAccount};
use cloakroom::db::{migrations, users};
use cloakroom::settings::{RawSettings, Settings};
use cloakroom_server::cli::{Cli, Command};
use cloakroom_server::commands::{CommandError, Environment, changepassword, createsuperuser};
use cloakroom_server::terminal::Terminal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::pool::Pool;
use super::{File, Verdict};

/// What the vectors call a text, by a part that ours has. The first that fits counts.
const CODES: [(&str, &str); 26] = [
    ("created", "Superuser created"),
    ("skipped_no_tty", "not running in a TTY"),
    ("changed", "Password changed successfully"),
    ("changing", "Changing password for"),
    ("mismatch", "do not match"),
    ("mismatch", "didn't match"),
    ("blank_password", "Blank passwords"),
    ("cancelled", "Operation cancelled"),
    ("taken", "already taken"),
    ("invalid_username", "valid username"),
    ("invalid_email", "valid email"),
    ("too_short", "too short"),
    ("too_common", "Too many people"),
    ("too_similar", "too much like"),
    ("entirely_numeric", "digits alone"),
    ("too_long", "at most 150"),
    ("missing_option", "with --noinput"),
    ("blank_username", "cannot be blank"),
    ("no_such_user", "does not exist"),
    ("aborted_after_3", "after 3 attempts"),
    ("aborted", "aborted"),
    ("ask_username", "Username"),
    ("ask_email", "Email address"),
    ("ask_password_again", "(again)"),
    ("ask_password", "Password: "),
    ("ask_bypass", "Bypass"),
];

pub(super) fn check(file: &File) -> Vec<Verdict> {
    let pool = Pool::new(async || World::new(file).await);
    file.each(|case| match case.kind {
        "command" => case.expect(&json!({ "ok": pool.with(async |world| answer(world, case.input).await) })),
        kind => Err(format!("unknown kind {kind}")),
    })
}

/// A site on whose accounts the commands work.
struct World {
    site: Cloakroom,
    _folder: TempDir,
}

impl World {
    async fn new(file: &File) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let toml = folder.path().join("cloakroom.toml");
        std::fs::write(&toml, "").unwrap();
        let url = format!("sqlite://{}/db.sqlite3", folder.path().display());
        let variables = [
            ("CLOAKROOM_SECRET_KEY", file.secret_key()),
            ("CLOAKROOM_DATABASE_URL", &url),
            // Which hasher takes the passwords is not asked here.
            ("CLOAKROOM_PASSWORD_HASHERS", r#"["md5"]"#),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let settings = Settings::parse(&RawSettings::read(Some(&toml), variables).unwrap()).unwrap();
        let site = Cloakroom::builder().settings(settings).build().await.unwrap();
        migrations::migrate(site.db(), file.t0(), &mut |_| {}).await.unwrap();
        Self { site, _folder: folder }
    }

    /// Leaves `taken` as the only account.
    async fn reset(&self) {
        for user in users::list(self.site.db(), None, usize::MAX).await.unwrap() {
            assert!(users::delete(self.site.db(), &user.id).await.unwrap());
        }
        let taken = NewAccount::new("taken").with_email("taken@example.com").with_password("taken-Secret-1".to_owned());
        assert!(matches!(self.site.auth().create_user(taken).await.unwrap(), Created::Yes(_)));
    }
}

/// Somebody who types what the case says and then gives up.
struct Typist {
    lines: VecDeque<String>,
    passwords: VecDeque<String>,
    is_tty: bool,
    prompts: Vec<String>,
    stdout: Vec<&'static str>,
    stderr: Vec<&'static str>,
}

impl Typist {
    fn new(input: &Value) -> Self {
        let typed = |name: &str| input[name].as_array().into_iter().flatten().map(text).collect();
        Self {
            lines: typed("input"),
            passwords: typed("getpass"),
            is_tty: input["tty"] != false,
            prompts: Vec::new(),
            stdout: Vec::new(),
            stderr: Vec::new(),
        }
    }
}

impl Terminal for Typist {
    fn is_tty(&self) -> bool {
        self.is_tty
    }

    fn ask(&mut self, prompt: &str) -> io::Result<String> {
        let default = if prompt.contains("leave blank") { "(default)" } else { "" };
        self.prompts.push(format!("{}{default}", code(prompt)));
        self.lines.pop_front().ok_or_else(|| io::ErrorKind::Interrupted.into())
    }

    fn ask_password(&mut self, prompt: &str) -> io::Result<String> {
        self.prompts.push(code(prompt).to_owned());
        self.passwords.pop_front().ok_or_else(|| io::ErrorKind::Interrupted.into())
    }

    fn say(&mut self, text: &str) {
        self.stdout.extend(text.lines().filter(|l| !l.is_empty()).map(code));
    }

    fn complain(&mut self, text: &str) {
        self.stderr.extend(text.lines().filter(|l| !l.is_empty()).map(code));
    }
}

fn code(text: &str) -> &'static str {
    CODES.iter().find(|(_, part)| text.contains(part)).map_or_else(|| panic!("no code for {text:?}"), |(code, _)| code)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn answer(world: &World, input: &Value) -> Value {
    world.reset().await;
    let command = input["command"].as_str().unwrap();
    let variables: BTreeMap<_, _> =
        input["env"].as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect();
    let environment = Environment::new(variables, "sysuser");
    let mut typist = Typist::new(input);

    let arguments = ["cloakroom".to_owned(), command.to_owned()].into_iter();
    let (error, exit_code) =
        match Cli::try_parse_from(arguments.chain(input["args"].as_array().unwrap().iter().map(text))) {
            Err(e) => (Some(vec![misused(e.kind())]), e.exit_code()),
            Ok(cli) => match run(world, cli, &environment, &mut typist).await {
                Ok(()) => (None, 0),
                Err(e) => {
                    let exit_code = i32::from(e.exit_code());
                    (complaint(&e, &mut typist), exit_code)
                }
            },
        };

    let tried: Vec<_> = input["try"].as_array().into_iter().flatten().map(text).collect();
    let all = users::list(world.site.db(), None, usize::MAX).await.unwrap();
    let rows: Vec<_> = all
        .iter()
        .filter(|user| user.username != "taken" || command == "changepassword")
        .map(|user| {
            let opens = |p: &&String| world.site.auth().hashers().verify_unevenly(p, &user.password).is_match();
            json!({
                "username": user.username, "email": user.email, "is_staff": user.is_staff,
                "is_superuser": user.is_superuser, "is_active": user.is_active, "usable": user.password.is_usable(),
                "password": tried.iter().find(opens),
            })
        })
        .collect();
    let mut out = json!({
        "exit_code": exit_code, "stdout": typist.stdout, "stderr": typist.stderr, "prompts": typist.prompts,
        "users": rows,
    });
    if let Some(error) = error {
        out["error"] = json!(error);
    }
    out
}

async fn run(world: &World, cli: Cli, environment: &Environment, typist: &mut Typist) -> Result<(), CommandError> {
    match cli.command.expect("the vectors name a command") {
        Command::Createsuperuser(args) => createsuperuser::run(&world.site, &args, environment, typist).await,
        Command::Changepassword(args) => changepassword::run(&world.site, &args, environment, typist).await,
        other => panic!("no vector asks {other:?}"),
    }
}

/// The code of a command line that is not understood.
fn misused(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidValue => "bad_database",
        ErrorKind::UnknownArgument => "unknown_argument",
        other => panic!("no code for {other:?}"),
    }
}

/// The codes of an error, where Django raises one: that it was cancelled it only says.
fn complaint(error: &CommandError, typist: &mut Typist) -> Option<Vec<&'static str>> {
    match error {
        CommandError::Cancelled => {
            typist.complain(&error.to_string());
            None
        }
        CommandError::Interrupted => Some(vec!["interrupted"]),
        CommandError::UnknownArgument(_) => Some(vec!["unknown_argument"]),
        other => Some(other.to_string().split("; ").map(code).collect()),
    }
}
