//! What is to be done to a database, whatever its kind.

use std::collections::HashSet;

use super::{App, MIGRATIONS, Migration, Model};
use crate::error::DbError;

/// What there is in the database.
pub(crate) struct Found {
    /// Names of all tables.
    pub(crate) tables: HashSet<String>,
    /// App and name of the rows of `django_migrations` in their order; none if there is no such table.
    pub(crate) applied: Vec<(String, String)>,
}

impl Found {
    /// Fails if a Django that is not known has migrated the database.
    pub(crate) fn refuse_newer(&self) -> Result<(), DbError> {
        for (app, name) in &self.applied {
            let ours = App::ALL.iter().any(|a| a.label() == app);
            if ours && !MIGRATIONS.iter().any(|m| m.app == app && m.name == name) {
                return Err(DbError::NewerDjango { app: app.clone(), name: name.clone() });
            }
        }
        Ok(())
    }

    /// The apps whose tables are to be made.
    pub(crate) fn plan(&self) -> Result<Vec<App>, DbError> {
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

    pub(crate) fn has_model(&self, model: Model) -> bool {
        self.tables.contains(model.table)
    }
}
