//! F07: `kill -9` at any moment leaves a consistent database, with all that was acknowledged.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use cloakroom_db::migrations::{self, Status};
use cloakroom_db::{Database, DatabaseUrl, Durability, Options, sessions};

use crate::support::{Place, T0, key, row};

const CHILD: &str = "CLOAKROOM_TEST_CRASH_CHILD";

#[tokio::test]
async fn a_killed_process_loses_nothing_that_it_acknowledged() {
    if let Some(path) = std::env::var_os(CHILD) {
        return write_for_ever(path.into()).await;
    }
    let mut acknowledged_in_all = 0;
    for round in 0..12_u64 {
        let place = Place::new();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::a_killed_process_loses_nothing_that_it_acknowledged", "--nocapture"])
            .env(CHILD, place.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The first rounds hit the migration, later ones the writes.
        tokio::time::sleep(Duration::from_millis(4 + round * round * 3)).await;
        child.kill().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let acknowledged: Vec<usize> =
            lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("ack ")?.parse().ok()).collect();
        child.wait().unwrap();

        let db = place.open().await.unwrap();
        let whole: String = place.raw().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok");
        match migrations::status(&db).await.unwrap() {
            Status::Ready => {}
            Status::Pending { migrations, rows } => {
                assert_eq!((migrations.len(), rows, acknowledged.len()), (19, 30, 0), "all or nothing");
                migrations::migrate(&db, T0, &mut |_| {}).await.unwrap();
            }
            other => panic!("{other:?}"),
        }
        for n in &acknowledged {
            assert!(sessions::exists(&db, &key(*n)).await.unwrap(), "round {round}, session {n}");
        }
        acknowledged_in_all += acknowledged.len();
    }
    assert!(acknowledged_in_all > 0, "no round got as far as a write");
}

async fn write_for_ever(path: std::path::PathBuf) {
    let db = Database::open(&DatabaseUrl::sqlite_file(path), Options::default()).await.unwrap();
    migrations::migrate(&db, T0, &mut |_| {}).await.unwrap();
    let mut out = std::io::stdout();
    for n in 0.. {
        let created = sessions::create(&db, &key(n), row("x", T0), Durability::Normal).await.unwrap();
        assert_eq!(created, sessions::Created::Yes);
        writeln!(out, "\nack {n}").unwrap();
        out.flush().unwrap();
    }
}
