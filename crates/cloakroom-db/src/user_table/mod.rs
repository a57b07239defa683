//! The table that the users are in: Django's own, or one of the application's (A17).
//!
//! A [`Layout`] is made once, when the database is opened: for Django's own table it is known, another one's columns are
//! read from the database and held against what was declared. Every statement about users is written from it then.

mod dialect;
mod found;
mod statement;
mod write;

use std::sync::{Arc, OnceLock};

use cloakroom_core::user_model::{ColumnKind, Nulls, Slot, UserTable};

pub(crate) use self::dialect::Dialect;
pub(crate) use self::found::{Found, FoundColumn};
pub(crate) use self::statement::Statement;
pub(crate) use self::write::{Given, Stores};
use crate::error::DbError;
use crate::migrations::Swap;

/// What kind of primary key the users have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyKind {
    /// A whole number, which the database counts up.
    Int,
    /// A UUID, which whoever makes the row draws.
    Uuid,
    /// A text, which whoever makes the row chooses.
    Text,
}

/// How a column stores what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    Bool,
    Int,
    Float,
    Text,
    Bytes,
    Time,
    /// A UUID as 32 hexadecimal digits.
    UuidHex,
    /// A UUID in a type of its own.
    UuidNative,
    /// A type, named here, that is read and written as text.
    Cast(Box<str>),
}

impl Stored {
    pub(crate) const fn kind(&self) -> ColumnKind {
        match self {
            Self::Bool => ColumnKind::Bool,
            Self::Int => ColumnKind::Int,
            Self::Float => ColumnKind::Float,
            Self::Bytes => ColumnKind::Bytes,
            Self::Time => ColumnKind::Time,
            Self::Text | Self::UuidHex | Self::UuidNative | Self::Cast(_) => ColumnKind::Text,
        }
    }
}

/// The columns of a user table, each in its place.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) table: UserTable,
    pub(crate) key: Stored,
    key_column: String,
    columns: Vec<FoundColumn>,
    slots: Vec<(Slot, usize)>,
    extra: Vec<usize>,
    pub(crate) extra_names: Arc<[Box<str>]>,
    /// The names of the unique indices of the name to sign in with, where the database tells duplicates by them.
    pub(crate) username_indices: Vec<String>,
    /// Whether there is a table that says who is in which group.
    pub(crate) has_groups: bool,
    /// Whether there is a table that says who was given which permission.
    pub(crate) has_permissions: bool,
}

/// The columns of a [`User`](cloakroom_core::models::User) in the order in which rows are read, the key aside.
const SLOTS: [Slot; 10] = [
    Slot::Password,
    Slot::LastLogin,
    Slot::Superuser,
    Slot::Username,
    Slot::FirstName,
    Slot::LastName,
    Slot::Email,
    Slot::Staff,
    Slot::Active,
    Slot::DateJoined,
];

/// How many columns of a row come before the further ones.
pub(crate) const WIDTH: usize = SLOTS.len() + 1;

impl Layout {
    /// Django's own table.
    pub(crate) fn stock() -> Self {
        let table = UserTable::stock();
        let mut columns = vec![FoundColumn::new("id", Stored::Int, Nulls::Refused)];
        for slot in SLOTS {
            let nulls = if slot == Slot::LastLogin { Nulls::Allowed } else { Nulls::Refused };
            columns.push(FoundColumn::new(column_of(slot, &table), stored_of(slot), nulls));
        }
        Self {
            key: Stored::Int,
            key_column: "id".to_owned(),
            slots: SLOTS.into_iter().zip(1..).collect(),
            columns,
            extra: Vec::new(),
            extra_names: Arc::default(),
            username_indices: vec!["username".to_owned()],
            has_groups: true,
            has_permissions: true,
            table,
        }
    }

