//! `auth_group` and `auth_user_groups` on PostgreSQL.

use cloakroom_core::keys::UserId;
use cloakroom_core::models::Group;
use tokio_postgres::Row;

use super::Postgres;
use super::rows::{self, Int, Place, Sought};
use super::sql::group as sql;
use crate::error::{DbError, Table};
use crate::groups::{Created, Joined};

pub(crate) async fn all(db: &Postgres) -> Result<Vec<Group>, DbError> {
    rows::all(&db.read(sql::ALL, &[]).await?, read)
}

pub(crate) async fn by_name(db: &Postgres, name: &str) -> Result<Option<Group>, DbError> {
    rows::first(&db.read(sql::BY_NAME, &[&Sought(name)]).await?, read)
}

pub(crate) async fn of_user(db: &Postgres, user: &UserId) -> Result<Vec<Group>, DbError> {
    let users = db.users()?;
    rows::all(&db.read(&users.sql.groups_of, &[&users.id(user)]).await?, read)
}

pub(crate) async fn create(db: &Postgres, name: &str) -> Result<Created, DbError> {
    let made = rows::first(&db.write(sql::CREATE, &[&name]).await?, read)?;
    Ok(made.map_or(Created::NameTaken, Created::Yes))
}

pub(crate) async fn delete(db: &Postgres, group: i64) -> Result<bool, DbError> {
    let users = db.users()?;
    let members = users.layout.has_groups.then_some(&*users.sql.delete_members);
    let statements: Vec<&str> = members.into_iter().chain([sql::DELETE]).collect();
    Ok(db.execute_together(&statements, &[&Int(group)]).await? > 0)
}

pub(crate) async fn add_user(db: &Postgres, group: i64, user: &UserId) -> Result<Joined, DbError> {
    let users = db.users()?;
    if !users.layout.has_groups {
        return Ok(Joined::Unknown);
    }
    let answer = db.write(&users.sql.join_group, &[&users.id(user), &Int(group)]).await?;
    let answer = rows::first(&answer, |row| Ok((PLACE.flag(row, 0, "id")?, PLACE.flag(row, 1, "id")?)))?;
    Ok(match answer {
        Some((true, true)) => Joined::Yes,
        Some((true, false)) => Joined::Already,
        _ => Joined::Unknown,
    })
}

pub(crate) async fn remove_user(db: &Postgres, group: i64, user: &UserId) -> Result<bool, DbError> {
    let users = db.users()?;
    Ok(users.layout.has_groups && db.execute(&users.sql.leave_group, &[&users.id(user), &Int(group)]).await? > 0)
}

const PLACE: Place = Place { table: Table::AuthGroup, key: Some(0) };

fn read(row: &Row) -> Result<Group, DbError> {
    Ok(Group::new(PLACE.int(row, 0, "id")?, PLACE.text(row, 1, "name")?))
}
