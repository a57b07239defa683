//! The least that a write can take: axum answers, zlib packs, SQLite stores, and nothing knows what a session is.
//!
//! Whoever stores what Django stores, where Django finds it, does these three things. What is stored here verifies nowhere: no
//! data are read, merged or signed. Writes share transactions as Cloakroom's do.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::yield_now;

use axum::Router;
use axum::extract::State;
use axum::http::header::COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Html;
use axum::routing::get;
use cloakroom::core::clock::{Clock as _, SystemClock, Timestamp};
use cloakroom::core::signing::{Compression, encode_payload};
use rusqlite::Connection;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::Failure;
use crate::page::page;

/// How long a session lives: Django's two weeks.
const AGE_SECS: i64 = 1_209_600;

/// A text to be stored, and who waits for that.
struct Write {
    key: String,
    text: String,
    expires: String,
    done: oneshot::Sender<()>,
}

/// Those whose writes were committed together.
type Done = Vec<oneshot::Sender<()>>;

/// Serves `/count/` from the sessions of a database file, and the other pages as bare axum does.
pub(crate) async fn serve(addr: SocketAddr, file: &Path) -> Result<(), Failure> {
    let connection = Connection::open(file)?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
    let (writes, queue) = sync_channel(4096);
    let (committed, mut told) = mpsc::unbounded_channel::<Done>();
    std::thread::spawn(move || {
        if let Err(e) = store(&connection, &queue, &committed) {
            eprintln!("{e}");
        }
    });
    // One wakes all: to wake each from another thread would be a call of the system each.
    tokio::spawn(async move {
        while let Some(done) = told.recv().await {
            for waiting in done {
                let _ = waiting.send(());
            }
        }
    });
    let app = Router::new().route("/", get(home)).route("/count/", get(count)).with_state(writes);
    let listener = TcpListener::bind(addr).await?;
    axum::serve(listener, app).with_graceful_shutdown(cloakroom::end_signal()).await?;
    Ok(())
}

/// Stores what comes, all that waits in one transaction.
fn store(
    connection: &Connection,
    queue: &Receiver<Write>,
    committed: &mpsc::UnboundedSender<Done>,
) -> Result<(), Failure> {
    let mut begin = connection.prepare("BEGIN IMMEDIATE")?;
    let mut commit = connection.prepare("COMMIT")?;
    let mut update =
        connection.prepare("UPDATE django_session SET session_data = ?2, expire_date = ?3 WHERE session_key = ?1")?;
    while let Ok(first) = queue.recv() {
        yield_now();
        begin.execute([])?;
        let mut done = Done::new();
        for Write { key, text, expires, done: waiting } in std::iter::once(first).chain(queue.try_iter()) {
            if update.execute((key, text, expires))? == 1 {
                done.push(waiting);
            }
        }
        commit.execute([])?;
        committed.send(done)?;
    }
    Ok(())
}

async fn home() -> Html<String> {
    page("Welcome.")
}

async fn count(State(writes): State<SyncSender<Write>>, headers: HeaderMap) -> Result<Html<String>, StatusCode> {
    let cookie = headers.get(COOKIE).and_then(|cookie| cookie.to_str().ok());
    let key = cookie.and_then(|cookie| cookie.strip_prefix("sessionid=")).ok_or(StatusCode::BAD_REQUEST)?;
    let now = SystemClock.now();
    let (done, waiting) = oneshot::channel();
    let write = Write {
        key: key.to_owned(),
        text: pack(&data(key, now)),
        expires: now.plus_secs(AGE_SECS).to_sqlite_text(),
        done,
    };
    writes.try_send(write).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    waiting.await.map_err(|_| StatusCode::NOT_FOUND)?;
    Ok(page("You have been here."))
}

/// As much JSON as a signed-in session has that counts.
fn data(key: &str, now: Timestamp) -> String {
    let hash: String = key.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!(
        r#"{{"_auth_user_id":"1","_auth_user_backend":"django.contrib.auth.backends.ModelBackend","_auth_user_hash":"{hash}","count":{}}}"#,
        now.as_micros() % 1_000
    )
}

/// The payload of a stored session, without its signature.
fn pack(json: &str) -> String {
    encode_payload(json.as_bytes(), Compression::IfSmaller)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloakroom::core::signing::decode_payload;

    #[test]
    fn what_is_packed_is_as_large_as_a_session() {
        let key = "0123456789abcdefghijklmnopqrstuv";
        let json = data(key, Timestamp::from_secs(1));
        let packed = pack(&json);
        assert_eq!(decode_payload(&packed).unwrap(), json.as_bytes());
        assert!((150..300).contains(&packed.len()), "{}", packed.len());
    }

    #[tokio::test]
    async fn what_comes_together_is_stored_together() {
        let connection = Connection::open_in_memory().unwrap();
        let table = "CREATE TABLE django_session (session_key PRIMARY KEY, session_data, expire_date)";
        connection
            .execute_batch(&format!("{table}; INSERT INTO django_session VALUES ('a', '', ''), ('b', '', '')"))
            .unwrap();
        let (writes, queue) = sync_channel(8);
        let (committed, mut told) = mpsc::unbounded_channel::<Done>();
        let mut waiting = Vec::new();
        for key in ["a", "b", "nobody"] {
            let (done, wait) = oneshot::channel();
            let write = Write { key: key.into(), text: "text".into(), expires: "then".into(), done };
            writes.send(write).unwrap();
            waiting.push(wait);
        }
        drop(writes);
        store(&connection, &queue, &committed).unwrap();
        let done = told.try_recv().unwrap();
        assert_eq!(done.len(), 2);
        done.into_iter().for_each(|waiting| waiting.send(()).unwrap());
        assert!(told.try_recv().is_err());
        let mut outcomes = Vec::new();
        for wait in waiting {
            outcomes.push(wait.await.is_ok());
        }
        assert_eq!(outcomes, [true, true, false]);
        let stored = "SELECT count(*) FROM django_session WHERE session_data = 'text'";
        assert_eq!(connection.query_row(stored, [], |row| row.get::<_, i64>(0)).unwrap(), 2);
    }
}
