//! Every statement that PostgreSQL is given, Django's tables aside: those are in `migrations/postgres/`.
//!
//! Columns are named, never counted: their order differs between databases that Django made at different times.

use std::time::Duration;

/// The label of the permission `p` of the content type `ct` (A80).
macro_rules! label {
    () => {
        "ct.app_label || '.' || p.codename"
    };
}

/// The permissions that go by the label `$1.$2`.
macro_rules! named {
    () => {
        "SELECT p.id FROM auth_permission p JOIN django_content_type ct ON ct.id = p.content_type_id \
          WHERE ct.app_label = $1 AND p.codename = $2"
    };
}

/// What a new connection is told: the server gives a statement up when nobody waits for it any more, and a transaction
/// that was abandoned. Whatever the database's default, a transaction sees what others have committed.
pub(super) fn set_up(deadline: Duration) -> String {
    let deadline = deadline.as_millis();
    format!(
        "SET statement_timeout = {deadline}; SET idle_in_transaction_session_timeout = {deadline}; \
         SET default_transaction_isolation = 'read committed'"
    )
}

/// Begins the transaction that makes tables: whoever holds a lock that it needs is waited for as long as `patience`.
pub(super) fn begin_migration(patience: Duration, work: Duration) -> String {
    let (patience, most) = (patience.as_millis(), (patience + work).as_millis());
    format!("BEGIN; SET LOCAL lock_timeout = {patience}; SET LOCAL statement_timeout = {most}")
}

pub(super) const TABLES: &str = "SELECT c.relname::text FROM pg_catalog.pg_class c \
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relnamespace <> 'pg_catalog'::regnamespace \
    AND pg_catalog.pg_table_is_visible(c.oid)";

/// What tells of changes.
pub(super) mod near {
    pub(in crate::postgres) const HAS_FUNCTION: &str =
        "SELECT 1 FROM pg_proc WHERE proname = 'cloakroom_near' AND pronamespace = current_schema()::regnamespace";
    pub(in crate::postgres) const FUNCTION: &str = "CREATE FUNCTION cloakroom_near() RETURNS trigger \
        LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('cloakroom_near', current_setting('application_name')); \
        RETURN NULL; END $$";
    pub(in crate::postgres) const LISTEN: &str = "LISTEN cloakroom_near";
    pub(in crate::postgres) const BEAT: &str = "SELECT pg_notify('cloakroom_near', $1)";
    pub(in crate::postgres) const HAS_TRIGGER: &str =
        "SELECT 1 FROM pg_trigger WHERE tgname = 'cloakroom_near' AND tgrelid = $1::text::regclass";
}

