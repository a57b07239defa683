//! What the administration of users and groups asks and writes: lists, several changes at once, `django_admin_log` (A07).
//!
//! Who may do what is policy and not decided here.

mod change;
mod find;
mod log;

use std::sync::Arc;

pub use self::change::{Change, Column, apply};
pub use self::find::{Direction, Found, Slice, SortBy, UserFilter, count_users, find_users, permissions_of};
pub(crate) use self::log::Row as LogRow;
pub use self::log::{Action, LogEntry, NewLogEntry, count_by, entries_by, entries_of, has_log};
use crate::database::{Backend, Database};
use crate::error::DbError;
use crate::mysql;
use crate::options::Durability;
use crate::postgres;
use crate::sqlite;
use crate::user_table::{Dialect, Layout, Stores};

fn dialect(db: &Database) -> Dialect {
    match db.backend() {
        Backend::Sqlite(_) => Dialect::Sqlite,
        Backend::Postgres(_) => Dialect::Postgres,
        Backend::MySql(_) => Dialect::MySql,
    }
}

fn layout(db: &Database) -> Result<&Layout, DbError> {
    Ok(match db.backend() {
        Backend::Sqlite(s) => &s.users()?.layout,
        Backend::Postgres(p) => &p.users()?.layout,
        Backend::MySql(m) => &m.users()?.layout,
    })
}

/// Runs statements, all or none.
async fn run(db: &Database, statements: Vec<Stores>) -> Result<(), DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.write(Durability::Full, move |c| sqlite::admin::run(c, &statements)).await,
        Backend::Postgres(p) => postgres::admin::run(p, &statements).await,
        Backend::MySql(m) => mysql::admin::run(m, &statements).await,
    }
}

/// The whole numbers in the first column of a query.
async fn ints(db: &Database, query: Stores) -> Result<Vec<i64>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read_much(move |c| sqlite::admin::ints(c, &query)).await,
        Backend::Postgres(p) => postgres::admin::ints(p, &query).await,
        Backend::MySql(m) => mysql::admin::ints(m, &query).await,
    }
}

/// Whether there is a table of this name.
async fn has_table(db: &Database, name: &'static str) -> Result<bool, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read(|c| sqlite::admin::has_table(c, name)).await,
        Backend::Postgres(p) => postgres::admin::has_table(p, name).await,
        Backend::MySql(m) => mysql::admin::has_table(m, name).await,
    }
}

/// The users that a query finds.
async fn users(db: &Database, query: Stores) -> Result<Vec<cloakroom_core::models::User>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let known = Arc::clone(s.users()?);
            s.read_much(move |c| sqlite::admin::users(c, &known, &query)).await
        }
        Backend::Postgres(p) => postgres::admin::users(p, &query).await,
        Backend::MySql(m) => mysql::admin::users(m, &query).await,
    }
}
