//! One file a command. Each takes an open site and a [`Terminal`](crate::terminal::Terminal).

pub mod changepassword;
pub mod check;
pub mod clearsessions;
pub mod createsuperuser;
pub mod drf_create_token;
pub mod explain;
pub mod init;
pub mod migrate;
pub mod serve;
pub mod sessions;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use cloakroom::auth::AuthError;
use cloakroom::db::DbError;
use cloakroom::db::{migrations, users};
use cloakroom::sessions::SessionError;
use cloakroom::settings::{Settings, SettingsError};
use cloakroom::{BuildError, Cloakroom};
use cloakroom_site::SiteError;

/// Why a command failed, in one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The site could not be put together.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Accounts could not be read or changed.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// Sessions could not be read or changed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The pages cannot be made.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The address cannot be listened on.
    #[error(
        "{addr} cannot be listened on: {source}; choose another by --addr, such as --addr 127.0.0.1:0 for any free port"
    )]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The terminal failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The command itself says what is wrong.
    #[error("{0}")]
    Said(String),
    /// An argument that the command does not take, as far as it alone can tell.
    #[error("unexpected argument '{0}'; --help tells what there is")]
    UnknownArgument(String),
    /// The person gave up.
    #[error("Operation cancelled.")]
    Cancelled,
    /// The person pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// Checks found something, and it has been said.
    #[error("{0}")]
    Checks(String),
}

impl CommandError {
    /// The process's exit code (A163).
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Interrupted => 130,
            // As that of every other wrong call.
            Self::UnknownArgument(_) => 2,
            _ => 1,
        }
    }
}

/// The process's environment, as far as commands read it.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    system_user: String,
}

impl Environment {
    /// An environment of these variables, with this name of the system's user.
    #[must_use]
    pub fn new(variables: BTreeMap<String, String>, system_user: impl Into<String>) -> Self {
        Self { variables, system_user: system_user.into() }
    }

    /// The process's own. Variables that are no UTF-8 are left out.
    #[must_use]
    pub fn of_process() -> Self {
        let variables: BTreeMap<_, _> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        // The order of Python's `getpass.getuser`.
        let names = ["LOGNAME", "USER", "LNAME", "USERNAME"];
        let user = names.iter().find_map(|name| variables.get(*name).filter(|v| !v.is_empty()).cloned());
        Self { variables, system_user: user.unwrap_or_default() }
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    /// The system user's name; empty where it is unknown.
    #[must_use]
    pub fn system_user(&self) -> &str {
        &self.system_user
    }

    /// All variables.
    pub fn iter(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.variables.iter().map(|(k, v)| (k.clone(), v.clone()))
    }
}

/// Opens the site; its tables may be missing, and its cache down.
///
/// # Errors
///
/// Settings, key file or database, each with what to do.
pub async fn open(settings: Settings) -> Result<Cloakroom, CommandError> {
    Ok(Cloakroom::builder().settings(settings).cache_may_be_down().build().await?)
}

/// Opens the site, and makes its tables where there are none: the first command of a new site may be to make its
/// superuser.
///
/// # Errors
///
/// As [`open`].
pub async fn open_and_migrate(settings: Settings) -> Result<Cloakroom, CommandError> {
    let site = open(settings).await?;
    site.migrate(&mut |_| {}).await?;
    users::check(site.db()).await?;
    site.create_permissions().await?;
    Ok(site)
}

/// Opens the site for a command that works on accounts or sessions.
///
/// # Errors
///
/// As [`open`]; also when the tables are missing.
pub async fn open_migrated(settings: Settings) -> Result<Cloakroom, CommandError> {
    let site = open(settings).await?;
    users::check(site.db()).await?;
    match migrations::status(site.db()).await?.is_usable() {
        true => Ok(site),
        false => Err(CommandError::Said("the database lacks Django's tables; run `cloakroom migrate` first".into())),
    }
}
