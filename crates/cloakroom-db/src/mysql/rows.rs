//! Reading rows and binding parameters.

use std::sync::Arc;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::UserId;
use cloakroom_core::models::{EncodedHash, User};
use cloakroom_core::user_model::{ColumnValue, Extra};
use jiff::civil::DateTime;
use mysql_async::{Row, Value};

use super::Known;
use super::fault::Fault;
use crate::error::{DbError, Table};
use crate::user_table::{Given, KeyKind, Stored, WIDTH};

/// A row's place in its table, for the error that names it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) table: Table,
    /// Which column of the result tells the row's key; `None` if that is a secret.
    pub(super) key: Option<usize>,
}

impl Place {
    pub(super) const fn of(table: Table) -> Self {
        Self { table, key: Some(0) }
    }

    pub(super) fn corrupt(self, row: &Row, column: &'static str) -> Fault {
        let key = match self.key.and_then(|at| row.as_ref(at)) {
            Some(Value::Int(n)) => n.to_string(),
            Some(Value::UInt(n)) => n.to_string(),
            Some(Value::Bytes(text)) => String::from_utf8_lossy(text).into_owned(),
            _ => "unknown".to_owned(),
        };
        Fault::Db(DbError::Corrupt { table: self.table, column, key })
    }

    pub(super) fn text(self, row: &Row, at: usize, column: &'static str) -> Result<String, Fault> {
        self.borrowed(row, at, column).map(str::to_owned)
    }

    pub(super) fn shared_text(self, row: &Row, at: usize, column: &'static str) -> Result<Arc<str>, Fault> {
        self.borrowed(row, at, column).map(Arc::from)
    }

    fn borrowed<'r>(self, row: &'r Row, at: usize, column: &'static str) -> Result<&'r str, Fault> {
        match row.as_ref(at) {
            Some(Value::Bytes(text)) => std::str::from_utf8(text).map_err(|_| self.corrupt(row, column)),
            _ => Err(self.corrupt(row, column)),
        }
    }

    pub(super) fn int(self, row: &Row, at: usize, column: &'static str) -> Result<i64, Fault> {
        let number = match row.as_ref(at) {
            Some(Value::Int(n)) => Some(*n),
            Some(Value::UInt(n)) => i64::try_from(*n).ok(),
            _ => None,
        };
        number.ok_or_else(|| self.corrupt(row, column))
    }

    pub(super) fn time(self, row: &Row, at: usize, column: &'static str) -> Result<Timestamp, Fault> {
        row.as_ref(at).and_then(read_moment).ok_or_else(|| self.corrupt(row, column))
    }

    /// The value of a column that Django's own table does not have.
    fn further(self, row: &Row, at: usize, stored: &Stored) -> Result<ColumnValue, Fault> {
        let column = "(a further column)";
        Ok(match (row.as_ref(at), stored) {
            (Some(Value::NULL), _) => ColumnValue::Null,
            (_, Stored::Bool) => ColumnValue::Bool(self.flag(row, at, column)?),
            (_, Stored::Int) => ColumnValue::Int(self.int(row, at, column)?),
            (Some(Value::Float(n)), Stored::Float) => ColumnValue::Float(f64::from(*n)),
            (Some(Value::Double(n)), Stored::Float) => ColumnValue::Float(*n),
            (Some(Value::Bytes(bytes)), Stored::Bytes) => ColumnValue::Bytes(bytes.clone()),
            (_, Stored::Time) => ColumnValue::Time(self.time(row, at, column)?),
            (_, Stored::UuidHex) => {
                let text = self.text(row, at, column)?;
                ColumnValue::Text(UserId::parse_uuid(&text).map_or(text, |uuid| uuid.to_string()))
            }
            (_, Stored::Text | Stored::UuidNative | Stored::Cast(_)) => ColumnValue::Text(self.text(row, at, column)?),
            _ => return Err(self.corrupt(row, column)),
        })
    }

    fn flag(self, row: &Row, at: usize, column: &'static str) -> Result<bool, Fault> {
        Ok(self.int(row, at, column)? != 0)
    }
}

