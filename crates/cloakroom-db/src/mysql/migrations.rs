//! Django's tables on MySQL.

use cloakroom_core::clock::Timestamp;

use super::MySql;
use crate::error::DbError;
use crate::migrations::{MigrationStep, Status};

pub(crate) async fn status(db: &MySql) -> Result<Status, DbError> {
    todo!()
}

pub(crate) async fn migrate(db: &MySql, now: Timestamp) -> Result<Vec<MigrationStep>, DbError> {
    todo!()
}