    /// Holds what is in the database against what was declared.
    pub(crate) fn resolve(table: UserTable, found: Found) -> Result<Self, DbError> {
        let wrong = |detail: String| DbError::UserModel { label: table.label(), detail };
        let name = table.table().to_owned();
        if found.columns.is_empty() {
            return Err(missing(&table));
        }
        let [key_column] = &*found.key else {
            return Err(wrong(format!("the table {name} has no primary key of one column")));
        };
        let at = |column: &str| found.columns.iter().position(|c| c.name == column);
        let demand = |column: &str, why: &str| {
            at(column).ok_or_else(|| wrong(format!("the table {name} has no column {column}, {why}")))
        };
        demand("password", "which every user model has")?;
        demand(table.username_field(), "which USERNAME_FIELD names")?;
        if table.needs_email() {
            demand(table.email_field(), "which EMAIL_FIELD names")?;
        }
        for field in table.required_fields() {
            demand(field, "which REQUIRED_FIELDS names")?;
        }
        for declared in table.columns() {
            let column = &found.columns[demand(&declared.name, "which the model declares")?];
            if let Some(kind) = declared.kind.filter(|kind| *kind != column.stored.kind()) {
                let (is, wanted) = (column.stored.kind().description(), kind.description());
                return Err(wrong(format!(
                    "the column {} of {name} is {is}, and the model says {wanted}",
                    column.name
                )));
            }
            if declared.nulls == Nulls::Refused && column.nulls == Nulls::Allowed {
                return Err(wrong(format!("the column {} of {name} may be NULL, and the model says not", column.name)));
            }
        }
        if !found.unique.iter().any(|column| column == table.username_field()) {
            let field = table.username_field();
            return Err(wrong(format!(
                "the column {field} of {name} has no unique index of its own, and USERNAME_FIELD needs one"
            )));
        }
        let key = found.columns[demand(key_column, "which is its primary key")?].stored.clone();
        if !matches!(key, Stored::Int | Stored::UuidHex | Stored::UuidNative | Stored::Text) {
            return Err(wrong(format!("the primary key {key_column} of {name} is no integer, UUID or text")));
        }
        let mut slots = Vec::new();
        for slot in SLOTS {
            let column = column_of(slot, &table);
            match at(column) {
                Some(at) if found.columns[at].stored.kind() == stored_of(slot).kind() => slots.push((slot, at)),
                Some(_) if matches!(slot, Slot::Password | Slot::Username) => {
                    return Err(wrong(format!("the column {column} of {name} does not hold text")));
                }
                _ => {}
            }
        }
        let taken = |n: &usize| found.columns[*n].name == *key_column || slots.iter().any(|(_, at)| at == n);
        let extra: Vec<usize> = (0..found.columns.len()).filter(|n| !taken(n)).collect();
        Ok(Self {
            key,
            key_column: key_column.clone(),
            extra_names: extra.iter().map(|n| found.columns[*n].name.as_str().into()).collect(),
            username_indices: found
                .indices
                .into_iter()
                .filter(|(_, column)| column == table.username_field())
                .map(|(index, _)| index.to_ascii_lowercase())
                .collect(),
            slots,
            extra,
            columns: found.columns,
            has_groups: found.has_groups,
            has_permissions: found.has_permissions,
            table,
        })
    }

    /// What kind of primary key the users have.
    pub(crate) const fn key_kind(&self) -> KeyKind {
        match self.key {
            Stored::UuidHex | Stored::UuidNative => KeyKind::Uuid,
            Stored::Text => KeyKind::Text,
            _ => KeyKind::Int,
        }
    }

    /// Whether the table has this column.
    pub(crate) fn has(&self, slot: Slot) -> bool {
        self.column(slot).is_some()
    }

    /// Fails where a column is to change that the table lacks.
    pub(crate) fn demand(&self, slot: Slot) -> Result<(), DbError> {
        if self.has(slot) {
            return Ok(());
        }
        let detail =
            format!("the table {} has no column {} to change", self.table.table(), column_of(slot, &self.table));
        Err(DbError::UserModel { label: self.table.label(), detail })
    }

