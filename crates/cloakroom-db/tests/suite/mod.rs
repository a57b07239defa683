//! What holds on every kind of database, as functions of the kind; [`database_suite!`] makes tests of them.

#[macro_use]
mod list;

pub(crate) mod admin;
pub(crate) mod concurrency;
pub(crate) mod migrations;
pub(crate) mod place;
pub(crate) mod session_index;
pub(crate) mod sessions;
pub(crate) mod tokens;
pub(crate) mod user_models;
pub(crate) mod users;
