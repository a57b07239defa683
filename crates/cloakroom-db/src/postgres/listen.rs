//! Hearing from the server that somebody has committed, so that copies can be used without a question (D5, S21).
//!
//! Opt-in. Triggers on the tables of sessions, users and permissions tell the channel `cloakroom_near` who has changed something:
//! the `application_name` of the connection, which names this process and no other. What others changed ends every copy; what
//! this process changed, it has accounted for by itself.
//!
//! How old a copy can be is bounded by a heartbeat ([`Hearing`]): the listening connection itself tells the channel something,
//! again and again. The server tells of commits in their order; so once a beat is heard, everything that was acknowledged before
//! it was sent has been heard. Nothing is while a pooler between swallows what it should pass on.

use std::future::poll_fn;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cloakroom_core::near::{Hearing, Line, Stamp};
use cloakroom_core::user_model::UserTable;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Connection, Error, NoTls};

use super::connect::Connector;
use super::sql;

/// Questions within a bound, so that one that is late does not end the use of copies.
const BEATS: u32 = 4;

/// How much is known, and until when.
pub(super) struct Heard {
    hearing: Hearing,
    /// The last beat that was heard.
    heard: AtomicU64,
    /// What this process's connections are called.
    name: String,
}

/// The task that listens; it ends with this.
pub(super) struct Listening {
    heard: Arc<Heard>,
    task: JoinHandle<()>,
}

impl Heard {
    pub(super) fn new(bound: Duration, line: &Arc<Line>) -> Arc<Self> {
        // Nobody else of this name, or its changes would count as ours.
        let name = format!("cloakroom-{:016x}", RandomState::new().hash_one(std::process::id()));
        Arc::new(Self { hearing: Hearing::new(bound, Arc::clone(line)), heard: AtomicU64::new(0), name })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Takes in what the channel said.
    fn take_in(&self, payload: &str) {
        if let Some(beat) = payload.strip_prefix("beat ") {
            if let Some(number) = beat.strip_prefix(&self.name).and_then(|n| n.trim_start().parse().ok()) {
                self.heard.fetch_max(number, Ordering::AcqRel);
            }
        } else if payload != self.name {
            self.hearing.line().forget();
        }
    }
}

impl Listening {
    pub(super) fn start(connector: Connector, users: &UserTable, heard: Arc<Heard>) -> Self {
        let task = tokio::spawn(listen(connector, tables(users), Arc::clone(&heard)));
        Self { heard, task }
    }

    /// The present moment, if everything is known that was acknowledged longer ago than the bound.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.heard.hearing.stamp()
    }

    pub(super) fn bound(&self) -> Duration {
        self.heard.hearing.bound()
    }

