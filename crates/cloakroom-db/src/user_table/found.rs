//! What a database says of a table.

use cloakroom_core::user_model::Nulls;

use super::Stored;

/// A column that is there.
#[derive(Clone, Debug)]
pub(crate) struct FoundColumn {
    pub(crate) name: String,
    pub(crate) stored: Stored,
    pub(crate) nulls: Nulls,
    /// Whether the database itself knows what a new row holds.
    pub(crate) has_default: bool,
}

impl FoundColumn {
    pub(crate) fn new(name: impl Into<String>, stored: Stored, nulls: Nulls) -> Self {
        Self { name: name.into(), stored, nulls, has_default: false }
    }
}

/// A table that is there; without columns one that is not.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) columns: Vec<FoundColumn>,
    /// The columns of the primary key.
    pub(crate) key: Vec<String>,
    /// Columns with a unique index of their own.
    pub(crate) unique: Vec<String>,
    /// The names of these indices, each with its column, where the database tells duplicates by them.
    pub(crate) indices: Vec<(String, String)>,
    pub(crate) has_groups: bool,
    pub(crate) has_permissions: bool,
}
