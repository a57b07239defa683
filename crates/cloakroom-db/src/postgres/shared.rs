//! The connection that short reads share.
//!
//! A statement need not wait for the answers of those before it: PostgreSQL reads one after another, and answers in that
//! order. So reads that take next to no time go out on one connection, whoever asks, many in one packet, and nobody fetches
//! a connection for himself. The price is that a slow one holds up those behind it. Therefore only what finds a few rows by
//! an index comes here, by [`Postgres::read_shared`](super::Postgres::read_shared), and no more than [`MOST`] at a time: a
//! connection that hangs is never waited for by all.
//!
//! There is no task that makes this connection, and no lock to wait for: whoever finds none asks on a connection of the pool,
//! and leaves it here.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use deadpool_postgres::Client;
use tokio_postgres::Row;

use super::fault::Failure;
use super::{Params, attempt_one};

/// How many wait for this connection at most. Others ask on one of the pool.
const MOST: usize = 64;

/// A place for the connection.
#[derive(Default)]
pub(super) struct Shared(RwLock<Option<Arc<Link>>>);

/// A connection of the pool that does not go back.
pub(super) struct Link {
    /// `None` when this is dropped, and never else.
    client: Option<Client>,
    made: Instant,
}

impl Shared {
    /// The connection, if there is one that is not known to be broken, and few are waiting for it.
    pub(super) fn link(&self) -> Option<Arc<Link>> {
        let place = self.0.read().unwrap_or_else(PoisonError::into_inner);
        // Who waits for an answer has an `Arc`, and the place has one.
        place.as_ref().filter(|link| Arc::strong_count(link) <= MOST && !link.is_closed()).cloned()
    }

    /// Takes a connection that just answered, if it is of use here. Otherwise it goes back to its pool.
    pub(super) fn offer(&self, client: Client) {
        let mut place = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if place.as_ref().is_none_or(|link| link.is_closed()) {
            let made = Client::metrics(&client).created;
            *place = Some(Arc::new(Link { client: Some(client), made }));
        }
    }

    /// Lets go of the connection if it was made by then. It ends with the last answer that somebody waits for.
    pub(super) fn forget_until(&self, moment: Instant) {
        let mut place = self.0.write().unwrap_or_else(PoisonError::into_inner);
        place.take_if(|link| link.made <= moment);
    }
}

impl Link {
    /// Runs a statement behind those of others.
    pub(super) async fn read(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Failure> {
        let client = self.client.as_ref().expect("a connection is there until the link is dropped");
        Ok(attempt_one(client, sql, params).await?.rows)
    }

    pub(super) const fn made(&self) -> Instant {
        self.made
    }

    fn is_closed(&self) -> bool {
        self.client.as_ref().is_none_or(|client| client.is_closed())
    }
}

/// Nobody can tell what the server still does on it: it ends, and the pool may make another.
impl Drop for Link {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Client::take(client));
        }
    }
}
