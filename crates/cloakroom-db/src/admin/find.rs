//! Lists of users, as the admin's change list asks for them (A182).

use cloakroom_core::models::User;

use super::{dialect, ints, layout, users};
use crate::database::Database;
use crate::error::DbError;
use crate::permissions::Holder;
use crate::user_table::{Dialect, Statement};

/// Which users are meant.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Each of these stands in the name, the first or last name, or the address, in any case (`icontains`).
    pub words: Vec<String>,
    /// Only those whose `is_staff` is this.
    pub is_staff: Option<bool>,
    /// Only those whose `is_superuser` is this.
    pub is_superuser: Option<bool>,
    /// Only those whose `is_active` is this.
    pub is_active: Option<bool>,
    /// Only the members of this group.
    pub group: Option<i64>,
}

/// What a list is ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SortBy {
    /// The name to sign in with.
    Username,
    /// The address.
    Email,
    /// The first name.
    FirstName,
    /// The last name.
    LastName,
    /// Whether they may use the admin.
    Staff,
}

/// Which end comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The smallest.
    Ascending,
    /// The greatest.
    Descending,
}

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// How many come before it.
    pub offset: usize,
    /// How many at most.
    pub limit: usize,
}

/// Users, and how many there are in all.
#[derive(Clone, Debug)]
pub struct Found {
    /// Those of the slice.
    pub users: Vec<User>,
    /// How many the filter finds.
    pub total: u64,
}

/// Returns a slice of the users that the filter finds, those that are alike in everything by falling key.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn find_users(
    db: &Database,
    filter: &UserFilter,
    order: &[(SortBy, Direction)],
    slice: Slice,
) -> Result<Found, DbError> {
    let total = count_users(db, filter).await?;
    let statement = Statement::new(layout(db)?, dialect(db), "SELECT {columns} FROM {table} u");
    let mut statement = conditions(statement, dialect(db), filter).text(" ORDER BY ");
    for (by, direction) in order {
        statement = statement.text(match by {
            SortBy::Username => "{by_username}",
            SortBy::Email => "{by_email}",
            SortBy::FirstName => "{by_first_name}",
            SortBy::LastName => "{by_last_name}",
            SortBy::Staff => "{staff}",
        });
        statement = statement.text(if *direction == Direction::Ascending { ", " } else { " DESC, " });
    }
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let query =
        statement.text("u.{id} DESC LIMIT ").int(number(slice.limit)).text(" OFFSET ").int(number(slice.offset));
    Ok(Found { users: users(db, query.done()).await?, total })
}

/// Counts the users that the filter finds.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn count_users(db: &Database, filter: &UserFilter) -> Result<u64, DbError> {
    let statement = Statement::new(layout(db)?, dialect(db), "SELECT COUNT(*) FROM {table} u");
    let counted = ints(db, conditions(statement, dialect(db), filter).done()).await?;
    Ok(counted.first().map_or(0, |n| n.unsigned_abs()))
}

/// Returns the keys of the permissions that were given to a user or group themselves, in their order.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn permissions_of(db: &Database, holder: &Holder) -> Result<Vec<i64>, DbError> {
    let (layout, dialect) = (layout(db)?, dialect(db));
    let statement = match holder {
        Holder::User(id) => {
            Statement::new(layout, dialect, "SELECT up.permission_id FROM {permissions} up WHERE up.{owner} = ")
                .user(id)
        }
        Holder::Group(id) => {
            let of_group = "SELECT up.permission_id FROM auth_group_permissions up WHERE up.group_id = ";
            Statement::new(layout, dialect, of_group).int(*id)
        }
    };
    ints(db, statement.text(" ORDER BY up.permission_id").done()).await
}

const COLUMNS: [&str; 4] = ["{by_username}", "{by_first_name}", "{by_last_name}", "{by_email}"];

fn conditions<'a>(mut statement: Statement<'a>, dialect: Dialect, filter: &UserFilter) -> Statement<'a> {
    statement = statement.text(" WHERE 1 = 1");
    for word in &filter.words {
        let pattern = contains_pattern(word);
        statement = statement.text(" AND (1 = 0");
        for column in COLUMNS {
            statement = match dialect {
                Dialect::Sqlite => {
                    statement.text(" OR ").text(column).text(" LIKE ").string(&*pattern).text(r" ESCAPE '\'")
                }
                Dialect::Postgres => {
                    let upper = statement.text(" OR UPPER(").text(column).text("::text) LIKE UPPER(");
                    upper.string(&*pattern).text("::text)")
                }
                Dialect::MySql => statement.text(" OR ").text(column).text(" LIKE ").string(&*pattern),
            };
        }
        statement = statement.text(")");
    }
    for (column, wanted) in
        [("{staff}", filter.is_staff), ("{superuser}", filter.is_superuser), ("{active}", filter.is_active)]
    {
        statement = match wanted {
            Some(true) => statement.text(" AND ").text(column),
            Some(false) => statement.text(" AND NOT ").text(column),
            None => statement,
        };
    }
    match filter.group {
        Some(group) => statement
            .text(" AND EXISTS (SELECT 1 FROM {groups} ug WHERE ug.{owner} = u.{id} AND ug.group_id = ")
            .int(group)
            .text(")"),
        None => statement,
    }
}

/// The pattern with which `LIKE` finds what contains `text`. What no stored text is long enough for is cut, as databases
/// refuse longer patterns.
fn contains_pattern(text: &str) -> String {
    const LONGEST: usize = 300;
    let mut pattern = String::from("%");
    for c in text.chars().take(LONGEST) {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        if c != '\0' {
            pattern.push(c);
        }
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G04, Z07
    #[test]
    fn a_pattern_finds_signs_as_they_are() {
        assert_eq!(contains_pattern(r"5%_\x"), r"%5\%\_\\x%");
        assert_eq!(contains_pattern("a\0b"), "%ab%");
        assert_eq!(contains_pattern(&"x".repeat(9_999)).len(), 302);
    }
}
