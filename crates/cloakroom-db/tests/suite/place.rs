//! A database of one's own, of each kind.

use std::path::{Path, PathBuf};

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::SessionKey;
use cloakroom_db::sessions::SessionRow;
use cloakroom_db::{Database, DatabaseUrl, DbError, Options, migrations};
use cloakroom_testservers::OwnDatabase;
use tempfile::TempDir;

/// The vectors' clock: 2026-01-02T03:04:05.678901Z.
pub(crate) const T0: Timestamp = Timestamp::from_micros(1_767_323_045_678_901);

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
    MySql,
}

/// An empty database of its own, gone with this value.
pub(crate) enum Place {
    File(TempDir),
    Server(Kind, OwnDatabase),
}

impl Place {
    pub(crate) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => Self::File(tempfile::tempdir().unwrap()),
            Kind::Postgres => Self::Server(kind, OwnDatabase::postgres()),
            Kind::MySql => Self::Server(kind, OwnDatabase::mysql()),
        }
    }

    /// A place with a copy of the database that Django left.
    pub(crate) fn with_fixture(kind: Kind) -> Self {
        let place = Self::new(kind);
        match &place {
            Self::File(folder) => {
                std::fs::copy(vectors().join("fixture.sqlite3"), folder.path().join("db.sqlite3")).unwrap();
            }
            Self::Server(..) => place.copy_fixture(kind),
        }
        place
    }

    pub(crate) fn url(&self) -> DatabaseUrl {
        match self {
            Self::File(folder) => DatabaseUrl::sqlite_file(folder.path().join("db.sqlite3")),
            Self::Server(_, database) => DatabaseUrl::parse(&database.url()).unwrap(),
        }
    }

    pub(crate) async fn open(&self) -> Result<Database, DbError> {
        self.open_with(Options::default()).await
    }

    pub(crate) async fn open_with(&self, options: Options) -> Result<Database, DbError> {
        Database::open(&self.url(), options).await
    }

    /// A migrated database.
    pub(crate) async fn migrated(&self) -> Database {
        let db = self.open().await.unwrap();
        migrations::migrate(&db, T0, &mut |_| {}).await.unwrap();
        db
    }

    /// Runs statements as another program does. The rows of the last, a line each, with a tab between columns.
    pub(crate) fn query(&self, sql: &str) -> String {
        match self {
            Self::File(folder) => {
                let connection = rusqlite::Connection::open(folder.path().join("db.sqlite3")).unwrap();
                let (first, last) = sql.trim_end_matches([';', '\n', ' ']).rsplit_once(';').unwrap_or(("", sql));
                connection.execute_batch(first).unwrap();
                lines(&connection, last).join("\n")
            }
            Self::Server(_, database) => database.query(sql),
        }
    }

    /// How many rows a table has.
    pub(crate) fn count(&self, table: &str) -> usize {
        self.query(&format!("SELECT COUNT(*) FROM {table}")).trim().parse().unwrap()
    }

    /// The rows that `migrate` writes, ours aside, and the names of the columns of Django's tables.
    pub(crate) fn contents(&self) -> String {
        let columns = match self {
            Self::File(_) => {
                "SELECT m.name, p.name FROM sqlite_master m, pragma_table_info(m.name) p \
                 WHERE m.name NOT LIKE 'cloakroom%' ORDER BY 1, 2"
            }
            Self::Server(Kind::MySql, _) => {
                "SELECT table_name, column_name, column_type FROM information_schema.columns \
                 WHERE table_schema = DATABASE() AND table_name NOT LIKE 'cloakroom%' ORDER BY 1, 2"
            }
            Self::Server(..) => {
                "SELECT table_name, column_name, data_type FROM information_schema.columns \
                 WHERE table_schema = 'public' AND table_name NOT LIKE 'cloakroom%' ORDER BY 1, 2"
            }
        };
        [
            columns,
            "SELECT id, app, name FROM django_migrations WHERE app <> 'cloakroom' ORDER BY id",
            "SELECT id, app_label, model FROM django_content_type ORDER BY id",
            "SELECT id, content_type_id, codename, name FROM auth_permission ORDER BY id",
        ]
        .map(|sql| self.query(sql))
        .join("\n\n")
    }

    /// Copies what Django left in a file: its tables as Django makes them on this server, and the rows.
    fn copy_fixture(&self, kind: Kind) {
        let folder = if kind == Kind::MySql { "mysql" } else { "postgres" };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(folder);
        for file in ["migrations", "contenttypes", "auth", "admin", "sessions"] {
            self.query(&std::fs::read_to_string(folder.join(file).with_extension("sql")).unwrap());
        }
        let file = rusqlite::Connection::open(vectors().join("fixture.sqlite3")).unwrap();
        for table in TABLES {
            let columns = lines(&file, &format!("SELECT name FROM pragma_table_info('{table}')"));
            let quoted =
                |column| format!("CASE WHEN {column} IS NULL THEN 'NULL' ELSE quote(CAST({column} AS TEXT)) END");
            let row: Vec<_> = columns.iter().map(quoted).collect();
            let rows = lines(&file, &format!("SELECT '(' || {} || ')' FROM {table}", row.join(" || ', ' || ")));
            // An argument of a program has its limit.
            for rows in rows.chunks(20) {
                let insert = format!("INSERT INTO {table} ({}) VALUES {}", columns.join(", "), rows.join(", "));
                match kind {
                    Kind::MySql => self.query(&insert.replace('\\', r"\\")),
                    _ => self.query(&format!("SET timezone = 'UTC'; {insert}")),
                };
            }
            if kind == Kind::Postgres && table != "django_session" {
                self.query(&format!(
                    "SELECT setval(pg_get_serial_sequence('{table}', 'id'), COALESCE(MAX(id), 0) + 1, false) FROM {table}"
                ));
            }
        }
    }
}

/// Django's tables, those first to which others refer.
const TABLES: [&str; 9] = [
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "auth_group",
    "auth_group_permissions",
    "auth_user",
    "auth_user_groups",
    "auth_user_user_permissions",
    "django_session",
];

/// The rows of a query, columns apart by a tab.
fn lines(connection: &rusqlite::Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let values: Vec<String> = (0..columns)
            .map(|at| match row.get_ref(at).unwrap() {
                rusqlite::types::ValueRef::Integer(n) => n.to_string(),
                other => other.as_str().unwrap_or_default().to_owned(),
            })
            .collect();
        lines.push(values.join("\t"));
    }
    lines
}

pub(crate) fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../cloakroom-probe/vectors")
}

pub(crate) fn key(n: usize) -> SessionKey {
    SessionKey::parse(&format!("{n:032}")).unwrap()
}

pub(crate) fn row(data: &str, expire_date: Timestamp) -> SessionRow {
    SessionRow { session_data: data.into(), expire_date }
}
