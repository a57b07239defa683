//! The suite of the engines that use a database, on PostgreSQL and MySQL.

use cloakroom_testservers::OwnDatabase;

use crate::world::{Tables, World};

/// Runs the tests of `db` and `cached_db` one after the other, on one database that is empty each time: to make one takes
/// longer than a test.
macro_rules! engine_suite {
    (@ $own:ident $test:ident db) => { engine_suite!(@ $own $test Db run) };
    (@ $own:ident $test:ident cached_db) => { engine_suite!(@ $own $test CachedDb run) };
    (@ $own:ident $test:ident $kind:ident run) => {
        println!("{} with {:?}", stringify!($test), Kind::$kind);
        $test(&super::empty($own).await, Kind::$kind).await;
    };
    (@ $own:ident $test:ident $engine:ident) => {};
    ($($test:ident: $($engine:ident)+;)+) => {
        pub(super) async fn all(own: &super::OwnDatabase) {
            $( $( engine_suite!(@ own $test $engine); )+ )+
        }
    };
}

#[path = "../it/suite.rs"]
mod suite;

/// A world whose database has its tables and nothing in them.
async fn empty(own: &OwnDatabase) -> World {
    let world = World::in_folder(tempfile::tempdir().unwrap(), &own.url(), Tables::Made).await;
    own.query("DELETE FROM django_session");
    own.query("DELETE FROM cloakroom_session_index");
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_on_postgres() {
    suite::all(&OwnDatabase::postgres()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_on_mysql() {
    suite::all(&OwnDatabase::mysql()).await;
}
