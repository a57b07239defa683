//! The user table on MySQL: `auth_user`, or one of the application's own.

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::UserId;
use cloakroom_core::models::{EncodedHash, User};
use cloakroom_core::user_model::{Nulls, Slot, UserTable};
use mysql_async::{Row, Value};

use super::fault::Fault;
use super::pool::Done;
use super::rows::{self, Place, moment};
use super::user_sql::{COLUMNS, DELETE_CHILDREN, DIALECT, UNIQUE};
use super::{Known, MySql, sql};
use crate::error::{DbError, Table};
use crate::network::Deadline;
use crate::options::Updated;
use crate::user_table::{Found, FoundColumn, Stored, Stores};
use crate::users::{Created, Flag, NewUser, Renamed, Swapped};

pub(crate) async fn by_id(db: &MySql, id: &UserId) -> Result<Option<User>, DbError> {
    let users = db.users()?;
    db.first(&users.sql.by_id, (users.id(id),), |row| rows::user(users, row, 0)).await
}

pub(crate) async fn by_username(db: &MySql, username: &str) -> Result<Option<User>, DbError> {
    let users = db.users()?;
    db.first(&users.sql.by_username, (username,), |row| rows::user(users, row, 0)).await
}

pub(crate) async fn by_email_iexact(db: &MySql, email: &str) -> Result<Vec<User>, DbError> {
    let users = db.users()?;
    if !users.layout.has(Slot::Email) {
        return Ok(Vec::new());
    }
    db.all(&users.sql.by_email_iexact, (rows::iexact_pattern(email),), |row| rows::user(users, row, 0)).await
}

pub(crate) async fn exists_username(db: &MySql, username: &str) -> Result<bool, DbError> {
    let users = db.users()?;
    db.any(&users.sql.exists_username, (username,)).await
}

pub(crate) async fn exists_username_iexact(db: &MySql, username: &str) -> Result<bool, DbError> {
    let users = db.users()?;
    db.any(&users.sql.exists_username_iexact, (rows::iexact_pattern(username),)).await
}

pub(crate) async fn create(db: &MySql, new: &NewUser) -> Result<Created, DbError> {
    let users = db.users()?;
    let insert = users.layout.insert(DIALECT, new)?;
    let params: Vec<Value> = insert.values.iter().map(rows::given).collect();
    let deadline = Deadline::after(db.deadline);
    let done = match db.try_execute(deadline, &insert.sql, params).await {
        Ok(done) => done,
        Err(fault) if is_username_taken(users, &fault) => return Ok(Created::UsernameTaken),
        Err(fault) => return db.name(deadline, Err(fault)),
    };
    let id = new.id.clone().or_else(|| done.key.map(UserId::Int));
    let stored = match &id {
        Some(id) => by_id(db, id).await?,
        None => by_username(db, &new.username).await?,
    };
    stored.map(Created::Yes).ok_or_else(|| DbError::Unavailable { source: "a user that was just made is gone".into() })
}

pub(crate) async fn set_password(db: &MySql, id: &UserId, password: &EncodedHash) -> Result<Updated, DbError> {
    let users = db.users()?;
    db.execute(&users.sql.set_password, (password.expose(), users.id(id))).await.map(updated)
}

pub(crate) async fn set_password_if(
    db: &MySql,
    id: &UserId,
    old: &EncodedHash,
    new: &EncodedHash,
) -> Result<Swapped, DbError> {
    let users = db.users()?;
    if db.execute(&users.sql.set_password_if, (new.expose(), users.id(id), old.expose())).await?.rows > 0 {
        return Ok(Swapped::Yes);
    }
    let there = db.any(&users.sql.exists, (users.id(id),)).await?;
    Ok(if there { Swapped::Changed } else { Swapped::Gone })
}

pub(crate) async fn set_last_login(db: &MySql, id: &UserId, at: Timestamp) -> Result<Updated, DbError> {
    let users = db.users()?;
    if !users.layout.has(Slot::LastLogin) {
        // A table without the column has nothing to remember.
        return update(db, id, None).await;
    }
    db.execute(&users.sql.set_last_login, (moment(at), users.id(id))).await.map(updated)
}

pub(crate) async fn update(db: &MySql, id: &UserId, update: Option<&Stores>) -> Result<Updated, DbError> {
    let users = db.users()?;
    let Some(update) = update else {
        let there = db.any(&users.sql.exists, (users.id(id),)).await?;
        return Ok(if there { Updated::Yes } else { Updated::Gone });
    };
    let params: Vec<Value> = update.values.iter().map(rows::given).chain([users.id(id)]).collect();
    db.execute(&update.sql, params).await.map(updated)
}

