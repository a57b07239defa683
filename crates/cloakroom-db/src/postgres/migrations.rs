//! Django's tables on PostgreSQL.

use std::collections::HashSet;
use std::time::Duration;

use cloakroom_core::clock::Timestamp;
use deadpool_postgres::Client;
use futures_util::future::BoxFuture;
use tokio_postgres::Error;

use super::rows::Moment;
use super::sql::{self, content_type, migration, permission};
use super::{Postgres, fault, session_index};
use crate::error::{DbError, Table};
use crate::migrations::{App, Found, MIGRATIONS, MigrationStep, Status, Stored, Swap};
use crate::network::Deadline;

/// Fails if a Django that is not known has migrated the database.
pub(super) async fn refuse_what_is_unknown(db: &Postgres) -> Result<(), DbError> {
    let deadline = Deadline::after(db.deadline);
    let client = db.connection(deadline).await?;
    name(db, deadline, deadline.within(look(&client, db.users.swap())).await?)?.refuse_newer()
}

/// Names of all tables.
pub(super) async fn tables(db: &Postgres) -> Result<HashSet<String>, DbError> {
    let rows = db.read(sql::TABLES, &[]).await?;
    rows.iter().map(|row| row.try_get(0).map_err(|e| DbError::Unavailable { source: e.into() })).collect()
}

pub(crate) async fn status(db: &Postgres) -> Result<Status, DbError> {
    let deadline = Deadline::after(db.deadline);
    let client = db.connection(deadline).await?;
    let found = name(db, deadline, deadline.within(look(&client, db.users.swap())).await?)?;
    let plan = found.plan()?;
    let stored = name(db, deadline, deadline.within(look_at_rows(&client, &found)).await?)?;
    let migrations: Vec<_> =
        plan.iter().flat_map(|app| app.migrations()).chain(session_index::pending(&found)).collect();
    let rows = stored.missing_rows(found, &plan);
    Ok(if migrations.is_empty() && rows == 0 { Status::Ready } else { Status::Pending { migrations, rows } })
}

pub(crate) async fn migrate(db: &Postgres, now: Timestamp) -> Result<Vec<MigrationStep>, DbError> {
    alone(db, |db, client| Box::pin(make(db, client, now))).await
}

/// Does what makes tables: in one transaction, one process after the other.
pub(super) async fn alone<T>(
    db: &Postgres,
    work: impl for<'a> FnOnce(&'a Postgres, &'a Client) -> BoxFuture<'a, Result<T, Stop>>,
) -> Result<T, DbError> {
    let deadline = Deadline::after(db.lock_timeout + WORK);
    let client = db.connection(deadline).await?;
    let transaction = async {
        client.batch_execute(&sql::begin_migration(db.lock_timeout, WORK)).await?;
        client.execute(migration::LOCK, &[]).await?;
        let done = work(db, &client).await?;
        client.batch_execute("COMMIT").await?;
        Ok::<_, Stop>(done)
    };
    let outcome = deadline.within(transaction).await;
    let outcome = outcome.and_then(|outcome| match outcome {
        Ok(done) => Ok(done),
        Err(Stop::Refused(error)) => Err(error),
        Err(Stop::Failed(error)) => Err(fault::statement(error, &db.address, deadline.waited())),
    });
    if outcome.is_err() {
        // The transaction ends with its connection.
        drop(Client::take(client));
    }
    outcome
}

/// How long the work may take once it is its turn: a slow disk, a database that makes its first tables.
const WORK: Duration = Duration::from_secs(60);

pub(super) enum Stop {
    Refused(DbError),
    Failed(Error),
}

impl From<DbError> for Stop {
    fn from(error: DbError) -> Self {
        Self::Refused(error)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

async fn make(db: &Postgres, client: &Client, now: Timestamp) -> Result<Vec<MigrationStep>, Stop> {
    let found = look(client, db.users.swap()).await?;
    let plan = found.plan()?;
    let mut steps = Vec::new();
    if !plan.is_empty() && !found.tables.contains(Table::Migrations.as_str()) {
        client.batch_execute(MIGRATIONS_TABLE).await?;
    }
    for app in &plan {
        client.batch_execute(&db.users.swap().statements(ddl(*app))).await?;
    }
    for applied in MIGRATIONS.into_iter().filter(|m| plan.iter().any(|app| app.label() == m.app)) {
        client.execute(migration::CREATE, &[&applied.app, &applied.name, &Moment(now)]).await?;
        steps.push(MigrationStep::Applied(applied));
    }
    let found = look(client, db.users.swap()).await?;
    let stored = look_at_rows(client, &found).await?;
    for model in stored.missing_content_types(&found) {
        let app_label = model.app.label();
        client.execute(content_type::CREATE, &[&app_label, &model.name]).await?;
        steps.push(MigrationStep::ContentType { app_label, model: model.name });
    }
    for (model, actions) in stored.missing_permissions(&found) {
        let (app_label, made) = (model.app.label(), actions.len() as u64);
        for action in actions {
            let (codename, name) = (model.codename(action), model.permission_name(action));
            client.execute(permission::CREATE_FOR, &[&app_label, &model.name, &codename, &name]).await?;
        }
        steps.push(MigrationStep::Permissions { app_label, model: model.name, made });
    }
    steps.extend(session_index::migrate(client, &found, now).await?.map(MigrationStep::Applied));
    Ok(steps)
}

const MIGRATIONS_TABLE: &str = include_str!("../../migrations/postgres/migrations.sql");

const fn ddl(app: App) -> &'static str {
    match app {
        App::ContentTypes => include_str!("../../migrations/postgres/contenttypes.sql"),
        App::Auth => include_str!("../../migrations/postgres/auth.sql"),
        App::Admin => include_str!("../../migrations/postgres/admin.sql"),
        App::Sessions => include_str!("../../migrations/postgres/sessions.sql"),
    }
}

pub(super) async fn look(client: &Client, users: Swap) -> Result<Found, Error> {
    let rows = client.query(sql::TABLES, &[]).await?;
    let tables: HashSet<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let applied = if tables.contains(Table::Migrations.as_str()) {
        let rows = client.query(migration::ALL, &[]).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, Error>>()?
    } else {
        Vec::new()
    };
    Ok(Found { tables, applied, users })
}

async fn look_at_rows(client: &Client, found: &Found) -> Result<Stored, Error> {
    let mut stored = Stored::default();
    if found.tables.contains(Table::ContentType.as_str()) {
        for row in client.query(content_type::ALL, &[]).await? {
            stored.content_types.insert((row.try_get(1)?, row.try_get(2)?));
        }
        if found.tables.contains(Table::AuthPermission.as_str()) {
            for row in client.query(permission::NATURAL_KEYS, &[]).await? {
                stored.permissions.insert((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
            }
        }
    }
    Ok(stored)
}

fn name<T>(db: &Postgres, deadline: Deadline, outcome: Result<T, Error>) -> Result<T, DbError> {
    outcome.map_err(|error| fault::statement(error, &db.address, deadline.waited()))
}
