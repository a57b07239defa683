//! How each database writes names and values, and the templates of statements.

use cloakroom_core::user_model::{Nulls, Slot};

use super::{Layout, SLOTS, Stored, column_of};

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
    MySql,
}

impl Dialect {
    /// A name in quotes.
    pub(crate) fn quote(self, name: &str) -> String {
        match self {
            Self::Sqlite | Self::Postgres => format!("\"{}\"", name.replace('"', "\"\"")),
            Self::MySql => format!("`{}`", name.replace('`', "``")),
        }
    }

    /// What a row holds in a column that the table lacks.
    const fn absent(self, slot: Slot) -> &'static str {
        match (self, slot) {
            (Self::Postgres, Slot::LastLogin) => "NULL::timestamptz",
            (_, Slot::LastLogin) => "NULL",
            (Self::Postgres, Slot::Superuser | Slot::Staff) => "FALSE",
            (_, Slot::Superuser | Slot::Staff) => "0",
            (Self::Postgres, Slot::Active) => "TRUE",
            (_, Slot::Active) => "1",
            (Self::Sqlite, Slot::DateJoined) => "'1970-01-01 00:00:00'",
            (Self::Postgres, Slot::DateJoined) => "'1970-01-01 00:00:00+00'::timestamptz",
            (Self::MySql, Slot::DateJoined) => "TIMESTAMP'1970-01-01 00:00:00'",
            (Self::Postgres, _) => "''::text",
            _ => "''",
        }
    }
}

impl Layout {
    /// Writes a statement from its template. `{columns}` are those that are read, of the alias `u`; `{table}`,
    /// `{groups}` and `{permissions}` are tables, `{owner}` the column of the latter two that names the user; `{id}`,
    /// `{username}`, `{email}`, `{password}`, … are columns; `{active}`, `{staff}`, `{superuser}` and `{by_…}` what a row of
    /// `u` says of these.
    ///
    /// A table of memberships that is not there is written as an empty one: it can be read.
    pub(crate) fn fill(&self, dialect: Dialect, template: &str) -> Box<str> {
        let mut out = String::with_capacity(template.len() * 2);
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (token, after) = after.split_once('}').expect("a template's braces are closed");
            out.push_str(before);
            out.push_str(&self.token(dialect, token));
            rest = after;
        }
        out.push_str(rest);
        out.into()
    }

    fn token(&self, dialect: Dialect, token: &str) -> String {
        let named = |slot| dialect.quote(self.column(slot).map_or(column_of(slot, &self.table), |c| &c.name));
        match token {
            "columns" => self.select_list(dialect),
            "table" => dialect.quote(self.table.table()),
            "groups" => self.holders(dialect, self.has_groups, &self.table.groups_table(), "group_id"),
            "permissions" => {
                self.holders(dialect, self.has_permissions, &self.table.permissions_table(), "permission_id")
            }
            "owner" => dialect.quote(&self.table.owner_column()),
            "id" => dialect.quote(&self.key_column),
            "username" => named(Slot::Username),
            "email" => named(Slot::Email),
            "password" => named(Slot::Password),
            "last_login" => named(Slot::LastLogin),
            "is_active" => named(Slot::Active),
            "is_staff" => named(Slot::Staff),
            "is_superuser" => named(Slot::Superuser),
            "active" => self.read(dialect, Slot::Active),
            "superuser" => self.read(dialect, Slot::Superuser),
            "staff" => self.read(dialect, Slot::Staff),
            "by_username" => self.read(dialect, Slot::Username),
            "by_first_name" => self.read(dialect, Slot::FirstName),
            "by_last_name" => self.read(dialect, Slot::LastName),
            "by_email" => self.read(dialect, Slot::Email),
            other => unreachable!("no statement has a place {other}"),
        }
    }

    fn holders(&self, dialect: Dialect, is_there: bool, table: &str, other: &str) -> String {
        if is_there {
            return dialect.quote(table);
        }
        let (owner, id) = (dialect.quote(&self.table.owner_column()), dialect.quote(&self.key_column));
        let users = dialect.quote(self.table.table());
        format!("(SELECT nobody.{id} AS {owner}, 0 AS {other} FROM {users} nobody WHERE 1 = 0)")
    }

    fn select_list(&self, dialect: Dialect) -> String {
        let mut list = format!("u.{}", dialect.quote(&self.key_column));
        for slot in SLOTS {
            list.push_str(", ");
            list.push_str(&self.read(dialect, slot));
        }
        for column in self.extra() {
            let name = dialect.quote(&column.name);
            list.push_str(&match (dialect, &column.stored) {
                (Dialect::Postgres, Stored::Cast(_) | Stored::UuidNative) => format!(", u.{name}::text"),
                (Dialect::MySql, Stored::Cast(_)) => format!(", CAST(u.{name} AS CHAR)"),
                _ => format!(", u.{name}"),
            });
        }
        list
    }

    fn read(&self, dialect: Dialect, slot: Slot) -> String {
        let absent = dialect.absent(slot);
        match self.column(slot) {
            None => absent.to_owned(),
            Some(column) if column.nulls == Nulls::Allowed && slot != Slot::LastLogin => {
                format!("COALESCE(u.{}, {absent})", dialect.quote(&column.name))
            }
            Some(column) => format!("u.{}", dialect.quote(&column.name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use cloakroom_core::user_model::UserTable;

    use super::super::{Found, FoundColumn};
    use super::*;

    #[test]
    fn the_stock_table_is_read_as_ever() {
        let sql = Layout::stock().fill(Dialect::Sqlite, "SELECT {columns} FROM {table} u WHERE u.{id} = ?1");
        assert_eq!(
            &*sql,
            r#"SELECT u."id", u."password", u."last_login", u."is_superuser", u."username", u."first_name", u."last_name", u."email", u."is_staff", u."is_active", u."date_joined" FROM "auth_user" u WHERE u."id" = ?1"#
        );
    }

    #[test]
    fn what_a_table_lacks_is_written_as_what_it_means() {
        let table = UserTable::new("a.Member").unwrap().with_username_field("email");
        let text = |name: &str, nulls| FoundColumn::new(name, Stored::Text, nulls);
        let found = Found {
            columns: vec![
                FoundColumn::new("id", Stored::UuidHex, Nulls::Refused),
                text("password", Nulls::Refused),
                text("email", Nulls::Refused),
                text("first_name", Nulls::Allowed),
                FoundColumn::new("born", Stored::Cast("date".into()), Nulls::Allowed),
            ],
            key: vec!["id".into()],
            unique: vec!["id".into(), "email".into()],
            ..Found::default()
        };
        let layout = Layout::resolve(table, found).unwrap();
        assert_eq!(
            &*layout.fill(Dialect::MySql, "{columns}"),
            "u.`id`, u.`password`, NULL, 0, u.`email`, COALESCE(u.`first_name`, ''), '', u.`email`, 0, 1, \
             TIMESTAMP'1970-01-01 00:00:00', CAST(u.`born` AS CHAR)"
        );
        assert!(layout.fill(Dialect::Postgres, "{groups}").contains("WHERE 1 = 0"));
        assert_eq!(&*layout.extra_names, [Box::from("born")]);
    }
}
