//! The user table on SQLite: `auth_user`, or one of the application's own.

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::UserId;
use cloakroom_core::models::{EncodedHash, User};
use cloakroom_core::user_model::{Nulls, Slot, UserTable};
use rusqlite::{Connection, params_from_iter};

use super::fault::Fault;
use super::rows::{self, Moment};
use super::user_sql::{COLUMNS, DELETE_CHILDREN, DIALECT, UNIQUE};
use super::{Known, sql};
use crate::options::Updated;
use crate::user_table::{Found, FoundColumn, Stored, Stores};
use crate::users::{Created, Flag, NewUser, Renamed, Swapped};

pub(crate) fn by_id(c: &Connection, users: &Known, id: &UserId) -> Result<Option<User>, Fault> {
    rows::first(c, &users.sql.by_id, (users.id(id),), |row| rows::user(users, row, 0))
}

pub(crate) fn by_username(c: &Connection, users: &Known, username: &str) -> Result<Option<User>, Fault> {
    rows::first(c, &users.sql.by_username, (username,), |row| rows::user(users, row, 0))
}

pub(crate) fn by_email_iexact(c: &Connection, users: &Known, email: &str) -> Result<Vec<User>, Fault> {
    if !users.layout.has(Slot::Email) {
        return Ok(Vec::new());
    }
    match rows::iexact_pattern(email) {
        Some(pattern) => rows::all(c, &users.sql.by_email_iexact, (pattern,), |row| rows::user(users, row, 0)),
        None => Ok(Vec::new()),
    }
}

pub(crate) fn exists_username(c: &Connection, users: &Known, username: &str) -> Result<bool, Fault> {
    rows::any(c, &users.sql.exists_username, (username,))
}

pub(crate) fn exists_username_iexact(c: &Connection, users: &Known, username: &str) -> Result<bool, Fault> {
    match rows::iexact_pattern(username) {
        Some(pattern) => rows::any(c, &users.sql.exists_username_iexact, (pattern,)),
        None => Ok(false),
    }
}

pub(crate) fn create(c: &Connection, users: &Known, new: &NewUser) -> Result<Created, Fault> {
    let insert = users.layout.insert(DIALECT, new)?;
    match rows::execute(c, &insert.sql, params_from_iter(&insert.values)) {
        Ok(_) => {}
        Err(fault) if is_username_taken(users, &fault) => return Ok(Created::UsernameTaken),
        Err(fault) => return Err(fault),
    }
    let stored = match &new.id {
        Some(id) => by_id(c, users, id)?,
        None => rows::first(c, &users.sql.by_rowid, (c.last_insert_rowid(),), |row| rows::user(users, row, 0))?,
    };
    stored.map(Created::Yes).ok_or(Fault::Sqlite(rusqlite::Error::QueryReturnedNoRows))
}

pub(crate) fn set_password(
    c: &Connection,
    users: &Known,
    id: &UserId,
    password: &EncodedHash,
) -> Result<Updated, Fault> {
    rows::execute(c, &users.sql.set_password, (users.id(id), password.expose())).map(updated)
}

pub(crate) fn set_password_if(
    c: &Connection,
    users: &Known,
    id: &UserId,
    old: &EncodedHash,
    new: &EncodedHash,
) -> Result<Swapped, Fault> {
    if rows::execute(c, &users.sql.set_password_if, (users.id(id), new.expose(), old.expose()))? > 0 {
        return Ok(Swapped::Yes);
    }
    let there = rows::any(c, &users.sql.exists, (users.id(id),))?;
    Ok(if there { Swapped::Changed } else { Swapped::Gone })
}

/// A table without the column has nothing to remember.
pub(crate) fn set_last_login(c: &Connection, users: &Known, id: &UserId, at: Timestamp) -> Result<Updated, Fault> {
    if !users.layout.has(Slot::LastLogin) {
        return update(c, users, id, None);
    }
    rows::execute(c, &users.sql.set_last_login, (users.id(id), Moment::from(at))).map(updated)
}

pub(crate) fn update(c: &Connection, users: &Known, id: &UserId, update: Option<&Stores>) -> Result<Updated, Fault> {
    let Some(update) = update else {
        let there = rows::any(c, &users.sql.exists, (users.id(id),))?;
        return Ok(if there { Updated::Yes } else { Updated::Gone });
    };
    let mut statement = c.prepare_cached(&update.sql)?;
    statement.raw_bind_parameter(1, users.id(id))?;
    for (value, n) in update.values.iter().zip(2..) {
        statement.raw_bind_parameter(n, value)?;
    }
    Ok(updated(statement.raw_execute()?))
}

