//! `django_content_type` on SQLite.

use rusqlite::{Connection, Row};

use super::fault::Fault;
use super::rows::{self, Place};
use super::sql::content_type as sql;
use crate::content_types::ContentType;
use crate::error::Table;

pub(crate) fn all(c: &Connection) -> Result<Vec<ContentType>, Fault> {
    rows::all(c, sql::ALL, [], read)
}

pub(crate) fn by_natural_key(c: &Connection, app_label: &str, model: &str) -> Result<Option<ContentType>, Fault> {
    rows::first(c, sql::BY_NATURAL_KEY, (app_label, model), read)
}

pub(crate) fn ensure(c: &Connection, app_label: &str, model: &str) -> Result<i64, Fault> {
    create(c, app_label, model)?;
    let stored = by_natural_key(c, app_label, model)?;
    stored.map(|found| found.id).ok_or(Fault::Sqlite(rusqlite::Error::QueryReturnedNoRows))
}

/// Makes the content type unless it is there; whether it was made.
pub(super) fn create(c: &Connection, app_label: &str, model: &str) -> Result<bool, Fault> {
    // Asked first: an insert that is ignored would use up a key.
    if by_natural_key(c, app_label, model)?.is_some() {
        return Ok(false);
    }
    Ok(rows::execute(c, sql::CREATE, (app_label, model))? > 0)
}

fn read(row: &Row<'_>) -> Result<ContentType, Fault> {
    let place = Place { table: Table::ContentType, key: 0 };
    Ok(ContentType {
        id: place.int(row, 0, "id")?,
        app_label: place.text(row, 1, "app_label")?,
        model: place.text(row, 2, "model")?,
    })
}
