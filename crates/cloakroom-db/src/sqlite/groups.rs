//! `auth_group` and `auth_user_groups` on SQLite.

use cloakroom_core::keys::UserId;
use cloakroom_core::models::Group;
use rusqlite::{Connection, Row};

use super::Known;
use super::fault::Fault;
use super::rows::{self, Place};
use super::sql::group;
use crate::error::Table;
use crate::groups::{Created, Joined};

pub(crate) fn all(c: &Connection) -> Result<Vec<Group>, Fault> {
    rows::all(c, group::ALL, [], read)
}

pub(crate) fn by_name(c: &Connection, name: &str) -> Result<Option<Group>, Fault> {
    rows::first(c, group::BY_NAME, (name,), read)
}

pub(crate) fn of_user(c: &Connection, users: &Known, user: &UserId) -> Result<Vec<Group>, Fault> {
    rows::all(c, &users.sql.groups_of, (users.id(user),), read)
}

pub(crate) fn create(c: &Connection, name: &str) -> Result<Created, Fault> {
    match rows::execute(c, group::CREATE, (name,)) {
        Ok(_) => Ok(Created::Yes(Group::new(c.last_insert_rowid(), name))),
        Err(fault) if fault.is_duplicate_of("auth_group.name") => Ok(Created::NameTaken),
        Err(fault) => Err(fault),
    }
}

pub(crate) fn delete(c: &Connection, users: &Known, group: i64) -> Result<bool, Fault> {
    if users.layout.has_groups {
        rows::execute(c, &users.sql.delete_members, (group,))?;
    }
    rows::execute(c, group::DELETE_PERMISSIONS, (group,))?;
    Ok(rows::execute(c, group::DELETE, (group,))? > 0)
}

pub(crate) fn add_user(c: &Connection, users: &Known, group: i64, user: &UserId) -> Result<Joined, Fault> {
    if !users.layout.has_groups
        || !rows::any(c, group::EXISTS, (group,))?
        || !rows::any(c, &users.sql.exists, (users.id(user),))?
    {
        return Ok(Joined::Unknown);
    }
    let added = rows::execute(c, &users.sql.join_group, (users.id(user), group))?;
    Ok(if added > 0 { Joined::Yes } else { Joined::Already })
}

pub(crate) fn remove_user(c: &Connection, users: &Known, group: i64, user: &UserId) -> Result<bool, Fault> {
    Ok(users.layout.has_groups && rows::execute(c, &users.sql.leave_group, (users.id(user), group))? > 0)
}

fn read(row: &Row<'_>) -> Result<Group, Fault> {
    let place = Place { table: Table::AuthGroup, key: 0 };
    Ok(Group::new(place.int(row, 0, "id")?, place.text(row, 1, "name")?))
}
