//! `auth_user` on PostgreSQL.

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::UserId;
use cloakroom_core::models::{EncodedHash, User};
use cloakroom_core::near::Touched;

use super::rows::{self, Id, Moment, Sought};
use super::sql::user as sql;
use super::{Params, Postgres, migrations};
use crate::error::DbError;
use crate::options::Updated;
use crate::users::{Created, Flag, NewUser, Profile, Renamed, Swapped};

pub(crate) async fn by_id(db: &Postgres, id: &UserId) -> Result<Option<User>, DbError> {
    rows::first(&db.read(sql::BY_ID, &[&Id(id)]).await?, |row| rows::user(row, 0))
}

pub(crate) async fn by_username(db: &Postgres, username: &str) -> Result<Option<User>, DbError> {
    rows::first(&db.read(sql::BY_USERNAME, &[&Sought(username)]).await?, |row| rows::user(row, 0))
}

pub(crate) async fn by_email_iexact(db: &Postgres, email: &str) -> Result<Vec<User>, DbError> {
    rows::all(&db.read(sql::BY_EMAIL_IEXACT, &[&Sought(email)]).await?, |row| rows::user(row, 0))
}

pub(crate) async fn exists_username(db: &Postgres, username: &str) -> Result<bool, DbError> {
    Ok(!db.read(sql::EXISTS_USERNAME, &[&Sought(username)]).await?.is_empty())
}

pub(crate) async fn exists_username_iexact(db: &Postgres, username: &str) -> Result<bool, DbError> {
    Ok(!db.read(sql::EXISTS_USERNAME_IEXACT, &[&Sought(username)]).await?.is_empty())
}

pub(crate) async fn create(db: &Postgres, new: &NewUser) -> Result<Created, DbError> {
    let params: Params<'_> = &[
        &new.password.expose(),
        &new.is_superuser,
        &new.username,
        &new.first_name,
        &new.last_name,
        &new.email,
        &new.is_staff,
        &new.is_active,
        &Moment(new.date_joined),
    ];
    let made = rows::first(&db.write(sql::CREATE, params).await?, |row| rows::user(row, 0))?;
    Ok(made.map_or(Created::UsernameTaken, Created::Yes))
}

pub(crate) async fn set_password(db: &Postgres, id: &UserId, password: &EncodedHash) -> Result<Updated, DbError> {
    db.execute(sql::SET_PASSWORD, &[&Id(id), &password.expose()]).await.map(updated)
}

pub(crate) async fn set_password_if(
    db: &Postgres,
    id: &UserId,
    old: &EncodedHash,
    new: &EncodedHash,
) -> Result<Swapped, DbError> {
    if db.execute(sql::SET_PASSWORD_IF, &[&Id(id), &new.expose(), &Sought(old.expose())]).await? > 0 {
        return Ok(Swapped::Yes);
    }
    let there = !db.read(sql::EXISTS, &[&Id(id)]).await?.is_empty();
    Ok(if there { Swapped::Changed } else { Swapped::Gone })
}

pub(crate) async fn set_last_login(db: &Postgres, id: &UserId, at: Timestamp) -> Result<Updated, DbError> {
    db.execute_touching(Touched::User(id.clone()), sql::SET_LAST_LOGIN, &[&Id(id), &Moment(at)]).await.map(updated)
}

pub(crate) async fn update_profile(db: &Postgres, id: &UserId, profile: &Profile) -> Result<Updated, DbError> {
    let params: Params<'_> = &[&Id(id), &profile.first_name, &profile.last_name, &profile.email];
    db.execute(sql::SET_PROFILE, params).await.map(updated)
}

pub(crate) async fn rename(db: &Postgres, id: &UserId, username: &str) -> Result<Renamed, DbError> {
    match db.execute(sql::SET_USERNAME, &[&Id(id), &username]).await {
        Ok(0) => Ok(Renamed::Gone),
        Ok(_) => Ok(Renamed::Yes),
        // The statement writes no other column.
        Err(error) if super::fault::is_duplicate(&error) => Ok(Renamed::UsernameTaken),
        Err(error) => Err(error),
    }
}

pub(crate) async fn set_flag(db: &Postgres, id: &UserId, flag: Flag, value: bool) -> Result<Updated, DbError> {
    let sql = match flag {
        Flag::Active => sql::SET_ACTIVE,
        Flag::Staff => sql::SET_STAFF,
        Flag::Superuser => sql::SET_SUPERUSER,
    };
    db.execute(sql, &[&Id(id), &value]).await.map(updated)
}

pub(crate) async fn delete(db: &Postgres, id: &UserId) -> Result<bool, DbError> {
    let tables = migrations::tables(db).await?;
    let children = sql::DELETE_CHILDREN.iter().filter(|(table, _)| tables.contains(*table)).map(|(_, sql)| *sql);
    let statements: Vec<_> = children.chain([sql::DELETE]).collect();
    Ok(db.execute_together(&statements, &[&Id(id)]).await? > 0)
}

pub(crate) async fn count(db: &Postgres) -> Result<u64, DbError> {
    let counted = db.read(sql::COUNT, &[]).await?;
    let count = rows::first(&counted, |row| rows::USER.int(row, 0, "id"))?;
    Ok(count.unwrap_or(0).unsigned_abs())
}

pub(crate) async fn has_superuser(db: &Postgres) -> Result<bool, DbError> {
    Ok(!db.read(sql::HAS_SUPERUSER, &[]).await?.is_empty())
}

pub(crate) async fn list(db: &Postgres, after: Option<&UserId>, limit: usize) -> Result<Vec<User>, DbError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = match after {
        Some(after) => db.read(sql::LIST_AFTER, &[&limit, &Id(after)]).await?,
        None => db.read(sql::LIST, &[&limit]).await?,
    };
    rows::all(&found, |row| rows::user(row, 0))
}

fn updated(rows: u64) -> Updated {
    if rows > 0 { Updated::Yes } else { Updated::Gone }
}
