//! The command line: names and options as Django's where Django has them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgAction, Args, Parser, Subcommand};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Accounts, sessions and logins as Django has them.
#[derive(Debug, Parser)]
#[command(name = "cloakroom", version, styles = STYLES, disable_help_subcommand = true, after_help = "\
Settings have Django's names: lower case in cloakroom.toml, CLOAKROOM_<NAME> in the environment.

Examples:
  cloakroom                                        serve on http://127.0.0.1:8000 with db.sqlite3
  CLOAKROOM_ACCOUNTS_PREFIX=/ cloakroom serve      account pages at the root
  cloakroom init                                   a settings file for a new site
  cloakroom createsuperuser                        asks for name, e-mail and password
  cloakroom check --deploy                         what to change before the site goes public")]
pub struct Cli {
    /// Read settings from FILE in place of cloakroom.toml
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,

    /// Never use colours
    #[arg(long, global = true)]
    pub no_color: bool,

    /// What to do; `serve` if nothing is said
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Serve the account pages
    Serve(ServeArgs),
    /// Make or update Django's tables
    Migrate(MigrateArgs),
    /// Make an account that may do everything
    Createsuperuser(CreateSuperuserArgs),
    /// Change the password of an account
    Changepassword(ChangePasswordArgs),
    /// Make or show the API token of an account
    #[command(name = "drf_create_token")]
    DrfCreateToken(DrfCreateTokenArgs),
    /// Delete expired sessions
    Clearsessions(ClearSessionsArgs),
    /// List and end sessions
    Sessions(SessionsArgs),
    /// Write a settings file for a new site
    Init(InitArgs),
    /// Tell why a session is signed in, or not
    Explain(ExplainArgs),
    /// Check settings, database and templates
    Check(CheckArgs),
}

/// Options of `serve`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  cloakroom serve
  cloakroom serve --addr 0.0.0.0:8080
  cloakroom serve --addr 127.0.0.1:0               any free port; the line that is printed names it")]
pub struct ServeArgs {
    /// Listen on this address and port
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8000")]
    pub addr: SocketAddr,
}

impl Default for ServeArgs {
    fn default() -> Self {
        Self { addr: SocketAddr::from(([127, 0, 0, 1], 8000)) }
    }
}

/// Options that every command of Django's has.
#[derive(Args, Clone, Debug)]
pub struct CommonArgs {
    /// The database to use; there is one
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = ["default"])]
    pub database: String,

    /// How much to print: 0 nothing but errors, 1 results, 2 and 3 details
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=3))]
    pub verbosity: u8,
}

/// Options of `migrate`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  cloakroom migrate
  cloakroom migrate --plan                         say what would be done
  cloakroom migrate --check                        exit 1 if something would be done")]
pub struct MigrateArgs {
    /// Only say what would be done
    #[arg(long)]
    pub plan: bool,

    /// Exit 1 if something would be done; do nothing
    #[arg(long)]
    pub check: bool,

    /// Options that every command has
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Options of `createsuperuser` (A160, A161).
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Without --noinput it asks for what is missing. With it, options win over DJANGO_SUPERUSER_USERNAME and
DJANGO_SUPERUSER_EMAIL; the password comes from DJANGO_SUPERUSER_PASSWORD, and without that nobody can sign in by password.

Examples:
  cloakroom createsuperuser
  DJANGO_SUPERUSER_PASSWORD=… cloakroom createsuperuser --noinput --username root --email root@example.com")]
pub struct CreateSuperuserArgs {
    /// The name to sign in with
    #[arg(long)]
    pub username: Option<String>,

    /// The e-mail address; may be empty
    #[arg(long)]
    pub email: Option<String>,

    /// Ask nothing
    #[arg(long, visible_alias = "no-input", action = ArgAction::SetTrue)]
    pub noinput: bool,

    /// Last: further fields of a user model of the site's own, such as --full_name "Ada Lovelace"
    #[arg(value_name = "--FIELD VALUE", allow_hyphen_values = true)]
    pub fields: Vec<String>,

    /// Options that every command has
    #[command(flatten)]
    pub common: CommonArgs,
}

impl CreateSuperuserArgs {
    /// Whether nothing is to be asked: the option may stand behind fields, too.
    #[must_use]
    pub fn asks_nothing(&self) -> bool {
        self.noinput || self.fields.iter().any(|word| is_noinput(word))
    }

