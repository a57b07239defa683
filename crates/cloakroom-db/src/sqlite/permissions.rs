//! `auth_permission` and its holders on SQLite.

use cloakroom_core::keys::UserId;
use cloakroom_core::models::User;
use rusqlite::{Connection, Row};

use super::fault::Fault;
use super::rows::{self, Place};
use super::sql::{group, permission};
use super::{Known, content_types};
use crate::error::Table;
use crate::permissions::{Effective, Granted, Holder, Permission, Superusers, WithPerm};

pub(crate) fn all(c: &Connection) -> Result<Vec<Permission>, Fault> {
    rows::all(c, permission::ALL, [], |row| {
        Ok(Permission {
            id: PLACE.int(row, 0, "id")?,
            app_label: PLACE.text(row, 1, "app_label")?,
            model: PLACE.text(row, 2, "model")?,
            codename: PLACE.text(row, 3, "codename")?,
            name: PLACE.text(row, 4, "name")?,
        })
    })
}

pub(crate) fn all_labels(c: &Connection) -> Result<Vec<String>, Fault> {
    rows::all(c, permission::ALL_LABELS, [], label)
}

pub(crate) fn of_user(c: &Connection, users: &Known, user: &UserId) -> Result<Vec<String>, Fault> {
    rows::all(c, &users.sql.permissions_of_user, (users.id(user),), label)
}

pub(crate) fn of_user_groups(c: &Connection, users: &Known, user: &UserId) -> Result<Vec<String>, Fault> {
    rows::all(c, &users.sql.permissions_of_groups, (users.id(user),), label)
}

pub(crate) fn effective(c: &Connection, users: &Known, user: &UserId) -> Result<Effective, Fault> {
    let mut found = Effective::default();
    for (label, by_group) in rows::all(c, &users.sql.permissions_effective, (users.id(user),), |row| {
        Ok((label(row)?, row.get::<_, bool>(1)?))
    })? {
        if by_group { found.of_groups.push(label) } else { found.of_user.push(label) }
    }
    Ok(found)
}

pub(crate) fn grant(
    c: &Connection,
    users: &Known,
    holder: &Holder,
    app_label: &str,
    codename: &str,
) -> Result<Granted, Fault> {
    let known = match holder {
        Holder::User(_) if !users.layout.has_permissions => false,
        Holder::User(id) => rows::any(c, &users.sql.exists, (users.id(id),))?,
        Holder::Group(id) => rows::any(c, group::EXISTS, (id,))?,
    };
    if !known || !rows::any(c, permission::EXISTS, (app_label, codename))? {
        return Ok(Granted::Unknown);
    }
    let granted = match holder {
        Holder::User(id) => rows::execute(c, &users.sql.grant, (app_label, codename, users.id(id)))?,
        Holder::Group(id) => rows::execute(c, permission::GRANT_GROUP, (app_label, codename, id))?,
    };
    Ok(if granted > 0 { Granted::Yes } else { Granted::Already })
}

pub(crate) fn revoke(
    c: &Connection,
    users: &Known,
    holder: &Holder,
    app_label: &str,
    codename: &str,
) -> Result<bool, Fault> {
    let revoked = match holder {
        Holder::User(_) if !users.layout.has_permissions => 0,
        Holder::User(id) => rows::execute(c, &users.sql.revoke, (app_label, codename, users.id(id)))?,
        Holder::Group(id) => rows::execute(c, permission::REVOKE_GROUP, (app_label, codename, id))?,
    };
    Ok(revoked > 0)
}

pub(crate) fn users_with_perm(
    c: &Connection,
    users: &Known,
    app_label: &str,
    codename: &str,
    which: WithPerm,
) -> Result<Vec<User>, Fault> {
    let params = (app_label, codename, which.is_active, which.superusers == Superusers::Included);
    rows::all(c, &users.sql.with_permission, params, |row| rows::user(users, row, 0))
}

pub(crate) fn ensure(c: &Connection, app_label: &str, model: &str, codename: &str, name: &str) -> Result<i64, Fault> {
    let content_type = content_types::ensure(c, app_label, model)?;
    ensure_for(c, content_type, codename, name)?;
    let id = rows::first(c, permission::ID, (content_type, codename), |row| PLACE.int(row, 0, "id"))?;
    id.ok_or(Fault::Sqlite(rusqlite::Error::QueryReturnedNoRows))
}

/// Makes the permission unless it is there; whether it was made.
pub(super) fn ensure_for(c: &Connection, content_type: i64, codename: &str, name: &str) -> Result<bool, Fault> {
    Ok(rows::execute(c, permission::CREATE, (content_type, codename, name))? > 0)
}

const PLACE: Place = Place { table: Table::AuthPermission, key: 0 };

fn label(row: &Row<'_>) -> Result<String, Fault> {
    PLACE.text(row, 0, "codename")
}
