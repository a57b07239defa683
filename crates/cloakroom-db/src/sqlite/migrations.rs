//! Django's tables on SQLite.

use std::collections::HashSet;

use cloakroom_core::clock::Timestamp;
use rusqlite::Connection;

use super::fault::Fault;
use super::rows::{self, Moment, Place};
use super::sql::{self, migration};
use super::{content_types, permissions, session_index};
use crate::error::Table;
use crate::migrations::{ACTIONS, App, CONTENT_TYPES, Found, MIGRATIONS, MigrationStep, PERMISSIONS, Status, Swap};

/// Fails if a Django that is not known has migrated the database.
pub(super) fn refuse_what_is_unknown(c: &Connection, users: Swap) -> Result<(), Fault> {
    let found = look(c, users)?;
    for table in App::ALL.iter().flat_map(|app| app.tables()).filter(|table| found.tables.contains(**table)) {
        // Reads the table's first page: a file that was cut off is found here and not by the first visitor.
        c.prepare(&format!("SELECT 1 FROM \"{table}\" LIMIT 1"))?.exists([])?;
    }
    Ok(found.refuse_newer()?)
}

pub(crate) fn status(c: &Connection, users: Swap) -> Result<Status, Fault> {
    let found = look(c, users)?;
    let plan = found.plan()?;
    let migrations: Vec<_> = plan.iter().flat_map(|app| app.migrations()).chain(session_index::pending(c)?).collect();
    let rows = missing_rows(c, &found, &plan)?;
    Ok(if migrations.is_empty() && rows == 0 { Status::Ready } else { Status::Pending { migrations, rows } })
}

pub(crate) fn migrate(c: &Connection, users: Swap, now: Timestamp) -> Result<Vec<MigrationStep>, Fault> {
    let found = look(c, users)?;
    let plan = found.plan()?;
    let mut steps = Vec::new();
    if !plan.is_empty() && !found.tables.contains(Table::Migrations.as_str()) {
        c.execute_batch(MIGRATIONS_TABLE)?;
    }
    for app in &plan {
        c.execute_batch(&users.statements(tables(*app)))?;
    }
    for applied in MIGRATIONS.into_iter().filter(|m| plan.iter().any(|app| app.label() == m.app)) {
        rows::execute(c, migration::CREATE, (applied.app, applied.name, Moment::from(now)))?;
        steps.push(MigrationStep::Applied(applied));
    }
    let found = look(c, users)?;
    for model in CONTENT_TYPES.into_iter().filter(|m| found.has_model(*m)) {
        if content_types::create(c, model.app.label(), model.name)? {
            steps.push(MigrationStep::ContentType { app_label: model.app.label(), model: model.name });
        }
    }
    for model in PERMISSIONS.into_iter().filter(|m| found.has_model(*m)) {
        let content_type = content_types::ensure(c, model.app.label(), model.name)?;
        let mut made = 0;
        for action in ACTIONS {
            if !permission_exists(c, content_type, &model.codename(action))? {
                permissions::ensure_for(c, content_type, &model.codename(action), &model.permission_name(action))?;
                made += 1;
            }
        }
        if made > 0 {
            steps.push(MigrationStep::Permissions { app_label: model.app.label(), model: model.name, made });
        }
    }
    steps.extend(session_index::migrate(c, now)?.map(MigrationStep::Applied));
    Ok(steps)
}

const MIGRATIONS_TABLE: &str = include_str!("../../migrations/sqlite/migrations.sql");

const fn tables(app: App) -> &'static str {
    match app {
        App::ContentTypes => include_str!("../../migrations/sqlite/contenttypes.sql"),
        App::Auth => include_str!("../../migrations/sqlite/auth.sql"),
        App::Admin => include_str!("../../migrations/sqlite/admin.sql"),
        App::Sessions => include_str!("../../migrations/sqlite/sessions.sql"),
    }
}

pub(super) fn look(c: &Connection, users: Swap) -> Result<Found, Fault> {
    let tables: HashSet<String> = rows::all(c, sql::TABLES, [], |row| Ok(row.get(0)?))?.into_iter().collect();
    let place = Place { table: Table::Migrations, key: 0 };
    let applied = if tables.contains(Table::Migrations.as_str()) {
        rows::all(c, migration::ALL, [], |row| Ok((place.text(row, 0, "app")?, place.text(row, 1, "name")?)))?
    } else {
        Vec::new()
    };
    Ok(Found { tables, applied, users })
}

fn missing_rows(c: &Connection, found: &Found, plan: &[App]) -> Result<u64, Fault> {
    let mut missing = 0;
    for model in CONTENT_TYPES {
        if plan.contains(&model.app) && (found.users == Swap::Stock || model.table != "auth_user") {
            missing += 1 + ACTIONS.len() as u64;
        } else if found.has_model(model) {
            let stored = match found.tables.contains(Table::ContentType.as_str()) {
                true => content_types::by_natural_key(c, model.app.label(), model.name)?,
                false => None,
            };
            missing += u64::from(stored.is_none());
            for action in ACTIONS {
                let there = match &stored {
                    Some(stored) => permission_exists(c, stored.id, &model.codename(action))?,
                    None => false,
                };
                missing += u64::from(!there);
            }
        }
    }
    Ok(missing)
}

fn permission_exists(c: &Connection, content_type: i64, codename: &str) -> Result<bool, Fault> {
    rows::any(c, sql::permission::ID, (content_type, codename))
}
