//! `auth_group` and `auth_user_groups` on SQLite.

use cloakroom_core::keys::UserId;
use cloakroom_core::models::Group;
use rusqlite::{Connection, Row};

use super::fault::Fault;
use super::rows::{self, Id, Place};
use super::sql::{group, user};
use crate::error::Table;
use crate::groups::{Created, Joined};

pub(crate) fn all(c: &Connection) -> Result<Vec<Group>, Fault> {
    rows::all(c, group::ALL, [], read)
}

pub(crate) fn by_name(c: &Connection, name: &str) -> Result<Option<Group>, Fault> {
    rows::first(c, group::BY_NAME, (name,), read)
}

pub(crate) fn of_user(c: &Connection, user: &UserId) -> Result<Vec<Group>, Fault> {
    rows::all(c, group::OF_USER, (Id(user),), read)
}

pub(crate) fn create(c: &Connection, name: &str) -> Result<Created, Fault> {
    match rows::execute(c, group::CREATE, (name,)) {
        Ok(_) => Ok(Created::Yes(Group::new(c.last_insert_rowid(), name))),
        Err(fault) if fault.is_duplicate_of("auth_group.name") => Ok(Created::NameTaken),
        Err(fault) => Err(fault),
    }
}

pub(crate) fn delete(c: &Connection, group: i64) -> Result<bool, Fault> {
    rows::execute(c, group::DELETE_MEMBERS, (group,))?;
    rows::execute(c, group::DELETE_PERMISSIONS, (group,))?;
    Ok(rows::execute(c, group::DELETE, (group,))? > 0)
}

pub(crate) fn add_user(c: &Connection, group: i64, user: &UserId) -> Result<Joined, Fault> {
    if !rows::any(c, group::EXISTS, (group,))? || !rows::any(c, user::EXISTS, (Id(user),))? {
        return Ok(Joined::Unknown);
    }
    let added = rows::execute(c, group::ADD_USER, (Id(user), group))?;
    Ok(if added > 0 { Joined::Yes } else { Joined::Already })
}

pub(crate) fn remove_user(c: &Connection, group: i64, user: &UserId) -> Result<bool, Fault> {
    Ok(rows::execute(c, group::REMOVE_USER, (Id(user), group))? > 0)
}

fn read(row: &Row<'_>) -> Result<Group, Fault> {
    let place = Place { table: Table::AuthGroup, key: 0 };
    Ok(Group::new(place.int(row, 0, "id")?, place.text(row, 1, "name")?))
}
