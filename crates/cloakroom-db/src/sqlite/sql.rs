//! Every statement that SQLite is given, Django's tables aside: those are in `migrations/sqlite/`.
//!
//! Columns are named, never counted: their order differs between databases that Django made at different times.

/// The label of the permission `p` of the content type `ct` (A80).
macro_rules! label {
    () => {
        "ct.app_label || '.' || p.codename"
    };
}

pub(super) const SET_UP: &str = "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;";
pub(super) const READ_ONLY: &str = "PRAGMA query_only = ON;";
pub(super) const WAL_MODE: &str = "PRAGMA journal_mode = WAL";
pub(super) const DATA_VERSION: &str = "PRAGMA data_version";
pub(super) const NO_CHECKPOINTS: &str = "PRAGMA wal_autocheckpoint = 0";
pub(super) const CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";

pub(super) const TABLES: &str = "SELECT name FROM sqlite_master WHERE type = 'table'";
pub(super) const TABLE_EXISTS: &str = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1";

/// `django_session` (A06).
pub(super) mod session {
    pub(in crate::sqlite) const FIND: &str =
        "SELECT session_data, expire_date FROM django_session WHERE session_key = ?1 AND expire_date > ?2";
    pub(in crate::sqlite) const GET: &str =
        "SELECT session_data, expire_date FROM django_session WHERE session_key = ?1";
    pub(in crate::sqlite) const ROWID: &str = "SELECT rowid FROM django_session WHERE session_key = ?1";
    pub(in crate::sqlite) const EXISTS: &str = "SELECT 1 FROM django_session WHERE session_key = ?1";
    pub(in crate::sqlite) const CREATE: &str =
        "INSERT INTO django_session (session_key, session_data, expire_date) VALUES (?1, ?2, ?3)";
    pub(in crate::sqlite) const UPDATE: &str =
        "UPDATE django_session SET session_data = ?2, expire_date = ?3 WHERE session_key = ?1";
    pub(in crate::sqlite) const UPDATE_IF: &str =
        "UPDATE django_session SET session_data = ?2, expire_date = ?3 WHERE session_key = ?1 AND session_data = ?4";
    pub(in crate::sqlite) const TOUCH: &str = "UPDATE django_session SET expire_date = ?2 WHERE session_key = ?1";
    pub(in crate::sqlite) const DELETE: &str = "DELETE FROM django_session WHERE session_key = ?1";
    pub(in crate::sqlite) const CLEAR: &str = "DELETE FROM django_session WHERE rowid IN \
        (SELECT rowid FROM django_session WHERE expire_date < ?1 ORDER BY expire_date LIMIT ?2)";
    pub(in crate::sqlite) const COUNT: &str = "SELECT COUNT(*), \
        (SELECT COUNT(*) FROM django_session WHERE expire_date > ?1) FROM django_session";
    pub(in crate::sqlite) const LIST: &str = "SELECT session_key, session_data, expire_date, rowid FROM django_session \
        WHERE session_key > ?1 AND expire_date > ?2 ORDER BY session_key LIMIT ?3";
    pub(in crate::sqlite) const NEWEST: &str =
        "SELECT session_key FROM django_session WHERE expire_date > ?1 ORDER BY expire_date DESC LIMIT ?2";
    pub(in crate::sqlite) const ANY: &str = "SELECT 1 FROM django_session LIMIT 1";
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
            concat!("INSERT INTO cloakroom_session_index (", entry!(), ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ")
        };
    }
    macro_rules! select {
        ($rest:literal) => {
            concat!("SELECT ", entry!(), " FROM cloakroom_session_index ", $rest)
        };
    }
    macro_rules! seen {
        () => {
            "ON CONFLICT (handle) DO UPDATE SET user_id = excluded.user_id, sealed_key = excluded.sealed_key, \
            last_seen = MAX(last_seen, excluded.last_seen), \
            address = CASE excluded.address WHEN '' THEN address ELSE excluded.address END, \
            user_agent = CASE excluded.user_agent WHEN '' THEN user_agent ELSE excluded.user_agent END"
        };
    }

    pub(in crate::sqlite) const SEEN: &str = concat!(insert!(), seen!());
    pub(in crate::sqlite) const SEEN_END_KNOWN: &str =
        concat!(insert!(), seen!(), ", expire_date = excluded.expire_date");
    pub(in crate::sqlite) const FOUND: &str = concat!(insert!(), "ON CONFLICT (handle) DO NOTHING");
    pub(in crate::sqlite) const MOVED: &str =
        "UPDATE OR REPLACE cloakroom_session_index SET handle = ?2, sealed_key = ?3 WHERE handle = ?1";
    pub(in crate::sqlite) const ENDS: &str = "UPDATE cloakroom_session_index SET expire_date = ?2 WHERE handle = ?1";
    pub(in crate::sqlite) const GONE: &str = "DELETE FROM cloakroom_session_index WHERE handle = ?1";
    pub(in crate::sqlite) const FOR_USER: &str = select!("WHERE user_id = ?1 ORDER BY first_seen");
    pub(in crate::sqlite) const FIND: &str = select!("WHERE handle = ?1");
    pub(in crate::sqlite) const EXISTS: &str = "SELECT 1 FROM cloakroom_session_index WHERE handle = ?1";
    pub(in crate::sqlite) const LATEST: &str = select!("ORDER BY expire_date DESC LIMIT ?1");
    pub(in crate::sqlite) const PAGE: &str = select!("WHERE handle > ?1 ORDER BY handle LIMIT ?2");
    pub(in crate::sqlite) const EXPIRED: &str = select!("WHERE expire_date < ?1 ORDER BY expire_date LIMIT ?2");
}

