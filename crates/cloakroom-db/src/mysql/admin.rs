//! What the administration asks and writes, on MySQL.

use cloakroom_core::models::User;
use mysql_async::{Row, Value};

use super::fault::Fault;
use super::rows::{self, Place};
use super::{MySql, sql};
use crate::admin::LogRow;
use crate::error::{DbError, Table};
use crate::user_table::Stores;

pub(crate) async fn run(db: &MySql, statements: &[Stores]) -> Result<(), DbError> {
    transaction!(db, |call| {
        for statement in statements {
            call.execute(&statement.sql, given(statement)).await?;
        }
        Ok(())
    })
}

pub(crate) async fn ints(db: &MySql, query: &Stores) -> Result<Vec<i64>, DbError> {
    let place = Place { table: Table::AuthUser, key: None };
    db.all(&query.sql, given(query), |row| place.int(row, 0, "(a number)")).await
}

pub(crate) async fn has_table(db: &MySql, name: &str) -> Result<bool, DbError> {
    db.any(sql::TABLE_EXISTS, (name,)).await
}

pub(crate) async fn users(db: &MySql, query: &Stores) -> Result<Vec<User>, DbError> {
    let users = db.users()?;
    db.all(&query.sql, given(query), |row| rows::user(users, row, 0)).await
}

pub(crate) async fn log(db: &MySql, query: &Stores) -> Result<Vec<LogRow>, DbError> {
    db.all(&query.sql, given(query), entry).await
}

fn given(statement: &Stores) -> Vec<Value> {
    statement.values.iter().map(rows::given).collect()
}

fn entry(row: &Row) -> Result<LogRow, Fault> {
    let place = Place { table: Table::AdminLog, key: None };
    LogRow::read(
        |at, column| place.time(row, at, column),
        |at, column| place.int(row, at, column),
        |at, column| place.text(row, at, column),
    )
}
