//! `django_content_type` on PostgreSQL.

use tokio_postgres::Row;

use super::Postgres;
use super::rows::{self, Place, Sought};
use super::sql::content_type as sql;
use crate::content_types::ContentType;
use crate::error::{DbError, Table};

pub(crate) async fn all(db: &Postgres) -> Result<Vec<ContentType>, DbError> {
    rows::all(&db.read(sql::ALL, &[]).await?, read)
}

pub(crate) async fn by_natural_key(
    db: &Postgres,
    app_label: &str,
    model: &str,
) -> Result<Option<ContentType>, DbError> {
    rows::first(&db.read(sql::BY_NATURAL_KEY, &[&Sought(app_label), &Sought(model)]).await?, read)
}

pub(crate) async fn ensure(db: &Postgres, app_label: &str, model: &str) -> Result<i64, DbError> {
    // Asked first: an insert that comes to nothing would use up a key.
    let mut found = by_natural_key(db, app_label, model).await?;
    if found.is_none() {
        db.execute(sql::CREATE, &[&app_label, &model]).await?;
        found = by_natural_key(db, app_label, model).await?;
    }
    let id = found.map(|found| found.id);
    id.ok_or_else(|| DbError::Unavailable { source: "a content type that was just made is gone".into() })
}

pub(super) fn read(row: &Row) -> Result<ContentType, DbError> {
    let place = Place { table: Table::ContentType, key: Some(0) };
    Ok(ContentType {
        id: place.int(row, 0, "id")?,
        app_label: place.text(row, 1, "app_label")?,
        model: place.text(row, 2, "model")?,
    })
}
