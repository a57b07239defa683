//! The user table on PostgreSQL: `auth_user`, or one of the application's own.

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::UserId;
use cloakroom_core::models::{EncodedHash, User};
use cloakroom_core::near::Touched;
use cloakroom_core::user_model::{Nulls, Slot, UserTable};
use tokio_postgres::types::ToSql;

use super::rows::{self, Moment, Sought};
use super::user_sql::{COLUMNS, DELETE_CHILDREN, DIALECT};
use super::{Postgres, migrations};
use crate::error::DbError;
use crate::options::Updated;
use crate::user_table::{Found, FoundColumn, Stored, Stores};
use crate::users::{Created, Flag, NewUser, Renamed, Swapped};

pub(crate) async fn by_id(db: &Postgres, id: &UserId) -> Result<Option<User>, DbError> {
    let users = db.users()?;
    rows::first(&db.read_shared(&users.sql.by_id, &[&users.id(id)]).await?, |row| rows::user(users, row, 0))
}

pub(crate) async fn by_username(db: &Postgres, username: &str) -> Result<Option<User>, DbError> {
    let users = db.users()?;
    rows::first(&db.read_shared(&users.sql.by_username, &[&Sought(username)]).await?, |row| rows::user(users, row, 0))
}

pub(crate) async fn by_email_iexact(db: &Postgres, email: &str) -> Result<Vec<User>, DbError> {
    let users = db.users()?;
    if !users.layout.has(Slot::Email) {
        return Ok(Vec::new());
    }
    rows::all(&db.read(&users.sql.by_email_iexact, &[&Sought(email)]).await?, |row| rows::user(users, row, 0))
}

pub(crate) async fn exists_username(db: &Postgres, username: &str) -> Result<bool, DbError> {
    let users = db.users()?;
    Ok(!db.read(&users.sql.exists_username, &[&Sought(username)]).await?.is_empty())
}

pub(crate) async fn exists_username_iexact(db: &Postgres, username: &str) -> Result<bool, DbError> {
    let users = db.users()?;
    Ok(!db.read(&users.sql.exists_username_iexact, &[&Sought(username)]).await?.is_empty())
}

pub(crate) async fn create(db: &Postgres, new: &NewUser) -> Result<Created, DbError> {
    let users = db.users()?;
    let insert = users.layout.insert(DIALECT, new)?;
    let params: Vec<&(dyn ToSql + Sync)> = insert.values.iter().map(|given| given as _).collect();
    let made = db.write(&format!("{}{}", insert.sql, users.sql.created), &params).await?;
    let made = rows::first(&made, |row| rows::user(users, row, 0))?;
    Ok(made.map_or(Created::UsernameTaken, Created::Yes))
}

pub(crate) async fn set_password(db: &Postgres, id: &UserId, password: &EncodedHash) -> Result<Updated, DbError> {
    let users = db.users()?;
    db.execute(&users.sql.set_password, &[&users.id(id), &password.expose()]).await.map(updated)
}

pub(crate) async fn set_password_if(
    db: &Postgres,
    id: &UserId,
    old: &EncodedHash,
    new: &EncodedHash,
) -> Result<Swapped, DbError> {
    let users = db.users()?;
    if db.execute(&users.sql.set_password_if, &[&users.id(id), &new.expose(), &Sought(old.expose())]).await? > 0 {
        return Ok(Swapped::Yes);
    }
    let there = !db.read(&users.sql.exists, &[&users.id(id)]).await?.is_empty();
    Ok(if there { Swapped::Changed } else { Swapped::Gone })
}

pub(crate) async fn set_last_login(db: &Postgres, id: &UserId, at: Timestamp) -> Result<Updated, DbError> {
    let users = db.users()?;
    if !users.layout.has(Slot::LastLogin) {
        // A table without the column has nothing to remember.
        return update(db, id, None).await;
    }
    db.execute_touching(Touched::User(id.clone()), &users.sql.set_last_login, &[&users.id(id), &Moment(at)])
        .await
        .map(updated)
}

pub(crate) async fn update(db: &Postgres, id: &UserId, update: Option<&Stores>) -> Result<Updated, DbError> {
    let users = db.users()?;
    let id = users.id(id);
    let Some(update) = update else {
        let there = !db.read(&users.sql.exists, &[&id]).await?.is_empty();
        return Ok(if there { Updated::Yes } else { Updated::Gone });
    };
    let mut params: Vec<&(dyn ToSql + Sync)> = vec![&id];
    params.extend(update.values.iter().map(|given| given as &(dyn ToSql + Sync)));
    db.execute(&update.sql, &params).await.map(updated)
}

