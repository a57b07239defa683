//! Django's tables on SQLite: pools, migrations, queries.
