//! Django's tables, made and checked (A08, G34).

mod plan;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::user_model::UserTable;

pub(crate) use self::plan::{Found, Stored};
use crate::database::{Backend, Database};
use crate::error::DbError;
use crate::options::Durability;
use crate::{mysql, postgres, sqlite};

/// Tells what [`migrate`] would do, and does nothing.
///
/// # Errors
///
/// As [`migrate`].
pub async fn status(db: &Database) -> Result<Status, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read(|c| sqlite::migrations::status(c, s.swap())).await,
        Backend::Postgres(p) => postgres::migrations::status(p).await,
        Backend::MySql(m) => mysql::migrations::status(m).await,
    }
}

/// Makes what is missing of Django's tables, `django_migrations` rows, content types and permissions (A11, A80), all in
/// one transaction. Another process that does the same waits, and finds nothing to do. MySQL makes no tables in a
/// transaction: there a run that was interrupted is finished by the next.
///
/// An empty database gets the apps contenttypes, auth, admin and sessions at once, exactly as `migrate` of Django 6.1
/// leaves them, and then our own [index of sessions](crate::session_index). One that Django made gets an app of these only if none of its migrations is there, and never the admin.
/// `progress` is told each step once all is committed.
///
/// With a user model of the application's own (A17) the three tables of `auth.User` are not made, nor the admin, whose log
/// refers to users. The model's table and its two of memberships are never made here: whoever declares a model knows its
/// columns' lengths, defaults and indices, and Django, or the application, has migrations of its own that say them.
///
/// # Errors
///
/// [`DbError::OlderDjango`] if an app's migrations are there in part, [`DbError::NewerDjango`] if there are others,
/// [`DbError::Schema`] if a table is there that should not be: nothing was changed.
pub async fn migrate(
    db: &Database,
    now: Timestamp,
    progress: &mut (dyn FnMut(MigrationStep) + Send),
) -> Result<Report, DbError> {
    let steps = match db.backend() {
        Backend::Sqlite(s) => {
            let users = s.swap();
            s.write(Durability::Full, move |c| sqlite::migrations::migrate(c, users, now)).await?
        }
        Backend::Postgres(p) => postgres::migrations::migrate(p, now).await?,
        Backend::MySql(m) => mysql::migrations::migrate(m, now).await?,
    };
    let mut report = Report::default();
    for step in steps {
        report.count(step);
        progress(step);
    }
    Ok(report)
}

/// A migration of Django by its app and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Migration {
    /// The app's label.
    pub app: &'static str,
    /// Such as `0001_initial`.
    pub name: &'static str,
}

/// How far a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// There is nothing to do.
    Ready,
    /// `migrate` would write these.
    Pending {
        /// Migrations that would be applied.
        migrations: Vec<Migration>,
        /// Content types and permissions that would be made.
        rows: u64,
    },
}

impl Status {
    /// Whether the site can work without [`migrate`]: all that is missing is our own, and there is a slower way round it.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        match self {
            Self::Ready => true,
            Self::Pending { migrations, rows } => *rows == 0 && migrations.iter().all(|m| m.app == OWN_APP),
        }
    }
}

/// Something that [`migrate`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MigrationStep {
    /// A migration is applied.
    Applied(Migration),
    /// A content type was made.
    ContentType {
        /// The app's label.
        app_label: &'static str,
        /// The model's class name in lower case.
        model: &'static str,
    },
    /// The default permissions of a model were made.
    Permissions {
        /// The app's label.
        app_label: &'static str,
        /// The model's class name in lower case.
        model: &'static str,
        /// How many were missing.
        made: u64,
    },
}

/// What [`migrate`] did in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Migrations applied.
    pub applied: u64,
    /// Content types made.
    pub content_types: u64,
    /// Permissions made.
    pub permissions: u64,
}

impl Report {
    /// Counts a step.
    pub const fn count(&mut self, step: MigrationStep) {
        match step {
            MigrationStep::Applied(_) => self.applied += 1,
            MigrationStep::ContentType { .. } => self.content_types += 1,
            MigrationStep::Permissions { made, .. } => self.permissions += made,
        }
    }
}

/// The label of our own tables' app, which is no app of Django's.
pub(crate) const OWN_APP: &str = "cloakroom";

