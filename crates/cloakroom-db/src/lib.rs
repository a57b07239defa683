//! Django's tables on SQLite, PostgreSQL and MySQL: pools, migrations, queries.
//!
//! A [`Database`] is opened once and cloned freely. Each table has a module of queries: rows in, rows out, no policy.
//! "Not there" is `None` or a variant of the answer; an [`Err`](DbError) means that nothing is known and the answer to
//! the browser is 503.
//!
//! - No function here reads the clock: `now` is a parameter.
//! - Every function is `async`. On SQLite reads run on the calling thread, writes on a thread of their own which puts
//!   what is waiting into one transaction (D3). A server is asked over a bounded pool, and every call has a deadline
//!   (F05). Call them within a Tokio runtime that has its timer enabled.
//!
//! ```
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use cloakroom_core::clock::Timestamp;
//! use cloakroom_db::{Database, DatabaseUrl, Options, migrations, users};
//!
//! # let folder = tempfile::tempdir()?;
//! # let url = format!("sqlite://{}/db.sqlite3", folder.path().display());
//! let db = Database::open(&DatabaseUrl::parse(&url)?, Options::default()).await?;
//! migrations::migrate(&db, Timestamp::from_secs(1_767_323_045), &mut |_| {}).await?;
//! assert!(users::by_username(&db, "alice").await?.is_none());
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run()).unwrap();
//! ```

mod database;
mod error;
mod freshness;
mod mysql;
mod network;
mod options;
mod postgres;
mod sqlite;
mod url;
mod user_table;

pub mod admin;
pub mod content_types;
pub mod groups;
pub mod migrations;
pub mod permissions;
pub mod session_index;
pub mod sessions;
pub mod tokens;
pub mod users;

pub use self::database::{Database, Mark};
pub use self::error::{DbError, Table};
pub use self::freshness::Freshness;
pub use self::options::{Durability, IfMissing, Options, Updated};
pub use self::url::{DatabaseUrl, UrlError};
pub use self::user_table::KeyKind;
