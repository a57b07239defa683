//! Reading rows and binding parameters.
//!
//! SQLite lets any value into any column. One that Django could not have written is [`DbError::Corrupt`], never a
//! panic and never a guess.

use std::sync::Arc;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::UserId;
use cloakroom_core::models::{EncodedHash, User};
use cloakroom_core::user_model::{ColumnValue, Extra};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Params, Row, ToSql};

use super::Known;
use super::fault::Fault;
use crate::error::{DbError, Table};
use crate::user_table::{Given, Stored, WIDTH};

/// A row's place in its table, for the error that names it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) table: Table,
    /// Which column of the result tells the row's key.
    pub(super) key: usize,
}

impl Place {
    pub(super) fn corrupt(self, row: &Row<'_>, column: &'static str) -> Fault {
        let key = match row.get_ref(self.key) {
            Ok(ValueRef::Integer(n)) => n.to_string(),
            Ok(ValueRef::Text(text)) => String::from_utf8_lossy(text).into_owned(),
            _ => "unknown".to_owned(),
        };
        Fault::Db(DbError::Corrupt { table: self.table, column, key })
    }

    pub(super) fn text(self, row: &Row<'_>, at: usize, column: &'static str) -> Result<String, Fault> {
        self.borrowed(row, at, column).map(str::to_owned)
    }

    pub(super) fn shared_text(self, row: &Row<'_>, at: usize, column: &'static str) -> Result<Arc<str>, Fault> {
        self.borrowed(row, at, column).map(Arc::from)
    }

    fn borrowed<'r>(self, row: &'r Row<'_>, at: usize, column: &'static str) -> Result<&'r str, Fault> {
        match row.get_ref(at)? {
            ValueRef::Text(text) => std::str::from_utf8(text).map_err(|_| self.corrupt(row, column)),
            _ => Err(self.corrupt(row, column)),
        }
    }

    pub(super) fn int(self, row: &Row<'_>, at: usize, column: &'static str) -> Result<i64, Fault> {
        row.get_ref(at)?.as_i64().map_err(|_| self.corrupt(row, column))
    }

    pub(super) fn time(self, row: &Row<'_>, at: usize, column: &'static str) -> Result<Timestamp, Fault> {
        let text = row.get_ref(at)?.as_str().ok();
        text.and_then(parse_time).ok_or_else(|| self.corrupt(row, column))
    }

    /// The value of a column that Django's own table does not have. A number in a column of texts is read as its text.
    fn further(self, row: &Row<'_>, at: usize, stored: &Stored) -> Result<ColumnValue, Fault> {
        let corrupt = || self.corrupt(row, "(a further column)");
        Ok(match (row.get_ref(at)?, stored) {
            (ValueRef::Null, _) => ColumnValue::Null,
            (ValueRef::Integer(n), Stored::Bool) => ColumnValue::Bool(n != 0),
            (ValueRef::Integer(n), Stored::Int) => ColumnValue::Int(n),
            (ValueRef::Integer(n), Stored::Float) => ColumnValue::Float(n as f64),
            (ValueRef::Real(n), Stored::Float) => ColumnValue::Float(n),
            (ValueRef::Text(_), Stored::Time) => ColumnValue::Time(self.time(row, at, "(a further column)")?),
            (ValueRef::Blob(bytes), Stored::Bytes) => ColumnValue::Bytes(bytes.to_vec()),
            (ValueRef::Text(_), Stored::UuidHex) => {
                let text = self.text(row, at, "(a further column)")?;
                ColumnValue::Text(UserId::parse_uuid(&text).map_or(text, |uuid| uuid.to_string()))
            }
            (ValueRef::Text(_), Stored::Text) => ColumnValue::Text(self.text(row, at, "(a further column)")?),
            (ValueRef::Integer(n), Stored::Text) => ColumnValue::Text(n.to_string()),
            (ValueRef::Real(n), Stored::Text) => ColumnValue::Text(n.to_string()),
            _ => return Err(corrupt()),
        })
    }

    fn flag(self, row: &Row<'_>, at: usize, column: &'static str) -> Result<bool, Fault> {
        Ok(self.int(row, at, column)? != 0)
    }
}

/// Reads the columns of a user that start at `from`.
pub(super) fn user(users: &Known, row: &Row<'_>, from: usize) -> Result<User, Fault> {
    let place = Place { table: Table::AuthUser, key: from };
    let id = users.read_id(place, row, from, "id")?;
    let mut user = User::new(id, place.text(row, from + 4, "username")?, place.time(row, from + 10, "date_joined")?);
    user.password = EncodedHash::new(place.text(row, from + 1, "password")?);
    user.last_login = match row.get_ref(from + 2)? {
        ValueRef::Null => None,
        _ => Some(place.time(row, from + 2, "last_login")?),
    };
    user.is_superuser = place.flag(row, from + 3, "is_superuser")?;
    user.first_name = place.text(row, from + 5, "first_name")?;
    user.last_name = place.text(row, from + 6, "last_name")?;
    user.email = place.text(row, from + 7, "email")?;
    user.is_staff = place.flag(row, from + 8, "is_staff")?;
    user.is_active = place.flag(row, from + 9, "is_active")?;
    if !users.layout.extra_names.is_empty() {
        let columns = users.layout.extra().zip(from + WIDTH..);
        let values = columns.map(|(column, at)| place.further(row, at, &column.stored)).collect::<Result<_, _>>()?;
        user.extra = Extra::new(Arc::clone(&users.layout.extra_names), values);
    }
    Ok(user)
}

/// The first row of a query, read by `read`.
pub(super) fn first<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

/// Every row of a query, read by `read`.
pub(super) fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// Whether a query has a row.
pub(super) fn any(connection: &Connection, sql: &str, params: impl Params) -> Result<bool, Fault> {
    Ok(connection.prepare_cached(sql)?.exists(params)?)
}

