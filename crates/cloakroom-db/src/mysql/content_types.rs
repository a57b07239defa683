//! `django_content_type` on MySQL.

use mysql_async::Row;

use super::MySql;
use super::fault::Fault;
use super::pool::Call;
use super::rows::Place;
use super::sql::content_type as sql;
use crate::content_types::ContentType;
use crate::error::{DbError, Table};

pub(crate) async fn all(db: &MySql) -> Result<Vec<ContentType>, DbError> {
    db.all(sql::ALL, (), read).await
}

pub(crate) async fn by_natural_key(db: &MySql, app_label: &str, model: &str) -> Result<Option<ContentType>, DbError> {
    db.first(sql::BY_NATURAL_KEY, (app_label, model), read).await
}

pub(crate) async fn ensure(db: &MySql, app_label: &str, model: &str) -> Result<i64, DbError> {
    transaction!(db, |call| { Ok(ensure_in(call, app_label, model).await?.0) })
}

/// The content type's key, and whether it was made just now.
pub(super) async fn ensure_in(call: &mut Call<'_>, app_label: &str, model: &str) -> Result<(i64, bool), Fault> {
    // Asked first: an insert that is refused would use up a key.
    if let Some(id) = find_in(call, app_label, model).await? {
        return Ok((id, false));
    }
    match call.execute(sql::CREATE, (app_label, model)).await {
        Ok(done) => Ok((done.key.ok_or_else(|| gone(app_label))?, true)),
        Err(fault) if fault.is_duplicate_of("app_label") => {
            let id = find_in(call, app_label, model).await?;
            Ok((id.ok_or_else(|| gone(app_label))?, false))
        }
        Err(fault) => Err(fault),
    }
}

pub(super) async fn find_in(call: &mut Call<'_>, app_label: &str, model: &str) -> Result<Option<i64>, Fault> {
    let row = call.first(sql::BY_NATURAL_KEY, (app_label, model)).await?;
    row.map(|row| PLACE.int(&row, 0, "id")).transpose()
}

const PLACE: Place = Place::of(Table::ContentType);

/// A row that was there a moment ago was taken away by another.
fn gone(app_label: &str) -> Fault {
    let source = format!("a content type of {app_label} was deleted meanwhile");
    Fault::Db(DbError::Unavailable { source: source.into() })
}

fn read(row: &Row) -> Result<ContentType, Fault> {
    Ok(ContentType {
        id: PLACE.int(row, 0, "id")?,
        app_label: PLACE.text(row, 1, "app_label")?,
        model: PLACE.text(row, 2, "model")?,
    })
}