/// The migrations that a fresh project has applied, in the order in which Django applies them (A08).
pub(crate) const MIGRATIONS: [Migration; 18] = [
    Migration { app: "contenttypes", name: "0001_initial" },
    Migration { app: "auth", name: "0001_initial" },
    Migration { app: "admin", name: "0001_initial" },
    Migration { app: "admin", name: "0002_logentry_remove_auto_add" },
    Migration { app: "admin", name: "0003_logentry_add_action_flag_choices" },
    Migration { app: "contenttypes", name: "0002_remove_content_type_name" },
    Migration { app: "auth", name: "0002_alter_permission_name_max_length" },
    Migration { app: "auth", name: "0003_alter_user_email_max_length" },
    Migration { app: "auth", name: "0004_alter_user_username_opts" },
    Migration { app: "auth", name: "0005_alter_user_last_login_null" },
    Migration { app: "auth", name: "0006_require_contenttypes_0002" },
    Migration { app: "auth", name: "0007_alter_validators_add_error_messages" },
    Migration { app: "auth", name: "0008_alter_user_username_max_length" },
    Migration { app: "auth", name: "0009_alter_user_last_name_max_length" },
    Migration { app: "auth", name: "0010_alter_group_name_max_length" },
    Migration { app: "auth", name: "0011_update_proxy_permissions" },
    Migration { app: "auth", name: "0012_alter_user_first_name_max_length" },
    Migration { app: "sessions", name: "0001_initial" },
];

/// Django's apps that have tables here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum App {
    ContentTypes,
    Auth,
    Admin,
    Sessions,
}

impl App {
    pub(crate) const ALL: [Self; 4] = [Self::ContentTypes, Self::Auth, Self::Admin, Self::Sessions];

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::ContentTypes => "contenttypes",
            Self::Auth => "auth",
            Self::Admin => "admin",
            Self::Sessions => "sessions",
        }
    }

    pub(crate) fn migrations(self) -> impl Iterator<Item = Migration> {
        MIGRATIONS.into_iter().filter(move |m| m.app == self.label())
    }

    /// Its tables, but those that a user model of the application's own stands for.
    pub(crate) fn tables_for(self, users: Swap) -> impl Iterator<Item = &'static str> {
        self.tables().iter().copied().filter(move |table| users == Swap::Stock || !table.starts_with("auth_user"))
    }

    pub(crate) const fn tables(self) -> &'static [&'static str] {
        match self {
            Self::ContentTypes => &["django_content_type"],
            Self::Auth => &[
                "auth_group",
                "auth_group_permissions",
                "auth_permission",
                "auth_user",
                "auth_user_groups",
                "auth_user_user_permissions",
            ],
            Self::Admin => &["django_admin_log"],
            Self::Sessions => &["django_session"],
        }
    }
}

/// Whether the users are in Django's own table (A17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Swap {
    /// They are.
    Stock,
    /// They are in another, which Django's or the application's own migrations make.
    Swapped,
}

impl Swap {
    pub(crate) fn of(table: &UserTable) -> Self {
        if table.is_stock() { Self::Stock } else { Self::Swapped }
    }

    /// The lines of a file of statements, but those about Django's own table of users.
    pub(crate) fn statements(self, file: &'static str) -> String {
        let lines = file
            .lines()
            .filter(|line| self == Self::Stock || !["\"auth_user", "`auth_user"].iter().any(|t| line.contains(t)));
        lines.flat_map(|line| [line, "\n"]).collect()
    }
}

/// A model of these apps.
#[derive(Clone, Copy)]
pub(crate) struct Model {
    pub(crate) app: App,
    pub(crate) name: &'static str,
    pub(crate) table: &'static str,
    verbose_name: &'static str,
}

impl Model {
    /// Such as `add_logentry` (A80).
    pub(crate) fn codename(self, action: &str) -> String {
        format!("{action}_{}", self.name)
    }

    /// Such as `Can add log entry` (A80).
    pub(crate) fn permission_name(self, action: &str) -> String {
        format!("Can {action} {}", self.verbose_name)
    }
}

/// What one may do with a model, in the order in which permissions are made (A80).
pub(crate) const ACTIONS: [&str; 4] = ["add", "change", "delete", "view"];

const LOG_ENTRY: Model =
    Model { app: App::Admin, name: "logentry", table: "django_admin_log", verbose_name: "log entry" };
const GROUP: Model = Model { app: App::Auth, name: "group", table: "auth_group", verbose_name: "group" };
const PERMISSION: Model =
    Model { app: App::Auth, name: "permission", table: "auth_permission", verbose_name: "permission" };
const USER: Model = Model { app: App::Auth, name: "user", table: "auth_user", verbose_name: "user" };
const CONTENT_TYPE: Model =
    Model { app: App::ContentTypes, name: "contenttype", table: "django_content_type", verbose_name: "content type" };
const SESSION: Model = Model { app: App::Sessions, name: "session", table: "django_session", verbose_name: "session" };

/// The order in which Django 6.1 makes content types: by name within an app (V17).
pub(crate) const CONTENT_TYPES: [Model; 6] = [LOG_ENTRY, GROUP, PERMISSION, USER, CONTENT_TYPE, SESSION];

/// The order in which it makes their permissions: as the app declares its models.
pub(crate) const PERMISSIONS: [Model; 6] = [LOG_ENTRY, PERMISSION, GROUP, USER, CONTENT_TYPE, SESSION];
