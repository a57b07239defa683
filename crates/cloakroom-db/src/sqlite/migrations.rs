//! Django's tables on SQLite.

use std::collections::HashSet;

use cloakroom_core::clock::Timestamp;
use rusqlite::Connection;

use super::fault::Fault;
use super::rows::{self, Moment, Place};
use super::sql::{self, migration};
use super::{content_types, permissions};
use crate::error::{DbError, Table};
use crate::migrations::{ACTIONS, App, CONTENT_TYPES, MIGRATIONS, Migration, MigrationStep, PERMISSIONS, Status};

/// Fails if a Django that is not known has migrated the database.
pub(super) fn refuse_what_is_unknown(c: &Connection) -> Result<(), Fault> {
    let found = Found::read(c)?;
    for table in App::ALL.iter().flat_map(|app| app.tables()).filter(|table| found.tables.contains(**table)) {
        // Reads the table's first page: a file that was cut off is found here and not by the first visitor.
        c.prepare(&format!("SELECT 1 FROM \"{table}\" LIMIT 1"))?.exists([])?;
    }
    found.refuse_newer().map_err(Fault::Db)
}

pub(crate) fn status(c: &Connection) -> Result<Status, Fault> {
    let found = Found::read(c)?;
    let plan = found.plan()?;
    let migrations: Vec<_> = plan.iter().flat_map(|app| app.migrations()).collect();
    let rows = missing_rows(c, &found, &plan)?;
    Ok(if migrations.is_empty() && rows == 0 { Status::Ready } else { Status::Pending { migrations, rows } })
}

pub(crate) fn migrate(c: &Connection, now: Timestamp) -> Result<Vec<MigrationStep>, Fault> {
    let found = Found::read(c)?;
    let plan = found.plan()?;
    let mut steps = Vec::new();
    if !plan.is_empty() && !found.tables.contains(Table::Migrations.as_str()) {
        c.execute_batch(MIGRATIONS_TABLE)?;
    }
    for app in &plan {
        c.execute_batch(tables(*app))?;
    }
    for applied in MIGRATIONS.into_iter().filter(|m| plan.iter().any(|app| app.label() == m.app)) {
        rows::execute(c, migration::CREATE, (applied.app, applied.name, Moment::from(now)))?;
        steps.push(MigrationStep::Applied(applied));
    }
    let found = Found::read(c)?;
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

/// What there is in the database.
struct Found {
    tables: HashSet<String>,
    applied: Vec<(String, String)>,
}

impl Found {
    fn read(c: &Connection) -> Result<Self, Fault> {
        let tables: HashSet<String> = rows::all(c, sql::TABLES, [], |row| Ok(row.get(0)?))?.into_iter().collect();
        let place = Place { table: Table::Migrations, key: 0 };
        let applied = if tables.contains(Table::Migrations.as_str()) {
            rows::all(c, migration::ALL, [], |row| Ok((place.text(row, 0, "app")?, place.text(row, 1, "name")?)))?
        } else {
            Vec::new()
        };
        Ok(Self { tables, applied })
    }

    fn refuse_newer(&self) -> Result<(), DbError> {
        for (app, name) in &self.applied {
            let ours = App::ALL.iter().any(|a| a.label() == app);
            if ours && !MIGRATIONS.iter().any(|m| m.app == app && m.name == name) {
                return Err(DbError::NewerDjango { app: app.clone(), name: name.clone() });
            }
        }
        Ok(())
    }

    /// The apps whose tables are to be made.
    fn plan(&self) -> Result<Vec<App>, DbError> {
        self.refuse_newer()?;
        let mut plan = Vec::new();
        for app in App::ALL {
            let missing: Vec<Migration> = app.migrations().filter(|m| !self.is_applied(*m)).collect();
            let Some(first) = missing.first() else {
                self.check_tables(app)?;
                continue;
            };
            if missing.len() < app.migrations().count() {
                return Err(DbError::OlderDjango { app: first.app.to_owned(), name: first.name.to_owned() });
            }
            if app == App::Admin && !self.applied.is_empty() {
                continue;
            }
            if let Some(table) = app.tables().iter().find(|table| self.tables.contains(**table)) {
                let detail = format!("there is a table {table}, and django_migrations knows nothing of it");
                return Err(DbError::Schema { detail });
            }
            plan.push(app);
        }
        Ok(plan)
    }

    fn check_tables(&self, app: App) -> Result<(), DbError> {
        // A site with a user model of its own has no `auth_user`, nor what hangs on it.
        let missing =
            app.tables().iter().find(|table| !self.tables.contains(**table) && !table.starts_with("auth_user"));
        match missing {
            Some(table) => {
                let detail =
                    format!("django_migrations says that {} is applied, and there is no table {table}", app.label());
                Err(DbError::Schema { detail })
            }
            None => Ok(()),
        }
    }

    fn is_applied(&self, migration: Migration) -> bool {
        self.applied.iter().any(|(app, name)| app == migration.app && name == migration.name)
    }

    fn has_model(&self, model: crate::migrations::Model) -> bool {
        self.tables.contains(model.table)
    }
}

fn missing_rows(c: &Connection, found: &Found, plan: &[App]) -> Result<u64, Fault> {
    let mut missing = 0;
    for model in CONTENT_TYPES {
        if plan.contains(&model.app) {
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
