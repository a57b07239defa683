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
    Served,
    Least,
    Sqlite,
    Postgres,
    PostgresCopies,
    Redis,
    RedisCopies,
    AxumLogin,
    Django,
}

impl Kind {
    pub(crate) const ALL: [Self; 10] = [
        Self::Bare,
        Self::Served,
        Self::Least,
        Self::Sqlite,
        Self::Postgres,
        Self::PostgresCopies,
        Self::Redis,
        Self::RedisCopies,
        Self::AxumLogin,
        Self::Django,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Served => "bare-served",
            Self::Least => "least",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::PostgresCopies => "postgres-copies",
            Self::Redis => "redis",
            Self::RedisCopies => "redis-copies",
            Self::AxumLogin => "axum-login",
            Self::Django => "django",
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Bare => "bare axum",
            Self::Served => "bare axum, served by Cloakroom",
            Self::Least => "the least: bare axum, zlib, SQLite",
            Self::Sqlite => "Cloakroom, SQLite",
            Self::Postgres => "Cloakroom, PostgreSQL",
            Self::PostgresCopies => "Cloakroom, PostgreSQL, copies for a second",
            Self::Redis => "Cloakroom, sessions in Redis",
            Self::RedisCopies => "Cloakroom, sessions in Redis, copies for a second",
            Self::AxumLogin => "axum-login, SQLite",
            Self::Django => "Django + gunicorn, SQLite",
        }
    }

    pub(crate) const fn cookie(self) -> &'static str {
        if matches!(self, Self::AxumLogin) { "id" } else { "sessionid" }
    }

    /// Whether it tells what others can reach: it is always measured.
    pub(crate) const fn is_a_limit(self) -> bool {
        matches!(self, Self::Bare | Self::Least)
    }

    /// Whether it keeps copies that may be a second old.
    pub(crate) const fn has_bounded_copies(self) -> bool {
        matches!(self, Self::PostgresCopies | Self::RedisCopies)
    }

    const fn is_on_postgres(self) -> bool {
        matches!(self, Self::Postgres | Self::PostgresCopies)
    }

    const fn is_in_redis(self) -> bool {
        matches!(self, Self::Redis | Self::RedisCopies)
    }

    /// What is missing here, if this one cannot be measured.
    pub(crate) fn missing(self) -> Option<&'static str> {
        let variable = match self {
            Self::Bare | Self::Served | Self::Least | Self::Sqlite => return None,
            Self::Postgres | Self::PostgresCopies => "CLOAKROOM_TEST_POSTGRES",
            Self::Redis | Self::RedisCopies => "CLOAKROOM_TEST_REDIS",
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
        let mut filler = match kind {
            Kind::AxumLogin => this.axum_login(),
            // Django opens what we filled, and bare axum does not look at the keys.
            _ => this.ours("cloakroom-bench"),
        };
        if kind.is_on_postgres() {
            this.make_database()?;
        }
        let keys = File::create(this.keys())?;
        let status =
            filler.args(["fill", "--sessions", &STORED.to_string()]).stdout(keys).stderr(Stdio::null()).status()?;
        if !status.success() {
            return Err(format!("{}: the store could not be filled: {status}", kind.title()).into());
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
            Kind::Bare | Kind::Served => {
                let mut command = Command::new(self.binaries.join("cloakroom-bench"));
                command.arg("bare").args((self.kind == Kind::Served).then_some("--served"));
                command
            }
            Kind::Least => {
                let mut command = Command::new(self.binaries.join("cloakroom-bench"));
                command.arg("least").arg("--database").arg(self.sqlite());
                command
            }
            Kind::AxumLogin => self.axum_login(),
            Kind::Django => return self.django(&address),
            _ => self.ours("cloakroom-bench-site"),
        };
        command.args(["--addr", &address]).env("TOKIO_WORKER_THREADS", "1");
        command
    }

    /// A program of ours with the settings of this site.
    pub(crate) fn ours(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.join(program));
        // What is set outside concerns other programs, and what is none of the settings stops the start.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CLOAKROOM_")) {
            command.env_remove(name);
        }
        let settings = [
            ("SECRET_KEY", SECRET_KEY),
            ("ALLOWED_HOSTS", r#"["*"]"#),
            ("LOGIN_URL", "/login/"),
            ("LOGIN_REDIRECT_URL", "/profile/"),
            ("THROTTLE", "false"),
        ];
        command.envs(settings.map(|(name, value)| (format!("CLOAKROOM_{name}"), value)));
        command.env("CLOAKROOM_DATABASE_URL", self.database_url()).env("RUST_LOG", "error");
        if let (true, Ok(url)) = (self.kind.is_in_redis(), std::env::var("CLOAKROOM_TEST_REDIS")) {
            command.env("CLOAKROOM_SESSION_ENGINE", "cache").env("CLOAKROOM_CACHE_URL", url);
        }
        if self.kind.has_bounded_copies() {
            command.env("CLOAKROOM_NEAR_CACHE_BOUND_MS", "1000");
        }
        command
    }

    fn database_url(&self) -> String {
        match std::env::var("CLOAKROOM_TEST_POSTGRES") {
            Ok(url) if self.kind.is_on_postgres() => {
                let base = url.rsplit_once('/').map_or(url.as_str(), |(base, _)| base);
                format!("{base}/{}", self.database_name())
            }
            _ => format!("sqlite://{}", self.sqlite().display()),
        }
    }

    fn database_name(&self) -> String {
        format!("bench_{}_{}", self.kind.name().replace('-', "_"), std::process::id())
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