/// `django_session` (A06).
pub(super) mod session {
    pub(in crate::postgres) const FIND: &str =
        "SELECT session_data, expire_date FROM django_session WHERE session_key = $1 AND expire_date > $2";
    pub(in crate::postgres) const GET: &str =
        "SELECT session_data, expire_date FROM django_session WHERE session_key = $1";
    pub(in crate::postgres) const EXISTS: &str = "SELECT 1 FROM django_session WHERE session_key = $1";
    pub(in crate::postgres) const CREATE: &str = "INSERT INTO django_session (session_key, session_data, expire_date) \
        VALUES ($1, $2, $3) ON CONFLICT (session_key) DO NOTHING";
    pub(in crate::postgres) const UPDATE: &str =
        "UPDATE django_session SET session_data = $2, expire_date = $3 WHERE session_key = $1";
    pub(in crate::postgres) const UPDATE_IF: &str =
        "UPDATE django_session SET session_data = $2, expire_date = $3 WHERE session_key = $1 AND session_data = $4";
    pub(in crate::postgres) const CYCLE: &str = "WITH made AS (INSERT INTO django_session \
        (session_key, session_data, expire_date) VALUES ($1, $2, $3) ON CONFLICT (session_key) DO NOTHING RETURNING 1), \
        gone AS (DELETE FROM django_session WHERE session_key = $4 AND EXISTS (SELECT 1 FROM made)) \
        SELECT EXISTS (SELECT 1 FROM made)";
    pub(in crate::postgres) const TOUCH: &str = "UPDATE django_session SET expire_date = $2 WHERE session_key = $1";
    pub(in crate::postgres) const DELETE: &str = "DELETE FROM django_session WHERE session_key = $1";
    /// Rows that somebody is changing are left for later.
    pub(in crate::postgres) const CLEAR: &str = "DELETE FROM django_session WHERE session_key IN \
        (SELECT session_key FROM django_session WHERE expire_date < $1 ORDER BY expire_date LIMIT $2 \
        FOR UPDATE SKIP LOCKED)";
    pub(in crate::postgres) const COUNT: &str =
        "SELECT COUNT(*), COUNT(*) FILTER (WHERE expire_date > $1) FROM django_session";
    pub(in crate::postgres) const LIST: &str = "SELECT session_key, session_data, expire_date FROM django_session \
        WHERE session_key > $1 AND expire_date > $2 ORDER BY session_key LIMIT $3";
    pub(in crate::postgres) const NEWEST: &str =
        "SELECT session_key FROM django_session WHERE expire_date > $1 ORDER BY expire_date DESC LIMIT $2";
    pub(in crate::postgres) const ANY: &str = "SELECT 1 FROM django_session LIMIT 1";
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
            concat!(
                "INSERT INTO cloakroom_session_index AS i (",
                entry!(),
                ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
            )
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
            last_seen = GREATEST(i.last_seen, excluded.last_seen), \
            address = CASE excluded.address WHEN '' THEN i.address ELSE excluded.address END, \
            user_agent = CASE excluded.user_agent WHEN '' THEN i.user_agent ELSE excluded.user_agent END"
        };
    }

    pub(in crate::postgres) const SEEN: &str = concat!(insert!(), seen!());
    pub(in crate::postgres) const SEEN_END_KNOWN: &str =
        concat!(insert!(), seen!(), ", expire_date = excluded.expire_date");
    pub(in crate::postgres) const FOUND: &str = concat!(insert!(), "ON CONFLICT (handle) DO NOTHING");
    /// What is there under a new handle gives way, but only to one that there is.
    pub(in crate::postgres) const MAKE_WAY: &str = "DELETE FROM cloakroom_session_index WHERE handle = $1 \
        AND handle <> $2 AND EXISTS (SELECT 1 FROM cloakroom_session_index WHERE handle = $2)";
    pub(in crate::postgres) const MOVED: &str =
        "UPDATE cloakroom_session_index SET handle = $2, sealed_key = $3 WHERE handle = $1";
    pub(in crate::postgres) const ENDS: &str = "UPDATE cloakroom_session_index SET expire_date = $2 WHERE handle = $1";
    pub(in crate::postgres) const GONE: &str = "DELETE FROM cloakroom_session_index WHERE handle = $1";
    pub(in crate::postgres) const FOR_USER: &str = select!("WHERE user_id = $1 ORDER BY first_seen");
    pub(in crate::postgres) const FIND: &str = select!("WHERE handle = $1");
    pub(in crate::postgres) const KNOWN: &str =
        "SELECT handle FROM cloakroom_session_index WHERE handle = ANY ($1::text[])";
    pub(in crate::postgres) const LATEST: &str = select!("ORDER BY expire_date DESC LIMIT $1");
    pub(in crate::postgres) const PAGE: &str = select!("WHERE handle > $1 ORDER BY handle LIMIT $2");
    pub(in crate::postgres) const EXPIRED: &str = select!("WHERE expire_date < $1 ORDER BY expire_date LIMIT $2");
}

/// `auth_group` and `auth_user_groups` (A02, A04).
pub(super) mod group {
    pub(in crate::postgres) const ALL: &str = "SELECT id, name FROM auth_group ORDER BY name";
    pub(in crate::postgres) const BY_NAME: &str = "SELECT id, name FROM auth_group WHERE name = $1";
    pub(in crate::postgres) const CREATE: &str =
        "INSERT INTO auth_group (name) VALUES ($1) ON CONFLICT (name) DO NOTHING RETURNING id, name";
    /// The table refers to the other at the transaction's end only, so the order is of no matter.
    pub(in crate::postgres) const DELETE: &str = "WITH permissions AS (DELETE FROM auth_group_permissions \
        WHERE group_id = $1) DELETE FROM auth_group WHERE id = $1";
}

