//! Django's tables, made and checked (A08, G34).

use cloakroom_core::clock::Timestamp;

use crate::database::Database;
use crate::error::DbError;

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

/// Tells what [`migrate`] would do, and does nothing.
///
/// # Errors
///
/// As [`migrate`].
pub async fn status(db: &Database) -> Result<Status, DbError> {
    let _ = db;
    todo!()
}

/// Makes what is missing of Django's tables, `django_migrations` rows, content types and permissions (A11, A80), all in
/// one transaction. Another process that does the same waits, and finds nothing to do.
///
/// An empty database gets the apps contenttypes, auth, admin and sessions at once, exactly as `migrate` of Django 6.1
/// leaves them. One that Django made gets an app of these only if none of its migrations is there, and never the admin.
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
    let _ = (db, now, progress);
    todo!()
}