/// Runs a statement; how many rows it changed.
pub(super) fn execute(connection: &Connection, sql: &str, params: impl Params) -> Result<usize, Fault> {
    Ok(connection.prepare_cached(sql)?.execute(params)?)
}

/// A moment in the form in which Django stores it (G01).
pub(super) struct Moment(String);

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(at.to_sqlite_text())
    }
}

impl ToSql for Moment {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl Known {
    /// Reads a user's key.
    pub(super) fn read_id(
        &self,
        place: Place,
        row: &Row<'_>,
        at: usize,
        column: &'static str,
    ) -> Result<UserId, Fault> {
        Ok(match row.get_ref(at)? {
            ValueRef::Integer(id) => UserId::Int(id),
            ValueRef::Text(_) if self.layout.key == Stored::UuidHex => {
                UserId::parse_uuid(&place.text(row, at, column)?).ok_or_else(|| place.corrupt(row, column))?
            }
            ValueRef::Text(_) => UserId::Text(place.text(row, at, column)?.into()),
            _ => return Err(place.corrupt(row, column)),
        })
    }

    /// A user's key as a parameter.
    pub(super) fn id<'a>(&self, id: &'a UserId) -> Id<'a> {
        Id { id, stored: if self.layout.key == Stored::UuidHex { KeyAs::Digits } else { KeyAs::Itself } }
    }
}

/// A user's key as a parameter.
pub(super) struct Id<'a> {
    id: &'a UserId,
    stored: KeyAs,
}

#[derive(Clone, Copy)]
enum KeyAs {
    Itself,
    Digits,
}

impl ToSql for Id<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match (self.id.as_int(), self.stored) {
            (Some(id), _) => ToSqlOutput::Owned(Value::Integer(id)),
            (None, KeyAs::Digits) => ToSqlOutput::Owned(self.id.uuid_digits().map_or(Value::Null, Value::Text)),
            (None, KeyAs::Itself) => ToSqlOutput::Owned(Value::Text(self.id.to_string())),
        })
    }
}

impl ToSql for Given {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match (&self.value, &self.stored) {
            (ColumnValue::Text(text), Stored::UuidHex) => ToSqlOutput::Owned(Value::Text(text.replace('-', ""))),
            (ColumnValue::Bool(b), _) => ToSqlOutput::Owned(Value::Integer(i64::from(*b))),
            (ColumnValue::Int(n), _) => ToSqlOutput::Owned(Value::Integer(*n)),
            (ColumnValue::Float(n), _) => ToSqlOutput::Owned(Value::Real(*n)),
            (ColumnValue::Text(text), _) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            (ColumnValue::Bytes(bytes), _) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            (ColumnValue::Time(at), _) => ToSqlOutput::Owned(Value::Text(at.to_sqlite_text())),
            _ => ToSqlOutput::Owned(Value::Null),
        })
    }
}

/// The pattern with which `LIKE … ESCAPE '\'` finds exactly `text`, ASCII case aside (G04). `None` if it is longer than
/// SQLite takes: nothing stored is.
pub(super) fn iexact_pattern(text: &str) -> Option<String> {
    const SQLITE_LIMIT_LIKE_PATTERN_LENGTH: usize = 50_000;
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    (pattern.len() <= SQLITE_LIMIT_LIKE_PATTERN_LENGTH).then_some(pattern)
}

/// Reads a moment as Django's `parse_datetime` does: `T` or a space, a fraction or none, a zone or none (UTC).
fn parse_time(text: &str) -> Option<Timestamp> {
    let text = text.trim_end();
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return Timestamp::from_sqlite_text(local.trim_end());
    }
    // The date has hyphens of its own: a zone's sign stands after the hour. Looked for first, as jiff skips a zone.
    let Some(sign_at) = text.get(11..).and_then(|time| time.rfind(['+', '-'])).map(|at| at + 11) else {
        return Timestamp::from_sqlite_text(text);
    };
    let (local, zone) = text.split_at_checked(sign_at)?;
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits: String = zone[1..].chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) || !matches!(digits.len(), 2 | 4) {
        return None;
    }
    let number: i64 = digits.parse().ok()?;
    let minutes = if digits.len() == 2 { number * 60 } else { number / 100 * 60 + number % 100 };
    Some(Timestamp::from_sqlite_text(local.trim_end())?.plus_secs(-sign * minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G01, and what other programs than Django may have written.
    #[test]
    fn moments_are_read_in_each_form_that_django_reads() {
        let at = Timestamp::from_micros(1_767_323_045_678_901);
        for text in [
            "2026-01-02 03:04:05.678901",
            "2026-01-02T03:04:05.678901",
            "2026-01-02 03:04:05.678901000",
            "2026-01-02 03:04:05.678901+00:00",
            "2026-01-02T03:04:05.678901Z",
            "2026-01-02 05:34:05.678901+0230",
            "2026-01-01 22:04:05.678901-05",
        ] {
            assert_eq!(parse_time(text), Some(at), "{text}");
        }
        assert_eq!(parse_time("2026-01-02 03:04:05"), Some(Timestamp::from_secs(at.as_secs())));
    }

    #[test]
    fn what_is_no_moment_is_not_read_as_one() {
        for text in ["", "soon", "2026-13-02 03:04:05", "1767323045", "2026-01-02 03:04:05+a", "é2026-01-02 03é+00"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    /// G04
    #[test]
    fn a_pattern_finds_only_itself() {
        assert_eq!(iexact_pattern(r"a%b_c\d").unwrap(), r"a\%b\_c\\d");
        assert!(iexact_pattern(&"x".repeat(50_001)).is_none());
    }
}
