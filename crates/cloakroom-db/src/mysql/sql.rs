//! Every statement that MySQL is given, tables aside: those are in `migrations/mysql/`.
//!
//! Columns are named, never counted: their order differs between databases that Django made at different times. Texts
//! compare as the columns' collation has it, as in Django (S49, G05), where nothing else is said.

use std::time::Duration;

/// The label of the permission `p` of the content type `ct` (A80).
macro_rules! label {
    () => {
        "CONCAT(ct.app_label, '.', p.codename)"
    };
}

/// What each connection is told first: Django's isolation; one meaning of statements, whatever the server's default; and
/// that the server gives up about when the caller does. MariaDB reads what stands in `/*M!`, MySQL 8 the other.
pub(super) fn set_up(deadline: Duration) -> Vec<String> {
    let seconds = deadline.as_secs().max(1);
    vec![
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(),
        format!(
            "SET SQL_AUTO_IS_NULL = 0, innodb_lock_wait_timeout = {seconds}, sql_mode = 'STRICT_ALL_TABLES,\
             NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION' \
             /*M! , max_statement_time = {seconds} */ /*!80000 , max_execution_time = {milliseconds} */",
            milliseconds = seconds * 1_000
        ),
    ]
}

/// What the connection that makes tables is told: it may take long.
pub(super) const WITHOUT_LIMIT: &str =
    "SET innodb_lock_wait_timeout = 600 /*M! , max_statement_time = 0 */ /*!80000 , max_execution_time = 0 */";

pub(super) const TABLES: &str = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()";
pub(super) const TABLE_EXISTS: &str =
    "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?";

/// `django_session` (A06).
pub(super) mod session {
    pub(in crate::mysql) const FIND: &str =
        "SELECT session_data, expire_date FROM django_session WHERE session_key = ? AND expire_date > ?";
    pub(in crate::mysql) const GET: &str = "SELECT session_data, expire_date FROM django_session WHERE session_key = ?";
    pub(in crate::mysql) const EXISTS: &str = "SELECT 1 FROM django_session WHERE session_key = ?";
    pub(in crate::mysql) const ANY: &str = "SELECT 1 FROM django_session LIMIT 1";
    pub(in crate::mysql) const CREATE: &str =
        "INSERT INTO django_session (session_data, expire_date, session_key) VALUES (?, ?, ?)";
    pub(in crate::mysql) const UPDATE: &str =
        "UPDATE django_session SET session_data = ?, expire_date = ? WHERE session_key = ?";
    pub(in crate::mysql) const UPDATE_IF: &str = "UPDATE django_session SET session_data = ?, expire_date = ? \
        WHERE session_key = ? AND CAST(session_data AS BINARY) = CAST(? AS BINARY)";
    pub(in crate::mysql) const TOUCH: &str = "UPDATE django_session SET expire_date = ? WHERE session_key = ?";
    pub(in crate::mysql) const DELETE: &str = "DELETE FROM django_session WHERE session_key = ?";
    pub(in crate::mysql) const CLEAR: &str =
        "DELETE FROM django_session WHERE expire_date < ? ORDER BY expire_date LIMIT ?";
    pub(in crate::mysql) const COUNT: &str = "SELECT COUNT(*), \
        (SELECT COUNT(*) FROM django_session WHERE expire_date > ?) FROM django_session";
    pub(in crate::mysql) const LIST: &str = "SELECT session_key, session_data, expire_date FROM django_session \
        WHERE session_key > ? AND expire_date > ? ORDER BY session_key LIMIT ?";
    pub(in crate::mysql) const NEWEST: &str =
        "SELECT session_key FROM django_session WHERE expire_date > ? ORDER BY expire_date DESC LIMIT ?";
}

/// `cloakroom_session_index` (D13).
pub(super) mod session_index {
    macro_rules! entry {
        () => {
            "handle, user_id, sealed_key, first_seen, last_seen, expire_date, address, user_agent"
        };
    }
    macro_rules! insert {
        () => {
            concat!("INSERT INTO cloakroom_session_index (", entry!(), ") VALUES (?, ?, ?, ?, ?, ?, ?, ?) ")
        };
    }
    macro_rules! select {
        ($rest:literal) => {
            concat!("SELECT ", entry!(), " FROM cloakroom_session_index ", $rest)
        };
    }
    macro_rules! seen {
        () => {
            "ON DUPLICATE KEY UPDATE user_id = VALUES(user_id), sealed_key = VALUES(sealed_key), \
            last_seen = GREATEST(last_seen, VALUES(last_seen)), \
            address = IF(VALUES(address) = '', address, VALUES(address)), \
            user_agent = IF(VALUES(user_agent) = '', user_agent, VALUES(user_agent))"
        };
    }

    pub(in crate::mysql) const SEEN: &str = concat!(insert!(), seen!());
    pub(in crate::mysql) const SEEN_END_KNOWN: &str =
        concat!(insert!(), seen!(), ", expire_date = VALUES(expire_date)");
    pub(in crate::mysql) const FOUND: &str = concat!(insert!(), "ON DUPLICATE KEY UPDATE handle = handle");
    pub(in crate::mysql) const MAKE_WAY: &str = "DELETE FROM cloakroom_session_index WHERE handle = ? AND handle <> ?";
    pub(in crate::mysql) const MOVED: &str =
        "UPDATE cloakroom_session_index SET handle = ?, sealed_key = ? WHERE handle = ?";
    pub(in crate::mysql) const ENDS: &str = "UPDATE cloakroom_session_index SET expire_date = ? WHERE handle = ?";
    pub(in crate::mysql) const GONE: &str = "DELETE FROM cloakroom_session_index WHERE handle = ?";
    pub(in crate::mysql) const FOR_USER: &str = select!("WHERE user_id = ? ORDER BY first_seen");
    pub(in crate::mysql) const FIND: &str = select!("WHERE handle = ?");
    pub(in crate::mysql) const EXISTS: &str = "SELECT 1 FROM cloakroom_session_index WHERE handle = ?";
    pub(in crate::mysql) const LATEST: &str = select!("ORDER BY expire_date DESC LIMIT ?");
    pub(in crate::mysql) const PAGE: &str = select!("WHERE handle > ? ORDER BY handle LIMIT ?");
    pub(in crate::mysql) const EXPIRED: &str = select!("WHERE expire_date < ? ORDER BY expire_date LIMIT ?");
}

