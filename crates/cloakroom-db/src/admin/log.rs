//! `django_admin_log` (A07): who changed what, in Django's form.

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::UserId;
use cloakroom_core::user_model::ColumnValue;

use super::find::Slice;
use super::{dialect, has_table, ints, layout};
use crate::database::{Backend, Database};
use crate::error::DbError;
use crate::mysql;
use crate::postgres;
use crate::sqlite;
use crate::user_table::{Dialect, Layout, Statement, Stored, Stores};

pub(super) const TABLE: &str = "django_admin_log";

/// What an entry tells (`action_flag`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// 1
    Addition,
    /// 2
    Change,
    /// 3
    Deletion,
}

impl Action {
    /// The number in the table.
    #[must_use]
    pub const fn flag(self) -> i64 {
        match self {
            Self::Addition => 1,
            Self::Change => 2,
            Self::Deletion => 3,
        }
    }

    const fn from_flag(flag: i64) -> Option<Self> {
        Some(match flag {
            1 => Self::Addition,
            2 => Self::Change,
            3 => Self::Deletion,
            _ => return None,
        })
    }
}

/// An entry to be written.
#[derive(Clone, Debug)]
pub struct NewLogEntry {
    /// When.
    pub action_time: Timestamp,
    /// Who did it.
    pub user: UserId,
    /// The key of the object's content type.
    pub content_type: i64,
    /// The object's key as text.
    pub object_id: String,
    /// What the object was called; cut to 200 characters.
    pub object_repr: String,
    /// What was done.
    pub action: Action,
    /// Django's JSON of it, or nothing.
    pub change_message: String,
}

/// An entry as it is shown.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogEntry {
    /// When.
    pub action_time: Timestamp,
    /// The name of who did it; empty if they are gone.
    pub username: String,
    /// The app of the object's model; empty if that is gone.
    pub app_label: String,
    /// The object's model; empty if that is gone.
    pub model: String,
    /// The object's key as text.
    pub object_id: String,
    /// What the object was called.
    pub object_repr: String,
    /// What was done; `None` for what only Django knows.
    pub action: Option<Action>,
    /// Django's JSON of it, or an older Django's sentence.
    pub change_message: String,
}

/// What a row holds, in the order of [`COLUMNS`].
pub(crate) struct Row {
    pub(crate) action_time: Timestamp,
    pub(crate) flag: i64,
    pub(crate) texts: [String; 6],
}

impl Row {
    /// Reads a row by a database's own ways to read a column of its number and name.
    pub(crate) fn read<E>(
        time: impl Fn(usize, &'static str) -> Result<Timestamp, E>,
        int: impl Fn(usize, &'static str) -> Result<i64, E>,
        text: impl Fn(usize, &'static str) -> Result<String, E>,
    ) -> Result<Self, E> {
        Ok(Self {
            action_time: time(0, "action_time")?,
            flag: int(1, "action_flag")?,
            texts: [
                text(2, "user_id")?,
                text(3, "content_type_id")?,
                text(4, "content_type_id")?,
                text(5, "object_id")?,
                text(6, "object_repr")?,
                text(7, "change_message")?,
            ],
        })
    }
}

impl From<Row> for LogEntry {
    fn from(row: Row) -> Self {
        let [username, app_label, model, object_id, object_repr, change_message] = row.texts;
        let (action_time, action) = (row.action_time, Action::from_flag(row.flag));
        Self { action_time, username, app_label, model, object_id, object_repr, action, change_message }
    }
}

const COLUMNS: &str = "SELECT l.action_time, l.action_flag, COALESCE({by_username}, ''), COALESCE(ct.app_label, ''), \
    COALESCE(ct.model, ''), COALESCE(l.object_id, ''), l.object_repr, l.change_message FROM django_admin_log l \
    LEFT JOIN {table} u ON u.{id} = l.user_id LEFT JOIN django_content_type ct ON ct.id = l.content_type_id";

/// Whether there is a log: a site without Django's admin may have none.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn has_log(db: &Database) -> Result<bool, DbError> {
    has_table(db, TABLE).await
}

/// Returns what happened to an object, oldest first, and how many entries there are in all.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn entries_of(
    db: &Database,
    content_type: i64,
    object_id: &str,
    slice: Slice,
) -> Result<(Vec<LogEntry>, u64), DbError> {
    if !has_log(db).await? {
        return Ok((Vec::new(), 0));
    }
    let of_object = |template: &str| {
        let statement = Statement::new(layout(db)?, dialect(db), template).text(" WHERE l.content_type_id = ");
        Ok::<_, DbError>(statement.int(content_type).text(" AND l.object_id = ").string(object_id))
    };
    let total = ints(db, of_object("SELECT COUNT(*) FROM django_admin_log l")?.done()).await?;
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let query = of_object(COLUMNS)?.text(" ORDER BY l.action_time, l.id LIMIT ").int(number(slice.limit));
    let found = entries(db, query.text(" OFFSET ").int(number(slice.offset)).done()).await?;
    Ok((found, total.first().map_or(0, |n| n.unsigned_abs())))
}

/// Returns what a user did last, newest first.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn entries_by(db: &Database, user: &UserId, limit: usize) -> Result<Vec<LogEntry>, DbError> {
    if !has_log(db).await? {
        return Ok(Vec::new());
    }
    let statement = Statement::new(layout(db)?, dialect(db), COLUMNS).text(" WHERE l.user_id = ").user(user);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    entries(db, statement.text(" ORDER BY l.action_time DESC, l.id DESC LIMIT ").int(limit).done()).await
}

/// Counts what a user did.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn count_by(db: &Database, user: &UserId) -> Result<u64, DbError> {
    if !has_log(db).await? {
        return Ok(0);
    }
    let count = Statement::new(layout(db)?, dialect(db), "SELECT COUNT(*) FROM django_admin_log WHERE user_id = ");
    Ok(ints(db, count.user(user).done()).await?.first().map_or(0, |n| n.unsigned_abs()))
}

async fn entries(db: &Database, query: Stores) -> Result<Vec<LogEntry>, DbError> {
    let rows = match db.backend() {
        Backend::Sqlite(s) => s.read_much(move |c| sqlite::admin::log(c, &query)).await,
        Backend::Postgres(p) => postgres::admin::log(p, &query).await,
        Backend::MySql(m) => mysql::admin::log(m, &query).await,
    }?;
    Ok(rows.into_iter().map(LogEntry::from).collect())
}

pub(super) fn insert(layout: &Layout, dialect: Dialect, entry: &NewLogEntry) -> Stores {
    let repr: String = entry.object_repr.chars().take(200).collect();
    let columns = "INSERT INTO django_admin_log (action_time, user_id, content_type_id, object_id, object_repr, \
        action_flag, change_message) VALUES (";
    Statement::new(layout, dialect, columns)
        .value(ColumnValue::Time(entry.action_time), Stored::Time)
        .text(", ")
        .user(&entry.user)
        .text(", ")
        .int(entry.content_type)
        .text(", ")
        .string(&*entry.object_id)
        .text(", ")
        .string(repr)
        .text(", ")
        .int(entry.action.flag())
        .text(", ")
        .string(&*entry.change_message)
        .text(")")
        .done()
}