    /// The further columns, in the order in which they are read.
    pub(crate) fn extra(&self) -> impl Iterator<Item = &FoundColumn> {
        self.extra.iter().map(|n| &self.columns[*n])
    }

    /// The column of this name, any of them.
    pub(crate) fn named(&self, name: &str) -> Option<&FoundColumn> {
        self.columns.iter().find(|c| c.name == name)
    }

    pub(crate) fn column(&self, slot: Slot) -> Option<&FoundColumn> {
        self.slots.iter().find(|(s, _)| *s == slot).map(|(_, at)| &self.columns[*at])
    }
}

/// There is no such table, or it was not read yet.
pub(crate) fn missing(table: &UserTable) -> DbError {
    let detail = format!(
        "the database has no table {}; make it with Django's or the application's own migrations, or check AUTH_USER_MODEL and AUTH_USER_TABLE",
        table.table()
    );
    DbError::UserModel { label: table.label(), detail }
}

fn column_of(slot: Slot, table: &UserTable) -> &str {
    match slot {
        Slot::Password => "password",
        Slot::LastLogin => "last_login",
        Slot::Superuser => "is_superuser",
        Slot::Username => table.username_field(),
        Slot::FirstName => "first_name",
        Slot::LastName => "last_name",
        Slot::Email => table.email_field(),
        Slot::Staff => "is_staff",
        Slot::Active => "is_active",
        Slot::DateJoined => "date_joined",
        _ => "id",
    }
}

const fn stored_of(slot: Slot) -> Stored {
    match slot {
        Slot::LastLogin | Slot::DateJoined => Stored::Time,
        Slot::Superuser | Slot::Staff | Slot::Active => Stored::Bool,
        Slot::Key => Stored::Int,
        _ => Stored::Text,
    }
}

/// The layout, and every statement that is written from it. A table that is not there yet is looked for again by
/// whoever makes tables.
#[derive(Debug)]
pub(crate) struct Users<S> {
    declared: UserTable,
    write: fn(&Layout) -> S,
    known: OnceLock<Arc<Known<S>>>,
}

/// A layout and its statements.
#[derive(Debug)]
pub(crate) struct Known<S> {
    pub(crate) layout: Layout,
    pub(crate) sql: S,
}

impl<S> Users<S> {
    /// Knows Django's own table at once, and another one not yet.
    pub(crate) fn new(declared: UserTable, write: fn(&Layout) -> S) -> Self {
        let users = Self { declared, write, known: OnceLock::new() };
        if users.declared.is_stock() {
            users.know(Layout::stock());
        }
        users
    }

    /// Knows the table as it was found, if it is there.
    pub(crate) fn learn(&self, found: Found) -> Result<(), DbError> {
        if !found.columns.is_empty() {
            self.know(Layout::resolve(self.declared.clone(), found)?);
        }
        Ok(())
    }

    fn know(&self, layout: Layout) {
        self.known.get_or_init(|| {
            let sql = (self.write)(&layout);
            Arc::new(Known { layout, sql })
        });
    }

    pub(crate) fn is_known(&self) -> bool {
        self.known.get().is_some()
    }

    pub(crate) const fn declared(&self) -> &UserTable {
        &self.declared
    }

    /// Whether the users are in Django's own table.
    pub(crate) fn swap(&self) -> Swap {
        Swap::of(&self.declared)
    }

    pub(crate) fn get(&self) -> Result<&Arc<Known<S>>, DbError> {
        self.known.get().ok_or_else(|| missing(&self.declared))
    }
}

/// Declares the statements about users: each a template of [`Layout::fill`].
macro_rules! user_statements {
    ($($name:ident = $template:expr;)*) => {
        /// Every statement that names the user table or what hangs on it.
        #[derive(Debug)]
        pub(crate) struct UserSql {
            $(pub(crate) $name: Box<str>,)*
        }

        impl UserSql {
            pub(crate) fn new(layout: &crate::user_table::Layout) -> Self {
                Self { $($name: layout.fill(DIALECT, $template),)* }
            }
        }
    };
}
pub(crate) use user_statements;
