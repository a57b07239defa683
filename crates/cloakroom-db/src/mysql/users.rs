//! `auth_user` on MySQL.

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::UserId;
use cloakroom_core::models::{EncodedHash, User};

use super::MySql;
use super::fault::Fault;
use super::pool::Done;
use super::rows::{self, Place, moment};
use super::sql::{self, user};
use crate::error::{DbError, Table};
use crate::network::Deadline;
use crate::options::Updated;
use crate::users::{Created, Flag, NewUser, Profile, Renamed, Swapped};

pub(crate) async fn by_id(db: &MySql, id: &UserId) -> Result<Option<User>, DbError> {
    db.first(user::BY_ID, (rows::id(id),), |row| rows::user(row, 0)).await
}

pub(crate) async fn by_username(db: &MySql, username: &str) -> Result<Option<User>, DbError> {
    db.first(user::BY_USERNAME, (username,), |row| rows::user(row, 0)).await
}

pub(crate) async fn by_email_iexact(db: &MySql, email: &str) -> Result<Vec<User>, DbError> {
    db.all(user::BY_EMAIL_IEXACT, (rows::iexact_pattern(email),), |row| rows::user(row, 0)).await
}

pub(crate) async fn exists_username(db: &MySql, username: &str) -> Result<bool, DbError> {
    db.any(user::EXISTS_USERNAME, (username,)).await
}

pub(crate) async fn exists_username_iexact(db: &MySql, username: &str) -> Result<bool, DbError> {
    db.any(user::EXISTS_USERNAME_IEXACT, (rows::iexact_pattern(username),)).await
}

pub(crate) async fn create(db: &MySql, new: &NewUser) -> Result<Created, DbError> {
    let params = (
        new.password.expose(),
        new.is_superuser,
        &new.username,
        &new.first_name,
        &new.last_name,
        &new.email,
        new.is_staff,
        new.is_active,
        moment(new.date_joined),
    );
    let deadline = Deadline::after(db.deadline);
    let done = match db.try_execute(deadline, user::CREATE, params).await {
        Ok(done) => done,
        Err(fault) if is_username_taken(&fault) => return Ok(Created::UsernameTaken),
        Err(fault) => return db.name(deadline, Err(fault)),
    };
    let mut made = User::new(UserId::Int(done.key.unwrap_or_default()), new.username.clone(), new.date_joined);
    made.password = new.password.clone();
    made.is_superuser = new.is_superuser;
    made.first_name.clone_from(&new.first_name);
    made.last_name.clone_from(&new.last_name);
    made.email.clone_from(&new.email);
    made.is_staff = new.is_staff;
    made.is_active = new.is_active;
    Ok(Created::Yes(made))
}

pub(crate) async fn set_password(db: &MySql, id: &UserId, password: &EncodedHash) -> Result<Updated, DbError> {
    db.execute(user::SET_PASSWORD, (password.expose(), rows::id(id))).await.map(updated)
}

pub(crate) async fn set_password_if(
    db: &MySql,
    id: &UserId,
    old: &EncodedHash,
    new: &EncodedHash,
) -> Result<Swapped, DbError> {
    if db.execute(user::SET_PASSWORD_IF, (new.expose(), rows::id(id), old.expose())).await?.rows > 0 {
        return Ok(Swapped::Yes);
    }
    let there = db.any(user::EXISTS, (rows::id(id),)).await?;
    Ok(if there { Swapped::Changed } else { Swapped::Gone })
}

pub(crate) async fn set_last_login(db: &MySql, id: &UserId, at: Timestamp) -> Result<Updated, DbError> {
    db.execute(user::SET_LAST_LOGIN, (moment(at), rows::id(id))).await.map(updated)
}

pub(crate) async fn update_profile(db: &MySql, id: &UserId, profile: &Profile) -> Result<Updated, DbError> {
    let params = (&profile.first_name, &profile.last_name, &profile.email, rows::id(id));
    db.execute(user::SET_PROFILE, params).await.map(updated)
}

pub(crate) async fn rename(db: &MySql, id: &UserId, username: &str) -> Result<Renamed, DbError> {
    let deadline = Deadline::after(db.deadline);
    match db.try_execute(deadline, user::SET_USERNAME, (username, rows::id(id))).await {
        Ok(Done { rows: 0, .. }) => Ok(Renamed::Gone),
        Ok(_) => Ok(Renamed::Yes),
        Err(fault) if is_username_taken(&fault) => Ok(Renamed::UsernameTaken),
        Err(fault) => db.name(deadline, Err(fault)),
    }
}

pub(crate) async fn set_flag(db: &MySql, id: &UserId, flag: Flag, value: bool) -> Result<Updated, DbError> {
    let sql = match flag {
        Flag::Active => user::SET_ACTIVE,
        Flag::Staff => user::SET_STAFF,
        Flag::Superuser => user::SET_SUPERUSER,
    };
    db.execute(sql, (value, rows::id(id))).await.map(updated)
}

pub(crate) async fn delete(db: &MySql, id: &UserId) -> Result<bool, DbError> {
    transaction!(db, |call| {
        for (table, sql) in user::DELETE_CHILDREN {
            if call.first(sql::TABLE_EXISTS, (table,)).await?.is_some() {
                call.execute(sql, (rows::id(id),)).await?;
            }
        }
        Ok(call.execute(user::DELETE, (rows::id(id),)).await?.rows > 0)
    })
}

pub(crate) async fn count(db: &MySql) -> Result<u64, DbError> {
    let place = Place { table: Table::AuthUser, key: None };
    let count = db.first(user::COUNT, (), |row| place.int(row, 0, "id")).await?;
    Ok(count.unwrap_or_default().unsigned_abs())
}

pub(crate) async fn has_superuser(db: &MySql) -> Result<bool, DbError> {
    db.any(user::HAS_SUPERUSER, ()).await
}

pub(crate) async fn list(db: &MySql, after: Option<&UserId>, limit: usize) -> Result<Vec<User>, DbError> {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    match after {
        Some(after) => db.all(user::LIST_AFTER, (rows::id(after), limit), |row| rows::user(row, 0)).await,
        None => db.all(user::LIST, (limit,), |row| rows::user(row, 0)).await,
    }
}

fn updated(done: Done) -> Updated {
    if done.rows > 0 { Updated::Yes } else { Updated::Gone }
}

fn is_username_taken(fault: &Fault) -> bool {
    fault.is_duplicate_of("username")
}
