//! What is to be done to a database, whatever its kind.

use std::collections::HashSet;

use super::{ACTIONS, App, CONTENT_TYPES, MIGRATIONS, Migration, Model, PERMISSIONS, Swap};
use crate::error::DbError;

/// What there is in the database.
pub(crate) struct Found {
    /// Names of all tables.
    pub(crate) tables: HashSet<String>,
    /// App and name of the rows of `django_migrations` in their order; none if there is no such table.
    pub(crate) applied: Vec<(String, String)>,
    /// Whether the users are in Django's own table.
    pub(crate) users: Swap,
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
            if app == App::Admin && (self.users == Swap::Swapped || !self.applied.is_empty()) {
                continue;
            }
            if let Some(table) = app.tables_for(self.users).find(|table| self.tables.contains(*table)) {
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
        let swapped = self.users == Swap::Swapped && model.table == "auth_user";
        !swapped && self.tables.contains(model.table)
    }
}

/// The rows that `migrate` makes and that are there.
#[derive(Default)]
pub(crate) struct Stored {
    /// App label and model of each content type.
    pub(crate) content_types: HashSet<(String, String)>,
    /// App label and model of each permission's content type, and its codename.
    pub(crate) permissions: HashSet<(String, String, String)>,
}

impl Stored {
    /// The content types to make, in Django's order.
    pub(crate) fn missing_content_types(&self, found: &Found) -> impl Iterator<Item = Model> {
        let there = |m: Model| self.content_types.contains(&(m.app.label().to_owned(), m.name.to_owned()));
        CONTENT_TYPES.into_iter().filter(move |m| found.has_model(*m) && !there(*m))
    }

    /// The models without all their permissions, in Django's order, and the actions that are missing.
    pub(crate) fn missing_permissions(&self, found: &Found) -> impl Iterator<Item = (Model, Vec<&'static str>)> {
        let lacks = |m: Model, action: &str| {
            let key = (m.app.label().to_owned(), m.name.to_owned(), m.codename(action));
            !self.permissions.contains(&key)
        };
        PERMISSIONS
            .into_iter()
            .filter(|m| found.has_model(*m))
            .map(move |m| (m, ACTIONS.into_iter().filter(|action| lacks(m, action)).collect::<Vec<_>>()))
            .filter(|(_, actions)| !actions.is_empty())
    }

    /// How many rows are to be made once the tables of `plan` are there.
    pub(crate) fn missing_rows(&self, mut found: Found, plan: &[App]) -> u64 {
        found.tables.extend(plan.iter().flat_map(|app| app.tables()).map(|table| (*table).to_owned()));
        let permissions: usize = self.missing_permissions(&found).map(|(_, actions)| actions.len()).sum();
        (self.missing_content_types(&found).count() + permissions) as u64
    }
}