/// `auth_permission` and its two tables of holders (A03, A04).
pub(super) mod permission {
    pub(in crate::postgres) const ALL: &str = "SELECT p.id, ct.app_label, ct.model, p.codename, p.name \
        FROM auth_permission p JOIN django_content_type ct ON ct.id = p.content_type_id \
        ORDER BY ct.app_label, ct.model, p.codename";
    pub(in crate::postgres) const ALL_LABELS: &str = concat!(
        "SELECT ",
        label!(),
        " FROM auth_permission p JOIN django_content_type ct ON ct.id = p.content_type_id"
    );
    pub(in crate::postgres) const GRANT_GROUP: &str = concat!(
        "WITH named AS (",
        named!(),
        "), holder AS (SELECT id FROM auth_group WHERE id = $3), given AS (INSERT INTO auth_group_permissions \
          (group_id, permission_id) SELECT holder.id, named.id FROM holder, named \
          ON CONFLICT (group_id, permission_id) DO NOTHING RETURNING 1) \
          SELECT EXISTS (SELECT 1 FROM named) AND EXISTS (SELECT 1 FROM holder), EXISTS (SELECT 1 FROM given)"
    );
    pub(in crate::postgres) const REVOKE_GROUP: &str =
        concat!("DELETE FROM auth_group_permissions WHERE group_id = $3 AND permission_id IN (", named!(), ")");
    pub(in crate::postgres) const CREATE: &str = "INSERT INTO auth_permission (content_type_id, codename, name) \
        VALUES ($1, $2, $3) ON CONFLICT (content_type_id, codename) DO NOTHING";
    pub(in crate::postgres) const CREATE_FOR: &str = "INSERT INTO auth_permission (content_type_id, codename, name) \
        SELECT id, $3, $4 FROM django_content_type WHERE app_label = $1 AND model = $2 \
        ON CONFLICT (content_type_id, codename) DO NOTHING";
    pub(in crate::postgres) const ID: &str =
        "SELECT id FROM auth_permission WHERE content_type_id = $1 AND codename = $2";
    pub(in crate::postgres) const NATURAL_KEYS: &str = "SELECT ct.app_label, ct.model, p.codename \
        FROM auth_permission p JOIN django_content_type ct ON ct.id = p.content_type_id";
}

/// `django_content_type` (A05).
pub(super) mod content_type {
    pub(in crate::postgres) const ALL: &str = "SELECT id, app_label, model FROM django_content_type ORDER BY id";
    pub(in crate::postgres) const BY_NATURAL_KEY: &str =
        "SELECT id, app_label, model FROM django_content_type WHERE app_label = $1 AND model = $2";
    pub(in crate::postgres) const CREATE: &str = "INSERT INTO django_content_type (app_label, model) \
        VALUES ($1, $2) ON CONFLICT (app_label, model) DO NOTHING";
}

/// `django_migrations` (A08).
pub(super) mod migration {
    pub(in crate::postgres) const ALL: &str = "SELECT app, name FROM django_migrations ORDER BY id";
    pub(in crate::postgres) const CREATE: &str =
        "INSERT INTO django_migrations (app, name, applied) VALUES ($1, $2, $3)";
    pub(in crate::postgres) const CREATE_ONCE: &str = "INSERT INTO django_migrations (app, name, applied) \
        SELECT $1::varchar, $2::varchar, $3::timestamptz WHERE NOT EXISTS (SELECT 1 FROM django_migrations WHERE app = $1 AND name = $2)";
    pub(in crate::postgres) const EXISTS: &str = "SELECT 1 FROM django_migrations WHERE app = $1 AND name = $2";
    pub(in crate::postgres) const DELETE: &str = "DELETE FROM django_migrations WHERE app = $1 AND name = $2";
    /// Held by whoever migrates, until the transaction's end. The number spells `cloakroo`.
    pub(in crate::postgres) const LOCK: &str = "SELECT pg_advisory_xact_lock(7164223571444789103)";
}

/// `authtoken_token` (A09).
pub(super) mod token {
    pub(in crate::postgres) const FIND: &str =
        r#"SELECT "key", user_id, created FROM authtoken_token WHERE "key" = $1"#;
    pub(in crate::postgres) const OF_USER: &str =
        r#"SELECT "key", user_id, created FROM authtoken_token WHERE user_id = $1"#;
    pub(in crate::postgres) const CREATE: &str = r#"INSERT INTO authtoken_token ("key", user_id, created)
        VALUES ($1, $2, $3) ON CONFLICT (user_id) DO NOTHING"#;
    pub(in crate::postgres) const REPLACE: &str = r#"INSERT INTO authtoken_token ("key", user_id, created)
        VALUES ($1, $2, $3) ON CONFLICT (user_id) DO UPDATE SET "key" = excluded."key", created = excluded.created"#;
    pub(in crate::postgres) const DELETE_OF_USER: &str = "DELETE FROM authtoken_token WHERE user_id = $1";
}
