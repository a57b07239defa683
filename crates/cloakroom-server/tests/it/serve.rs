//! `cloakroom serve`, from its first start to its end.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::browser::{Browser, LOGIN, form};
use crate::program::{Home, Server};

/// An empty folder is all that it needs; what it makes there is its owner's alone (F09).
#[test]
fn a_first_start_makes_what_it_needs_and_answers() {
    let home = Home::new();
    let server = home.serve();
    assert_eq!(server.browser().get("/").status, 200);
    for name in ["secret_key", "db.sqlite3"] {
        assert_eq!(fs::metadata(home.path(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    assert!(server.printed().contains("A secret key was made in secret_key"), "{}", server.printed());
    let key = fs::read_to_string(home.path("secret_key")).unwrap();
    assert!(!server.printed().contains(key.trim()));
}

/// A17: no account is there at first; the link makes one superuser, once.
#[test]
fn the_set_up_link_makes_one_superuser() {
    let home = Home::quick();
    let server = home.serve();
    let mut owner = server.browser();
    assert_eq!(owner.get("/").status, 200);
    let link = server.setup_path().unwrap();
    assert_eq!(server.browser().get("/setup/0000000000000000000000000000000000000000/").status, 404);

    let fields = [("username", "alice"), ("email", ""), ("password1", "alice-pass-9Z"), ("password2", "alice-pass-9Z")];
    let made = owner.submit(&link, &fields).unwrap();
    assert_eq!(made.status, 302, "{made:?}");
    assert!(owner.is_signed_in());
    assert_eq!(server.browser().get(&link).status, 404);
    drop(server);

    let again = home.serve();
    again.browser().sign_in("alice").unwrap();
    assert!(again.setup_path().is_none(), "{}", again.printed());
    assert!(!again.printed().contains("A secret key was made"));
    let note = home.run(&["createsuperuser", "--noinput", "--username", "alice", "--email", ""]);
    assert_eq!(note.code, Some(1));
    assert!(note.stderr.contains("already taken"), "{note:?}");
}

/// A request whose body is still under way when the signal comes is answered; then the process exits with 0.
#[test]
fn sigterm_and_sigint_let_requests_in_flight_end() {
    for signal in ["TERM", "INT"] {
        let home = Home::quick().with_superuser();
        let mut server = home.serve();
        let mut browser = server.browser();
        let page = browser.get(LOGIN);
        let body = form(&page, &[("username", "alice"), ("password", "alice-pass-9Z")]);
        let idle = TcpStream::connect(server.address()).unwrap();
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let head = browser.head("POST", LOGIN, body.len(), "Expect: 100-continue\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        // The server asks for the body, so the request has begun.
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).unwrap();
        assert!(go_on.starts_with(b"HTTP/1.1 100"));

        let began = Instant::now();
        server.signal(signal);
        while TcpStream::connect(server.address()).is_ok() {
            assert!(began.elapsed() < Duration::from_secs(5), "it goes on listening");
            std::thread::sleep(Duration::from_millis(5));
        }
        stream.write_all(body.as_bytes()).unwrap();
        let answer = browser.receive(stream).unwrap();
        assert_eq!(answer.status, 302, "{answer:?}");
        assert_eq!(server.wait().code(), Some(0), "{signal}");
        assert!(began.elapsed() < Duration::from_secs(10), "an idle connection held it up");
        drop(idle);
        assert!(server.printed().ends_with("Ended.\n"));

        let next = home.serve();
        assert!(browser.at(next.address()).is_signed_in());
    }
}

/// A signal that comes as soon as the address is printed is no surprise.
#[test]
fn a_signal_right_after_the_start_ends_it_well() {
    let home = Home::quick().with_superuser();
    for _ in 0..5 {
        let mut server = home.serve();
        server.signal("TERM");
        assert_eq!(server.wait().code(), Some(0));
    }
}

#[test]
fn a_restart_keeps_sessions() {
    let home = Home::quick().with_superuser();
    let mut server = home.serve();
    let mut browser = server.browser();
    browser.sign_in("alice").unwrap();
    server.signal("TERM");
    assert!(server.wait().success());
    let server = home.serve();
    assert!(browser.at(server.address()).is_signed_in());
    assert!(!server.browser().is_signed_in());
}

/// What one process writes, the others see.
#[test]
fn two_servers_on_one_database_share_logins_and_logouts() {
    let home = Home::quick().with_superuser();
    let (left, right) = (home.serve(), home.serve());
    let mut browser = left.browser();
    browser.sign_in("alice").unwrap();
    let mut elsewhere = browser.at(right.address());
    assert!(elsewhere.is_signed_in());
    let page = elsewhere.get("/accounts/profile/");
    let answer = elsewhere.send("POST", "/accounts/logout/", &form(&page, &[])).unwrap();
    assert!(answer.status < 400, "{answer:?}");
    assert!(!browser.is_signed_in());
}

/// F07: a login that was answered outlives `kill -9` in the midst of others.
#[test]
fn kill_9_loses_no_acknowledged_login() {
    const ROUNDS: u64 = 3;
    let home = Home::quick().with_superuser();
    let mut acknowledged: Vec<Browser> = Vec::new();
    for round in 0..ROUNDS {
        let server = home.serve();
        acknowledged.extend(killed_amid_logins(server, 4 + 3 * round));
    }
    assert!(acknowledged.len() as u64 > ROUNDS);
    let server = home.serve();
    for browser in acknowledged {
        assert!(browser.at(server.address()).is_signed_in());
    }
    let check = home.run(&["check"]);
    assert_eq!(check.code, Some(0), "{check:?}");
}

/// Two visitors sign in again and again until the server is killed, some milliseconds after the first few logins.
fn killed_amid_logins(server: Server, after: u64) -> Vec<Browser> {
    let (tell, told) = mpsc::channel();
    let address = server.address();
    let visitors = [(); 2].map(|()| {
        let tell = tell.clone();
        std::thread::spawn(move || {
            loop {
                let mut browser = Browser::new(address);
                if browser.sign_in("alice").is_err() || tell.send(browser).is_err() {
                    return;
                }
            }
        })
    });
    drop(tell);
    let mut acknowledged: Vec<_> = told.iter().take(after as usize).collect();
    std::thread::sleep(Duration::from_millis(after));
    server.kill();
    acknowledged.extend(told.iter());
    for visitor in visitors {
        visitor.join().unwrap();
    }
    acknowledged
}
