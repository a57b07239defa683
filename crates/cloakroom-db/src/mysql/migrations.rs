//! Django's tables on MySQL.
//!
//! MySQL commits each statement that makes a table at once. So each makes a whole table, a mark stands in the database
//! while they are being made, and a run that was interrupted is taken up where it ended.

use std::collections::HashSet;
use std::time::Duration;

use cloakroom_core::clock::Timestamp;

use super::MySql;
use super::fault::Fault;
use super::pool::Call;
use super::rows::{Place, moment};
use super::sql::{self, migration};
use super::{content_types, permissions, session_index};
use crate::error::{DbError, Table};
use crate::migrations::{ACTIONS, App, CONTENT_TYPES, Found, MIGRATIONS, MigrationStep, PERMISSIONS, Status, Swap};
use crate::network::{Deadline, Repeat};

/// How long making tables may take, the wait for another who does the same included.
pub(super) const LIMIT: Duration = Duration::from_secs(1_200);

/// Fails if a Django that is not known has migrated the database.
pub(super) async fn refuse_what_is_unknown(db: &MySql) -> Result<(), DbError> {
    let deadline = Deadline::after(db.deadline);
    let found = look_once(db, deadline).await;
    db.name(deadline, found.and_then(|found| found.refuse_newer().map_err(Fault::Db)))
}

pub(crate) async fn status(db: &MySql) -> Result<Status, DbError> {
    let deadline = Deadline::after(db.deadline);
    let status = status_once(db, deadline).await;
    db.name(deadline, status)
}

pub(crate) async fn migrate(db: &MySql, now: Timestamp) -> Result<Vec<MigrationStep>, DbError> {
    let deadline = Deadline::after(LIMIT);
    let steps = async { migrate_alone(&mut locked(db, deadline).await?, db.users.swap(), now).await }.await;
    db.name(deadline, steps)
}

pub(super) async fn look_once(db: &MySql, deadline: Deadline) -> Result<Found, Fault> {
    look(&mut db.pool.call(deadline, Repeat::IfUnsent).await?, db.users.swap()).await
}

async fn status_once(db: &MySql, deadline: Deadline) -> Result<Status, Fault> {
    let mut call = db.pool.call(deadline, Repeat::IfUnsent).await?;
    let found = look(&mut call, db.users.swap()).await?;
    let plan = found.plan()?;
    let mut migrations: Vec<_> = plan.iter().flat_map(|app| app.migrations()).collect();
    migrations.extend(session_index::pending(&found));
    let rows = missing_rows(&mut call, &found, &plan).await?;
    let ready = migrations.is_empty() && rows == 0;
    Ok(if ready { Status::Ready } else { Status::Pending { migrations, rows } })
}

/// A connection with the lock of those who make tables. The lock goes with the connection, which is not used again.
pub(super) async fn locked(db: &MySql, deadline: Deadline) -> Result<Call<'_>, Fault> {
    let mut call = db.pool.call(deadline, Repeat::IfUnsent).await?;
    call.forget_after();
    call.run(sql::WITHOUT_LIMIT).await?;
    let locked = call.first(migration::LOCK, ()).await?;
    if locked.is_none_or(|row| row.get::<Option<i64>, _>(0).flatten() != Some(1)) {
        return Err(Fault::Db(DbError::Busy { waited: deadline.waited() }));
    }
    Ok(call)
}

async fn migrate_alone(call: &mut Call<'_>, users: Swap, now: Timestamp) -> Result<Vec<MigrationStep>, Fault> {
    let found = look(call, users).await?;
    let plan = found.plan()?;
    if !plan.is_empty() {
        call.run(migration::BEGIN).await?;
        call.run(include_str!("../../migrations/mysql/migrations.sql")).await?;
        for app in &plan {
            for statement in statements(&users.statements(tables(*app))) {
                call.run(statement).await?;
            }
        }
    }
    call.begin().await?;
    let steps = write_rows(call, users, &plan, now).await;
    let mut steps = call.end(steps).await?;
    let found = look(call, users).await?;
    if found.tables.contains(Table::Migrations.as_str()) {
        steps.extend(session_index::migrate(call, &found, now).await?.map(MigrationStep::Applied));
    }
    call.run(migration::END).await?;
    Ok(steps)
}

