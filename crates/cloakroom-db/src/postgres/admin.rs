//! What the administration asks and writes, on PostgreSQL.

use cloakroom_core::models::User;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::rows::{self, Place};
use super::{Postgres, migrations};
use crate::admin::LogRow;
use crate::error::{DbError, Table};
use crate::user_table::Stores;

pub(crate) async fn run(db: &Postgres, statements: &[Stores]) -> Result<(), DbError> {
    let params: Vec<Vec<&(dyn ToSql + Sync)>> = statements.iter().map(given).collect();
    let all: Vec<_> = statements.iter().zip(&params).map(|(s, params)| (s.sql.as_str(), params.as_slice())).collect();
    db.execute_all(&all).await.map(drop)
}

pub(crate) async fn ints(db: &Postgres, query: &Stores) -> Result<Vec<i64>, DbError> {
    rows::all(&db.read(&query.sql, &given(query)).await?, |row| rows::USER.int(row, 0, "(a number)"))
}

pub(crate) async fn has_table(db: &Postgres, name: &str) -> Result<bool, DbError> {
    Ok(migrations::tables(db).await?.contains(name))
}

pub(crate) async fn users(db: &Postgres, query: &Stores) -> Result<Vec<User>, DbError> {
    let users = db.users()?;
    rows::all(&db.read(&query.sql, &given(query)).await?, |row| rows::user(users, row, 0))
}

pub(crate) async fn log(db: &Postgres, query: &Stores) -> Result<Vec<LogRow>, DbError> {
    rows::all(&db.read(&query.sql, &given(query)).await?, entry)
}

fn given(statement: &Stores) -> Vec<&(dyn ToSql + Sync)> {
    statement.values.iter().map(|given| given as _).collect()
}

fn entry(row: &Row) -> Result<LogRow, DbError> {
    let place = Place { table: Table::AdminLog, key: None };
    LogRow::read(
        |at, column| place.time(row, at, column),
        |at, column| place.int(row, at, column),
        |at, column| place.text(row, at, column),
    )
}
