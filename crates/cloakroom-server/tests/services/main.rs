//! The `cloakroom` program on PostgreSQL and MySQL: `cargo xtask services -- cargo test -p cloakroom-server --features
//! services --test services`.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of test functions")]

#[path = "../it/browser.rs"]
mod browser;
#[expect(dead_code, reason = "these tests need a part of it")]
#[path = "../it/program.rs"]
mod program;

use cloakroom_testservers::OwnDatabase;

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
