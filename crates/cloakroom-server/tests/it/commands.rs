//! The commands beside `serve`: what they print and how they exit (A160 to A164, A171, S59).

use cloakroom::core::clock::{Clock as _, SystemClock};
use cloakroom::core::keys::SessionKey;
use cloakroom::core::random::OsRandom;
use cloakroom::db::sessions::{self, Created, SessionRow};
use cloakroom::db::{Database, DatabaseUrl, Durability, Options};

use crate::program::{Ended, Home};

#[track_caller]
fn succeeds(ended: Ended) -> String {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    // Events of accounts are logged, whoever causes them.
    assert!(ended.stderr.lines().all(|line| line.contains("INFO cloakroom::auth: event=")), "{ended:?}");
    ended.stdout
}

#[track_caller]
fn fails(ended: Ended, code: i32) -> String {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    ended.stderr
}

fn createsuperuser(home: &Home, options: &[&str]) -> Ended {
    home.run(&[&["createsuperuser", "--noinput"], options].concat())
}

/// A80: tables, content types and permissions; the second time there is nothing to do.
#[test]
fn migrate_makes_the_tables_once() {
    let home = Home::new();
    let plan = succeeds(home.run(&["migrate", "--plan"]));
    assert!(plan.contains("auth.0001_initial") && plan.contains("sessions.0001_initial"), "{plan}");
    let pending = home.run(&["migrate", "--check"]);
    assert!(fails(pending, 1).contains("run `cloakroom migrate`"));

    let first = succeeds(home.run(&["migrate"]));
    assert!(first.contains("Applied auth.0012_alter_user_first_name_max_length"), "{first}");
    assert!(first.ends_with("Done.\n"), "{first}");
    let done = home.snapshot();
    assert_eq!(succeeds(home.run(&["migrate"])), "No migrations to apply.\n");
    assert_eq!(succeeds(home.run(&["migrate", "--check"])), "No planned migration operations.\n");
    assert_eq!(succeeds(home.run(&["migrate", "--plan"])), "No planned migration operations.\n");
    assert_eq!(succeeds(home.run(&["migrate", "--verbosity", "0"])), "");
    assert!(done == home.snapshot(), "the second time changed something");
}

/// A161: variables give what options do not, and options win.
#[test]
fn createsuperuser_without_questions_takes_options_before_variables() {
    let home = Home::quick()
        .with_variable("DJANGO_SUPERUSER_USERNAME", "alice")
        .with_variable("DJANGO_SUPERUSER_EMAIL", "alice@site.example")
        .with_variable("DJANGO_SUPERUSER_PASSWORD", "alice-pass-9Z");
    assert_eq!(succeeds(createsuperuser(&home, &[])), "Superuser created successfully.\n");
    assert!(fails(createsuperuser(&home, &[]), 1).contains("That username is already taken."));
    succeeds(createsuperuser(&home, &["--username", "bob", "--email="]));
    assert_eq!(succeeds(createsuperuser(&home, &["--username", "carol", "-v", "0"])), "");
    let home = home.with_variable("DJANGO_SUPERUSER_PASSWORD", "bob-pass-9Z");
    succeeds(createsuperuser(&home, &["--username", "dave"]));

    let server = home.serve();
    server.browser().sign_in("alice").unwrap();
    assert!(server.setup_path().is_none());
}

/// A161: name and address are needed and checked; the validators of passwords are not asked.
#[test]
fn createsuperuser_without_questions_says_what_is_missing_or_wrong() {
    let home = Home::quick();
    assert!(fails(createsuperuser(&home, &["--email", "a@site.example"]), 1).contains("--username"));
    assert!(fails(createsuperuser(&home, &["--username", "alice"]), 1).contains("--email"));
    let wrong = createsuperuser(&home, &["--username", "alice", "--email", "nowhere"]);
    assert!(fails(wrong, 1).contains("valid email address"));
    let wrong = createsuperuser(&home, &["--username", "al ice", "--email="]);
    assert!(fails(wrong, 1).contains("valid username"));
    let wrong = createsuperuser(&home, &["--username", "", "--email="]);
    assert!(fails(wrong, 1).contains("cannot be blank"));
    let wrong = createsuperuser(&home, &["--username", &"a".repeat(151), "--email="]);
    assert!(fails(wrong, 1).contains("at most 150 characters"));
    let home = home.with_variable("DJANGO_SUPERUSER_PASSWORD", "1");
    succeeds(createsuperuser(&home, &["--username", "alice", "--email="]));
}

