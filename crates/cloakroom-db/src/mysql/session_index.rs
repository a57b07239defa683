//! `cloakroom_session_index` on MySQL.

use std::collections::HashSet;

use cloakroom_core::clock::Timestamp;
use mysql_async::{Params, Row};

use super::MySql;
use super::fault::Fault;
use super::pool::Call;
use super::rows::{Place, moment};
use super::sql::{self, migration, session_index as statement};
use crate::error::{DbError, Table};
use crate::migrations::{Found, Migration};
use crate::session_index::{End, Entry, FILLED, MADE, Note, TABLE};

pub(crate) async fn apply(db: &MySql, notes: &[Note]) -> Result<(), DbError> {
    transaction!(db, |call| {
        for note in notes {
            match note {
                Note::Seen(entry, End::Known) => call.execute(statement::SEEN_END_KNOWN, values(entry)).await?,
                Note::Seen(entry, End::AtMost) => call.execute(statement::SEEN, values(entry)).await?,
                Note::Found(entry) => call.execute(statement::FOUND, values(entry)).await?,
                Note::Moved { old, new, sealed_key } => {
                    // One under the new handle gives way, but only to one that there is.
                    if call.first(statement::EXISTS, (old,)).await?.is_some() {
                        call.execute(statement::MAKE_WAY, (new, old)).await?;
                    }
                    call.execute(statement::MOVED, (new, sealed_key, old)).await?
                }
                Note::Ends { handle, expire_date } => {
                    call.execute(statement::ENDS, (moment(*expire_date), handle)).await?
                }
                Note::Gone { handle } => call.execute(statement::GONE, (handle,)).await?,
            };
        }
        Ok(())
    })
}

fn values(entry: &Entry) -> Params {
    let [first, last, end] = [entry.first_seen, entry.last_seen, entry.expire_date].map(moment);
    let Entry { handle, user_id, sealed_key, address, user_agent, .. } = entry;
    (handle, user_id, sealed_key, first, last, end, address, user_agent).into()
}

pub(crate) async fn for_user(db: &MySql, user_id: &str) -> Result<Vec<Entry>, DbError> {
    db.all(statement::FOR_USER, (user_id,), entry).await
}

pub(crate) async fn find(db: &MySql, handle: &str) -> Result<Option<Entry>, DbError> {
    db.first(statement::FIND, (handle,), entry).await
}

pub(crate) async fn known(db: &MySql, handles: &[String]) -> Result<HashSet<String>, DbError> {
    let mut known = HashSet::new();
    for handle in handles {
        if db.any(statement::EXISTS, (handle,)).await? {
            known.insert(handle.clone());
        }
    }
    Ok(known)
}

pub(crate) async fn latest(db: &MySql, limit: u32) -> Result<Vec<Entry>, DbError> {
    db.all(statement::LATEST, (limit,), entry).await
}

pub(crate) async fn page(db: &MySql, after: &str, limit: u32) -> Result<Vec<Entry>, DbError> {
    db.all(statement::PAGE, (after, limit), entry).await
}

pub(crate) async fn expired(db: &MySql, now: Timestamp, limit: u32) -> Result<Vec<Entry>, DbError> {
    db.all(statement::EXPIRED, (moment(now), limit), entry).await
}

pub(crate) async fn is_filled(db: &MySql) -> Result<bool, DbError> {
    db.any(migration::EXISTS, (FILLED.app, FILLED.name)).await
}

pub(crate) async fn mark_filled(db: &MySql, now: Timestamp) -> Result<(), DbError> {
    transaction!(db, |call| { mark_filled_in(call, now).await })
}

async fn mark_filled_in(call: &mut Call<'_>, now: Timestamp) -> Result<(), Fault> {
    if is_recorded(call, FILLED).await? { Ok(()) } else { record(call, FILLED, now).await }
}

/// What [`migrate`] would do.
pub(super) fn pending(found: &Found) -> Option<Migration> {
    let recorded = found.applied.iter().any(|(app, name)| app == MADE.app && name == MADE.name);
    (!recorded || !found.tables.contains(TABLE)).then_some(MADE)
}

/// Makes the table if it is missing. Where there are no sessions yet, none is missing in it either.
pub(super) async fn migrate(call: &mut Call<'_>, found: &Found, now: Timestamp) -> Result<Option<Migration>, Fault> {
    let Some(pending) = pending(found) else { return Ok(None) };
    if !found.tables.contains(TABLE) {
        call.execute(migration::DELETE, (FILLED.app, FILLED.name)).await?;
        call.run(include_str!("../../migrations/mysql/session_index.sql")).await?;
    }
    if !is_recorded(call, MADE).await? {
        record(call, MADE, now).await?;
    }
    let has_sessions = found.tables.contains(Table::Session.as_str());
    if !has_sessions || call.first(sql::session::ANY, ()).await?.is_none() {
        mark_filled_in(call, now).await?;
    }
    Ok(Some(pending))
}

async fn is_recorded(call: &mut Call<'_>, migration: Migration) -> Result<bool, Fault> {
    Ok(call.first(migration::EXISTS, (migration.app, migration.name)).await?.is_some())
}

async fn record(call: &mut Call<'_>, migration: Migration, now: Timestamp) -> Result<(), Fault> {
    call.execute(migration::CREATE, (migration.app, migration.name, moment(now))).await.map(drop)
}

/// Reads the columns of `sql::session_index`.
fn entry(row: &Row) -> Result<Entry, Fault> {
    let place = Place::of(Table::SessionIndex);
    Ok(Entry {
        handle: place.text(row, 0, "handle")?,
        user_id: place.text(row, 1, "user_id")?,
        sealed_key: place.text(row, 2, "sealed_key")?,
        first_seen: place.time(row, 3, "first_seen")?,
        last_seen: place.time(row, 4, "last_seen")?,
        expire_date: place.time(row, 5, "expire_date")?,
        address: place.text(row, 6, "address")?,
        user_agent: place.text(row, 7, "user_agent")?,
    })
}
