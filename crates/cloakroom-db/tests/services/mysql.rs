//! MySQL and MariaDB.

mod every_kind {
    database_suite!(crate::suite::place::Kind::MySql);
}