/// A161: without a password nobody can sign in by one.
#[test]
fn a_superuser_without_a_password_cannot_sign_in() {
    let home = Home::quick();
    succeeds(createsuperuser(&home, &["--username", "alice", "--email="]));
    let server = home.serve();
    let mut browser = server.browser();
    let answer = browser.submit("/accounts/login/", &[("username", "alice"), ("password", "alice-pass-9Z")]).unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("data-code=\"invalid_login\""), "{}", answer.body);
}

/// A160: without a terminal nobody can be asked; that is no failure.
#[test]
fn createsuperuser_without_a_terminal_makes_nothing() {
    let home = Home::quick();
    let said = succeeds(home.run(&["createsuperuser"]));
    assert!(said.contains("not running in a TTY") && said.contains("--noinput"), "{said}");
    let server = home.serve();
    assert_eq!(server.browser().get("/").status, 200);
    assert!(server.setup_path().is_some());
}

/// A162
#[test]
fn changepassword_of_nobody_fails() {
    let home = Home::quick().with_superuser();
    assert!(fails(home.run(&["changepassword", "nobody"]), 1).contains("user 'nobody' does not exist"));
    let home = home.with_variable("USER", "somebody");
    assert!(fails(home.run(&["changepassword"]), 1).contains("user 'somebody' does not exist"));
}

#[test]
fn commands_on_accounts_and_sessions_ask_for_the_tables() {
    for args in [&["changepassword", "alice"][..], &["clearsessions"]] {
        assert!(fails(Home::new().run(args), 1).contains("run `cloakroom migrate` first"));
    }
}

/// S59, S48: what has expired goes, what lives stays.
#[tokio::test]
async fn clearsessions_deletes_what_has_expired_and_counts_it() {
    let home = Home::quick().with_superuser();
    let db = Database::open(&DatabaseUrl::sqlite_file(home.path("db.sqlite3")), Options::default()).await.unwrap();
    let now = SystemClock.now();
    let mut keys = Vec::new();
    for seconds in [-60, -1, 3600] {
        let key = SessionKey::generate(&OsRandom);
        let row = SessionRow { session_data: "e30:x:y".into(), expire_date: now.plus_secs(seconds) };
        assert_eq!(sessions::create(&db, &key, row, Durability::Full).await.unwrap(), Created::Yes);
        keys.push(key);
    }
    assert_eq!(succeeds(home.run(&["clearsessions"])), "2 expired sessions deleted.\n");
    assert!(!sessions::exists(&db, &keys[0]).await.unwrap());
    assert!(sessions::exists(&db, &keys[2]).await.unwrap());
    assert_eq!(succeeds(home.run(&["clearsessions"])), "0 expired sessions deleted.\n");
    assert_eq!(succeeds(home.run(&["clearsessions", "--verbosity", "0"])), "");
    db.close().await;
}

#[test]
fn check_finds_missing_tables() {
    let home = Home::new();
    let found = home.run(&["check"]);
    assert!(found.stdout.contains("cloakroom.E020") && found.stdout.contains("run `cloakroom migrate`"), "{found:?}");
    assert!(fails(found, 1).contains("1 problem found."));
    succeeds(home.run(&["migrate"]));
    let said = succeeds(home.run(&["check"]));
    assert!(said.ends_with("No problems found.\n"));
    let strict = "strict: a change by any process is seen by the next request";
    assert!(
        said.contains(&format!("Sessions: {strict}")) && said.contains(&format!("Users and permissions: {strict}"))
    );
    let cookies = home.with("SESSION_ENGINE", "signed_cookies");
    assert!(succeeds(cookies.run(&["check"])).contains("Sessions: none: what a cookie says is good"));
}

