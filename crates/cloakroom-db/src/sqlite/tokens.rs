//! `authtoken_token` on SQLite.

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::{TokenKey, UserId};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::fault::Fault;
use super::migrations::look;
use super::rows::{self, Id, Moment, Place};
use super::sql::{self, migration, token};
use crate::error::Table;
use crate::migrations::Migration;
use crate::tokens::{MIGRATIONS, Token, is_to_be_made};

pub(crate) fn find(c: &Connection, key: &str) -> Result<Option<Token>, Fault> {
    rows::first(c, token::FIND, (key,), read)
}

pub(crate) fn of_user(c: &Connection, user: &UserId) -> Result<Option<Token>, Fault> {
    rows::first(c, token::OF_USER, (Id(user),), read)
}

/// Makes a token unless the user has one.
pub(crate) fn create(c: &Connection, user: &UserId, new: &TokenKey, now: Timestamp) -> Result<(), Fault> {
    match of_user(c, user)? {
        Some(_) => Ok(()),
        None => rows::execute(c, token::CREATE, (new.expose(), Id(user), Moment::from(now))).map(drop),
    }
}

pub(crate) fn replace(c: &Connection, user: &UserId, new: &TokenKey, now: Timestamp) -> Result<(), Fault> {
    delete_of_user(c, user)?;
    create(c, user, new, now)
}

pub(crate) fn delete_of_user(c: &Connection, user: &UserId) -> Result<bool, Fault> {
    Ok(rows::execute(c, token::DELETE_OF_USER, (Id(user),))? > 0)
}

pub(crate) fn is_installed(c: &Connection) -> Result<bool, Fault> {
    rows::any(c, sql::TABLE_EXISTS, (Table::AuthToken.as_str(),))
}

/// Makes the table and its rows in `django_migrations`.
pub(crate) fn migrate(c: &Connection, now: Timestamp) -> Result<Vec<Migration>, Fault> {
    if !is_to_be_made(&look(c)?)? {
        return Ok(Vec::new());
    }
    c.execute_batch(include_str!("../../migrations/sqlite/authtoken.sql"))?;
    for applied in MIGRATIONS {
        rows::execute(c, migration::CREATE, (applied.app, applied.name, Moment::from(now)))?;
    }
    Ok(MIGRATIONS.to_vec())
}

fn read(row: &Row<'_>) -> Result<Token, Fault> {
    // The key is a secret: errors name the user's.
    let place = Place { table: Table::AuthToken, key: 1 };
    let user_id = match row.get_ref(1)? {
        ValueRef::Integer(id) => UserId::Int(id),
        ValueRef::Text(_) => UserId::Text(place.text(row, 1, "user_id")?.into()),
        _ => return Err(place.corrupt(row, "user_id")),
    };
    let key = TokenKey::new(place.text(row, 0, "key")?);
    Ok(Token { key, user_id, created: place.time(row, 2, "created")? })
}
