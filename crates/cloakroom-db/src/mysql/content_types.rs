//! `django_content_type` on MySQL.

use super::MySql;
use crate::content_types::ContentType;
use crate::error::DbError;

pub(crate) async fn all(db: &MySql) -> Result<Vec<ContentType>, DbError> {
    todo!()
}

pub(crate) async fn by_natural_key(db: &MySql, app_label: &str, model: &str) -> Result<Option<ContentType>, DbError> {
    todo!()
}

pub(crate) async fn ensure(db: &MySql, app_label: &str, model: &str) -> Result<i64, DbError> {
    todo!()
}