    pub(super) fn stop(&self) {
        self.task.abort();
        self.heard.hearing.lose();
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The tables whose changes matter, and which changes do: a new session is no copy's.
fn tables(users: &UserTable) -> Vec<(String, &'static str)> {
    const ALL: &str = "INSERT OR UPDATE OR DELETE OR TRUNCATE";
    let mut tables = vec![("django_session".to_owned(), "UPDATE OR DELETE OR TRUNCATE")];
    let of_users = [users.table().to_owned(), users.groups_table(), users.permissions_table()];
    let of_all = ["auth_permission", "auth_group_permissions"].map(str::to_owned);
    tables.extend(of_users.into_iter().chain(of_all).map(|table| (table, ALL)));
    tables
}

/// Listens for ever.
async fn listen(connector: Connector, tables: Vec<(String, &'static str)>, heard: Arc<Heard>) {
    let mut told = false;
    let mut beat = 0;
    loop {
        match once(&connector, &tables, &heard, &mut beat, &mut told).await {
            Ok(()) => {}
            Err(error) if !told => {
                told = true;
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::warn!(error, "changes of other processes are not heard: each request asks PostgreSQL");
            }
            Err(error) => tracing::debug!(%error, "changes of other processes are not heard"),
        }
        heard.hearing.lose();
        tokio::time::sleep(heard.hearing.bound() / BEATS).await;
    }
}

/// Listens until the connection breaks, hangs, or does not pass on what it should.
async fn once(
    connector: &Connector,
    tables: &[(String, &'static str)],
    heard: &Arc<Heard>,
    beat: &mut u64,
    told: &mut bool,
) -> Result<(), Error> {
    let mut config = connector.config();
    config.application_name(format!("{}-listens", heard.name));
    let (client, attended) = match connector.tls() {
        Some(tls) => {
            let (client, connection) = config.connect(tls.clone()).await?;
            (client, tokio::spawn(attend(connection, Arc::clone(heard))))
        }
        None => {
            let (client, connection) = config.connect(NoTls).await?;
            (client, tokio::spawn(attend(connection, Arc::clone(heard))))
        }
    };
    let _attended = Aborted(attended);
    install(&client, tables).await?;
    client.batch_execute(sql::near::LISTEN).await?;
    let (hearing, bound) = (&heard.hearing, heard.hearing.bound());
    hearing.lose();
    loop {
        let sent = Instant::now();
        *beat += 1;
        let payload = format!("beat {} {beat}", heard.name);
        let params: &[&(dyn ToSql + Sync)] = &[&payload];
        match tokio::time::timeout(bound, client.execute(sql::near::BEAT, params)).await {
            Ok(answer) => answer?,
            Err(_) => return Ok(()),
        };
        if heard.heard.load(Ordering::Acquire) < *beat {
            tracing::warn!("what PostgreSQL tells is not passed on, perhaps by a pooler: each request asks PostgreSQL");
            return Ok(());
        }
        if std::mem::take(told) {
            tracing::info!("changes of other processes are heard again");
        }
        hearing.believe(sent);
        tokio::time::sleep(bound / BEATS).await;
    }
}

/// Makes the triggers that are missing.
async fn install(client: &Client, tables: &[(String, &'static str)]) -> Result<(), Error> {
    if client.query_opt(sql::near::HAS_FUNCTION, &[]).await?.is_none() {
        client.batch_execute(sql::near::FUNCTION).await?;
    }
    for (table, changes) in tables {
        let quoted = format!("\"{}\"", table.replace('"', "\"\""));
        if client.query_opt(sql::near::HAS_TRIGGER, &[&quoted]).await?.is_none() {
            let trigger = format!(
                "CREATE TRIGGER cloakroom_near AFTER {changes} ON {quoted} \
                 FOR EACH STATEMENT EXECUTE FUNCTION cloakroom_near()"
            );
            client.batch_execute(&trigger).await?;
        }
    }
    Ok(())
}

/// Attends to the connection, and takes in what it is told in the order in which it comes, answers included.
async fn attend<S, T>(mut connection: Connection<S, T>, heard: Arc<Heard>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match poll_fn(|cx| connection.poll_message(cx)).await {
            Some(Ok(AsyncMessage::Notification(told))) => heard.take_in(told.payload()),
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                tracing::debug!(%error, "the connection that listens broke");
                return;
            }
            None => return,
        }
    }
}

/// Ends a task with the connection that it attends to.
struct Aborted(JoinHandle<()>);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use cloakroom_core::keys::UserId;
    use cloakroom_core::near::Subject;

    use super::*;

    /// S21: what others say ends all copies; what this process says, and its own and others' heartbeats, end none.
    #[test]
    fn own_changes_are_told_from_others() {
        let line = Arc::new(Line::new());
        let heard = Heard::new(Duration::from_secs(60), &line);
        let then = line.stamp();
        let alice = UserId::from(1);
        let holds = || line.holds(then, line.stamp(), Subject::User(&alice));
        heard.take_in(heard.name());
        heard.take_in(&format!("beat {} 7", heard.name()));
        heard.take_in("beat cloakroom-0123456789abcdef 9");
        assert!(holds());
        assert_eq!(heard.heard.load(Ordering::Relaxed), 7);
        heard.take_in("psql");
        assert!(!holds());
    }
}
