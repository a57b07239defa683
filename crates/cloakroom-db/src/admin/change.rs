//! Changes of users and groups, several at once: all or none.

use cloakroom_core::keys::UserId;
use cloakroom_core::user_model::{ColumnValue, Slot};

use super::log::{self, NewLogEntry};
use super::{dialect, has_table, layout, run};
use crate::database::Database;
use crate::error::DbError;
use crate::permissions::Holder;
use crate::user_table::{Dialect, Layout, Statement, Stores};

/// A column of a user that an administrator changes, with its new value.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Which.
    pub slot: Slot,
    /// What it is to hold.
    pub value: ColumnValue,
}

/// One of several changes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// Columns of a user. Those that the table lacks are left out.
    User(UserId, Vec<Column>),
    /// The user is in this group now.
    Join(UserId, i64),
    /// The user is not in this group any more.
    Leave(UserId, i64),
    /// The permission of this key is given.
    Grant(Holder, i64),
    /// The permission of this key is taken.
    Revoke(Holder, i64),
    /// The group has this name now.
    RenameGroup(i64, String),
    /// The user goes, with memberships, permissions, entries of the log and REST framework's token (G36).
    DeleteUser(UserId),
    /// The group goes, with its memberships and permissions.
    DeleteGroup(i64),
    /// An entry of the log. Without `django_admin_log` it is left out.
    Log(NewLogEntry),
}

/// Makes changes in their order, all or none.
///
/// # Errors
///
/// [`DbError::Integrity`] if a name is another's, or rows of a table that is not Django's refer to what was to be deleted;
/// nothing was changed. Else any [`DbError`] of the machinery.
pub async fn apply(db: &Database, changes: &[Change]) -> Result<(), DbError> {
    let deletes_users = changes.iter().any(|change| matches!(change, Change::DeleteUser(_)));
    let tables = Tables {
        log: has_table(db, log::TABLE).await?,
        tokens: deletes_users && has_table(db, "authtoken_token").await?,
    };
    let (layout, dialect) = (layout(db)?, dialect(db));
    let mut statements = Vec::with_capacity(changes.len());
    for change in changes {
        write(layout, dialect, tables, change, &mut statements);
    }
    if statements.is_empty() { Ok(()) } else { run(db, statements).await }
}

/// Which tables are there that need not be.
#[derive(Clone, Copy)]
struct Tables {
    log: bool,
    tokens: bool,
}

fn write(layout: &Layout, dialect: Dialect, tables: Tables, change: &Change, out: &mut Vec<Stores>) {
    let begin = |template: &str| Statement::new(layout, dialect, template);
    match change {
        Change::User(id, columns) => out.extend(update(layout, dialect, id, columns)),
        Change::Join(user, group) if layout.has_groups => {
            let insert = "INSERT INTO {groups} ({owner}, group_id) SELECT u.{id}, g.id FROM {table} u, auth_group g \
                WHERE u.{id} = ";
            let unless =
                " AND NOT EXISTS (SELECT 1 FROM {groups} has WHERE has.{owner} = u.{id} AND has.group_id = g.id)";
            out.push(begin(insert).user(user).text(" AND g.id = ").int(*group).text(unless).done());
        }
        Change::Leave(user, group) if layout.has_groups => {
            out.push(
                begin("DELETE FROM {groups} WHERE {owner} = ").user(user).text(" AND group_id = ").int(*group).done(),
            );
        }
        Change::Grant(Holder::User(user), permission) if layout.has_permissions => {
            let insert = "INSERT INTO {permissions} ({owner}, permission_id) SELECT u.{id}, p.id \
                FROM {table} u, auth_permission p WHERE u.{id} = ";
            let unless = " AND NOT EXISTS (SELECT 1 FROM {permissions} has \
                WHERE has.{owner} = u.{id} AND has.permission_id = p.id)";
            out.push(begin(insert).user(user).text(" AND p.id = ").int(*permission).text(unless).done());
        }
        Change::Grant(Holder::Group(group), permission) => {
            let insert = "INSERT INTO auth_group_permissions (group_id, permission_id) SELECT g.id, p.id \
                FROM auth_group g, auth_permission p WHERE g.id = ";
            let unless = " AND NOT EXISTS (SELECT 1 FROM auth_group_permissions has \
                WHERE has.group_id = g.id AND has.permission_id = p.id)";
            out.push(begin(insert).int(*group).text(" AND p.id = ").int(*permission).text(unless).done());
        }
        Change::Revoke(Holder::User(user), permission) if layout.has_permissions => {
            let delete = begin("DELETE FROM {permissions} WHERE {owner} = ").user(user);
            out.push(delete.text(" AND permission_id = ").int(*permission).done());
        }
        Change::Revoke(Holder::Group(group), permission) => {
            let delete = begin("DELETE FROM auth_group_permissions WHERE group_id = ").int(*group);
            out.push(delete.text(" AND permission_id = ").int(*permission).done());
        }
        Change::RenameGroup(group, name) => {
            out.push(begin("UPDATE auth_group SET name = ").string(name).text(" WHERE id = ").int(*group).done());
        }
        Change::DeleteUser(user) => {
            let children = [
                (layout.has_groups, "DELETE FROM {groups} WHERE {owner} = "),
                (layout.has_permissions, "DELETE FROM {permissions} WHERE {owner} = "),
                (tables.log, "DELETE FROM django_admin_log WHERE user_id = "),
                (tables.tokens, "DELETE FROM authtoken_token WHERE user_id = "),
                (true, "DELETE FROM {table} WHERE {id} = "),
            ];
            out.extend(children.iter().filter(|(there, _)| *there).map(|(_, sql)| begin(sql).user(user).done()));
        }
        Change::DeleteGroup(group) => {
            if layout.has_groups {
                out.push(begin("DELETE FROM {groups} WHERE group_id = ").int(*group).done());
            }
            out.push(begin("DELETE FROM auth_group_permissions WHERE group_id = ").int(*group).done());
            out.push(begin("DELETE FROM auth_group WHERE id = ").int(*group).done());
        }
        Change::Log(entry) if tables.log => out.push(log::insert(layout, dialect, entry)),
        // What cannot be held cannot be changed: the table is not there.
        Change::Join(..) | Change::Leave(..) | Change::Grant(..) | Change::Revoke(..) | Change::Log(_) => {}
    }
}

fn update(layout: &Layout, dialect: Dialect, id: &UserId, columns: &[Column]) -> Option<Stores> {
    let mut statement = Statement::new(layout, dialect, "UPDATE {table} SET ");
    let mut between = "";
    for Column { slot, value } in columns {
        if let Some(column) = layout.column(*slot) {
            let stored = column.stored.clone();
            statement = statement.text(between).name(&column.name).text(" = ").value(value.clone(), stored);
            between = ", ";
        }
    }
    if between.is_empty() { None } else { Some(statement.text(" WHERE {id} = ").user(id).done()) }
}
