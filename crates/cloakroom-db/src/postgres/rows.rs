//! Reading rows and binding parameters.
//!
//! A parameter takes the type that the statement gives it. A value that this type does not have, such as a text with a
//! NUL character, or a key beyond the column's range, is bound as NULL where it is looked for: it equals nothing.

use std::error::Error;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::UserId;
use cloakroom_core::models::{EncodedHash, User};
use cloakroom_core::user_model::{ColumnValue, Extra};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::Known;
use crate::error::{DbError, Table};
use crate::user_table::{Given, Stored, WIDTH};

/// A row's place in its table, for the error that names it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) table: Table,
    /// Which column of the result tells the row's key; `None` where that is a secret.
    pub(super) key: Option<usize>,
}

impl Place {
    pub(super) fn text(self, row: &Row, at: usize, column: &'static str) -> Result<String, DbError> {
        self.get(row, at, column)
    }

    pub(super) fn shared_text(self, row: &Row, at: usize, column: &'static str) -> Result<Arc<str>, DbError> {
        self.get::<&str>(row, at, column).map(Arc::from)
    }

    pub(super) fn int(self, row: &Row, at: usize, column: &'static str) -> Result<i64, DbError> {
        match self.get(row, at, column)? {
            Key(UserId::Int(int)) => Ok(int),
            Key(_) => Err(self.corrupt(row, column)),
        }
    }

    /// A user's key.
    pub(super) fn id(self, row: &Row, at: usize, column: &'static str) -> Result<UserId, DbError> {
        Ok(self.get::<Key>(row, at, column)?.0)
    }

    pub(super) fn time(self, row: &Row, at: usize, column: &'static str) -> Result<Timestamp, DbError> {
        Ok(self.get::<Moment>(row, at, column)?.0)
    }

    pub(super) fn flag(self, row: &Row, at: usize, column: &'static str) -> Result<bool, DbError> {
        self.get(row, at, column)
    }

    /// The value of a column that Django's own table does not have.
    fn further(self, row: &Row, at: usize, stored: &Stored) -> Result<ColumnValue, DbError> {
        let column = "(a further column)";
        let value = match stored {
            Stored::Bool => self.get::<Option<bool>>(row, at, column)?.map(ColumnValue::Bool),
            Stored::Int => match self.get::<Option<Key>>(row, at, column)? {
                Some(Key(UserId::Int(int))) => Some(ColumnValue::Int(int)),
                Some(_) => return Err(self.corrupt(row, column)),
                None => None,
            },
            Stored::Float => match row.try_get::<_, Option<f64>>(at) {
                Ok(number) => number.map(ColumnValue::Float),
                Err(_) => self.get::<Option<f32>>(row, at, column)?.map(|n| ColumnValue::Float(n.into())),
            },
            Stored::Bytes => self.get::<Option<Vec<u8>>>(row, at, column)?.map(ColumnValue::Bytes),
            Stored::Time => self.get::<Option<Moment>>(row, at, column)?.map(|Moment(time)| ColumnValue::Time(time)),
            Stored::Text | Stored::UuidHex | Stored::UuidNative | Stored::Cast(_) => {
                self.get::<Option<String>>(row, at, column)?.map(ColumnValue::Text)
            }
        };
        Ok(value.unwrap_or(ColumnValue::Null))
    }

    fn get<'r, T: FromSql<'r>>(self, row: &'r Row, at: usize, column: &'static str) -> Result<T, DbError> {
        row.try_get(at).map_err(|_| self.corrupt(row, column))
    }

    fn corrupt(self, row: &Row, column: &'static str) -> DbError {
        let key = self.key.and_then(|at| row.try_get::<_, Key>(at).ok());
        let key = key.map_or_else(|| "unknown".to_owned(), |Key(key)| key.to_string());
        DbError::Corrupt { table: self.table, column, key }
    }
}

/// A row that begins with the columns of a user.
pub(super) const USER: Place = Place { table: Table::AuthUser, key: Some(0) };