/// `auth_group` and `auth_user_groups` (A02, A04).
pub(super) mod group {
    pub(in crate::mysql) const ALL: &str = "SELECT id, name FROM auth_group ORDER BY name";
    pub(in crate::mysql) const BY_NAME: &str = "SELECT id, name FROM auth_group WHERE name = ?";
    pub(in crate::mysql) const EXISTS: &str = "SELECT 1 FROM auth_group WHERE id = ?";
    pub(in crate::mysql) const CREATE: &str = "INSERT INTO auth_group (name) VALUES (?)";
    pub(in crate::mysql) const DELETE_PERMISSIONS: &str = "DELETE FROM auth_group_permissions WHERE group_id = ?";
    pub(in crate::mysql) const DELETE: &str = "DELETE FROM auth_group WHERE id = ?";
}

/// `auth_permission` and its two tables of holders (A03, A04). Labels are sorted by who reads them: MySQL would do so,
/// and tell which are the same, by its collation.
pub(super) mod permission {
    macro_rules! typed {
        () => {
            "auth_permission p JOIN django_content_type ct ON ct.id = p.content_type_id"
        };
    }
    macro_rules! of_label {
        () => {
            "ct.app_label = ? AND p.codename = ?"
        };
    }

    pub(in crate::mysql) const ALL: &str = concat!(
        "SELECT p.id, ct.app_label, ct.model, p.codename, p.name FROM ",
        typed!(),
        " ORDER BY ct.app_label, ct.model, p.codename"
    );
    pub(in crate::mysql) const ALL_LABELS: &str = concat!("SELECT ", label!(), " FROM ", typed!());
    pub(in crate::mysql) const EXISTS: &str = concat!("SELECT 1 FROM ", typed!(), " WHERE ", of_label!(), " LIMIT 1");
    pub(in crate::mysql) const GRANT_GROUP: &str = concat!(
        "INSERT INTO auth_group_permissions (group_id, permission_id) SELECT ?, p.id FROM ",
        typed!(),
        " LEFT JOIN auth_group_permissions has ON has.group_id = ? AND has.permission_id = p.id \
        WHERE has.id IS NULL AND ",
        of_label!()
    );
    pub(in crate::mysql) const REVOKE_GROUP: &str = concat!(
        "DELETE FROM auth_group_permissions WHERE group_id = ? AND permission_id IN (SELECT p.id FROM ",
        typed!(),
        " WHERE ",
        of_label!(),
        ")"
    );
    pub(in crate::mysql) const CREATE: &str =
        "INSERT INTO auth_permission (content_type_id, codename, name) VALUES (?, ?, ?)";
    pub(in crate::mysql) const ID: &str = "SELECT id FROM auth_permission WHERE content_type_id = ? AND codename = ?";
}

/// `django_content_type` (A05).
pub(super) mod content_type {
    pub(in crate::mysql) const ALL: &str = "SELECT id, app_label, model FROM django_content_type ORDER BY id";
    pub(in crate::mysql) const BY_NATURAL_KEY: &str =
        "SELECT id, app_label, model FROM django_content_type WHERE app_label = ? AND model = ?";
    pub(in crate::mysql) const CREATE: &str = "INSERT INTO django_content_type (app_label, model) VALUES (?, ?)";
}

/// `django_migrations` (A08).
pub(super) mod migration {
    pub(in crate::mysql) const ALL: &str = "SELECT app, name FROM django_migrations ORDER BY id";
    pub(in crate::mysql) const EXISTS: &str = "SELECT 1 FROM django_migrations WHERE app = ? AND name = ?";
    pub(in crate::mysql) const CREATE: &str = "INSERT INTO django_migrations (app, name, applied) VALUES (?, ?, ?)";
    pub(in crate::mysql) const DELETE: &str = "DELETE FROM django_migrations WHERE app = ? AND name = ?";

    /// Waits for others who make tables in this database.
    pub(in crate::mysql) const LOCK: &str = "SELECT GET_LOCK(CONCAT('cloakroom_migrate_', MD5(DATABASE())), 600)";

    /// While this table is there, tables that `django_migrations` does not know are those of a run that was interrupted.
    pub(in crate::mysql) const UNDER_WAY: &str = "cloakroom_migrating";
    pub(in crate::mysql) const BEGIN: &str = "CREATE TABLE IF NOT EXISTS cloakroom_migrating (id int PRIMARY KEY)";
    pub(in crate::mysql) const END: &str = "DROP TABLE IF EXISTS cloakroom_migrating";
}

/// `authtoken_token` (A09).
pub(super) mod token {
    pub(in crate::mysql) const FIND: &str = "SELECT `key`, user_id, created FROM authtoken_token WHERE `key` = ?";
    pub(in crate::mysql) const OF_USER: &str = "SELECT `key`, user_id, created FROM authtoken_token WHERE user_id = ?";
    pub(in crate::mysql) const CREATE: &str = "INSERT INTO authtoken_token (`key`, user_id, created) VALUES (?, ?, ?)";
    pub(in crate::mysql) const DELETE_OF_USER: &str = "DELETE FROM authtoken_token WHERE user_id = ?";
}
