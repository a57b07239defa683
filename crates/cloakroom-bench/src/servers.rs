//! Who is measured, and how each is started.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Failure;

/// The key that signs what several servers read.
const SECRET_KEY: &str = "a-secret-key-for-benchmarks-that-nobody-else-uses";

/// How many sessions the stores of the comparison hold.
pub(crate) const STORED: u64 = 10_000;

/// A server that takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Bare,
    Sqlite,
    Postgres,
    Redis,
    AxumLogin,
    Django,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Bare, Self::Sqlite, Self::Postgres, Self::Redis, Self::AxumLogin, Self::Django];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::AxumLogin => "axum-login",
            Self::Django => "django",
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Bare => "bare axum",
            Self::Sqlite => "Cloakroom, SQLite",
            Self::Postgres => "Cloakroom, PostgreSQL",
            Self::Redis => "Cloakroom, sessions in Redis",
            Self::AxumLogin => "axum-login, SQLite",
            Self::Django => "Django + gunicorn, SQLite",
        }
    }

    pub(crate) const fn cookie(self) -> &'static str {
        if matches!(self, Self::AxumLogin) { "id" } else { "sessionid" }
    }

    /// What is missing here, if this one cannot be measured.
    pub(crate) fn missing(self) -> Option<&'static str> {
        let variable = match self {
            Self::Bare | Self::Sqlite => return None,
            Self::Postgres => "CLOAKROOM_TEST_POSTGRES",
            Self::Redis => "CLOAKROOM_TEST_REDIS",
            Self::AxumLogin => "CLOAKROOM_BENCH_AXUM_LOGIN",
            Self::Django => "CLOAKROOM_BENCH_PYTHON",
        };
        std::env::var_os(variable).is_none().then_some(variable)
    }
}

/// A server's store, filled, and the keys of its sessions.
pub(crate) struct Prepared {
    pub(crate) kind: Kind,
    binaries: PathBuf,
    folder: PathBuf,
}

impl Prepared {
    /// Fills a store of its own for `kind` in `folder`.
    pub(crate) fn new(kind: Kind, binaries: &Path, folder: &Path) -> Result<Self, Failure> {
        let folder = folder.join(kind.name());
        fs::create_dir_all(&folder)?;
        let this = Self { kind, binaries: binaries.to_owned(), folder };
        let filler = match kind {
            Kind::Bare => None,
            Kind::AxumLogin => Some(this.axum_login()),
            // Django opens what we filled.
            _ => Some(this.ours("cloakroom-bench")),
        };
        if kind == Kind::Postgres {
            this.make_database()?;
        }
        if let Some(mut filler) = filler {
            let keys = File::create(this.keys())?;
            let status =
                filler.args(["fill", "--sessions", &STORED.to_string()]).stdout(keys).stderr(Stdio::null()).status()?;
            if !status.success() {
                return Err(format!("{}: the store could not be filled: {status}", kind.title()).into());
            }
        }
        Ok(this)
    }

    /// The file with the keys of the sessions.
    pub(crate) fn keys(&self) -> PathBuf {
        self.folder.join("keys")
    }

    /// The file of the embedded database.
    pub(crate) fn sqlite(&self) -> PathBuf {
        self.folder.join("db.sqlite3")
    }

    /// What starts the server.
    pub(crate) fn command(&self, address: SocketAddr) -> Command {
        let address = address.to_string();
        let mut command = match self.kind {
            Kind::Bare => {
                let mut command = Command::new(self.binaries.join("cloakroom-bench"));
                command.arg("bare");
                command
            }
            Kind::AxumLogin => self.axum_login(),
            Kind::Django => return self.django(&address),
            _ => self.ours("cloakroom-bench-site"),
        };
        command.args(["--addr", &address]).env("TOKIO_WORKER_THREADS", "1");
        command
    }

    fn ours(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.join(program));
        let settings = [
            ("SECRET_KEY", SECRET_KEY),
            ("ALLOWED_HOSTS", r#"["*"]"#),
            ("LOGIN_URL", "/login/"),
            ("LOGIN_REDIRECT_URL", "/profile/"),
            ("THROTTLE", "false"),
        ];
        command.envs(settings.map(|(name, value)| (format!("CLOAKROOM_{name}"), value)));
        command.env("CLOAKROOM_DATABASE_URL", self.database_url()).env("RUST_LOG", "error");
        if let (Kind::Redis, Ok(url)) = (self.kind, std::env::var("CLOAKROOM_TEST_REDIS")) {
            command.env("CLOAKROOM_SESSION_ENGINE", "cache").env("CLOAKROOM_CACHE_URL", url);
        }
        command
    }

    fn database_url(&self) -> String {
        match std::env::var("CLOAKROOM_TEST_POSTGRES") {
            Ok(url) if self.kind == Kind::Postgres => {
                let base = url.rsplit_once('/').map_or(url.as_str(), |(base, _)| base);
                format!("{base}/{}", self.database_name())
            }
            _ => format!("sqlite://{}", self.sqlite().display()),
        }
    }

    fn database_name(&self) -> String {
        format!("bench_{}", std::process::id())
    }

    fn make_database(&self) -> Result<(), Failure> {
        let url = std::env::var("CLOAKROOM_TEST_POSTGRES")?;
        let statement = format!("CREATE DATABASE {}", self.database_name());
        let status = Command::new("psql").args(["-X", "-q", &url, "-c", &statement]).status()?;
        if status.success() { Ok(()) } else { Err(format!("psql: {status}").into()) }
    }

    fn axum_login(&self) -> Command {
        let mut command = Command::new(std::env::var_os("CLOAKROOM_BENCH_AXUM_LOGIN").unwrap_or_default());
        command.env("DATABASE_URL", format!("sqlite://{}", self.sqlite().display()));
        command
    }

    fn django(&self, address: &str) -> Command {
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/django");
        let mut command = Command::new(std::env::var_os("CLOAKROOM_BENCH_PYTHON").unwrap_or_default());
        // One worker, since there is one core.
        command.args(["-m", "gunicorn", "--workers", "1", "--keep-alive", "60", "--log-level", "error"]);
        command.args([
            "--worker-class",
            "gthread",
            "--threads",
            "16",
            "--bind",
            address,
            "site_of_benchmarks:application",
        ]);
        command.current_dir(peers).env("SECRET_KEY", SECRET_KEY).env("DATABASE", self.sqlite());
        command
    }
}
