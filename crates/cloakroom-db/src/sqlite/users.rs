//! `auth_user` on SQLite.

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::UserId;
use cloakroom_core::models::{EncodedHash, User};
use rusqlite::Connection;

use super::fault::Fault;
use super::rows::{self, Id, Moment};
use super::sql::{self, user};
use crate::options::Updated;
use crate::users::{Created, Flag, NewUser, Profile, Renamed, Swapped};

pub(crate) fn by_id(c: &Connection, id: &UserId) -> Result<Option<User>, Fault> {
    rows::first(c, user::BY_ID, (Id(id),), |row| rows::user(row, 0))
}

pub(crate) fn by_username(c: &Connection, username: &str) -> Result<Option<User>, Fault> {
    rows::first(c, user::BY_USERNAME, (username,), |row| rows::user(row, 0))
}

pub(crate) fn by_email_iexact(c: &Connection, email: &str) -> Result<Vec<User>, Fault> {
    match rows::iexact_pattern(email) {
        Some(pattern) => rows::all(c, user::BY_EMAIL_IEXACT, (pattern,), |row| rows::user(row, 0)),
        None => Ok(Vec::new()),
    }
}

pub(crate) fn exists_username(c: &Connection, username: &str) -> Result<bool, Fault> {
    rows::any(c, user::EXISTS_USERNAME, (username,))
}

pub(crate) fn exists_username_iexact(c: &Connection, username: &str) -> Result<bool, Fault> {
    match rows::iexact_pattern(username) {
        Some(pattern) => rows::any(c, user::EXISTS_USERNAME_IEXACT, (pattern,)),
        None => Ok(false),
    }
}

pub(crate) fn create(c: &Connection, new: &NewUser) -> Result<Created, Fault> {
    let params = (
        new.password.expose(),
        new.is_superuser,
        &new.username,
        &new.first_name,
        &new.last_name,
        &new.email,
        new.is_staff,
        new.is_active,
        Moment::from(new.date_joined),
    );
    match rows::execute(c, user::CREATE, params) {
        Ok(_) => {}
        Err(fault) if is_username_taken(&fault) => return Ok(Created::UsernameTaken),
        Err(fault) => return Err(fault),
    }
    let id = UserId::Int(c.last_insert_rowid());
    let stored = by_id(c, &id)?;
    stored.map(Created::Yes).ok_or(Fault::Sqlite(rusqlite::Error::QueryReturnedNoRows))
}

pub(crate) fn set_password(c: &Connection, id: &UserId, password: &EncodedHash) -> Result<Updated, Fault> {
    rows::execute(c, user::SET_PASSWORD, (Id(id), password.expose())).map(updated)
}

pub(crate) fn set_password_if(
    c: &Connection,
    id: &UserId,
    old: &EncodedHash,
    new: &EncodedHash,
) -> Result<Swapped, Fault> {
    if rows::execute(c, user::SET_PASSWORD_IF, (Id(id), new.expose(), old.expose()))? > 0 {
        return Ok(Swapped::Yes);
    }
    let there = rows::any(c, user::EXISTS, (Id(id),))?;
    Ok(if there { Swapped::Changed } else { Swapped::Gone })
}

pub(crate) fn set_last_login(c: &Connection, id: &UserId, at: Timestamp) -> Result<Updated, Fault> {
    rows::execute(c, user::SET_LAST_LOGIN, (Id(id), Moment::from(at))).map(updated)
}

pub(crate) fn update_profile(c: &Connection, id: &UserId, profile: &Profile) -> Result<Updated, Fault> {
    let params = (Id(id), &profile.first_name, &profile.last_name, &profile.email);
    rows::execute(c, user::SET_PROFILE, params).map(updated)
}

pub(crate) fn rename(c: &Connection, id: &UserId, username: &str) -> Result<Renamed, Fault> {
    match rows::execute(c, user::SET_USERNAME, (Id(id), username)) {
        Ok(0) => Ok(Renamed::Gone),
        Ok(_) => Ok(Renamed::Yes),
        Err(fault) if is_username_taken(&fault) => Ok(Renamed::UsernameTaken),
        Err(fault) => Err(fault),
    }
}

pub(crate) fn set_flag(c: &Connection, id: &UserId, flag: Flag, value: bool) -> Result<Updated, Fault> {
    let sql = match flag {
        Flag::Active => user::SET_ACTIVE,
        Flag::Staff => user::SET_STAFF,
        Flag::Superuser => user::SET_SUPERUSER,
    };
    rows::execute(c, sql, (Id(id), value)).map(updated)
}

pub(crate) fn delete(c: &Connection, id: &UserId) -> Result<bool, Fault> {
    for (table, sql) in user::DELETE_CHILDREN {
        if rows::any(c, sql::TABLE_EXISTS, (table,))? {
            rows::execute(c, sql, (Id(id),))?;
        }
    }
    Ok(rows::execute(c, user::DELETE, (Id(id),))? > 0)
}

pub(crate) fn count(c: &Connection) -> Result<u64, Fault> {
    let count: i64 = c.prepare_cached(user::COUNT)?.query_row([], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

pub(crate) fn has_superuser(c: &Connection) -> Result<bool, Fault> {
    Ok(c.prepare_cached(user::HAS_SUPERUSER)?.query_row([], |row| row.get(0))?)
}

pub(crate) fn list(c: &Connection, after: Option<&UserId>, limit: usize) -> Result<Vec<User>, Fault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    match after {
        Some(after) => rows::all(c, user::LIST_AFTER, (limit, Id(after)), |row| rows::user(row, 0)),
        None => rows::all(c, user::LIST, (limit,), |row| rows::user(row, 0)),
    }
}

fn updated(rows: usize) -> Updated {
    if rows > 0 { Updated::Yes } else { Updated::Gone }
}

fn is_username_taken(fault: &Fault) -> bool {
    fault.is_duplicate_of("auth_user.username")
}
