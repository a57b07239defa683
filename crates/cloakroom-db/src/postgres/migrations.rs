//! Django's tables on PostgreSQL.

use cloakroom_core::clock::Timestamp;

use super::Postgres;
use crate::error::DbError;
use crate::migrations::{MigrationStep, Status};

pub(crate) async fn status(db: &Postgres) -> Result<Status, DbError> {
    todo!()
}

pub(crate) async fn migrate(db: &Postgres, now: Timestamp) -> Result<Vec<MigrationStep>, DbError> {
    todo!()
}
