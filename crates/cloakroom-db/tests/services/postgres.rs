//! PostgreSQL.

mod every_kind {
    database_suite!(crate::suite::place::Kind::Postgres);
}
