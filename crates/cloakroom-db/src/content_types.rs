//! `django_content_type` (A05).

use crate::database::Database;
use crate::error::DbError;

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
    let _ = db;
    todo!()
}

/// Returns the content type of a model.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn by_natural_key(db: &Database, app_label: &str, model: &str) -> Result<Option<ContentType>, DbError> {
    let _ = (db, app_label, model);
    todo!()
}

/// Makes the content type unless it is there. Returns its primary key.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn ensure(db: &Database, app_label: &str, model: &str) -> Result<i64, DbError> {
    let _ = (db, app_label, model);
    todo!()
}