/// Reads the columns of a user that start at `from`.
pub(super) fn user(users: &Known, row: &Row, from: usize) -> Result<User, DbError> {
    let place = Place { table: Table::AuthUser, key: Some(from) };
    let Key(id) = place.get(row, from, "id")?;
    let mut user = User::new(id, place.text(row, from + 4, "username")?, place.time(row, from + 10, "date_joined")?);
    user.password = EncodedHash::new(place.text(row, from + 1, "password")?);
    user.last_login = place.get::<Option<Moment>>(row, from + 2, "last_login")?.map(|Moment(at)| at);
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

/// Whether there is a user among the columns that start at `from`: an outer join may have found none.
pub(super) fn has_user(row: &Row, from: usize) -> bool {
    !matches!(row.try_get::<_, Option<Key>>(from), Ok(None))
}

/// Reads every row.
pub(super) fn all<T>(rows: &[Row], read: impl FnMut(&Row) -> Result<T, DbError>) -> Result<Vec<T>, DbError> {
    rows.iter().map(read).collect()
}

/// Reads the first row.
pub(super) fn first<T>(rows: &[Row], read: impl FnOnce(&Row) -> Result<T, DbError>) -> Result<Option<T>, DbError> {
    rows.first().map(read).transpose()
}

/// A text that is looked for.
#[derive(Debug)]
pub(super) struct Sought<'a>(pub(super) &'a str);

impl ToSql for Sought<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        if self.0.contains('\0') {
            return Ok(IsNull::Yes);
        }
        out.put_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        <&str as ToSql>::accepts(ty)
    }

    to_sql_checked!();
}

/// A user's key as a parameter.
#[derive(Debug)]
pub(super) struct Id<'a>(pub(super) &'a UserId);

impl ToSql for Id<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match (self.0.as_int(), ty) {
            (Some(id), ty) if is_int(ty) => Int(id).to_sql(ty, out),
            (None, ty) if is_int(ty) => Ok(IsNull::Yes),
            (_, &Type::UUID) => Ok(match parse_uuid(&self.0.to_string()) {
                Some(uuid) => {
                    out.put_u128(uuid);
                    IsNull::No
                }
                None => IsNull::Yes,
            }),
            _ => Sought(&self.0.to_string()).to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        is_int(ty) || *ty == Type::UUID || Sought::accepts(ty)
    }

    to_sql_checked!();
}

impl Known {
    /// A user's key as a parameter.
    #[expect(clippy::unused_self, reason = "a parameter's type says how the key is stored; elsewhere the table does")]
    pub(super) const fn id<'a>(&self, id: &'a UserId) -> Id<'a> {
        Id(id)
    }
}

/// A value takes the column's type: the statement casts what has none here from text.
impl ToSql for Given {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match &self.value {
            ColumnValue::Bool(b) => b.to_sql(ty, out),
            ColumnValue::Int(n) if is_int(ty) => Int(*n).to_sql(ty, out),
            ColumnValue::Int(n) => n.to_string().to_sql(ty, out),
            ColumnValue::Float(n) if *ty == Type::FLOAT4 => (*n as f32).to_sql(ty, out),
            ColumnValue::Float(n) => n.to_sql(ty, out),
            ColumnValue::Text(text) if *ty == Type::UUID => Id(&UserId::Text(text.as_str().into())).to_sql(ty, out),
            ColumnValue::Text(text) => text.to_sql(ty, out),
            ColumnValue::Bytes(bytes) => bytes.to_sql(ty, out),
            ColumnValue::Time(at) => Moment(*at).to_sql(ty, out),
            _ => Ok(IsNull::Yes),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let fits = match &self.value {
            ColumnValue::Bool(_) => *ty == Type::BOOL,
            ColumnValue::Int(_) => is_int(ty) || <&str as ToSql>::accepts(ty),
            ColumnValue::Float(_) => matches!(*ty, Type::FLOAT4 | Type::FLOAT8),
            ColumnValue::Text(_) => *ty == Type::UUID || <&str as ToSql>::accepts(ty),
            ColumnValue::Bytes(_) => *ty == Type::BYTEA,
            ColumnValue::Time(_) => Moment::accepts_type(ty),
            _ => true,
        };
        if !fits {
            return Err(format!("a value does not fit into a column of the type {ty}").into());
        }
        self.to_sql(ty, out)
    }
}

/// An integer as a parameter of any integer type.
#[derive(Debug)]
pub(super) struct Int(pub(super) i64);

impl ToSql for Int {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match *ty {
            Type::INT8 => out.put_i64(self.0),
            Type::INT4 => match i32::try_from(self.0) {
                Ok(int) => out.put_i32(int),
                Err(_) => return Ok(IsNull::Yes),
            },
            _ => match i16::try_from(self.0) {
                Ok(int) => out.put_i16(int),
                Err(_) => return Ok(IsNull::Yes),
            },
        }
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        is_int(ty)
    }

    to_sql_checked!();
}

/// A primary key of any type that Django's fields have.
struct Key(UserId);

