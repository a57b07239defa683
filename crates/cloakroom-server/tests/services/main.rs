//! The `cloakroom` program on PostgreSQL and MySQL: `cargo xtask services -- cargo test -p cloakroom-server --features
//! services --test services`.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of test functions")]

#[path = "../it/browser.rs"]
mod browser;
#[expect(dead_code, reason = "these tests need a part of it")]
#[path = "../it/program.rs"]
mod program;

use cloakroom_testservers::{OwnDatabase, RedisServer};

use self::browser::PROFILE;
use self::program::{Ended, Home};

#[track_caller]
fn succeeds(ended: Ended) -> String {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.stdout
}

/// M28: every command, on a database that is empty at first; and one that Django may open meanwhile.
fn every_command_works(database: &OwnDatabase) {
    let home = Home::quick().with_variable("DATABASE_URL", &database.url());
    let plan = succeeds(home.run(&["migrate", "--plan"]));
    assert!(plan.contains("auth.0001_initial"), "{plan}");
    assert_eq!(home.run(&["check"]).code, Some(1));
    let refused = home.run(&["clearsessions"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("run `cloakroom migrate` first"), "{refused:?}");
    assert!(succeeds(home.run(&["migrate"])).ends_with("Done.\n"));
    assert_eq!(succeeds(home.run(&["migrate", "--check"])), "No planned migration operations.\n");
    assert!(succeeds(home.run(&["check"])).contains("No problems found."));

    let home = home.with_superuser();
    let mut server = home.serve();
    let mut alice = server.browser();
    alice.sign_in("alice").unwrap();
    assert!(alice.is_signed_in());
    let mut nobody = server.browser();
    assert_eq!(nobody.get(PROFILE).status, 302);
    assert_eq!(database.query("SELECT COUNT(*) FROM django_session"), "1");
    let expired = if database.url().starts_with("postgres") { "2020-01-01+00" } else { "2020-01-01" };
    database.query(&format!("INSERT INTO django_session VALUES ('{:032}', 'e30:x:y', '{expired}')", 7));
    assert_eq!(succeeds(home.run(&["clearsessions"])), "1 expired session deleted.\n");
    server.signal("TERM");
    assert!(server.wait().success());

    let again = home.serve();
    assert!(alice.at(again.address()).is_signed_in(), "a restart signs nobody out");
    let shown = format!("{}{:?}", again.printed(), home.run(&["check", "--deploy"]));
    assert!(!shown.contains(database.password()), "{shown}");
}

/// S21: `check` says how old a session from Redis can be, and tries whether Redis tells of changes.
#[test]
fn check_says_what_redis_guarantees() {
    let server = RedisServer::start();
    server.ask(&["ACL", "SETUSER", "plain", "on", ">hunter2", "~*", "+@all", "-client|tracking"]);
    let url = format!("redis://{}", server.address());
    let home = |engine, url: &str| {
        let home =
            Home::quick().with("CACHE_URL", url).with("SESSION_ENGINE", engine).with("NEAR_CACHE_BOUND_MS", "1500");
        succeeds(home.run(&["migrate"]));
        home
    };
    for (engine, said) in [
        ("cache", "Sessions: bounded: a change by another process is seen within 1500 ms"),
        ("cached_db", "Sessions: the cache's copies, as in Django"),
    ] {
        let found = succeeds(home(engine, &url).run(&["check"]));
        assert!(
            found.contains(said) && found.contains("1500 ms") && found.ends_with("No problems found.\n"),
            "{found}"
        );
    }
    let deaf = home("cache", &format!("redis://plain:hunter2@{}", server.address()));
    let found = succeeds(deaf.run(&["check"]));
    assert!(found.contains("cloakroom.W027: warning: ") && found.contains("NOPERM"), "{found}");
    assert!(!found.contains("hunter2"), "{found}");

    // Signed out on one server is signed out on the other, within the bound.
    let home = home("cache", &url).with_superuser();
    let (one, other) = (home.serve(), home.serve());
    let mut alice = one.browser();
    alice.sign_in("alice").unwrap();
    let mut elsewhere = alice.at(other.address());
    for _ in 0..50 {
        assert!(alice.is_signed_in() && elsewhere.is_signed_in());
    }
    server.ask(&["FLUSHALL"]);
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    assert!(!alice.is_signed_in() && !elsewhere.is_signed_in());
}

/// A server that is not there is one line, with host and port and without the password.
fn an_unreachable_server_is_told(url: &str) {
    for command in [&["migrate"][..], &["serve", "--addr", "127.0.0.1:0"], &["check"]] {
        let ended = Home::new().with_variable("DATABASE_URL", url).run(command);
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(1), 1), "{ended:?}");
        assert!(ended.stderr.contains("127.0.0.1:1") && ended.stderr.contains("cannot be reached"), "{ended:?}");
        assert!(!ended.stderr.contains("hunter2") && !ended.stdout.contains("hunter2"), "{ended:?}");
    }
}

#[test]
fn every_command_works_on_postgres() {
    every_command_works(&OwnDatabase::postgres());
}

#[test]
fn every_command_works_on_mysql() {
    every_command_works(&OwnDatabase::mysql());
}

#[test]
fn an_unreachable_postgres_is_told() {
    an_unreachable_server_is_told("postgres://site:hunter2@127.0.0.1:1/site");
}

#[test]
fn an_unreachable_mysql_is_told() {
    an_unreachable_server_is_told("mysql://site:hunter2@127.0.0.1:1/site");
}
