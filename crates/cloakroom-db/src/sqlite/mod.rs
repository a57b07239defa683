//! The SQLite half of every query.
