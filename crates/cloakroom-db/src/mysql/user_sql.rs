//! Every statement about users, as templates: the table may be one of the application's own (A17). The key comes last,
//! but where an order says otherwise.

use crate::user_table::{Dialect, user_statements};

pub(super) const DIALECT: Dialect = Dialect::MySql;

/// The permissions that go by a label.
macro_rules! named {
    () => {
        "SELECT p.id FROM auth_permission p JOIN django_content_type ct ON ct.id = p.content_type_id \
          WHERE ct.app_label = ? AND p.codename = ?"
    };
}

macro_rules! of_user {
    () => {
        "SELECT CONCAT(ct.app_label, '.', p.codename), 0 \
          FROM {permissions} up JOIN auth_permission p ON p.id = up.permission_id \
          JOIN django_content_type ct ON ct.id = p.content_type_id WHERE up.{owner} = ?"
    };
}

macro_rules! of_groups {
    () => {
        "SELECT CONCAT(ct.app_label, '.', p.codename), 1 \
          FROM {groups} ug JOIN auth_group_permissions gp ON gp.group_id = ug.group_id \
          JOIN auth_permission p ON p.id = gp.permission_id \
          JOIN django_content_type ct ON ct.id = p.content_type_id WHERE ug.{owner} = ?"
    };
}

user_statements! {
    session_with_user = "SELECT s.session_data, s.expire_date, {columns} FROM django_session s \
        LEFT JOIN {table} u ON u.{id} = ? WHERE s.session_key = ? AND s.expire_date > ?";
    by_id = "SELECT {columns} FROM {table} u WHERE u.{id} = ?";
    by_username = "SELECT {columns} FROM {table} u WHERE u.{username} = ?";
    by_email_iexact = "SELECT {columns} FROM {table} u WHERE u.{email} LIKE ? ORDER BY u.{id}";
    list = "SELECT {columns} FROM {table} u ORDER BY u.{id} LIMIT ?";
    list_after = "SELECT {columns} FROM {table} u WHERE u.{id} > ? ORDER BY u.{id} LIMIT ?";
    exists = "SELECT 1 FROM {table} WHERE {id} = ?";
    exists_username = "SELECT 1 FROM {table} WHERE {username} = ?";
    exists_username_iexact = "SELECT 1 FROM {table} WHERE {username} LIKE ? LIMIT 1";
    count = "SELECT COUNT(*) FROM {table}";
    has_superuser = "SELECT 1 FROM {table} u WHERE {superuser} LIMIT 1";
    set_password = "UPDATE {table} SET {password} = ? WHERE {id} = ?";
    set_password_if =
        "UPDATE {table} SET {password} = ? WHERE {id} = ? AND CAST({password} AS BINARY) = CAST(? AS BINARY)";
    set_last_login = "UPDATE {table} SET {last_login} = ? WHERE {id} = ?";
    set_username = "UPDATE {table} SET {username} = ? WHERE {id} = ?";
    set_active = "UPDATE {table} SET {is_active} = ? WHERE {id} = ?";
    set_staff = "UPDATE {table} SET {is_staff} = ? WHERE {id} = ?";
    set_superuser = "UPDATE {table} SET {is_superuser} = ? WHERE {id} = ?";
    delete = "DELETE FROM {table} WHERE {id} = ?";
    delete_groups = "DELETE FROM {groups} WHERE {owner} = ?";
    delete_permissions = "DELETE FROM {permissions} WHERE {owner} = ?";
    delete_members = "DELETE FROM {groups} WHERE group_id = ?";
    groups_of = "SELECT g.id, g.name FROM {groups} ug JOIN auth_group g ON g.id = ug.group_id \
        WHERE ug.{owner} = ? ORDER BY g.name";
    join_group = "INSERT INTO {groups} ({owner}, group_id) VALUES (?, ?)";
    leave_group = "DELETE FROM {groups} WHERE {owner} = ? AND group_id = ?";
    permissions_of_user = of_user!();
    permissions_of_groups = of_groups!();
    permissions_effective = concat!(of_user!(), " UNION ALL ", of_groups!());
    grant = concat!(
        "INSERT INTO {permissions} ({owner}, permission_id) SELECT ?, named.id FROM (", named!(), ") named \
          LEFT JOIN {permissions} has ON has.{owner} = ? AND has.permission_id = named.id WHERE has.id IS NULL"
    );
    revoke = concat!("DELETE FROM {permissions} WHERE {owner} = ? AND permission_id IN (", named!(), ")");
    with_permission = concat!(
        "SELECT {columns} FROM {table} u WHERE (? IS NULL OR {active} = ?) AND ((? AND {superuser}) OR EXISTS \
          (SELECT 1 FROM {permissions} up JOIN (", named!(), ") named ON named.id = up.permission_id \
          WHERE up.{owner} = u.{id}) OR EXISTS \
          (SELECT 1 FROM {groups} ug JOIN auth_group_permissions gp ON gp.group_id = ug.group_id \
          JOIN (", named!(), ") named ON named.id = gp.permission_id WHERE ug.{owner} = u.{id})) ORDER BY u.{id}"
    );
}

/// Tables of other apps whose rows go before the user's, and how. Those that are not installed are missing (A09).
pub(super) const DELETE_CHILDREN: [(&str, &str); 2] = [
    ("django_admin_log", "DELETE FROM django_admin_log WHERE user_id = ?"),
    ("authtoken_token", "DELETE FROM authtoken_token WHERE user_id = ?"),
];

/// Name, type, type with its length, whether NULL is allowed, whether there is a default, whether in the primary key.
pub(super) const COLUMNS: &str = "SELECT column_name, data_type, column_type, is_nullable = 'YES', \
    column_default IS NOT NULL AND column_default <> 'NULL' OR extra LIKE '%auto_increment%', column_key = 'PRI' \
    FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position";
/// Columns with a unique index of their own, and that index's name.
pub(super) const UNIQUE: &str = "SELECT MIN(column_name), index_name FROM information_schema.statistics \
    WHERE table_schema = DATABASE() AND table_name = ? AND non_unique = 0 GROUP BY index_name \
    HAVING COUNT(*) = 1 AND MAX(sub_part IS NOT NULL) = 0";