pub(crate) fn rename(c: &Connection, users: &Known, id: &UserId, username: &str) -> Result<Renamed, Fault> {
    match rows::execute(c, &users.sql.set_username, (users.id(id), username)) {
        Ok(0) => Ok(Renamed::Gone),
        Ok(_) => Ok(Renamed::Yes),
        Err(fault) if is_username_taken(users, &fault) => Ok(Renamed::UsernameTaken),
        Err(fault) => Err(fault),
    }
}

pub(crate) fn set_flag(c: &Connection, users: &Known, id: &UserId, flag: Flag, value: bool) -> Result<Updated, Fault> {
    users.layout.demand(flag.slot())?;
    let sql = match flag {
        Flag::Active => &users.sql.set_active,
        Flag::Staff => &users.sql.set_staff,
        Flag::Superuser => &users.sql.set_superuser,
    };
    rows::execute(c, sql, (users.id(id), value)).map(updated)
}

pub(crate) fn delete(c: &Connection, users: &Known, id: &UserId) -> Result<bool, Fault> {
    if users.layout.has_groups {
        rows::execute(c, &users.sql.delete_groups, (users.id(id),))?;
    }
    if users.layout.has_permissions {
        rows::execute(c, &users.sql.delete_permissions, (users.id(id),))?;
    }
    for (table, sql) in DELETE_CHILDREN {
        if rows::any(c, sql::TABLE_EXISTS, (table,))? {
            rows::execute(c, sql, (users.id(id),))?;
        }
    }
    Ok(rows::execute(c, &users.sql.delete, (users.id(id),))? > 0)
}

pub(crate) fn count(c: &Connection, users: &Known) -> Result<u64, Fault> {
    let count: i64 = c.prepare_cached(&users.sql.count)?.query_row([], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

pub(crate) fn has_superuser(c: &Connection, users: &Known) -> Result<bool, Fault> {
    Ok(c.prepare_cached(&users.sql.has_superuser)?.query_row([], |row| row.get(0))?)
}

pub(crate) fn list(c: &Connection, users: &Known, after: Option<&UserId>, limit: usize) -> Result<Vec<User>, Fault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    match after {
        Some(after) => rows::all(c, &users.sql.list_after, (limit, users.id(after)), |row| rows::user(users, row, 0)),
        None => rows::all(c, &users.sql.list, (limit,), |row| rows::user(users, row, 0)),
    }
}

fn updated(rows: usize) -> Updated {
    if rows > 0 { Updated::Yes } else { Updated::Gone }
}

fn is_username_taken(users: &Known, fault: &Fault) -> bool {
    let table = &users.layout.table;
    fault.is_duplicate_of(&format!("{}.{}", table.table(), table.username_field()))
}

/// Reads from the database what the users' table is; without columns if there is none.
pub(super) fn find(c: &Connection, table: &UserTable) -> Result<Found, Fault> {
    let mut found = Found::default();
    for (name, declared, refuses_null, has_default, nth) in rows::all(c, COLUMNS, (table.table(),), |row| {
        Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?, row.get::<_, i64>(4)?))
    })? {
        let name: String = name;
        let nulls = if refuses_null || nth > 0 { Nulls::Refused } else { Nulls::Allowed };
        if nth > 0 {
            found.key.push(name.clone());
        }
        found.columns.push(FoundColumn { name, stored: stored(&declared), nulls, has_default });
    }
    found.unique = rows::all(c, UNIQUE, (table.table(),), |row| Ok(row.get::<_, Option<String>>(0)?))?
        .into_iter()
        .flatten()
        .collect();
    found.unique.extend(found.key.first().filter(|_| found.key.len() == 1).cloned());
    found.has_groups = rows::any(c, sql::TABLE_EXISTS, (table.groups_table(),))?;
    found.has_permissions = rows::any(c, sql::TABLE_EXISTS, (table.permissions_table(),))?;
    Ok(found)
}

/// What a column holds that was declared with this type, by the names that Django gives to types.
fn stored(declared: &str) -> Stored {
    let declared = declared.to_ascii_lowercase();
    let name = declared.split('(').next().unwrap_or_default().trim();
    match name {
        "bool" | "boolean" => Stored::Bool,
        "real" | "double" | "float" | "double precision" => Stored::Float,
        "datetime" | "timestamp" => Stored::Time,
        "blob" => Stored::Bytes,
        "char" if declared.replace(' ', "") == "char(32)" => Stored::UuidHex,
        _ if name.contains("int") => Stored::Int,
        _ => Stored::Text,
    }
}