    /// The words about fields.
    pub fn words(&self) -> impl Iterator<Item = &String> {
        self.fields.iter().filter(|word| !is_noinput(word))
    }
}

fn is_noinput(word: &str) -> bool {
    matches!(word, "--noinput" | "--no-input")
}

/// Options of `changepassword` (A162).
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  cloakroom changepassword alice
  cloakroom changepassword                         the account named as the system user")]
pub struct ChangePasswordArgs {
    /// Whose password; the system user's name if nothing is said
    pub username: Option<String>,

    /// Options that every command has
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Options of `drf_create_token` (D30).
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Needs the table of tokens: API_TOKENS = true, then `cloakroom migrate`. Whoever has the token is its user.

Examples:
  cloakroom drf_create_token alice
  cloakroom drf_create_token alice --reset         the old token opens nothing any more")]
pub struct DrfCreateTokenArgs {
    /// Whose token
    pub username: String,

    /// Make a new token in place of the old one
    #[arg(short, long)]
    pub reset: bool,

    /// Options that every command has
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Options of `clearsessions` (S59).
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  cloakroom clearsessions                          once a day, from cron")]
pub struct ClearSessionsArgs {
    /// Options that every command has
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Options of `sessions`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Sessions go by handles, which open nothing; keys are never shown. With USER a name, or the id of a user who is gone.

Examples:
  cloakroom sessions list                          who is signed in
  cloakroom sessions list alice --json
  cloakroom sessions end b81e77d0c4f2a90c1d3e5f60
  cloakroom sessions end-user alice                sign alice out everywhere
  cloakroom sessions backfill                      once, after moving here from Django; from cron where both run")]
pub struct SessionsArgs {
    /// What to do
    #[command(subcommand)]
    pub command: SessionsCommand,
}

/// The commands of `sessions`.
#[derive(Clone, Debug, Subcommand)]
#[non_exhaustive]
pub enum SessionsCommand {
    /// List live sessions, those used last first
    List {
        /// Whose; everybody's if nothing is said
        user: Option<String>,

        /// List at most N of everybody's
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,

        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what is known of a session
    Show {
        /// A handle, or a key
        #[arg(value_name = "HANDLE")]
        session: String,

        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End a session
    End {
        /// A handle, or a key
        #[arg(value_name = "HANDLE")]
        session: String,
    },
    /// End all sessions of a user
    EndUser {
        /// Whose
        user: String,
    },
    /// End every session
    EndAll {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Enter sessions that Django made into the index
    Backfill,
}

/// Options of `init`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Writes cloakroom.toml (or the file of --config), with a comment for each setting and the safe side of each choice, and
beside it a secret key that only its owner can read. Nothing that is there is overwritten. Asks for what is not said.

Examples:
  cloakroom init
  cloakroom init --host www.example.com --yes
  cloakroom init --host example.com --host .example.com --database postgres://site@db.internal/site --proxy 10.0.0.0/8 --yes
  cloakroom --config /etc/cloakroom/site.toml init --host example.com --yes")]
pub struct InitArgs {
    /// A name under which the site may be asked for; may be said several times
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,

    /// The database: sqlite://FILE, postgres://… or mysql://…  [default: sqlite://db.sqlite3]
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,

    /// Addresses of the reverse proxies that speak HTTPS, with commas between  [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub proxy: Option<String>,

    /// Who mail comes from; where nothing is said, webmaster at the site
    #[arg(long, value_name = "ADDRESS")]
    pub email_from: Option<String>,

    /// Ask nothing: take the defaults for what is not said
    #[arg(long)]
    pub yes: bool,
}

/// Options of `explain`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Follows one session from its cookie to its user, step by step, and changes nothing. Neither key nor hash is shown.
Exit code: 0 when the session is signed in, 1 when not, or when nobody can tell.

A key opens the session to whoever reads it, in the shell's history too. Type it when asked, or pipe it in.

Examples:
  cloakroom explain                                asks for it, and does not show what is typed
  cloakroom explain - < cookie.txt                 a key, or the whole header Cookie
  cloakroom explain b81e77d0c4f2a90c1d3e5f60       a handle, as `cloakroom sessions list` shows them
  cloakroom explain --json - < cookie.txt")]
pub struct ExplainArgs {
    /// A session's handle or key, its cookie, or a whole header Cookie; `-` reads it from standard input
    #[arg(value_name = "SESSION")]
    pub session: Option<String>,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `check`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  cloakroom check
  cloakroom check --deploy                         also what a public site should change
  cloakroom check --templates                      render every template from sample data")]
pub struct CheckArgs {
    /// Also check what a public site should change
    #[arg(long)]
    pub deploy: bool,

    /// Render every template from sample data
    #[arg(long)]
    pub templates: bool,
}
