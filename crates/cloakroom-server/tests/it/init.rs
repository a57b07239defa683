//! `cloakroom init` and `cloakroom explain`, from outside (D11, D12).

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use crate::browser::Browser;
use crate::program::{Ended, Home};

fn mode(home: &Home, name: &str) -> u32 {
    std::fs::metadata(home.path(name)).unwrap().permissions().mode() & 0o777
}

/// The key that a browser sends.
fn session_key(browser: &Browser) -> String {
    let head = browser.head("GET", "/", 0, "");
    head.split("sessionid=").nth(1).unwrap().split([';', '\r']).next().unwrap().to_owned()
}

/// Runs the program with this on its standard input.
fn with_input(home: &Home, args: &[&str], input: &str) -> Ended {
    let mut command = home.command(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: done.status.code(), stdout: text(done.stdout), stderr: text(done.stderr) }
}

/// F09, F11: what it writes is the owner's alone, and nothing is left on the weaker side but what only an operator knows.
#[test]
fn init_writes_a_hardened_site_once() {
    let home = Home::new();
    let done = home.run(&["init", "--host", "www.example.com", "--yes"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!((mode(&home, "cloakroom.toml"), mode(&home, "secret_key")), (0o600, 0o600));
    let left = ["security.W005", "security.W021", "cloakroom.W102"];
    for id in left {
        assert!(done.stdout.contains(id), "{done:?}");
    }
    let all = home.snapshot();
    assert_eq!(all.len(), 2, "nothing else is left: {:?}", all.keys());
    let key = std::fs::read_to_string(home.path("secret_key")).unwrap();
    assert!(!done.stdout.contains(key.trim()), "L03");

    assert_eq!(home.run(&["migrate"]).code, Some(0));
    let checked = home.run(&["check", "--deploy"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let ids: Vec<_> =
        checked.stdout.lines().filter_map(|line| line.split_once(": warning: ")).map(|(id, _)| id).collect();
    assert_eq!(ids, left, "{checked:?}");

    let before = home.snapshot();
    let again = home.run(&["init", "--host", "other.example.com", "--yes"]);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("cloakroom.toml is there already"), "{again:?}");
    assert!(before == home.snapshot(), "nothing was overwritten");
}

/// A key that is there is the site's: sessions are signed with it.
#[test]
fn init_keeps_a_secret_key() {
    let key = "0123456789abcdefghijklmnopqrstuvwxyz-0123456789abcdefgh\n";
    let home = Home::new().with_file("secret_key", key);
    std::fs::set_permissions(home.path("secret_key"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let done = home.run(&["init", "--host", "example.com", "--database", "sqlite://site.sqlite3", "--yes"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.contains("secret_key stays"), "{done:?}");
    assert_eq!(std::fs::read_to_string(home.path("secret_key")).unwrap(), key);
    let text = std::fs::read_to_string(home.path("cloakroom.toml")).unwrap();
    assert!(text.contains("database_url = \"sqlite://site.sqlite3\""), "{text}");
}

/// Whoever cannot be asked is told what to say, and a wrong answer writes nothing.
#[test]
fn init_refuses_what_it_cannot_use() {
    for (args, said) in [
        (vec!["init"], "--host"),
        (vec!["init", "--yes"], "a public site has a name"),
        (vec!["init", "--yes", "--host", "https://example.com"], "is no host name"),
        (vec!["init", "--yes", "--host", "example.com", "--database", "oracle://x"], "--database"),
        (vec!["init", "--yes", "--host", "example.com", "--proxy", "nowhere"], "--proxy"),
    ] {
        let home = Home::new();
        let ended = home.run(&args);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains(said), "{ended:?}");
        assert!(home.snapshot().is_empty(), "{:?}", home.snapshot().keys());
    }
}

/// C01: cookies that no browser would keep stop the start of a hardened site, and of no other.
#[test]
fn cookies_that_cannot_be_stop_a_hardened_site() {
    for (setting, value) in [
        ("SESSION_COOKIE_SECURE", "false"),
        ("CSRF_COOKIE_SECURE", "false"),
        ("SESSION_COOKIE_DOMAIN", "example.com"),
        ("SESSION_COOKIE_PATH", "/app/"),
    ] {
        let home = Home::new().with(setting, value);
        assert_eq!(home.run(&["init", "--host", "example.com", "--yes"]).code, Some(0));
        let refused = home.run(&["migrate"]);
        assert_eq!(refused.code, Some(1), "{setting}");
        assert!(refused.stderr.contains("cloakroom.E026"), "{refused:?}");
        let django = home.with("SECURITY_PROFILE", "django").run(&["migrate"]);
        assert_eq!(django.code, Some(0), "{django:?}");
    }
}

/// M14: the story ends with the exit code, and shows neither key nor hash.
#[test]
fn explain_tells_why_a_session_is_signed_in_or_not() {
    let home = Home::quick().with_superuser();
    let server = home.serve();
    let mut browser = server.browser();
    browser.sign_in("alice").unwrap();
    let key = session_key(&browser);

    let told = with_input(&home, &["explain", "-"], &format!("Cookie: a=b; sessionid={key}\n"));
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stdout.ends_with("\nSigned in as alice, user 1.\n"), "{told:?}");
    assert!(!told.stdout.contains('\u{1b}') && !told.stdout.contains(&key), "{told:?}");
    for step in ["cookie", "key", "store", "expiry", "data", "user id", "backend", "user", "active", "hash", "age"] {
        assert!(told.stdout.contains(&format!("  ✓ {step:<8} ")), "{step}: {told:?}");
    }
    assert_eq!(with_input(&home, &["explain"], &key).stdout.lines().last(), Some("Signed in as alice, user 1."));
    assert_eq!(home.run(&["explain", &key]).code, Some(0));

    let json = with_input(&home, &["explain", "--json", "-"], &key);
    let story: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&story["outcome"], &story["user"]["username"]), (&"signed_in".into(), &"alice".into()));
    assert_eq!(story["steps"].as_array().unwrap().len(), 11);
    let handle = story["handle"].as_str().unwrap().to_owned();
    let by_handle = home.run(&["explain", &handle]);
    assert_eq!(by_handle.code, Some(0), "{by_handle:?}");

    let gone = home.run(&["explain", "abcdefgh12345678abcdefgh12345678"]);
    assert_eq!(gone.code, Some(1));
    assert!(gone.stdout.contains("  ✗ store    ") && gone.stdout.contains("Not signed in: no_session."), "{gone:?}");
    assert!(gone.stderr.is_empty(), "{gone:?}");
    let none = with_input(&home, &["explain", "-"], "csrftoken=abc");
    assert!(none.code == Some(1) && none.stdout.contains("Not signed in: no_cookie."), "{none:?}");
}

/// D7: a database that cannot be reached is part of the story.
#[test]
fn explain_says_that_a_store_is_down() {
    let home = Home::new().with("SECRET_KEY", "0123456789abcdefghijklmnopqrstuvwxyz-0123456789abcdefgh");
    let home = home.with("DATABASE_URL", "postgres://site@127.0.0.1:1/site");
    let told = with_input(&home, &["explain", "-"], "abcdefgh12345678abcdefgh12345678");
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.stdout.contains("  ? store    PostgreSQL at 127.0.0.1:1 cannot be reached"), "{told:?}");
    assert!(told.stdout.contains("Nobody can tell"), "{told:?}");
}

/// D12: reasons are labels of what is counted, on an address of its own.
#[test]
fn metrics_are_served_where_so_set() {
    let home = Home::quick().with_superuser().with("METRICS_ADDR", "127.0.0.1:0");
    let server = home.serve();
    let mut browser = server.browser();
    assert_eq!(browser.get("/metrics").status, 404, "not on the site's own address");
    browser.get("/accounts/profile/");
    browser.submit("/accounts/login/", &[("username", "alice"), ("password", "wrong")]).unwrap();
    browser.sign_in("alice").unwrap();
    browser.get("/accounts/profile/");
    let printed = server.printed();
    let address = printed.split("Metrics are at http://").nth(1).unwrap().split('/').next().unwrap();
    let page = Browser::new(address.parse().unwrap()).get("/metrics");
    assert_eq!(page.status, 200);
    for line in [
        "cloakroom_identities_total{reason=\"no_cookie\"} 1",
        "cloakroom_identities_total{reason=\"signed_in\"} 1",
        "cloakroom_refusals_total{kind=\"anonymous\",reason=\"no_cookie\"} 1",
        "cloakroom_refusals_total{kind=\"refused\",reason=\"wrong_password\"} 1",
        "cloakroom_events_total{event=\"logged_in\"} 1",
    ] {
        assert!(page.body.contains(line), "{line}:\n{}", page.body);
    }
    let key = session_key(&browser);
    assert!(!page.body.contains(&key) && !page.body.contains("alice"), "L03: {}", page.body);
}

/// D12, L02, L03: one record with the reason for each request that turned out to be anonymous; the session by its handle.
#[test]
fn the_log_says_why_somebody_is_anonymous() {
    let home = Home::quick().with_superuser();
    let server = home.serve();
    let mut browser = server.browser();
    browser.sign_in("alice").unwrap();
    let key = session_key(&browser);
    let handle = home.run(&["explain", "--json", &key]).stdout;
    let handle = handle.split("\"handle\": \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(browser.is_signed_in());
    assert!(!home.logged().contains("event=\"anonymous\""), "{}", home.logged());

    assert_eq!(home.run(&["sessions", "end", &handle]).code, Some(0));
    assert!(!browser.is_signed_in());
    let logged = home.logged();
    let records: Vec<_> = logged.lines().filter(|line| line.contains("event=\"anonymous\"")).collect();
    assert_eq!(records.len(), 1, "{logged}");
    let record = records[0];
    assert!(record.contains("reason=no_session") && record.contains("/accounts/profile/"), "{record}");
    assert!(record.contains(&handle) && !logged.contains(&key), "{record}");
}
