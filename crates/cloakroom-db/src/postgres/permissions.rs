//! `auth_permission` and its holders on PostgreSQL.

use cloakroom_core::keys::UserId;
use cloakroom_core::models::User;
use tokio_postgres::Row;

use super::rows::{self, Int, Place, Sought};
use super::sql::permission as sql;
use super::{Params, Postgres, content_types};
use crate::error::{DbError, Table};
use crate::permissions::{Effective, Granted, Holder, Permission, Superusers, WithPerm};

pub(crate) async fn all(db: &Postgres) -> Result<Vec<Permission>, DbError> {
    rows::all(&db.read(sql::ALL, &[]).await?, |row| {
        Ok(Permission {
            id: PLACE.int(row, 0, "id")?,
            app_label: PLACE.text(row, 1, "app_label")?,
            model: PLACE.text(row, 2, "model")?,
            codename: PLACE.text(row, 3, "codename")?,
            name: PLACE.text(row, 4, "name")?,
        })
    })
}

pub(crate) async fn all_labels(db: &Postgres) -> Result<Vec<String>, DbError> {
    labels(&db.read(sql::ALL_LABELS, &[]).await?)
}

pub(crate) async fn of_user(db: &Postgres, user: &UserId) -> Result<Vec<String>, DbError> {
    let users = db.users()?;
    labels(&db.read_shared(&users.sql.permissions_of_user, &[&users.id(user)]).await?)
}

pub(crate) async fn of_user_groups(db: &Postgres, user: &UserId) -> Result<Vec<String>, DbError> {
    let users = db.users()?;
    labels(&db.read_shared(&users.sql.permissions_of_groups, &[&users.id(user)]).await?)
}

pub(crate) async fn effective(db: &Postgres, user: &UserId) -> Result<Effective, DbError> {
    let users = db.users()?;
    let mut found = Effective::default();
    for row in db.read_shared(&users.sql.permissions_effective, &[&users.id(user)]).await? {
        let by_group = PLACE.flag(&row, 1, "codename")?;
        let label = PLACE.text(&row, 0, "codename")?;
        if by_group { found.of_groups.push(label) } else { found.of_user.push(label) }
    }
    Ok(Effective { of_user: once(found.of_user), of_groups: once(found.of_groups) })
}

pub(crate) async fn grant(db: &Postgres, holder: &Holder, app_label: &str, codename: &str) -> Result<Granted, DbError> {
    let users = db.users()?;
    let (app_label, codename) = (Sought(app_label), Sought(codename));
    let answer = match holder {
        Holder::User(_) if !users.layout.has_permissions => return Ok(Granted::Unknown),
        Holder::User(id) => db.write(&users.sql.grant, &[&app_label, &codename, &users.id(id)]).await?,
        Holder::Group(id) => db.write(sql::GRANT_GROUP, &[&app_label, &codename, &Int(*id)]).await?,
    };
    let answer = rows::first(&answer, |row| Ok((PLACE.flag(row, 0, "id")?, PLACE.flag(row, 1, "id")?)))?;
    Ok(match answer {
        Some((true, true)) => Granted::Yes,
        Some((true, false)) => Granted::Already,
        _ => Granted::Unknown,
    })
}

pub(crate) async fn revoke(db: &Postgres, holder: &Holder, app_label: &str, codename: &str) -> Result<bool, DbError> {
    let users = db.users()?;
    let (app_label, codename) = (Sought(app_label), Sought(codename));
    let revoked = match holder {
        Holder::User(_) if !users.layout.has_permissions => 0,
        Holder::User(id) => db.execute(&users.sql.revoke, &[&app_label, &codename, &users.id(id)]).await?,
        Holder::Group(id) => db.execute(sql::REVOKE_GROUP, &[&app_label, &codename, &Int(*id)]).await?,
    };
    Ok(revoked > 0)
}

pub(crate) async fn users_with_perm(
    db: &Postgres,
    app_label: &str,
    codename: &str,
    which: WithPerm,
) -> Result<Vec<User>, DbError> {
    let superusers = which.superusers == Superusers::Included;
    let params: Params<'_> = &[&Sought(app_label), &Sought(codename), &which.is_active, &superusers];
    let users = db.users()?;
    rows::all(&db.read(&users.sql.with_permission, params).await?, |row| rows::user(users, row, 0))
}

pub(crate) async fn ensure(
    db: &Postgres,
    app_label: &str,
    model: &str,
    codename: &str,
    name: &str,
) -> Result<i64, DbError> {
    let content_type = Int(content_types::ensure(db, app_label, model).await?);
    // Asked first: an insert that comes to nothing would use up a key.
    let sought: Params<'_> = &[&content_type, &Sought(codename)];
    let mut found = db.read(sql::ID, sought).await?;
    if found.is_empty() {
        db.execute(sql::CREATE, &[&content_type, &codename, &name]).await?;
        found = db.read(sql::ID, sought).await?;
    }
    let id = rows::first(&found, |row| PLACE.int(row, 0, "id"))?;
    id.ok_or_else(|| DbError::Unavailable { source: "a permission that was just made is gone".into() })
}

const PLACE: Place = Place { table: Table::AuthPermission, key: Some(0) };

fn labels(found: &[Row]) -> Result<Vec<String>, DbError> {
    Ok(once(rows::all(found, |row| PLACE.text(row, 0, "codename"))?))
}

/// Sorted by code points, whatever the database's collation, and each once.
fn once(mut labels: Vec<String>) -> Vec<String> {
    labels.sort_unstable();
    labels.dedup();
    labels
}