/// `auth_group` and `auth_user_groups` (A02, A04).
pub(super) mod group {
    pub(in crate::sqlite) const ALL: &str = "SELECT id, name FROM auth_group ORDER BY name";
    pub(in crate::sqlite) const BY_NAME: &str = "SELECT id, name FROM auth_group WHERE name = ?1";
    pub(in crate::sqlite) const EXISTS: &str = "SELECT 1 FROM auth_group WHERE id = ?1";
    pub(in crate::sqlite) const CREATE: &str = "INSERT INTO auth_group (name) VALUES (?1)";
    pub(in crate::sqlite) const DELETE_PERMISSIONS: &str = "DELETE FROM auth_group_permissions WHERE group_id = ?1";
    pub(in crate::sqlite) const DELETE: &str = "DELETE FROM auth_group WHERE id = ?1";
}

/// `auth_permission` and its two tables of holders (A03, A04).
pub(super) mod permission {
    pub(in crate::sqlite) const ALL: &str = "SELECT p.id, ct.app_label, ct.model, p.codename, p.name \
        FROM auth_permission p JOIN django_content_type ct ON ct.id = p.content_type_id \
        ORDER BY ct.app_label, ct.model, p.codename";
    pub(in crate::sqlite) const ALL_LABELS: &str = concat!(
        "SELECT DISTINCT ",
        label!(),
        " FROM auth_permission p JOIN django_content_type ct ON ct.id = p.content_type_id ORDER BY 1"
    );
    pub(in crate::sqlite) const EXISTS: &str = "SELECT 1 FROM auth_permission p \
        JOIN django_content_type ct ON ct.id = p.content_type_id WHERE ct.app_label = ?1 AND p.codename = ?2 LIMIT 1";
    pub(in crate::sqlite) const GRANT_GROUP: &str = "INSERT OR IGNORE INTO auth_group_permissions (group_id, permission_id) \
        SELECT ?3, p.id FROM auth_permission p JOIN django_content_type ct ON ct.id = p.content_type_id \
        WHERE ct.app_label = ?1 AND p.codename = ?2";
    pub(in crate::sqlite) const REVOKE_GROUP: &str = "DELETE FROM auth_group_permissions WHERE group_id = ?3 \
        AND permission_id IN (SELECT p.id FROM auth_permission p JOIN django_content_type ct \
        ON ct.id = p.content_type_id WHERE ct.app_label = ?1 AND p.codename = ?2)";
    pub(in crate::sqlite) const CREATE: &str =
        "INSERT OR IGNORE INTO auth_permission (content_type_id, codename, name) VALUES (?1, ?2, ?3)";
    pub(in crate::sqlite) const ID: &str =
        "SELECT id FROM auth_permission WHERE content_type_id = ?1 AND codename = ?2";
}

/// `django_content_type` (A05).
pub(super) mod content_type {
    pub(in crate::sqlite) const ALL: &str = "SELECT id, app_label, model FROM django_content_type ORDER BY id";
    pub(in crate::sqlite) const BY_NATURAL_KEY: &str =
        "SELECT id, app_label, model FROM django_content_type WHERE app_label = ?1 AND model = ?2";
    pub(in crate::sqlite) const CREATE: &str =
        "INSERT OR IGNORE INTO django_content_type (app_label, model) VALUES (?1, ?2)";
}

/// `django_migrations` (A08).
pub(super) mod migration {
    pub(in crate::sqlite) const ALL: &str = "SELECT app, name FROM django_migrations ORDER BY id";
    pub(in crate::sqlite) const CREATE: &str = "INSERT INTO django_migrations (app, name, applied) VALUES (?1, ?2, ?3)";
    pub(in crate::sqlite) const EXISTS: &str = "SELECT 1 FROM django_migrations WHERE app = ?1 AND name = ?2";
    pub(in crate::sqlite) const DELETE: &str = "DELETE FROM django_migrations WHERE app = ?1 AND name = ?2";
}

/// `authtoken_token` (A09).
pub(super) mod token {
    pub(in crate::sqlite) const FIND: &str = r#"SELECT "key", user_id, created FROM authtoken_token WHERE "key" = ?1"#;
    pub(in crate::sqlite) const OF_USER: &str =
        r#"SELECT "key", user_id, created FROM authtoken_token WHERE user_id = ?1"#;
    pub(in crate::sqlite) const CREATE: &str =
        r#"INSERT INTO authtoken_token ("key", user_id, created) VALUES (?1, ?2, ?3)"#;
    pub(in crate::sqlite) const DELETE_OF_USER: &str = "DELETE FROM authtoken_token WHERE user_id = ?1";
}
