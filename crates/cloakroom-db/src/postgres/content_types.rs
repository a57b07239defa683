//! `django_content_type` on PostgreSQL.

use super::Postgres;
use crate::content_types::ContentType;
use crate::error::DbError;

pub(crate) async fn all(db: &Postgres) -> Result<Vec<ContentType>, DbError> {
    todo!()
}

pub(crate) async fn by_natural_key(
    db: &Postgres,
    app_label: &str,
    model: &str,
) -> Result<Option<ContentType>, DbError> {
    todo!()
}

pub(crate) async fn ensure(db: &Postgres, app_label: &str, model: &str) -> Result<i64, DbError> {
    todo!()
}