pub(crate) async fn rename(db: &MySql, id: &UserId, username: &str) -> Result<Renamed, DbError> {
    let users = db.users()?;
    let deadline = Deadline::after(db.deadline);
    match db.try_execute(deadline, &users.sql.set_username, (username, users.id(id))).await {
        Ok(Done { rows: 0, .. }) => Ok(Renamed::Gone),
        Ok(_) => Ok(Renamed::Yes),
        Err(fault) if is_username_taken(users, &fault) => Ok(Renamed::UsernameTaken),
        Err(fault) => db.name(deadline, Err(fault)),
    }
}

pub(crate) async fn set_flag(db: &MySql, id: &UserId, flag: Flag, value: bool) -> Result<Updated, DbError> {
    let users = db.users()?;
    users.layout.demand(flag.slot())?;
    let sql = match flag {
        Flag::Active => &users.sql.set_active,
        Flag::Staff => &users.sql.set_staff,
        Flag::Superuser => &users.sql.set_superuser,
    };
    db.execute(sql, (value, users.id(id))).await.map(updated)
}

pub(crate) async fn delete(db: &MySql, id: &UserId) -> Result<bool, DbError> {
    let users = db.users()?;
    transaction!(db, |call| {
        if users.layout.has_groups {
            call.execute(&users.sql.delete_groups, (users.id(id),)).await?;
        }
        if users.layout.has_permissions {
            call.execute(&users.sql.delete_permissions, (users.id(id),)).await?;
        }
        for (table, sql) in DELETE_CHILDREN {
            if call.first(sql::TABLE_EXISTS, (table,)).await?.is_some() {
                call.execute(sql, (users.id(id),)).await?;
            }
        }
        Ok(call.execute(&users.sql.delete, (users.id(id),)).await?.rows > 0)
    })
}

pub(crate) async fn count(db: &MySql) -> Result<u64, DbError> {
    let users = db.users()?;
    let place = Place { table: Table::AuthUser, key: None };
    let count = db.first(&users.sql.count, (), |row| place.int(row, 0, "id")).await?;
    Ok(count.unwrap_or_default().unsigned_abs())
}

pub(crate) async fn has_superuser(db: &MySql) -> Result<bool, DbError> {
    let users = db.users()?;
    db.any(&users.sql.has_superuser, ()).await
}

pub(crate) async fn list(db: &MySql, after: Option<&UserId>, limit: usize) -> Result<Vec<User>, DbError> {
    let users = db.users()?;
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    match after {
        Some(after) => db.all(&users.sql.list_after, (users.id(after), limit), |row| rows::user(users, row, 0)).await,
        None => db.all(&users.sql.list, (limit,), |row| rows::user(users, row, 0)).await,
    }
}

fn updated(done: Done) -> Updated {
    if done.rows > 0 { Updated::Yes } else { Updated::Gone }
}

fn is_username_taken(users: &Known, fault: &Fault) -> bool {
    users.layout.username_indices.iter().any(|index| fault.is_duplicate_of(index))
}

/// Reads from the database what the users' table is; without columns if there is none.
pub(super) async fn find(db: &MySql, table: &UserTable) -> Result<Found, DbError> {
    let place = Place { table: Table::AuthUser, key: None };
    let read = |row: &Row| {
        let flag = |at| Ok::<_, Fault>(place.int(row, at, "(a column)")? != 0);
        let name = place.text(row, 0, "(a column's name)")?;
        let (declared, whole) = (place.text(row, 1, "(its type)")?, place.text(row, 2, "(its type)")?);
        let nulls = if flag(3)? { Nulls::Allowed } else { Nulls::Refused };
        let column = FoundColumn { name, stored: stored(&declared, &whole), nulls, has_default: flag(4)? };
        Ok((column, flag(5)?))
    };
    let mut found = Found::default();
    for (column, in_key) in db.all(COLUMNS, (table.table(),), read).await? {
        if in_key {
            found.key.push(column.name.clone());
        }
        found.columns.push(column);
    }
    let read = |row: &Row| Ok((place.text(row, 1, "(an index's name)")?, place.text(row, 0, "(a column's name)")?));
    found.indices = db.all(UNIQUE, (table.table(),), read).await?;
    found.unique = found.indices.iter().map(|(_, column)| column.clone()).collect();
    found.has_groups = db.any(sql::TABLE_EXISTS, (table.groups_table(),)).await?;
    found.has_permissions = db.any(sql::TABLE_EXISTS, (table.permissions_table(),)).await?;
    Ok(found)
}

/// What a column holds of this type, without and with its length.
fn stored(declared: &str, whole: &str) -> Stored {
    match declared.to_ascii_lowercase().as_str() {
        "tinyint" if whole.eq_ignore_ascii_case("tinyint(1)") => Stored::Bool,
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => Stored::Int,
        "float" | "double" => Stored::Float,
        "char" if whole.eq_ignore_ascii_case("char(32)") => Stored::UuidHex,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" => Stored::Text,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Stored::Bytes,
        "datetime" | "timestamp" => Stored::Time,
        "uuid" => Stored::UuidNative,
        other => Stored::Cast(other.into()),
    }
}
