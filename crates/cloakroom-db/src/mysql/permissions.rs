//! `auth_permission` and its holders on MySQL.

use cloakroom_core::keys::UserId;
use cloakroom_core::models::User;
use mysql_async::{Row, Value};

use super::MySql;
use super::content_types;
use super::fault::Fault;
use super::pool::Call;
use super::rows::{self, Place};
use super::sql::{group, permission};
use crate::error::{DbError, Table};
use crate::network::Deadline;
use crate::permissions::{Effective, Granted, Holder, Permission, Superusers, WithPerm};

pub(crate) async fn all(db: &MySql) -> Result<Vec<Permission>, DbError> {
    let read = |row: &Row| {
        Ok(Permission {
            id: PLACE.int(row, 0, "id")?,
            app_label: PLACE.text(row, 1, "app_label")?,
            model: PLACE.text(row, 2, "model")?,
            codename: PLACE.text(row, 3, "codename")?,
            name: PLACE.text(row, 4, "name")?,
        })
    };
    db.all(permission::ALL, (), read).await
}

pub(crate) async fn all_labels(db: &MySql) -> Result<Vec<String>, DbError> {
    db.all(permission::ALL_LABELS, (), label).await.map(sorted)
}

pub(crate) async fn of_user(db: &MySql, user: &UserId) -> Result<Vec<String>, DbError> {
    let users = db.users()?;
    db.all(&users.sql.permissions_of_user, (users.id(user),), label).await.map(sorted)
}

pub(crate) async fn of_user_groups(db: &MySql, user: &UserId) -> Result<Vec<String>, DbError> {
    let users = db.users()?;
    db.all(&users.sql.permissions_of_groups, (users.id(user),), label).await.map(sorted)
}

pub(crate) async fn effective(db: &MySql, user: &UserId) -> Result<Effective, DbError> {
    let read = |row: &Row| Ok((label(row)?, PLACE.int(row, 1, "codename")? != 0));
    let users = db.users()?;
    let mut found = Effective::default();
    let sql = &users.sql.permissions_effective;
    for (label, by_group) in db.all(sql, (users.id(user), users.id(user)), read).await? {
        if by_group { found.of_groups.push(label) } else { found.of_user.push(label) }
    }
    Ok(Effective { of_user: sorted(found.of_user), of_groups: sorted(found.of_groups) })
}

pub(crate) async fn grant(db: &MySql, holder: &Holder, app_label: &str, codename: &str) -> Result<Granted, DbError> {
    let users = db.users()?;
    let known = match holder {
        Holder::User(_) if !users.layout.has_permissions => false,
        Holder::User(id) => db.any(&users.sql.exists, (users.id(id),)).await?,
        Holder::Group(id) => db.any(group::EXISTS, (*id,)).await?,
    };
    if !known || !db.any(permission::EXISTS, (app_label, codename)).await? {
        return Ok(Granted::Unknown);
    }
    let deadline = Deadline::after(db.deadline);
    let done = match holder {
        Holder::User(id) => {
            let id = users.id(id);
            db.try_execute(deadline, &users.sql.grant, (id.clone(), app_label, codename, id)).await
        }
        Holder::Group(id) => db.try_execute(deadline, permission::GRANT_GROUP, (*id, *id, app_label, codename)).await,
    };
    match done {
        Ok(done) if done.rows > 0 => Ok(Granted::Yes),
        Ok(_) => Ok(Granted::Already),
        Err(fault) if fault.is_duplicate_of("permission_id") => Ok(Granted::Already),
        Err(fault) if fault.is_without_parent() => Ok(Granted::Unknown),
        Err(fault) => db.name(deadline, Err(fault)),
    }
}

pub(crate) async fn revoke(db: &MySql, holder: &Holder, app_label: &str, codename: &str) -> Result<bool, DbError> {
    let users = db.users()?;
    let (sql, id) = match holder {
        Holder::User(_) if !users.layout.has_permissions => return Ok(false),
        Holder::User(id) => (&*users.sql.revoke, users.id(id)),
        Holder::Group(id) => (permission::REVOKE_GROUP, Value::Int(*id)),
    };
    Ok(db.execute(sql, (id, app_label, codename)).await?.rows > 0)
}

pub(crate) async fn users_with_perm(
    db: &MySql,
    app_label: &str,
    codename: &str,
    which: WithPerm,
) -> Result<Vec<User>, DbError> {
    let superusers = which.superusers == Superusers::Included;
    let params = (which.is_active, which.is_active, superusers, app_label, codename, app_label, codename);
    let users = db.users()?;
    db.all(&users.sql.with_permission, params, |row| rows::user(users, row, 0)).await
}

pub(crate) async fn ensure(
    db: &MySql,
    app_label: &str,
    model: &str,
    codename: &str,
    name: &str,
) -> Result<i64, DbError> {
    transaction!(db, |call| {
        let (content_type, _) = content_types::ensure_in(call, app_label, model).await?;
        ensure_in(call, content_type, codename, name).await?;
        let id = find_in(call, content_type, codename).await?;
        id.ok_or_else(|| {
            let source = format!("the permission {codename} was deleted meanwhile");
            Fault::Db(DbError::Unavailable { source: source.into() })
        })
    })
}

/// Makes the permission unless it is there; whether it was made.
pub(super) async fn ensure_in(
    call: &mut Call<'_>,
    content_type: i64,
    codename: &str,
    name: &str,
) -> Result<bool, Fault> {
    // Asked first: an insert that is refused would use up a key.
    if find_in(call, content_type, codename).await?.is_some() {
        return Ok(false);
    }
    match call.execute(permission::CREATE, (content_type, codename, name)).await {
        Ok(_) => Ok(true),
        Err(fault) if fault.is_duplicate_of("content_type_id") => Ok(false),
        Err(fault) => Err(fault),
    }
}

pub(super) async fn find_in(call: &mut Call<'_>, content_type: i64, codename: &str) -> Result<Option<i64>, Fault> {
    let row = call.first(permission::ID, (content_type, codename)).await?;
    row.map(|row| PLACE.int(&row, 0, "id")).transpose()
}

const PLACE: Place = Place::of(Table::AuthPermission);

fn label(row: &Row) -> Result<String, Fault> {
    PLACE.text(row, 0, "codename")
}

fn sorted(mut labels: Vec<String>) -> Vec<String> {
    labels.sort_unstable();
    labels.dedup();
    labels
}
