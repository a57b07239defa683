//! `authtoken_token` on SQLite.

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::{TokenKey, UserId};
use rusqlite::{Connection, Row};

use super::Known;
use super::fault::Fault;
use super::migrations::look;
use super::rows::{self, Moment, Place};
use super::sql::{self, migration, token};
use crate::error::Table;
use crate::migrations::{Migration, Swap};
use crate::tokens::{MIGRATIONS, Token, is_to_be_made};

pub(crate) fn find(c: &Connection, users: &Known, key: &str) -> Result<Option<Token>, Fault> {
    rows::first(c, token::FIND, (key,), |row| read(users, row))
}

pub(crate) fn of_user(c: &Connection, users: &Known, user: &UserId) -> Result<Option<Token>, Fault> {
    rows::first(c, token::OF_USER, (users.id(user),), |row| read(users, row))
}

/// Makes a token unless the user has one.
pub(crate) fn create(
    c: &Connection,
    users: &Known,
    user: &UserId,
    new: &TokenKey,
    now: Timestamp,
) -> Result<(), Fault> {
    match of_user(c, users, user)? {
        Some(_) => Ok(()),
        None => rows::execute(c, token::CREATE, (new.expose(), users.id(user), Moment::from(now))).map(drop),
    }
}

pub(crate) fn replace(
    c: &Connection,
    users: &Known,
    user: &UserId,
    new: &TokenKey,
    now: Timestamp,
) -> Result<(), Fault> {
    delete_of_user(c, users, user)?;
    create(c, users, user, new, now)
}

pub(crate) fn delete_of_user(c: &Connection, users: &Known, user: &UserId) -> Result<bool, Fault> {
    Ok(rows::execute(c, token::DELETE_OF_USER, (users.id(user),))? > 0)
}

pub(crate) fn is_installed(c: &Connection) -> Result<bool, Fault> {
    rows::any(c, sql::TABLE_EXISTS, (Table::AuthToken.as_str(),))
}

/// Makes the table and its rows in `django_migrations`.
pub(crate) fn migrate(c: &Connection, users: Swap, now: Timestamp) -> Result<Vec<Migration>, Fault> {
    if !is_to_be_made(&look(c, users)?)? {
        return Ok(Vec::new());
    }
    c.execute_batch(include_str!("../../migrations/sqlite/authtoken.sql"))?;
    for applied in MIGRATIONS {
        rows::execute(c, migration::CREATE, (applied.app, applied.name, Moment::from(now)))?;
    }
    Ok(MIGRATIONS.to_vec())
}

fn read(users: &Known, row: &Row<'_>) -> Result<Token, Fault> {
    // The key is a secret: errors name the user's.
    let place = Place { table: Table::AuthToken, key: 1 };
    let user_id = users.read_id(place, row, 1, "user_id")?;
    let key = TokenKey::new(place.text(row, 0, "key")?);
    Ok(Token { key, user_id, created: place.time(row, 2, "created")? })
}