pub(crate) async fn rename(db: &Postgres, id: &UserId, username: &str) -> Result<Renamed, DbError> {
    let users = db.users()?;
    match db.execute(&users.sql.set_username, &[&users.id(id), &username]).await {
        Ok(0) => Ok(Renamed::Gone),
        Ok(_) => Ok(Renamed::Yes),
        // The statement writes no other column.
        Err(error) if super::fault::is_duplicate(&error) => Ok(Renamed::UsernameTaken),
        Err(error) => Err(error),
    }
}

pub(crate) async fn set_flag(db: &Postgres, id: &UserId, flag: Flag, value: bool) -> Result<Updated, DbError> {
    let users = db.users()?;
    users.layout.demand(flag.slot())?;
    let sql = match flag {
        Flag::Active => &users.sql.set_active,
        Flag::Staff => &users.sql.set_staff,
        Flag::Superuser => &users.sql.set_superuser,
    };
    db.execute(sql, &[&users.id(id), &value]).await.map(updated)
}

pub(crate) async fn delete(db: &Postgres, id: &UserId) -> Result<bool, DbError> {
    let users = db.users()?;
    let tables = migrations::tables(db).await?;
    let mut statements: Vec<&str> = Vec::new();
    if users.layout.has_groups {
        statements.push(&users.sql.delete_groups);
    }
    if users.layout.has_permissions {
        statements.push(&users.sql.delete_permissions);
    }
    statements.extend(DELETE_CHILDREN.iter().filter(|(table, _)| tables.contains(*table)).map(|(_, sql)| *sql));
    statements.push(&users.sql.delete);
    Ok(db.execute_together(&statements, &[&users.id(id)]).await? > 0)
}

pub(crate) async fn count(db: &Postgres) -> Result<u64, DbError> {
    let users = db.users()?;
    let counted = db.read(&users.sql.count, &[]).await?;
    let count = rows::first(&counted, |row| rows::USER.int(row, 0, "id"))?;
    Ok(count.unwrap_or(0).unsigned_abs())
}

pub(crate) async fn has_superuser(db: &Postgres) -> Result<bool, DbError> {
    let users = db.users()?;
    Ok(!db.read(&users.sql.has_superuser, &[]).await?.is_empty())
}

pub(crate) async fn list(db: &Postgres, after: Option<&UserId>, limit: usize) -> Result<Vec<User>, DbError> {
    let users = db.users()?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found = match after {
        Some(after) => db.read(&users.sql.list_after, &[&limit, &users.id(after)]).await?,
        None => db.read(&users.sql.list, &[&limit]).await?,
    };
    rows::all(&found, |row| rows::user(users, row, 0))
}

fn updated(rows: u64) -> Updated {
    if rows > 0 { Updated::Yes } else { Updated::Gone }
}

/// Reads from the database what the users' table is; without columns if there is none.
pub(super) async fn find(db: &Postgres, table: &UserTable) -> Result<Found, DbError> {
    let mut found = Found::default();
    for row in db.read(COLUMNS, &[&table.table()]).await? {
        let name = rows::USER.text(&row, 0, "(a column's name)")?;
        let declared = rows::USER.text(&row, 1, "(a column's type)")?;
        let flag = |at| rows::USER.flag(&row, at, "(a column)");
        let nulls = if flag(2)? { Nulls::Refused } else { Nulls::Allowed };
        if flag(4)? {
            found.key.push(name.clone());
        }
        if flag(5)? {
            found.unique.push(name.clone());
        }
        found.columns.push(FoundColumn { name, stored: stored(declared), nulls, has_default: flag(3)? });
    }
    let tables = migrations::tables(db).await?;
    found.has_groups = tables.contains(&table.groups_table());
    found.has_permissions = tables.contains(&table.permissions_table());
    Ok(found)
}

fn stored(declared: String) -> Stored {
    match declared.as_str() {
        "boolean" => Stored::Bool,
        "smallint" | "integer" | "bigint" => Stored::Int,
        "real" | "double precision" => Stored::Float,
        "character varying" | "text" | "character" | "citext" | "name" => Stored::Text,
        "bytea" => Stored::Bytes,
        "timestamp with time zone" | "timestamp without time zone" => Stored::Time,
        "uuid" => Stored::UuidNative,
        _ => Stored::Cast(declared.into()),
    }
}
