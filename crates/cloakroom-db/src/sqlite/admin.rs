//! What the administration asks and writes, on SQLite.

use cloakroom_core::models::User;
use rusqlite::{Connection, Row, params_from_iter};

use super::fault::Fault;
use super::rows::{self, Place};
use super::{Known, sql};
use crate::admin::LogRow;
use crate::error::Table;
use crate::user_table::Stores;

pub(crate) fn run(c: &Connection, statements: &[Stores]) -> Result<(), Fault> {
    for Stores { sql, values } in statements {
        rows::execute(c, sql, params_from_iter(values))?;
    }
    Ok(())
}

pub(crate) fn ints(c: &Connection, query: &Stores) -> Result<Vec<i64>, Fault> {
    rows::all(c, &query.sql, params_from_iter(&query.values), |row| Ok(row.get(0)?))
}

pub(crate) fn has_table(c: &Connection, name: &str) -> Result<bool, Fault> {
    rows::any(c, sql::TABLE_EXISTS, (name,))
}

pub(crate) fn users(c: &Connection, users: &Known, query: &Stores) -> Result<Vec<User>, Fault> {
    rows::all(c, &query.sql, params_from_iter(&query.values), |row| rows::user(users, row, 0))
}

pub(crate) fn log(c: &Connection, query: &Stores) -> Result<Vec<LogRow>, Fault> {
    rows::all(c, &query.sql, params_from_iter(&query.values), entry)
}

fn entry(row: &Row<'_>) -> Result<LogRow, Fault> {
    let place = Place { table: Table::AdminLog, key: 5 };
    LogRow::read(
        |at, column| place.time(row, at, column),
        |at, column| place.int(row, at, column),
        |at, column| place.text(row, at, column),
    )
}
