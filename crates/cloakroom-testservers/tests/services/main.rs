//! The helpers on the real servers.

use cloakroom_testservers::{OwnDatabase, certificate_authority, redis_url};

#[test]
fn a_database_is_there_and_then_is_not() {
    for (make, exists) in [
        (OwnDatabase::postgres as fn() -> OwnDatabase, "SELECT count(*) FROM pg_database WHERE datname = "),
        (OwnDatabase::mysql, "SELECT count(*) FROM information_schema.schemata WHERE schema_name = "),
    ] {
        let other = make();
        let database = make();
        database.query("CREATE TABLE t (a int, b varchar(9)); INSERT INTO t VALUES (1, 'x'), (2, 'ü')");
        assert_eq!(database.query("SELECT a, b FROM t ORDER BY a"), "1\tx\n2\tü");
        let exists = format!("{exists} '{}'", database.name());
        assert_eq!(other.query(&exists), "1");
        drop(database);
        assert_eq!(other.query(&exists), "0");
    }
}

#[test]
fn the_other_variables_are_set() {
    assert!(redis_url().starts_with("redis://"));
    assert!(certificate_authority().is_file());
}
