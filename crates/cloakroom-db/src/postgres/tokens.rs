//! `authtoken_token` on PostgreSQL.

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::{TokenKey, UserId};
use deadpool_postgres::Client;
use tokio_postgres::Row;

use super::Postgres;
use super::migrations::{Stop, alone, look, tables};
use super::rows::{self, Id, Moment, Place, Sought};
use super::sql::{migration, token};
use crate::error::{DbError, Table};
use crate::migrations::Migration;
use crate::tokens::{MIGRATIONS, Token, is_to_be_made};

pub(crate) async fn find(db: &Postgres, key: &str) -> Result<Option<Token>, DbError> {
    rows::first(&db.read_shared(token::FIND, &[&Sought(key)]).await?, read)
}

pub(crate) async fn of_user(db: &Postgres, user: &UserId) -> Result<Option<Token>, DbError> {
    rows::first(&db.read(token::OF_USER, &[&Id(user)]).await?, read)
}

/// Makes a token unless the user has one.
pub(crate) async fn create(db: &Postgres, user: &UserId, new: &TokenKey, now: Timestamp) -> Result<(), DbError> {
    db.execute(token::CREATE, &[&new.expose(), &Id(user), &Moment(now)]).await.map(drop)
}

pub(crate) async fn replace(db: &Postgres, user: &UserId, new: &TokenKey, now: Timestamp) -> Result<(), DbError> {
    db.execute(token::REPLACE, &[&new.expose(), &Id(user), &Moment(now)]).await.map(drop)
}

pub(crate) async fn delete_of_user(db: &Postgres, user: &UserId) -> Result<bool, DbError> {
    Ok(db.execute(token::DELETE_OF_USER, &[&Id(user)]).await? > 0)
}

pub(crate) async fn is_installed(db: &Postgres) -> Result<bool, DbError> {
    Ok(tables(db).await?.contains(Table::AuthToken.as_str()))
}

/// Makes the table and its rows in `django_migrations`.
pub(crate) async fn migrate(db: &Postgres, now: Timestamp) -> Result<Vec<Migration>, DbError> {
    alone(db, |db, client| Box::pin(make(db, client, now))).await
}

async fn make(db: &Postgres, client: &Client, now: Timestamp) -> Result<Vec<Migration>, Stop> {
    if !is_to_be_made(&look(client, db.users.swap()).await?)? {
        return Ok(Vec::new());
    }
    client.batch_execute(include_str!("../../migrations/postgres/authtoken.sql")).await?;
    for applied in MIGRATIONS {
        client.execute(migration::CREATE, &[&applied.app, &applied.name, &Moment(now)]).await?;
    }
    Ok(MIGRATIONS.to_vec())
}

/// The key is a secret: errors name the user's.
const PLACE: Place = Place { table: Table::AuthToken, key: Some(1) };

fn read(row: &Row) -> Result<Token, DbError> {
    let key = TokenKey::new(PLACE.text(row, 0, "key")?);
    Ok(Token { key, user_id: PLACE.id(row, 1, "user_id")?, created: PLACE.time(row, 2, "created")? })
}
