//! Statements of as many conditions and columns as a caller asks for.

use cloakroom_core::keys::UserId;
use cloakroom_core::user_model::ColumnValue;

use super::write::place;
use super::{Dialect, Given, Layout, Stored, Stores};

/// A statement that is written piece by piece. Texts come from constants; values are bound, never written (Z07).
pub(crate) struct Statement<'a> {
    layout: &'a Layout,
    dialect: Dialect,
    sql: String,
    values: Vec<Given>,
}

impl<'a> Statement<'a> {
    /// A statement that begins with this template of [`Layout::fill`].
    pub(crate) fn new(layout: &'a Layout, dialect: Dialect, template: &str) -> Self {
        Self { layout, dialect, sql: String::new(), values: Vec::new() }.text(template)
    }

    /// Adds a template.
    pub(crate) fn text(mut self, template: &str) -> Self {
        self.sql.push_str(&self.layout.fill(self.dialect, template));
        self
    }

    /// Adds the name of a column.
    pub(crate) fn name(mut self, name: &str) -> Self {
        self.sql.push_str(&self.dialect.quote(name));
        self
    }

    /// Adds a value.
    pub(crate) fn value(mut self, value: ColumnValue, stored: Stored) -> Self {
        self.sql.push_str(&place(self.dialect, self.values.len() + 1, &stored));
        self.values.push(Given { value, stored });
        self
    }

    /// Adds a whole number.
    pub(crate) fn int(self, n: i64) -> Self {
        self.value(ColumnValue::Int(n), Stored::Int)
    }

    /// Adds a text.
    pub(crate) fn string(self, text: impl Into<String>) -> Self {
        self.value(ColumnValue::Text(text.into()), Stored::Text)
    }

    /// Adds a user's key.
    pub(crate) fn user(self, id: &UserId) -> Self {
        let stored = self.layout.key.clone();
        self.value(ColumnValue::from(id), stored)
    }

    /// The statement with its values.
    pub(crate) fn done(self) -> Stores {
        Stores { sql: self.sql, values: self.values }
    }
}
