//! A user model of one's own, in place of Django's `auth_user` (A17, `AUTH_USER_MODEL`).
//!
//! [`UserTable`] says which table it is and which of its columns is the name to sign in with. The rules stay Django's: a
//! row is read into a [`models::User`], whose `username` is the column that `USERNAME_FIELD` names, and whose further
//! columns are its [`Extra`]. [`UserModel`] turns that into a type of the application's own, and is derived.

mod column;
mod table;

use std::sync::Arc;

pub use self::column::{ColumnError, ColumnKind, ColumnValue, Extra, Field, Nulls};
pub use self::table::{DeclaredColumn, LabelError, UserTable};
use crate::models;

/// A type that stands for a row of the user table. Derived by `#[derive(UserModel)]`.
///
/// [`models::User`] is the one of Django's own table. Written by hand, an implementation says what the derive would:
///
/// ```
/// use std::sync::Arc;
///
/// use cloakroom_core::models;
/// use cloakroom_core::user_model::{ColumnError, Slot, UserModel, UserTable, column};
///
/// struct Member {
///     email: String,
///     shoe_size: Option<i64>,
/// }
///
/// impl UserModel for Member {
///     type Loaded = Arc<Self>;
///
///     fn table() -> UserTable {
///         UserTable::new("club.Member").expect("the label has one dot").with_username_field("email")
///     }
///
///     fn load(row: &models::User) -> Result<Arc<Self>, ColumnError> {
///         let email = column(row, Slot::Username, "email")?;
///         Ok(Arc::new(Self { email, shoe_size: column(row, Slot::Extra, "shoe_size")? }))
///     }
///
///     fn view<'a>(_: &'a models::User, loaded: &'a Arc<Self>) -> &'a Self {
///         loaded
///     }
/// }
/// assert_eq!(Member::table().table(), "club_member");
/// # let _ = |m: Member| (m.email, m.shoe_size);
/// ```
pub trait UserModel: Send + Sync + 'static {
    /// What is made of a row and kept beside it: nothing for Django's own table, `Arc<Self>` for another.
    type Loaded: Clone + Send + Sync;

    /// The table, and what must be in it.
    fn table() -> UserTable;

    /// Reads the columns that Django's own table does not have.
    ///
    /// # Errors
    ///
    /// A column is not there, or holds what its field does not.
    fn load(row: &models::User) -> Result<Self::Loaded, ColumnError>;

    /// The user, from the row and what was made of it.
    fn view<'a>(row: &'a models::User, loaded: &'a Self::Loaded) -> &'a Self;
}

impl UserModel for models::User {
    type Loaded = ();

    fn table() -> UserTable {
        UserTable::stock()
    }

    fn load(_: &models::User) -> Result<(), ColumnError> {
        Ok(())
    }

    fn view<'a>(row: &'a models::User, (): &'a ()) -> &'a Self {
        row
    }
}

/// Where a column's value stands in a [`models::User`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Slot {
    /// The primary key.
    Key,
    /// The password column.
    Password,
    /// When the user last signed in.
    LastLogin,
    /// Whether the user has every permission.
    Superuser,
    /// The name to sign in with, whatever the column is called.
    Username,
    /// The first name.
    FirstName,
    /// The last name.
    LastName,
    /// The address, whatever the column is called.
    Email,
    /// Whether the user may use the admin.
    Staff,
    /// Whether the account is open.
    Active,
    /// When the account was made.
    DateJoined,
    /// Among the further columns.
    Extra,
}

/// Reads a column of a user's row, as the derive does for each field.
///
/// # Errors
///
/// The column is not there, or holds what `T` does not.
pub fn column<T: Field>(row: &models::User, slot: Slot, name: &'static str) -> Result<T, ColumnError> {
    let value = match slot {
        Slot::Key => ColumnValue::from(&row.id),
        Slot::Password => ColumnValue::Text(row.password.expose().to_owned()),
        Slot::LastLogin => row.last_login.map_or(ColumnValue::Null, ColumnValue::Time),
        Slot::Superuser => ColumnValue::Bool(row.is_superuser),
        Slot::Username => ColumnValue::Text(row.username.clone()),
        Slot::FirstName => ColumnValue::Text(row.first_name.clone()),
        Slot::LastName => ColumnValue::Text(row.last_name.clone()),
        Slot::Email => ColumnValue::Text(row.email.clone()),
        Slot::Staff => ColumnValue::Bool(row.is_staff),
        Slot::Active => ColumnValue::Bool(row.is_active),
        Slot::DateJoined => ColumnValue::Time(row.date_joined),
        Slot::Extra => match row.extra.get(name) {
            Some(value) => return T::from_column(value).ok_or(ColumnError::Type { column: name }),
            None => return Err(ColumnError::Missing { column: name }),
        },
    };
    T::from_column(&value).ok_or(ColumnError::Type { column: name })
}

/// The user of type `T` that a row stands for, on its own.
///
/// # Errors
///
/// As [`UserModel::load`].
pub fn of_row<T: UserModel<Loaded = Arc<T>>>(row: &models::User) -> Result<Arc<T>, ColumnError> {
    T::load(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::keys::UserId;

    #[test]
    fn columns_are_found_where_they_stand() {
        let mut row = models::User::new(UserId::Text("k".into()), "a@example.org", Timestamp::UNIX_EPOCH);
        row.extra = Extra::new(Arc::from(["size".into(), "nick".into()]), vec![ColumnValue::Int(7), ColumnValue::Null]);
        assert_eq!(column::<String>(&row, Slot::Username, "email").unwrap(), "a@example.org");
        assert_eq!(column::<i64>(&row, Slot::Extra, "size").unwrap(), 7);
        assert_eq!(column::<Option<String>>(&row, Slot::Extra, "nick").unwrap(), None);
        assert_eq!(column::<String>(&row, Slot::Extra, "nick"), Err(ColumnError::Type { column: "nick" }));
        assert_eq!(column::<String>(&row, Slot::Extra, "other"), Err(ColumnError::Missing { column: "other" }));
        assert_eq!(column::<UserId>(&row, Slot::Key, "id").unwrap(), row.id);
    }
}