/// A171: what is only advised does not fail; what is wrong does.
#[test]
fn check_deploy_names_what_a_public_site_should_change() {
    let home = Home::quick().with_superuser();
    let said = succeeds(home.run(&["check", "--deploy"]));
    let ids: Vec<_> = said.lines().filter_map(|line| line.split_once(": warning: ")).map(|(id, _)| id).collect();
    let django = ["W016", "W004", "W008", "W020", "W012"].map(|n| format!("security.{n}"));
    let rows = [101, 102, 103, 104, 105, 106, 107, 109, 110, 111].map(|n| format!("cloakroom.W{n}"));
    assert_eq!(ids, [&django[..], &rows].concat(), "{said}");
    assert!(said.starts_with("Sessions: strict") && said.ends_with("15 problems found.\n"), "{said}");

    let home = home.with("SECURE_REFERRER_POLICY", "whatever");
    let wrong = home.run(&["check", "--deploy"]);
    assert!(wrong.stdout.contains("security.E023: error: "), "{wrong:?}");
    fails(wrong, 1);

    let mut home = Home::quick().with_superuser();
    for (setting, value) in [
        ("ALLOWED_HOSTS", r#"["site.example"]"#),
        ("CSRF_COOKIE_SECURE", "true"),
        ("SESSION_COOKIE_SECURE", "true"),
        ("SECURE_HSTS_SECONDS", "3600"),
        ("SECURE_HSTS_INCLUDE_SUBDOMAINS", "true"),
        ("SECURE_HSTS_PRELOAD", "true"),
        ("SECURE_SSL_REDIRECT", "true"),
        ("SECURITY_PROFILE", "hardened"),
        ("SESSION_SAVE_EVERY_REQUEST", "true"),
        ("SESSION_ABSOLUTE_AGE", "2592000"),
        ("SESSION_COOKIE_NAME", "__Host-sessionid"),
        ("CSRF_COOKIE_NAME", "__Host-csrftoken"),
        ("PASSWORD_RESET_TIMEOUT", "3600"),
        ("PASSWORD_HASHERS", r#"["pbkdf2_sha256"]"#),
        (
            "AUTH_PASSWORD_VALIDATORS",
            r#"[{"NAME": "MinimumLengthValidator", "OPTIONS": {"min_length": 15}},
                {"NAME": "CommonPasswordValidator", "OPTIONS": {"password_list_path": "breached.txt"}}]"#,
        ),
    ] {
        home = home.with(setting, value);
    }
    let home = home.with_file("breached.txt", "password\n");
    let said = succeeds(home.run(&["check", "--deploy"]));
    assert!(said.ends_with("\nNo problems found.\n") && said.lines().count() == 3, "{said}");
}

/// Each template is rendered before a visitor asks for it.
#[test]
fn check_templates_renders_all_of_them() {
    let home = Home::quick().with_superuser();
    assert!(succeeds(home.run(&["check", "--templates"])).ends_with("No problems found.\n"));
    let home = home.with("TEMPLATES_DIR", "pages");
    std::fs::create_dir_all(home.path("pages/accounts")).unwrap();
    std::fs::write(home.path("pages/accounts/login.html"), "{{ no_such_thing }}").unwrap();
    let found = home.run(&["check", "--templates"]);
    assert!(found.stdout.contains("cloakroom.E021") && found.stdout.contains("accounts/login.html"), "{found:?}");
    fails(found, 1);
}

/// A163: an unknown argument or choice is 2.
#[test]
fn unknown_options_and_commands_exit_with_2() {
    let home = Home::new();
    for args in [
        &["serve", "--no-such-option"][..],
        &["migrate", "--database", "other"],
        &["clearsessions", "--verbosity", "4"],
        &["serve", "--addr", "nowhere"],
        &["no-such-command"],
    ] {
        assert!(fails(home.run(args), 2).contains("error: "), "{args:?}");
    }
    assert!(home.snapshot().is_empty());
}

#[test]
fn each_help_has_examples() {
    let home = Home::new();
    let commands = ["serve", "migrate", "createsuperuser", "changepassword", "clearsessions", "check"];
    let all = succeeds(home.run(&["--help"]));
    assert!(all.contains("Examples:"), "{all}");
    for command in commands {
        assert!(all.contains(&format!("  {command} ")), "{command} is not in {all}");
        let help = succeeds(home.run(&[command, "--help"]));
        assert!(
            help.contains(&format!("Examples:\n  cloakroom {command}")) || help.contains("DJANGO_SUPERUSER"),
            "{help}"
        );
    }
    assert!(home.snapshot().is_empty());
}

/// S09, S10, D13: listed by handle, never by key; ended with a record of it; all of them only with consent.
#[test]
fn sessions_are_listed_shown_and_ended() {
    let home = Home::quick().with_superuser();
    let mut server = home.serve();
    let (mut desk, mut phone) = (server.browser(), server.browser());
    desk.sign_in("alice").unwrap();
    phone.sign_in("alice").unwrap();
    let list = || {
        serde_json::from_str::<Vec<serde_json::Value>>(&succeeds(home.run(&["sessions", "list", "--json"]))).unwrap()
    };
    let rows = list();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows.iter().all(|row| row["user"] == "alice" && row["handle"].as_str().unwrap().len() == 24), "{rows:?}");
    let handle = rows[0]["handle"].as_str().unwrap();
    let table = succeeds(home.run(&["sessions", "list", "alice"]));
    assert!(table.contains(handle) && table.contains("HANDLE") && table.lines().count() == 3, "{table}");
    let shown = succeeds(home.run(&["sessions", "show", handle]));
    assert!(shown.contains("_auth_user_hash") && shown.contains("alice"), "{shown}");

    let ended = home.run(&["sessions", "end", handle]);
    assert!(ended.stderr.contains("session_ended") && ended.stderr.contains("administrator"), "{ended:?}");
    assert_eq!(succeeds(ended), format!("Session {handle} ended.\n"));
    assert!(fails(home.run(&["sessions", "show", handle]), 1).contains("there is no such session"));
    assert_eq!(u8::from(desk.is_signed_in()) + u8::from(phone.is_signed_in()), 1);
    assert_eq!(list().len(), 1);
    assert_eq!(succeeds(home.run(&["sessions", "end-user", "alice"])), "1 session of alice ended.\n");
    assert!(!desk.is_signed_in() && !phone.is_signed_in());
    assert!(fails(home.run(&["sessions", "end-user", "nobody"]), 1).contains("user 'nobody' does not exist"));
    assert_eq!(succeeds(home.run(&["sessions", "list"])), "Nobody is signed in.\n");

    desk.sign_in("alice").unwrap();
    assert!(fails(home.run(&["sessions", "end-all"]), 1).contains("--yes"));
    assert!(desk.is_signed_in());
    let all = home.run(&["sessions", "end-all", "--yes"]);
    assert!(
        all.code == Some(0) && all.stderr.contains("all_sessions_ended") && all.stdout.contains(" ended."),
        "{all:?}"
    );
    assert!(!desk.is_signed_in());
    assert!(succeeds(home.run(&["sessions", "backfill"])).contains("looked at"));
    server.signal("TERM");
    assert!(server.wait().success());
}

