//! A start that cannot succeed: one line that says what to do, exit code 1, and the folder as it was (T03, F09, L03, A163).

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use crate::program::{Ended, Home};

const SERVE: [&str; 3] = ["serve", "--addr", "127.0.0.1:0"];
const GOOD_KEY: &str = "0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The one line of a start that was refused.
#[track_caller]
fn line_of(ended: Ended) -> String {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stdout, "", "{ended:?}");
    let line = ended.stderr.strip_suffix('\n').unwrap();
    assert!(line.starts_with("error: ") && !line.contains('\n'), "{line}");
    line.to_owned()
}

/// Starts the server, which must refuse with a line that holds each of `parts`, and change nothing.
#[track_caller]
fn refuses(home: &Home, parts: &[&str]) -> String {
    let before = home.snapshot();
    let line = line_of(home.run(&SERVE));
    for part in parts {
        assert!(line.contains(part), "{part:?} is not in {line:?}");
    }
    assert!(before == home.snapshot(), "the folder changed: {:?}", home.snapshot().keys());
    line
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let noise: Vec<u8> = (0..20_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    refuses(
        &Home::new().with_file("db.sqlite3", noise),
        &["db.sqlite3 is not a SQLite database", "check DATABASE_URL"],
    );
}

#[test]
fn a_database_that_was_cut_off_is_left_alone() {
    let home = Home::quick().with_superuser();
    let whole = fs::read(home.path("db.sqlite3")).unwrap();
    fs::write(home.path("db.sqlite3"), &whole[..whole.len() / 2]).unwrap();
    refuses(&home, &["db.sqlite3 is damaged", "restore a backup"]);
}

/// The name of a migration is changed in place; SQLite's records have no checksums.
#[test]
fn a_database_of_a_newer_django_is_left_alone() {
    let home = Home::quick().with_superuser();
    let mut bytes = fs::read(home.path("db.sqlite3")).unwrap();
    let known = b"auth0012_alter_user_first_name_max_length";
    let at = bytes.windows(known.len()).position(|w| w == known).unwrap();
    bytes[at + 4..at + 8].copy_from_slice(b"0099");
    fs::write(home.path("db.sqlite3"), bytes).unwrap();
    refuses(&home, &["newer Django", "auth.0099_alter_user_first_name_max_length", "update Cloakroom"]);
}

#[test]
fn a_folder_that_cannot_be_written_is_left_alone() {
    for (home, what) in [
        (Home::new(), "secret_key cannot be made"),
        (Home::new().with("SECRET_KEY", GOOD_KEY), "db.sqlite3 cannot be written; give this process the right"),
    ] {
        fs::set_permissions(home.path("."), fs::Permissions::from_mode(0o555)).unwrap();
        let line = line_of(home.run_unprivileged(&SERVE));
        assert!(line.contains(what), "{line}");
        assert!(home.snapshot().is_empty());
    }
}

#[test]
fn a_database_in_a_missing_folder_is_named() {
    refuses(&Home::new().with("DATABASE_URL", "sqlite://none/db.sqlite3"), &["none does not exist; make it"]);
}

#[test]
fn a_taken_port_is_named_before_anything_is_written() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = Home::new();
    let line = line_of(home.run(&["serve", "--addr", &address]));
    assert!(line.contains(&address) && line.contains("--addr 127.0.0.1:0"), "{line}");
    assert!(home.snapshot().is_empty());
}

/// T03: the keys of development start a site under DEBUG alone.
#[test]
fn weak_secret_keys_are_refused_and_not_shown() {
    for (key, problem) in [
        ("short-and-sweet", "fewer than 32 characters"),
        ("django-insecure-0123456789abcdefghijklmnopqrstuvwxyz", "django-insecure-"),
        ("abababababababababababababababababababab", "fewer than 5 different characters"),
    ] {
        let home = Home::new().with("SECRET_KEY", key);
        let line = refuses(&home, &["SECRET_KEY", problem, "openssl rand", "DEBUG = true"]);
        assert!(!line.contains(key), "{line}");
        let served = home.with("DEBUG", "true").serve();
        assert_eq!(served.browser().get("/").status, 200);
    }
}

