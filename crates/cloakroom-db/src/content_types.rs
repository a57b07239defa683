//! `django_content_type` (A05).

use crate::database::{Backend, Database};
use crate::error::DbError;
use crate::mysql;
use crate::options::Durability;
use crate::postgres;
use crate::sqlite;

/// A row of `django_content_type`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContentType {
    /// The primary key. Differs from database to database (A11).
    pub id: i64,
    /// The app's label.
    pub app_label: String,
    /// The model's class name in lower case.
    pub model: String,
}

/// Returns every content type in the order of their keys.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn all(db: &Database) -> Result<Vec<ContentType>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read(sqlite::content_types::all).await,
        Backend::Postgres(p) => postgres::content_types::all(p).await,
        Backend::MySql(m) => mysql::content_types::all(m).await,
    }
}

/// Returns the content type of a model.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn by_natural_key(db: &Database, app_label: &str, model: &str) -> Result<Option<ContentType>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read(|c| sqlite::content_types::by_natural_key(c, app_label, model)).await,
        Backend::Postgres(p) => postgres::content_types::by_natural_key(p, app_label, model).await,
        Backend::MySql(m) => mysql::content_types::by_natural_key(m, app_label, model).await,
    }
}

/// Makes the content type unless it is there. Returns its primary key.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn ensure(db: &Database, app_label: &str, model: &str) -> Result<i64, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let app_label = app_label.to_owned();
            let model = model.to_owned();
            s.write(Durability::Full, move |c| sqlite::content_types::ensure(c, &app_label, &model)).await
        }
        Backend::Postgres(p) => postgres::content_types::ensure(p, app_label, model).await,
        Backend::MySql(m) => mysql::content_types::ensure(m, app_label, model).await,
    }
}
