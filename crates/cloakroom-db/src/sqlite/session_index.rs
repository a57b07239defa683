//! `cloakroom_session_index` on SQLite.

use std::collections::HashSet;

use cloakroom_core::clock::Timestamp;
use rusqlite::{Connection, Params, Row};

use super::fault::Fault;
use super::rows::{self, Moment, Place};
use super::sql::{self, migration, session_index as statement};
use crate::error::Table;
use crate::migrations::Migration;
use crate::session_index::{End, Entry, FILLED, MADE, Note, TABLE};

pub(crate) fn apply(c: &Connection, notes: &[Note]) -> Result<(), Fault> {
    for note in notes {
        match note {
            Note::Seen(entry, End::Known) => enter(c, statement::SEEN_END_KNOWN, entry)?,
            Note::Seen(entry, End::AtMost) => enter(c, statement::SEEN, entry)?,
            Note::Found(entry) => enter(c, statement::FOUND, entry)?,
            Note::Moved { old, new, sealed_key } => rows::execute(c, statement::MOVED, (old, new, sealed_key))?,
            Note::Ends { handle, expire_date } => {
                rows::execute(c, statement::ENDS, (handle, Moment::from(*expire_date)))?
            }
            Note::Gone { handle } => rows::execute(c, statement::GONE, (handle,))?,
        };
    }
    Ok(())
}

fn enter(c: &Connection, sql: &str, entry: &Entry) -> Result<usize, Fault> {
    let [first, last, end] = [entry.first_seen, entry.last_seen, entry.expire_date].map(Moment::from);
    let Entry { handle, user_id, sealed_key, address, user_agent, .. } = entry;
    rows::execute(c, sql, (handle, user_id, sealed_key, first, last, end, address, user_agent))
}

pub(crate) fn for_user(c: &Connection, user_id: &str) -> Result<Vec<Entry>, Fault> {
    entries(c, statement::FOR_USER, (user_id,))
}

pub(crate) fn find(c: &Connection, handle: &str) -> Result<Option<Entry>, Fault> {
    rows::first(c, statement::FIND, (handle,), entry)
}

pub(crate) fn known(c: &Connection, handles: &[String]) -> Result<HashSet<String>, Fault> {
    let mut exists = c.prepare_cached(statement::EXISTS)?;
    let mut known = HashSet::new();
    for handle in handles {
        if exists.exists((handle,))? {
            known.insert(handle.clone());
        }
    }
    Ok(known)
}

pub(crate) fn latest(c: &Connection, limit: u32) -> Result<Vec<Entry>, Fault> {
    entries(c, statement::LATEST, (limit,))
}

pub(crate) fn page(c: &Connection, after: &str, limit: u32) -> Result<Vec<Entry>, Fault> {
    entries(c, statement::PAGE, (after, limit))
}

pub(crate) fn expired(c: &Connection, now: Timestamp, limit: u32) -> Result<Vec<Entry>, Fault> {
    entries(c, statement::EXPIRED, (Moment::from(now), limit))
}

pub(crate) fn is_filled(c: &Connection) -> Result<bool, Fault> {
    is_recorded(c, FILLED)
}

pub(crate) fn mark_filled(c: &Connection, now: Timestamp) -> Result<(), Fault> {
    if !is_filled(c)? {
        record(c, FILLED, now)?;
    }
    Ok(())
}

/// What [`migrate`] would do.
pub(crate) fn pending(c: &Connection) -> Result<Option<Migration>, Fault> {
    let recorded = has_table(c, Table::Migrations.as_str())? && is_recorded(c, MADE)?;
    Ok((!recorded || !has_table(c, TABLE)?).then_some(MADE))
}

/// Makes the table if it is missing. Where there are no sessions yet, none is missing in it either.
pub(crate) fn migrate(c: &Connection, now: Timestamp) -> Result<Option<Migration>, Fault> {
    let Some(pending) = pending(c)? else { return Ok(None) };
    if !has_table(c, TABLE)? {
        c.execute_batch(include_str!("../../migrations/sqlite/session_index.sql"))?;
        rows::execute(c, migration::DELETE, (FILLED.app, FILLED.name))?;
    }
    if !is_recorded(c, MADE)? {
        record(c, MADE, now)?;
    }
    if !has_table(c, Table::Session.as_str())? || !rows::any(c, sql::session::ANY, [])? {
        mark_filled(c, now)?;
    }
    Ok(Some(pending))
}

fn has_table(c: &Connection, name: &str) -> Result<bool, Fault> {
    rows::any(c, sql::TABLE_EXISTS, (name,))
}

fn is_recorded(c: &Connection, migration: Migration) -> Result<bool, Fault> {
    rows::any(c, migration::EXISTS, (migration.app, migration.name))
}

fn record(c: &Connection, migration: Migration, now: Timestamp) -> Result<(), Fault> {
    rows::execute(c, migration::CREATE, (migration.app, migration.name, Moment::from(now))).map(drop)
}

fn entries(c: &Connection, sql: &str, params: impl Params) -> Result<Vec<Entry>, Fault> {
    rows::all(c, sql, params, entry)
}

/// Reads the columns of `sql::session_index`.
fn entry(row: &Row<'_>) -> Result<Entry, Fault> {
    let place = Place { table: Table::SessionIndex, key: 0 };
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

#[cfg(test)]
mod tests {
    use super::*;

    /// M09: no list reads more of the table than what it gives.
    #[test]
    fn every_list_uses_an_index() {
        let c = Connection::open_in_memory().unwrap();
        c.execute_batch(include_str!("../../migrations/sqlite/session_index.sql")).unwrap();
        c.execute_batch(include_str!("../../migrations/sqlite/sessions.sql")).unwrap();
        for (sql, index) in [
            (
                statement::FOR_USER,
                "SEARCH cloakroom_session_index USING INDEX cloakroom_session_index_user_id (user_id=?)",
            ),
            (
                statement::FIND,
                "SEARCH cloakroom_session_index USING INDEX sqlite_autoindex_cloakroom_session_index_1 (handle=?)",
            ),
            (
                statement::PAGE,
                "SEARCH cloakroom_session_index USING INDEX sqlite_autoindex_cloakroom_session_index_1 (handle>?)",
            ),
            (
                statement::EXPIRED,
                "SEARCH cloakroom_session_index USING INDEX cloakroom_session_index_expire_date (expire_date<?)",
            ),
            (statement::LATEST, "SCAN cloakroom_session_index USING INDEX cloakroom_session_index_expire_date"),
            (
                sql::session::NEWEST,
                "SEARCH django_session USING INDEX django_session_expire_date_a5c62663 (expire_date>?)",
            ),
        ] {
            let mut statement = c.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            for at in 1..=statement.parameter_count() {
                statement.raw_bind_parameter(at, 1).unwrap();
            }
            let mut rows = statement.raw_query();
            let mut plan = Vec::new();
            while let Some(row) = rows.next().unwrap() {
                plan.push(row.get::<_, String>(3).unwrap());
            }
            assert_eq!(plan, [index], "{sql}");
        }
    }
}
