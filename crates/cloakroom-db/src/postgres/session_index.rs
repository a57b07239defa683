//! `cloakroom_session_index` on PostgreSQL.

use std::collections::HashSet;

use cloakroom_core::clock::Timestamp;
use deadpool_postgres::Client;
use tokio_postgres::{Error, Row};

use super::rows::{self, Moment, Place, Sought};
use super::sql::{self, migration, session_index as statement};
use super::{Params, Postgres, fault};
use crate::error::{DbError, Table};
use crate::migrations::{Found, Migration};
use crate::network::Deadline;
use crate::session_index::{End, Entry, FILLED, MADE, Note, TABLE};

pub(crate) async fn apply(db: &Postgres, notes: &[Note]) -> Result<(), DbError> {
    let deadline = Deadline::after(db.deadline);
    let mut client = db.connection(deadline).await?;
    let outcome = deadline.within(in_transaction(&mut client, notes)).await;
    if !matches!(outcome, Ok(Ok(()))) {
        // The transaction ends with its connection.
        drop(Client::take(client));
    }
    outcome?.map_err(|error| fault::statement(error, &db.address, deadline.waited()))
}

async fn in_transaction(client: &mut Client, notes: &[Note]) -> Result<(), Error> {
    let transaction = client.transaction().await?;
    for note in notes {
        let (sql, entry) = match note {
            Note::Seen(entry, End::Known) => (statement::SEEN_END_KNOWN, entry),
            Note::Seen(entry, End::AtMost) => (statement::SEEN, entry),
            Note::Found(entry) => (statement::FOUND, entry),
            Note::Moved { old, new, sealed_key } => {
                let make_way = transaction.prepare_cached(statement::MAKE_WAY).await?;
                transaction.execute(&make_way, &[new, old]).await?;
                let moved = transaction.prepare_cached(statement::MOVED).await?;
                transaction.execute(&moved, &[old, new, sealed_key]).await?;
                continue;
            }
            Note::Ends { handle, expire_date } => {
                let ends = transaction.prepare_cached(statement::ENDS).await?;
                transaction.execute(&ends, &[handle, &Moment(*expire_date)]).await?;
                continue;
            }
            Note::Gone { handle } => {
                let gone = transaction.prepare_cached(statement::GONE).await?;
                transaction.execute(&gone, &[handle]).await?;
                continue;
            }
        };
        let [first, last, end] = [entry.first_seen, entry.last_seen, entry.expire_date].map(Moment);
        let Entry { handle, user_id, sealed_key, address, user_agent, .. } = entry;
        let params: Params<'_> = &[handle, user_id, sealed_key, &first, &last, &end, address, user_agent];
        let enter = transaction.prepare_cached(sql).await?;
        transaction.execute(&enter, params).await?;
    }
    transaction.commit().await
}

pub(crate) async fn for_user(db: &Postgres, user_id: &str) -> Result<Vec<Entry>, DbError> {
    entries(db, statement::FOR_USER, &[&Sought(user_id)]).await
}

pub(crate) async fn find(db: &Postgres, handle: &str) -> Result<Option<Entry>, DbError> {
    rows::first(&db.read(statement::FIND, &[&Sought(handle)]).await?, entry)
}

pub(crate) async fn known(db: &Postgres, handles: &[String]) -> Result<HashSet<String>, DbError> {
    let found = db.read(statement::KNOWN, &[&handles]).await?;
    found.iter().map(|row| PLACE.text(row, 0, "handle")).collect()
}

pub(crate) async fn latest(db: &Postgres, limit: u32) -> Result<Vec<Entry>, DbError> {
    entries(db, statement::LATEST, &[&i64::from(limit)]).await
}

pub(crate) async fn page(db: &Postgres, after: &str, limit: u32) -> Result<Vec<Entry>, DbError> {
    entries(db, statement::PAGE, &[&Sought(after), &i64::from(limit)]).await
}

pub(crate) async fn expired(db: &Postgres, now: Timestamp, limit: u32) -> Result<Vec<Entry>, DbError> {
    entries(db, statement::EXPIRED, &[&Moment(now), &i64::from(limit)]).await
}

pub(crate) async fn is_filled(db: &Postgres) -> Result<bool, DbError> {
    Ok(!db.read(migration::EXISTS, &[&FILLED.app, &FILLED.name]).await?.is_empty())
}

pub(crate) async fn mark_filled(db: &Postgres, now: Timestamp) -> Result<(), DbError> {
    db.execute(migration::CREATE_ONCE, &[&FILLED.app, &FILLED.name, &Moment(now)]).await.map(drop)
}

/// What [`migrate`] would do.
pub(super) fn pending(found: &Found) -> Option<Migration> {
    (!is_recorded(found, MADE) || !found.tables.contains(TABLE)).then_some(MADE)
}

/// Makes the table if it is missing. Where there are no sessions yet, none is missing in it either.
pub(super) async fn migrate(client: &Client, found: &Found, now: Timestamp) -> Result<Option<Migration>, Error> {
    let Some(pending) = pending(found) else { return Ok(None) };
    if !found.tables.contains(TABLE) {
        client.batch_execute(include_str!("../../migrations/postgres/session_index.sql")).await?;
        client.execute(migration::DELETE, &[&FILLED.app, &FILLED.name]).await?;
    }
    client.execute(migration::CREATE_ONCE, &[&MADE.app, &MADE.name, &Moment(now)]).await?;
    let has_sessions = found.tables.contains(Table::Session.as_str());
    if !has_sessions || client.query(sql::session::ANY, &[]).await?.is_empty() {
        client.execute(migration::CREATE_ONCE, &[&FILLED.app, &FILLED.name, &Moment(now)]).await?;
    }
    Ok(Some(pending))
}

fn is_recorded(found: &Found, migration: Migration) -> bool {
    found.applied.iter().any(|(app, name)| app == migration.app && name == migration.name)
}

async fn entries(db: &Postgres, sql: &'static str, params: Params<'_>) -> Result<Vec<Entry>, DbError> {
    db.read(sql, params).await?.iter().map(entry).collect()
}

const PLACE: Place = Place { table: Table::SessionIndex, key: Some(0) };

/// Reads the columns of `sql::session_index`.
fn entry(row: &Row) -> Result<Entry, DbError> {
    Ok(Entry {
        handle: PLACE.text(row, 0, "handle")?,
        user_id: PLACE.text(row, 1, "user_id")?,
        sealed_key: PLACE.text(row, 2, "sealed_key")?,
        first_seen: PLACE.time(row, 3, "first_seen")?,
        last_seen: PLACE.time(row, 4, "last_seen")?,
        expire_date: PLACE.time(row, 5, "expire_date")?,
        address: PLACE.text(row, 6, "address")?,
        user_agent: PLACE.text(row, 7, "user_agent")?,
    })
}