async fn write_rows(
    call: &mut Call<'_>,
    users: Swap,
    plan: &[App],
    now: Timestamp,
) -> Result<Vec<MigrationStep>, Fault> {
    let mut steps = Vec::new();
    for applied in MIGRATIONS.into_iter().filter(|m| plan.iter().any(|app| app.label() == m.app)) {
        call.execute(migration::CREATE, (applied.app, applied.name, moment(now))).await?;
        steps.push(MigrationStep::Applied(applied));
    }
    let found = look(call, users).await?;
    for model in CONTENT_TYPES.into_iter().filter(|m| found.has_model(*m)) {
        let (_, made) = content_types::ensure_in(call, model.app.label(), model.name).await?;
        if made {
            steps.push(MigrationStep::ContentType { app_label: model.app.label(), model: model.name });
        }
    }
    for model in PERMISSIONS.into_iter().filter(|m| found.has_model(*m)) {
        let (content_type, _) = content_types::ensure_in(call, model.app.label(), model.name).await?;
        let mut made = 0;
        for action in ACTIONS {
            let (codename, name) = (model.codename(action), model.permission_name(action));
            made += u64::from(permissions::ensure_in(call, content_type, &codename, &name).await?);
        }
        if made > 0 {
            steps.push(MigrationStep::Permissions { app_label: model.app.label(), model: model.name, made });
        }
    }
    Ok(steps)
}

const fn tables(app: App) -> &'static str {
    match app {
        App::ContentTypes => include_str!("../../migrations/mysql/contenttypes.sql"),
        App::Auth => include_str!("../../migrations/mysql/auth.sql"),
        App::Admin => include_str!("../../migrations/mysql/admin.sql"),
        App::Sessions => include_str!("../../migrations/mysql/sessions.sql"),
    }
}

/// The statements of a file: one a line.
fn statements(file: &str) -> impl Iterator<Item = &str> {
    file.lines().filter(|line| !line.is_empty() && !line.starts_with("--"))
}

pub(super) async fn look(call: &mut Call<'_>, users: Swap) -> Result<Found, Fault> {
    let place = Place { table: Table::Migrations, key: None };
    let mut tables = HashSet::new();
    for row in call.rows(sql::TABLES, ().into()).await? {
        tables.insert(place.text(&row, 0, "table_name")?);
    }
    let mut applied = Vec::new();
    if tables.contains(Table::Migrations.as_str()) {
        for row in call.rows(migration::ALL, ().into()).await? {
            applied.push((place.text(&row, 0, "app")?, place.text(&row, 1, "name")?));
        }
    }
    if tables.contains(migration::UNDER_WAY) {
        // What is not recorded was made by the run that was interrupted, and is made again where it is missing.
        let unknown = |app: &&App| !applied.iter().any(|(label, _)| label == app.label());
        for table in App::ALL.iter().filter(unknown).flat_map(|app| app.tables_for(users)) {
            tables.remove(table);
        }
    }
    Ok(Found { tables, applied, users })
}

async fn missing_rows(call: &mut Call<'_>, found: &Found, plan: &[App]) -> Result<u64, Fault> {
    let mut missing = 0;
    for model in CONTENT_TYPES {
        if plan.contains(&model.app) && (found.users == Swap::Stock || model.table != "auth_user") {
            missing += 1 + ACTIONS.len() as u64;
        } else if found.has_model(model) {
            let stored = match found.tables.contains(Table::ContentType.as_str()) {
                true => content_types::find_in(call, model.app.label(), model.name).await?,
                false => None,
            };
            missing += u64::from(stored.is_none());
            for action in ACTIONS {
                let there = match stored {
                    Some(stored) => permissions::find_in(call, stored, &model.codename(action)).await?.is_some(),
                    None => false,
                };
                missing += u64::from(!there);
            }
        }
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_app_has_a_statement_for_each_table() {
        for app in App::ALL {
            let made: Vec<_> = statements(tables(app)).collect();
            assert_eq!(made.len(), app.tables().len(), "{}", app.label());
            for table in app.tables() {
                let start = format!("CREATE TABLE IF NOT EXISTS `{table}` (");
                assert!(made.iter().any(|statement| statement.starts_with(&start)), "{table}");
            }
        }
    }
}
