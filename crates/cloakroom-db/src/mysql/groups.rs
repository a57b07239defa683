//! `auth_group` and `auth_user_groups` on MySQL.

use cloakroom_core::keys::UserId;
use cloakroom_core::models::Group;
use mysql_async::Row;

use super::MySql;
use super::fault::Fault;
use super::rows::Place;
use super::sql::group;
use crate::error::{DbError, Table};
use crate::groups::{Created, Joined};
use crate::network::Deadline;

pub(crate) async fn all(db: &MySql) -> Result<Vec<Group>, DbError> {
    db.all(group::ALL, (), read).await
}

pub(crate) async fn by_name(db: &MySql, name: &str) -> Result<Option<Group>, DbError> {
    db.first(group::BY_NAME, (name,), read).await
}

pub(crate) async fn of_user(db: &MySql, user: &UserId) -> Result<Vec<Group>, DbError> {
    let users = db.users()?;
    db.all(&users.sql.groups_of, (users.id(user),), read).await
}

pub(crate) async fn create(db: &MySql, name: &str) -> Result<Created, DbError> {
    let deadline = Deadline::after(db.deadline);
    match db.try_execute(deadline, group::CREATE, (name,)).await {
        Ok(done) => Ok(Created::Yes(Group::new(done.key.unwrap_or_default(), name))),
        Err(fault) if fault.is_duplicate_of("name") => Ok(Created::NameTaken),
        Err(fault) => db.name(deadline, Err(fault)),
    }
}

pub(crate) async fn delete(db: &MySql, group: i64) -> Result<bool, DbError> {
    let users = db.users()?;
    transaction!(db, |call| {
        if users.layout.has_groups {
            call.execute(&users.sql.delete_members, (group,)).await?;
        }
        call.execute(group::DELETE_PERMISSIONS, (group,)).await?;
        Ok(call.execute(group::DELETE, (group,)).await?.rows > 0)
    })
}

pub(crate) async fn add_user(db: &MySql, group: i64, user: &UserId) -> Result<Joined, DbError> {
    // Asked first: an insert that is refused would use up a key.
    let users = db.users()?;
    let known = users.layout.has_groups
        && db.any(group::EXISTS, (group,)).await?
        && db.any(&users.sql.exists, (users.id(user),)).await?;
    if !known {
        return Ok(Joined::Unknown);
    }
    let deadline = Deadline::after(db.deadline);
    match db.try_execute(deadline, &users.sql.join_group, (users.id(user), group)).await {
        Ok(_) => Ok(Joined::Yes),
        Err(fault) if fault.is_duplicate_of(&users.layout.table.owner_column()) => Ok(Joined::Already),
        Err(fault) if fault.is_without_parent() => Ok(Joined::Unknown),
        Err(fault) => db.name(deadline, Err(fault)),
    }
}

pub(crate) async fn remove_user(db: &MySql, group: i64, user: &UserId) -> Result<bool, DbError> {
    let users = db.users()?;
    Ok(users.layout.has_groups && db.execute(&users.sql.leave_group, (users.id(user), group)).await?.rows > 0)
}

fn read(row: &Row) -> Result<Group, Fault> {
    let place = Place::of(Table::AuthGroup);
    Ok(Group::new(place.int(row, 0, "id")?, place.text(row, 1, "name")?))
}