impl<'a> FromSql<'a> for Key {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *ty {
            Type::INT2 => UserId::Int(i16::from_sql(ty, raw)?.into()),
            Type::INT4 => UserId::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT8 => UserId::Int(i64::from_sql(ty, raw)?),
            Type::UUID => UserId::Text(uuid_text(u128::from_be_bytes(raw.try_into()?)).into()),
            _ => UserId::Text(<&str>::from_sql(ty, raw)?.into()),
        }))
    }

    fn accepts(ty: &Type) -> bool {
        is_int(ty) || *ty == Type::UUID || <&str as FromSql<'_>>::accepts(ty)
    }
}

/// A moment: microseconds since the year 2000.
#[derive(Debug)]
pub(super) struct Moment(pub(super) Timestamp);

/// 2000-01-01T00:00:00Z.
const EPOCH: i64 = 946_684_800_000_000;

impl Moment {
    fn accepts_type(ty: &Type) -> bool {
        matches!(*ty, Type::TIMESTAMPTZ | Type::TIMESTAMP)
    }
}

impl ToSql for Moment {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_i64(self.0.as_micros() - EPOCH);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::TIMESTAMPTZ | Type::TIMESTAMP)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Moment {
    /// Infinity and what else Python's `datetime` cannot hold is held at the end of its range.
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Timestamp::from_micros(i64::from_be_bytes(raw.try_into()?).saturating_add(EPOCH))))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::TIMESTAMPTZ | Type::TIMESTAMP)
    }
}

fn is_int(ty: &Type) -> bool {
    matches!(*ty, Type::INT2 | Type::INT4 | Type::INT8)
}

/// Reads 32 hexadecimal digits, hyphens and case aside, as Python's `UUID` does.
fn parse_uuid(text: &str) -> Option<u128> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let plain = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if plain { u128::from_str_radix(&digits, 16).ok() } else { None }
}

fn uuid_text(uuid: u128) -> String {
    let digits = format!("{uuid:032x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(value: &dyn ToSql, ty: &Type) -> Option<Vec<u8>> {
        let mut out = BytesMut::new();
        match value.to_sql_checked(ty, &mut out).unwrap() {
            IsNull::Yes => None,
            IsNull::No => Some(out.to_vec()),
        }
    }

    #[test]
    fn what_a_column_cannot_hold_is_looked_for_as_null() {
        assert_eq!(bound(&Sought("a\0b"), &Type::VARCHAR), None);
        assert_eq!(bound(&Sought("é"), &Type::TEXT), Some("é".as_bytes().to_vec()));
        assert_eq!(bound(&Int(i64::MAX), &Type::INT4), None);
        assert_eq!(bound(&Int(1 << 20), &Type::INT2), None);
        assert_eq!(bound(&Id(&UserId::Text("x".into())), &Type::INT4), None);
        assert_eq!(bound(&Id(&UserId::Int(7)), &Type::UUID), None);
    }

    #[test]
    fn a_key_takes_the_columns_type() {
        let seven = UserId::Int(7);
        assert_eq!(bound(&Id(&seven), &Type::INT4), Some(7_i32.to_be_bytes().to_vec()));
        assert_eq!(bound(&Id(&seven), &Type::INT8), Some(7_i64.to_be_bytes().to_vec()));
        assert_eq!(bound(&Id(&seven), &Type::VARCHAR), Some(b"7".to_vec()));
        let uuid = "00112233-4455-6677-8899-aabbccddeeff";
        let raw = bound(&Id(&UserId::Text(uuid.into())), &Type::UUID).unwrap();
        assert_eq!(raw, (0..16_u8).map(|n| n * 0x11).collect::<Vec<_>>());
        let Key(back) = Key::from_sql(&Type::UUID, &raw).unwrap();
        assert_eq!(back.to_string(), uuid);
    }

    /// G01
    #[test]
    fn moments_keep_their_microseconds() {
        for micros in [1_767_323_045_678_901, -1, 0, Timestamp::MIN.as_micros(), Timestamp::MAX.as_micros()] {
            let at = Timestamp::from_micros(micros);
            let raw = bound(&Moment(at), &Type::TIMESTAMPTZ).unwrap();
            let Moment(back) = Moment::from_sql(&Type::TIMESTAMPTZ, &raw).unwrap();
            assert_eq!(back, at);
        }
        let Moment(infinity) = Moment::from_sql(&Type::TIMESTAMPTZ, &i64::MAX.to_be_bytes()).unwrap();
        assert_eq!(infinity, Timestamp::MAX);
    }
}