/// Reads the columns of a user that start at `from`.
pub(super) fn user(users: &Known, row: &Row, from: usize) -> Result<User, Fault> {
    let place = Place { table: Table::AuthUser, key: Some(from) };
    let id = users.read_id(place, row, from, "id")?;
    let mut user = User::new(id, place.text(row, from + 4, "username")?, place.time(row, from + 10, "date_joined")?);
    user.password = EncodedHash::new(place.text(row, from + 1, "password")?);
    user.last_login = match row.as_ref(from + 2) {
        Some(Value::NULL) => None,
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

/// A value as a parameter.
pub(super) fn given(given: &Given) -> Value {
    match (&given.value, &given.stored) {
        (ColumnValue::Bool(b), _) => Value::Int(i64::from(*b)),
        (ColumnValue::Int(n), _) => Value::Int(*n),
        (ColumnValue::Float(n), _) => Value::Double(*n),
        (ColumnValue::Text(text), Stored::UuidHex) => Value::Bytes(text.replace('-', "").into_bytes()),
        (ColumnValue::Text(text), _) => Value::Bytes(text.clone().into_bytes()),
        (ColumnValue::Bytes(bytes), _) => Value::Bytes(bytes.clone()),
        (ColumnValue::Time(at), _) => moment(*at),
        _ => Value::NULL,
    }
}

/// A moment in the form in which Django stores it: UTC without a zone (G03).
pub(super) fn moment(at: Timestamp) -> Value {
    let civil = at.to_civil();
    // Each part is in the range of its type, as the calendar has it.
    let part = |n: i8| n.unsigned_abs();
    Value::Date(
        civil.year().unsigned_abs(),
        part(civil.month()),
        part(civil.day()),
        part(civil.hour()),
        part(civil.minute()),
        part(civil.second()),
        civil.subsec_nanosecond().unsigned_abs() / 1_000,
    )
}

fn read_moment(value: &Value) -> Option<Timestamp> {
    let &Value::Date(year, month, day, hour, minute, second, micros) = value else { return None };
    let part = |n: u8| i8::try_from(n).ok();
    let nanos = i32::try_from(micros.checked_mul(1_000)?).ok()?;
    let civil = DateTime::new(
        i16::try_from(year).ok()?,
        part(month)?,
        part(day)?,
        part(hour)?,
        part(minute)?,
        part(second)?,
        nanos,
    );
    civil.ok().and_then(Timestamp::from_civil)
}

impl Known {
    /// Reads a user's key.
    pub(super) fn read_id(&self, place: Place, row: &Row, at: usize, column: &'static str) -> Result<UserId, Fault> {
        Ok(match self.layout.key_kind() {
            KeyKind::Int => UserId::Int(place.int(row, at, column)?),
            KeyKind::Uuid => {
                UserId::parse_uuid(&place.text(row, at, column)?).ok_or_else(|| place.corrupt(row, column))?
            }
            KeyKind::Text => UserId::Text(place.text(row, at, column)?.into()),
        })
    }

    /// A user's key as a parameter. With a column of numbers MySQL would compare a text by the number that it begins with:
    /// a text is nobody's key there.
    pub(super) fn id(&self, user: &UserId) -> Value {
        match (user, &self.layout.key) {
            (UserId::Int(n), Stored::Int) => Value::Int(*n),
            (UserId::Text(_), Stored::UuidHex) => {
                user.uuid_digits().map_or(Value::NULL, |d| Value::Bytes(d.into_bytes()))
            }
            (UserId::Text(text), Stored::UuidNative | Stored::Text) => Value::Bytes(text.as_bytes().to_vec()),
            (UserId::Int(n), Stored::Text) => Value::Bytes(n.to_string().into_bytes()),
            _ => Value::NULL,
        }
    }
}

/// The pattern with which `LIKE` finds exactly `text`, in the sense of the column's collation (G04).
pub(super) fn iexact_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::super::user_sql::UserSql;
    use super::*;
    use crate::user_table::Layout;

    /// G03
    #[test]
    fn moments_go_there_and_back() {
        for micros in [1_767_323_045_678_901, 1_767_323_045_000_000, -1, 253_402_300_799_999_999] {
            let at = Timestamp::from_micros(micros);
            assert_eq!(read_moment(&moment(at)), Some(at), "{micros}");
        }
        let text = Value::Date(2026, 1, 2, 3, 4, 5, 678_901);
        assert_eq!(moment(Timestamp::from_micros(1_767_323_045_678_901)), text);
    }

    #[test]
    fn what_is_no_moment_is_not_read_as_one() {
        for value in [
            Value::Date(0, 0, 0, 0, 0, 0, 0),
            Value::Date(2026, 13, 1, 0, 0, 0, 0),
            Value::NULL,
            Value::Bytes(b"2026-01-02".to_vec()),
        ] {
            assert_eq!(read_moment(&value), None, "{value:?}");
        }
    }

    #[test]
    fn a_text_is_no_users_key() {
        let layout = Layout::stock();
        let users = Known { sql: UserSql::new(&layout), layout };
        assert_eq!(users.id(&UserId::Int(12)), Value::Int(12));
        assert_eq!(users.id(&UserId::Text("12abc".into())), Value::NULL);
    }

    /// G04
    #[test]
    fn a_pattern_finds_only_itself() {
        assert_eq!(iexact_pattern(r"a%b_c\d"), r"a\%b\_c\\d");
    }
}