/// What cannot be done is said before anything is tried.
#[test]
fn sessions_in_cookies_cannot_be_ended() {
    let home = Home::quick().with_superuser().with("SESSION_ENGINE", "signed_cookies");
    assert!(fails(home.run(&["sessions", "list"]), 1).contains("neither listed nor ended"));
    let limited = home.with("SESSION_LIMIT", "3");
    assert!(fails(limited.run(&["sessions", "list"]), 1).contains("SESSION_LIMIT cannot be kept"));
    let wrong = Home::new().with("SESSION_LIMIT", "0");
    assert!(fails(wrong.run(&["check"]), 1).contains("1 or more, or null"));
}

/// D30, A09: tokens are there where the settings ask for them.
#[test]
fn tokens_are_made_and_made_anew() {
    let home = Home::quick().with_variable("DJANGO_SUPERUSER_PASSWORD", "alice-pass-9Z");
    succeeds(createsuperuser(&home, &["--username", "alice", "--email="]));
    assert!(fails(home.run(&["drf_create_token", "alice"]), 1).contains("set API_TOKENS = true"));
    let home = home.with_variable("CLOAKROOM_API_TOKENS", "true");
    let plan = succeeds(home.run(&["migrate", "--plan"]));
    assert!(plan.contains("authtoken.0001_initial") && plan.contains("Planned: 4 migrations"), "{plan}");
    assert!(succeeds(home.run(&["migrate"])).contains("Applied authtoken.0004_alter_tokenproxy_options"));
    let first = succeeds(home.run(&["drf_create_token", "alice"]));
    let key = |said: &str| {
        let key = said.strip_prefix("Generated token ").and_then(|rest| rest.strip_suffix(" for user alice\n"));
        key.map(str::to_owned).unwrap_or_else(|| panic!("{said}"))
    };
    assert_eq!(key(&first).len(), 40);
    assert_eq!(succeeds(home.run(&["drf_create_token", "alice"])), first);
    let anew = succeeds(home.run(&["drf_create_token", "-r", "alice"]));
    assert_ne!(key(&anew), key(&first));
    let unknown = fails(home.run(&["drf_create_token", "nobody"]), 1);
    assert!(unknown.contains("Cannot create the Token: user nobody does not exist"), "{unknown}");
}
