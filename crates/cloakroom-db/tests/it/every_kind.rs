//! SQLite passes what every kind of database must.

database_suite!(crate::suite::place::Kind::Sqlite);
