//! New rows, and columns that change: statements of as many columns as are given.

use cloakroom_core::user_model::{ColumnValue, Nulls, Slot};

use super::{Dialect, FoundColumn, KeyKind, Layout, Stored};
use crate::error::DbError;
use crate::users::{NewUser, Profile};

/// A value on its way into a column.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) value: ColumnValue,
    pub(crate) stored: Stored,
}

/// A statement and what it is given.
#[derive(Clone, Debug)]
pub(crate) struct Stores {
    pub(crate) sql: String,
    pub(crate) values: Vec<Given>,
}

impl Layout {
    /// The statement that makes a row: columns that nothing is said of hold their default, or the empty text.
    pub(crate) fn insert(&self, dialect: Dialect, new: &NewUser) -> Result<Stores, DbError> {
        let mut names = Vec::new();
        let mut values = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            let value = if column.name == self.key_column {
                self.key_value(new)?
            } else if let Some((slot, _)) = self.slots.iter().find(|(_, n)| *n == at) {
                standard(*slot, new)
            } else {
                self.extra_value(column, new)?
            };
            if let Some(value) = value {
                names.push(dialect.quote(&column.name));
                values.push(Given { value, stored: column.stored.clone() });
            }
        }
        if let Some((unknown, _)) = new.extra.iter().find(|(name, _)| self.named(name).is_none()) {
            return Err(self.wrong(format!("the table {} has no column {unknown}", self.table.table())));
        }
        let places: Vec<_> = values.iter().zip(1..).map(|(given, n)| place(dialect, n, &given.stored)).collect();
        let (table, names) = (dialect.quote(self.table.table()), names.join(", "));
        // The alias is what the columns are read back by.
        let alias = if dialect == Dialect::Postgres { " AS u" } else { "" };
        Ok(Stores { sql: format!("INSERT INTO {table}{alias} ({names}) VALUES ({})", places.join(", ")), values })
    }

    /// The statement that changes names and address; `None` if there is nothing to change.
    pub(crate) fn update_profile(&self, dialect: Dialect, profile: &Profile) -> Option<Stores> {
        let slots = [
            (Slot::FirstName, &profile.first_name),
            (Slot::LastName, &profile.last_name),
            (Slot::Email, &profile.email),
        ];
        let sets =
            slots.into_iter().filter_map(|(slot, text)| Some((self.column(slot)?, ColumnValue::Text(text.clone()?))));
        self.update(dialect, sets.collect())
    }

    /// The statement that changes columns by their names; `None` if there are none.
    pub(crate) fn update_columns(
        &self,
        dialect: Dialect,
        values: &[(String, ColumnValue)],
    ) -> Result<Option<Stores>, DbError> {
        let mut sets = Vec::new();
        for (name, value) in values {
            let Some(column) = self.named(name).filter(|c| c.name != self.key_column) else {
                return Err(self.wrong(format!("the table {} has no column {name} to change", self.table.table())));
            };
            sets.push((column, value.clone()));
        }
        Ok(self.update(dialect, sets))
    }

    /// The key comes first where parameters have numbers, and last where they have none.
    fn update(&self, dialect: Dialect, sets: Vec<(&FoundColumn, ColumnValue)>) -> Option<Stores> {
        if sets.is_empty() {
            return None;
        }
        let assign = |((column, _), n): (&(&FoundColumn, ColumnValue), usize)| {
            format!("{} = {}", dialect.quote(&column.name), place(dialect, n, &column.stored))
        };
        let list: Vec<_> = sets.iter().zip(2..).map(assign).collect();
        let key = match dialect {
            Dialect::Sqlite => "?1",
            Dialect::Postgres => "$1",
            Dialect::MySql => "?",
        };
        let (table, id) = (dialect.quote(self.table.table()), dialect.quote(&self.key_column));
        let sql = format!("UPDATE {table} SET {} WHERE {id} = {key}", list.join(", "));
        let values = sets.into_iter().map(|(column, value)| Given { value, stored: column.stored.clone() }).collect();
        Some(Stores { sql, values })
    }

    fn key_value(&self, new: &NewUser) -> Result<Option<ColumnValue>, DbError> {
        let has_default = self.named(&self.key_column).is_some_and(|c| c.has_default);
        match (&new.id, self.key_kind()) {
            (Some(id), _) => Ok(Some(ColumnValue::from(id))),
            (None, KeyKind::Int) => Ok(None),
            (None, _) if has_default => Ok(None),
            (None, _) => Err(self.wrong(format!("a new row of {} needs a key", self.table.table()))),
        }
    }

    fn extra_value(&self, column: &FoundColumn, new: &NewUser) -> Result<Option<ColumnValue>, DbError> {
        if let Some((_, value)) = new.extra.iter().find(|(name, _)| *name == column.name) {
            return Ok(Some(value.clone()));
        }
        if let Some(text) = self.table.default_of(&column.name) {
            let kind = column.stored.kind();
            let value = kind.parse(text).ok_or_else(|| {
                self.wrong(format!("the default {text:?} of the column {} is not {}", column.name, kind.description()))
            })?;
            return Ok(Some(value));
        }
        if column.has_default || column.nulls == Nulls::Allowed {
            return Ok(None);
        }
        match column.stored {
            Stored::Text => Ok(Some(ColumnValue::Text(String::new()))),
            _ => Err(self.wrong(format!(
                "a new row of {} needs a value for {}; give the column a default in AUTH_USER_DEFAULTS",
                self.table.table(),
                column.name
            ))),
        }
    }

    fn wrong(&self, detail: String) -> DbError {
        DbError::UserModel { label: self.table.label(), detail }
    }
}

fn standard(slot: Slot, new: &NewUser) -> Option<ColumnValue> {
    let text = |text: &str| Some(ColumnValue::Text(text.to_owned()));
    match slot {
        Slot::Password => text(new.password.expose()),
        Slot::Superuser => Some(ColumnValue::Bool(new.is_superuser)),
        Slot::Username => text(&new.username),
        Slot::FirstName => text(&new.first_name),
        Slot::LastName => text(&new.last_name),
        Slot::Email => text(&new.email),
        Slot::Staff => Some(ColumnValue::Bool(new.is_staff)),
        Slot::Active => Some(ColumnValue::Bool(new.is_active)),
        Slot::DateJoined => Some(ColumnValue::Time(new.date_joined)),
        _ => None,
    }
}

/// A parameter's place. PostgreSQL gives it the type of what it is cast to first.
pub(super) fn place(dialect: Dialect, n: usize, stored: &Stored) -> String {
    match (dialect, stored) {
        (Dialect::Sqlite, _) => format!("?{n}"),
        (Dialect::MySql, _) => "?".to_owned(),
        (Dialect::Postgres, Stored::UuidNative) => format!("${n}::text::uuid"),
        (Dialect::Postgres, Stored::Cast(name)) => format!("${n}::text::{name}"),
        (Dialect::Postgres, _) => format!("${n}"),
    }
}