/// F09: a key that others can read is no secret.
#[test]
fn a_secret_key_file_that_others_can_read_is_refused() {
    let home = Home::new().with_file("secret_key", GOOD_KEY);
    fs::set_permissions(home.path("secret_key"), fs::Permissions::from_mode(0o644)).unwrap();
    let line = refuses(&home, &["secret_key can be read by others", "chmod 600"]);
    assert!(!line.contains(GOOD_KEY), "{line}");
}

#[test]
fn a_secret_key_file_that_cannot_be_used_is_named() {
    let home = Home::new().with_file("secret_key", "\n");
    fs::set_permissions(home.path("secret_key"), fs::Permissions::from_mode(0o600)).unwrap();
    refuses(&home, &["secret_key is empty", "delete it"]);
    refuses(
        &Home::new().with("SECRET_KEY_FILE", "none/key"),
        &["none/key cannot be made", "SECRET_KEY_FILE elsewhere"],
    );
}

#[test]
fn an_unknown_setting_is_named_with_its_value_and_the_nearest_known() {
    let home = Home::new().with("SESSION_COOKIE_AGES", "60");
    refuses(&home, &["CLOAKROOM_SESSION_COOKIE_AGES", "60", "did you mean SESSION_COOKIE_AGE?"]);
    let home = Home::new().with_file("cloakroom.toml", "alowed_hosts = [\"a.example\"]\n");
    refuses(&home, &["cloakroom.toml", "alowed_hosts", "a.example", "did you mean ALLOWED_HOSTS?"]);
    let home = Home::new().with("SECRET_KAY", GOOD_KEY);
    let line = refuses(&home, &["CLOAKROOM_SECRET_KAY", "did you mean SECRET_KEY?"]);
    assert!(!line.contains(GOOD_KEY), "{line}");
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_its_setting_and_what_is_wanted() {
    refuses(&Home::new().with("DEBUG", "perhaps"), &["DEBUG", "perhaps", "true or false"]);
    refuses(&Home::new().with("SESSION_COOKIE_AGE", "2 weeks"), &["SESSION_COOKIE_AGE", "2 weeks", "a whole number"]);
    refuses(&Home::new().with("ALLOWED_HOSTS", "a.example"), &["ALLOWED_HOSTS", "a.example", "a list of texts"]);
    let home = Home::new().with_file("cloakroom.toml", "session_cookie_secure = \"yes\"\n");
    refuses(&home, &["cloakroom.toml", "SESSION_COOKIE_SECURE", "yes", "true or false"]);
    let line =
        refuses(&Home::new().with_file("cloakroom.toml", "secret_key = 271828182845\n"), &["SECRET_KEY", "a text"]);
    assert!(!line.contains("271828182845"), "{line}");
}

#[test]
fn a_name_that_a_setting_does_not_know_is_refused() {
    refuses(&Home::new().with("SESSION_ENGINE", "redis"), &["SESSION_ENGINE", "redis", "cached_db"]);
    refuses(&Home::new().with("PASSWORD_HASHERS", r#"["rot13"]"#), &["PASSWORD_HASHERS", "rot13", "pbkdf2_sha256"]);
    refuses(&Home::new().with("PASSWORD_HASHERS", "[]"), &["PASSWORD_HASHERS", "empty", "pbkdf2_sha256"]);
    refuses(&Home::new().with("AUTHENTICATION_BACKENDS", r#"["ldap"]"#), &["AUTHENTICATION_BACKENDS", "ldap", "model"]);
    refuses(&Home::new().with("AUTHENTICATION_BACKENDS", "[]"), &["AUTHENTICATION_BACKENDS", "empty", "model"]);
    let home = Home::new().with("AUTH_PASSWORD_VALIDATORS", r#"[{"NAME": "Horoscope"}]"#);
    refuses(&home, &["AUTH_PASSWORD_VALIDATORS", "Horoscope", "MinimumLengthValidator"]);
    refuses(&Home::new().with("SESSION_COOKIE_NAME", "a;b"), &["SESSION_COOKIE_NAME"]);
}

#[test]
fn folders_that_are_missing_are_named() {
    let home = Home::new().with("SESSION_ENGINE", "file").with("SESSION_FILE_PATH", "none");
    refuses(&home, &["SESSION_FILE_PATH", "none", "make it"]);
    refuses(&Home::new().with("TEMPLATES_DIR", "none"), &["TEMPLATES_DIR", "none"]);
}

/// A template of one's own that is none fails the start and not a visitor.
#[test]
fn a_template_that_is_none_is_named() {
    let home = Home::new().with("TEMPLATES_DIR", "pages");
    fs::create_dir_all(home.path("pages/accounts")).unwrap();
    fs::write(home.path("pages/accounts/login.html"), "{% if %}").unwrap();
    refuses(&home, &["accounts/login.html"]);
}

/// L03: the file may hold secrets, so what is wrong with it is told without quoting it.
#[test]
fn a_settings_file_that_cannot_be_read_is_named_and_not_quoted() {
    let home = Home::new().with_file("cloakroom.toml", "debug = true\nsecret_key = \"correct-horse-battery\n");
    let line = refuses(&home, &["cloakroom.toml is not TOML", "line 2"]);
    assert!(!line.contains("correct-horse"), "{line}");
    refuses(&Home::new().with_file("cloakroom.toml", [0xff, 0xfe]), &["cloakroom.toml cannot be read"]);

    let home = Home::new();
    let line = line_of(home.run(&["--config", "none.toml", "serve"]));
    assert!(line.contains("none.toml cannot be read; check its path and permissions"), "{line}");
    assert!(home.snapshot().is_empty());
}

/// L03: addresses may hold passwords.
#[test]
fn a_database_or_cache_that_is_not_built_in_is_refused_without_its_password() {
    for (setting, url) in [
        ("DATABASE_URL", "postgres://cloakroom:hunter2@db.example/site"),
        ("DATABASE_URL", "mysql://cloakroom:hunter2@db.example/site"),
        ("DATABASE_URL", "oracle://cloakroom:hunter2@db.example/site"),
        ("CACHE_URL", "memcached://cloakroom:hunter2@cache.example/0"),
        ("CACHE_URL", "redis://cloakroom:hunter2@cache.example:x/0"),
        ("CACHE_URL", "cloakroom:hunter2@cache.example"),
    ] {
        let line = refuses(&Home::new().with(setting, url), &[setting]);
        assert!(!line.contains("hunter2"), "{line}");
        let line = refuses(&Home::new().with_variable(setting, url), &[setting]);
        assert!(!line.contains("hunter2"), "{line}");
    }
}

/// F01, L03: the store that sessions need is asked for before anything is written, and named without its password. What
/// works without it does.
#[test]
fn a_cache_that_is_not_there_is_named_without_its_password() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for scheme in ["redis", "rediss", "redis-cluster", "redis-sentinel"] {
        let url = format!("{scheme}://cloakroom:hunter2@{free}/0");
        for engine in ["cache", "cached_db"] {
            let home = Home::new().with("CACHE_URL", url.as_str()).with("SESSION_ENGINE", engine);
            let line = refuses(&home, &["E022", &free.to_string(), "Connection refused", "CACHE_URL"]);
            assert!(!line.contains("hunter2"), "{line}");
        }
    }
    let url = format!("redis://:hunter2@{free}");
    let home = Home::new().with("CACHE_URL", url.as_str()).with("SESSION_ENGINE", "cached_db");
    assert_eq!(home.run(&["migrate"]).code, Some(0));
    let found = home.run(&["check"]);
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(found.stdout.contains("cloakroom.E022: error: the cache at 127.0.0.1:"), "{found:?}");
    assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
    let home = Home::new().with("CACHE_URL", url.as_str());
    assert_eq!(home.run(&["migrate"]).code, Some(0));
    let found = home.run(&["check"]);
    assert_eq!(found.code, Some(0), "{found:?}");
    assert!(found.stdout.contains("cloakroom.W022: warning: the cache at 127.0.0.1:"), "{found:?}");
}
