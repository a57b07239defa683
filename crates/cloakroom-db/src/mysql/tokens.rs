//! `authtoken_token` on MySQL.

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::{TokenKey, UserId};
use mysql_async::Row;

use super::fault::Fault;
use super::migrations::{LIMIT, locked, look, look_once};
use super::pool::Call;
use super::rows::{Place, moment};
use super::sql::{migration, token};
use super::{Known, MySql};
use crate::error::{DbError, Table};
use crate::migrations::{Migration, Swap};
use crate::network::Deadline;
use crate::tokens::{MIGRATIONS, Token, is_to_be_made};

pub(crate) async fn find(db: &MySql, key: &str) -> Result<Option<Token>, DbError> {
    let users = db.users()?;
    db.first(token::FIND, (key,), |row| read(users, row)).await
}

pub(crate) async fn of_user(db: &MySql, user: &UserId) -> Result<Option<Token>, DbError> {
    let users = db.users()?;
    db.first(token::OF_USER, (users.id(user),), |row| read(users, row)).await
}

/// Makes a token unless the user has one.
pub(crate) async fn create(db: &MySql, user: &UserId, new: &TokenKey, now: Timestamp) -> Result<(), DbError> {
    let (users, deadline) = (db.users()?, Deadline::after(db.deadline));
    match db.try_execute(deadline, token::CREATE, (new.expose(), users.id(user), moment(now))).await {
        Ok(_) => Ok(()),
        Err(fault) if fault.is_duplicate_of("user_id") => Ok(()),
        Err(fault) => db.name(deadline, Err(fault)),
    }
}

pub(crate) async fn replace(db: &MySql, user: &UserId, new: &TokenKey, now: Timestamp) -> Result<(), DbError> {
    let users = db.users()?;
    transaction!(db, |call| {
        call.execute(token::DELETE_OF_USER, (users.id(user),)).await?;
        call.execute(token::CREATE, (new.expose(), users.id(user), moment(now))).await?;
        Ok(())
    })
}

pub(crate) async fn delete_of_user(db: &MySql, user: &UserId) -> Result<bool, DbError> {
    let users = db.users()?;
    Ok(db.execute(token::DELETE_OF_USER, (users.id(user),)).await?.rows > 0)
}

pub(crate) async fn is_installed(db: &MySql) -> Result<bool, DbError> {
    let deadline = Deadline::after(db.deadline);
    let found = look_once(db, deadline).await;
    Ok(db.name(deadline, found)?.tables.contains(Table::AuthToken.as_str()))
}

/// Makes the table and its rows in `django_migrations`. A run that was interrupted between the two leaves a table that is
/// used as it is.
pub(crate) async fn migrate(db: &MySql, now: Timestamp) -> Result<Vec<Migration>, DbError> {
    let deadline = Deadline::after(LIMIT);
    let made = async { migrate_alone(&mut locked(db, deadline).await?, db.users.swap(), now).await }.await;
    db.name(deadline, made)
}

async fn migrate_alone(call: &mut Call<'_>, users: Swap, now: Timestamp) -> Result<Vec<Migration>, Fault> {
    if !is_to_be_made(&look(call, users).await?)? {
        return Ok(Vec::new());
    }
    call.run(include_str!("../../migrations/mysql/authtoken.sql")).await?;
    call.begin().await?;
    let recorded = record(call, now).await;
    call.end(recorded).await?;
    Ok(MIGRATIONS.to_vec())
}

async fn record(call: &mut Call<'_>, now: Timestamp) -> Result<(), Fault> {
    for applied in MIGRATIONS {
        call.execute(migration::CREATE, (applied.app, applied.name, moment(now))).await?;
    }
    Ok(())
}

fn read(users: &Known, row: &Row) -> Result<Token, Fault> {
    // The key is a secret: errors name the user's.
    let place = Place { table: Table::AuthToken, key: Some(1) };
    let key = TokenKey::new(place.text(row, 0, "key")?);
    Ok(Token { key, user_id: users.read_id(place, row, 1, "user_id")?, created: place.time(row, 2, "created")? })
}
