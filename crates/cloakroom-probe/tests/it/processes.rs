//! Sessions under fire over HTTP: requests at once, in one process and in two that share a store (D6, S12).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Barrier};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A server of the probe; killed when dropped.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(folder: &Path, engine: &str) -> Self {
        let files = folder.join("files");
        std::fs::create_dir_all(&files).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_cloakroom-probe"))
            .args(["--addr", "127.0.0.1:0"])
            .current_dir(folder)
            .env_clear()
            .env("CLOAKROOM_DATABASE_URL", format!("sqlite://{}/db.sqlite3", folder.display()))
            .env("CLOAKROOM_SECRET_KEY", "two-processes-secret-key-0123456789-abcdefghijklmnopqrst")
            .env("CLOAKROOM_SESSION_ENGINE", engine)
            .env("CLOAKROOM_SESSION_FILE_PATH", &files)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().parse().unwrap();
        Self { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Sends operations on the session; returns the status, the cookie if one was set, and what came of each.
fn session(address: SocketAddr, cookie: &str, ops: &Value) -> (u16, Option<String>, Vec<Value>) {
    let body = ops.to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /probe/session/ops/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nCookie: sessionid={cookie}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let set = head.lines().find_map(|line| line.strip_prefix("set-cookie: sessionid="));
    let results = serde_json::from_str::<Value>(body).ok().and_then(|v| v["results"].as_array().cloned());
    (status, set.map(|c| c.split(';').next().unwrap().to_owned()), results.unwrap_or_default())
}

fn made(address: SocketAddr) -> String {
    let (status, cookie, _) = session(address, "", &json!([["set", "made", 1]]));
    assert_eq!(status, 200);
    cookie.unwrap()
}

fn keys(address: SocketAddr, cookie: &str) -> Vec<Value> {
    session(address, cookie, &json!([["keys"]])).2[0]["ok"].as_array().unwrap().clone()
}

/// D6: twenty requests at once, over all servers in turn, each with a key of its own: twenty survive.
fn twenty_survive(servers: &[Server], what: &str) {
    let cookie = made(servers[0].address);
    let barrier = Arc::new(Barrier::new(20));
    let writers: Vec<_> = (0..20)
        .map(|n| {
            let (barrier, cookie) = (Arc::clone(&barrier), cookie.clone());
            let address = servers[n % servers.len()].address;
            std::thread::spawn(move || {
                barrier.wait();
                session(address, &cookie, &json!([["set", format!("k{n:02}"), n]])).0
            })
        })
        .collect();
    for writer in writers {
        assert_eq!(writer.join().unwrap(), 200, "{what}");
    }
    for server in servers {
        assert_eq!(keys(server.address, &cookie).len(), 21, "{what}");
    }
}

/// S12: a save and the end of the session at once, on different servers: whoever is first, it stays ended on all.
fn nothing_is_revived(servers: &[Server], what: &str) {
    for round in 0..15 {
        let cookie = made(servers[0].address);
        let barrier = Arc::new(Barrier::new(4));
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let (barrier, cookie) = (Arc::clone(&barrier), cookie.clone());
                let address = servers[n % servers.len()].address;
                let ops = if n == 1 { json!([["flush"]]) } else { json!([["set", "late", n], ["save"]]) };
                std::thread::spawn(move || {
                    barrier.wait();
                    session(address, &cookie, &ops).0
                })
            })
            .collect();
        for thread in threads {
            let status = thread.join().unwrap();
            assert!(matches!(status, 200 | 400), "{what}, round {round}: {status}");
        }
        for server in servers {
            assert!(keys(server.address, &cookie).is_empty(), "{what}, round {round}: revived");
        }
    }
}

#[test]
fn parallel_requests_of_one_process_lose_nothing() {
    for engine in ["db", "cache", "cached_db", "file"] {
        let folder = TempDir::new().unwrap();
        let servers = [Server::start(folder.path(), engine)];
        twenty_survive(&servers, engine);
        nothing_is_revived(&servers, engine);
    }
}

#[test]
fn parallel_requests_of_two_processes_lose_nothing() {
    for engine in ["db", "file"] {
        let folder = TempDir::new().unwrap();
        let servers = [Server::start(folder.path(), engine), Server::start(folder.path(), engine)];
        twenty_survive(&servers, engine);
        nothing_is_revived(&servers, engine);
    }
}

/// M28: a site that changes its engine signs nobody out; after the stop date the old one is ignored.
#[test]
fn a_site_moves_with_its_sessions() {
    let folder = TempDir::new().unwrap();
    let cookie = made(Server::start(folder.path(), "db").address);
    let moving = |until: &str| {
        std::fs::write(
            folder.path().join("cloakroom.toml"),
            format!("session_engine_fallbacks = [\"db\"]\nsession_fallback_until = \"{until}\"\n"),
        )
        .unwrap();
        Server::start(folder.path(), "file")
    };
    assert!(keys(moving("2020-01-01").address, &cookie).is_empty());
    assert_eq!(keys(moving("2999-01-01").address, &cookie), [json!("made")]);
    // It is in its file now, and the row is gone.
    assert_eq!(keys(moving("2020-01-01").address, &cookie), [json!("made")]);
    std::fs::remove_file(folder.path().join("cloakroom.toml")).unwrap();
    assert!(keys(Server::start(folder.path(), "db").address, &cookie).is_empty());
}
