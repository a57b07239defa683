//! The PostgreSQL half of every query.

pub(crate) mod content_types;
pub(crate) mod groups;
pub(crate) mod migrations;
pub(crate) mod permissions;
pub(crate) mod sessions;
pub(crate) mod users;

use crate::error::DbError;
use crate::network::Address;
use crate::options::Options;

/// A database at a PostgreSQL server.
pub(crate) struct Postgres {
    address: Address,
}

impl Postgres {
    /// Makes the first connection, and looks whether a Django that is not known has migrated the database.
    pub(crate) async fn open(address: &Address, options: &Options) -> Result<Self, DbError> {
        todo!()
    }

    pub(crate) const fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) async fn close(&self) {
        todo!()
    }
}
