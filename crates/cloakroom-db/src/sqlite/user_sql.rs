//! Every statement about users, as templates: the table may be one of the application's own (A17).

use crate::user_table::{Dialect, user_statements};

pub(super) const DIALECT: Dialect = Dialect::Sqlite;

/// The permissions that go by the label `?1.?2`.
macro_rules! named {
    () => {
        "SELECT p.id FROM auth_permission p JOIN django_content_type ct ON ct.id = p.content_type_id \
          WHERE ct.app_label = ?1 AND p.codename = ?2"
    };
}

macro_rules! of_user {
    ($and:literal) => {
        concat!(
            "SELECT DISTINCT ct.app_label || '.' || p.codename",
            $and,
            " FROM {permissions} up JOIN auth_permission p ON p.id = up.permission_id \
              JOIN django_content_type ct ON ct.id = p.content_type_id WHERE up.{owner} = ?1"
        )
    };
}

macro_rules! of_groups {
    ($and:literal) => {
        concat!(
            "SELECT DISTINCT ct.app_label || '.' || p.codename",
            $and,
            " FROM {groups} ug JOIN auth_group_permissions gp ON gp.group_id = ug.group_id \
              JOIN auth_permission p ON p.id = gp.permission_id \
              JOIN django_content_type ct ON ct.id = p.content_type_id WHERE ug.{owner} = ?1"
        )
    };
}

user_statements! {
    session_with_user = "SELECT s.session_data, s.expire_date, {columns} FROM django_session s \
        LEFT JOIN {table} u ON u.{id} = ?3 WHERE s.session_key = ?1 AND s.expire_date > ?2";
    by_id = "SELECT {columns} FROM {table} u WHERE u.{id} = ?1";
    by_rowid = "SELECT {columns} FROM {table} u WHERE u.rowid = ?1";
    by_username = "SELECT {columns} FROM {table} u WHERE u.{username} = ?1";
    by_email_iexact = r"SELECT {columns} FROM {table} u WHERE u.{email} LIKE ?1 ESCAPE '\' ORDER BY u.{id}";
    list = "SELECT {columns} FROM {table} u ORDER BY u.{id} LIMIT ?1";
    list_after = "SELECT {columns} FROM {table} u WHERE u.{id} > ?2 ORDER BY u.{id} LIMIT ?1";
    exists = "SELECT 1 FROM {table} WHERE {id} = ?1";
    exists_username = "SELECT 1 FROM {table} WHERE {username} = ?1";
    exists_username_iexact = r"SELECT 1 FROM {table} WHERE {username} LIKE ?1 ESCAPE '\' LIMIT 1";
    count = "SELECT COUNT(*) FROM {table}";
    has_superuser = "SELECT EXISTS (SELECT 1 FROM {table} u WHERE {superuser})";
    set_password = "UPDATE {table} SET {password} = ?2 WHERE {id} = ?1";
    set_password_if = "UPDATE {table} SET {password} = ?2 WHERE {id} = ?1 AND {password} = ?3";
    set_last_login = "UPDATE {table} SET {last_login} = ?2 WHERE {id} = ?1";
    set_username = "UPDATE {table} SET {username} = ?2 WHERE {id} = ?1";
    set_active = "UPDATE {table} SET {is_active} = ?2 WHERE {id} = ?1";
    set_staff = "UPDATE {table} SET {is_staff} = ?2 WHERE {id} = ?1";
    set_superuser = "UPDATE {table} SET {is_superuser} = ?2 WHERE {id} = ?1";
    delete = "DELETE FROM {table} WHERE {id} = ?1";
    delete_groups = "DELETE FROM {groups} WHERE {owner} = ?1";
    delete_permissions = "DELETE FROM {permissions} WHERE {owner} = ?1";
    delete_members = "DELETE FROM {groups} WHERE group_id = ?1";
    groups_of = "SELECT g.id, g.name FROM {groups} ug JOIN auth_group g ON g.id = ug.group_id \
        WHERE ug.{owner} = ?1 ORDER BY g.name";
    join_group = "INSERT OR IGNORE INTO {groups} ({owner}, group_id) VALUES (?1, ?2)";
    leave_group = "DELETE FROM {groups} WHERE {owner} = ?1 AND group_id = ?2";
    permissions_of_user = concat!(of_user!(""), " ORDER BY 1");
    permissions_of_groups = concat!(of_groups!(""), " ORDER BY 1");
    permissions_effective = concat!(of_user!(", 0"), " UNION ", of_groups!(", 1"), " ORDER BY 1");
    grant = concat!(
        "INSERT OR IGNORE INTO {permissions} ({owner}, permission_id) SELECT ?3, named.id FROM (", named!(), ") named"
    );
    revoke = concat!("DELETE FROM {permissions} WHERE {owner} = ?3 AND permission_id IN (", named!(), ")");
    with_permission = concat!(
        "SELECT {columns} FROM {table} u WHERE (?3 IS NULL OR {active} = ?3) AND ((?4 AND {superuser}) OR EXISTS \
          (SELECT 1 FROM {permissions} up WHERE up.{owner} = u.{id} AND up.permission_id IN (", named!(), ")) OR EXISTS \
          (SELECT 1 FROM {groups} ug JOIN auth_group_permissions gp ON gp.group_id = ug.group_id \
          WHERE ug.{owner} = u.{id} AND gp.permission_id IN (", named!(), "))) ORDER BY u.{id}"
    );
}

/// Tables of other apps whose rows go before the user's, and how. Those that are not installed are missing (A09).
pub(super) const DELETE_CHILDREN: [(&str, &str); 2] = [
    ("django_admin_log", "DELETE FROM django_admin_log WHERE user_id = ?1"),
    ("authtoken_token", "DELETE FROM authtoken_token WHERE user_id = ?1"),
];

pub(super) const COLUMNS: &str =
    r#"SELECT name, type, "notnull", dflt_value IS NOT NULL, pk FROM pragma_table_info(?1) ORDER BY cid"#;
/// Columns with a unique index of their own, one that covers every row.
pub(super) const UNIQUE: &str = r#"SELECT MIN(i.name) FROM pragma_index_list(?1) l, pragma_index_info(l.name) i
    WHERE l."unique" AND NOT l.partial GROUP BY l.name HAVING COUNT(*) = 1"#;
