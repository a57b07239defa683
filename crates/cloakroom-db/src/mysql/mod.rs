//! The MySQL half of every query.

pub(crate) mod content_types;
pub(crate) mod groups;
pub(crate) mod migrations;
pub(crate) mod permissions;
pub(crate) mod sessions;
pub(crate) mod users;

use crate::error::DbError;
use crate::network::Address;
use crate::options::Options;

/// A database at a MySQL server.
pub(crate) struct MySql {
    address: Address,
}

impl MySql {
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
