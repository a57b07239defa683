//! `authtoken_token` (A09): the tokens of REST framework's `TokenAuthentication` (D06), one a user, stored in clear.
//!
//! A site that has no use for tokens has no such table. [`migrate`] makes it as REST framework's own migrations do; where
//! they have run, theirs is used as it is. Without it each function here fails with [`DbError::NotMigrated`].

use std::sync::Arc;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::{TokenKey, UserId};

use crate::database::{Backend, Database};
use crate::error::{DbError, Table};
use crate::migrations::{ACTIONS, Found, Migration, MigrationStep, Swap};
use crate::options::Durability;
use crate::{content_types, mysql, permissions, postgres, sqlite};

/// A row of `authtoken_token`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What the client shows.
    pub key: TokenKey,
    /// Whose it is.
    pub user_id: UserId,
    /// When it was made.
    pub created: Timestamp,
}

/// Returns the token with exactly this key: one query, whether there is one or not.
///
/// On MySQL, where Django's columns know no case, a key of another case is no key all the same.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn find(db: &Database, key: &str) -> Result<Option<Token>, DbError> {
    let found = match db.backend() {
        Backend::Sqlite(s) => {
            let users = s.users()?;
            s.read(|c| sqlite::tokens::find(c, users, key)).await
        }
        Backend::Postgres(p) => postgres::tokens::find(p, key).await,
        Backend::MySql(m) => mysql::tokens::find(m, key).await,
    };
    Ok(found?.filter(|token| token.key.is(key)))
}

/// Returns the token of a user.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn of_user(db: &Database, user: &UserId) -> Result<Option<Token>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = s.users()?;
            s.read(|c| sqlite::tokens::of_user(c, users, user)).await
        }
        Backend::Postgres(p) => postgres::tokens::of_user(p, user).await,
        Backend::MySql(m) => mysql::tokens::of_user(m, user).await,
    }
}

/// Returns the token of a user, made of `new` if there is none yet: of several who ask at once all get the same. `None` if
/// the user is gone.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn get_or_create(
    db: &Database,
    user: &UserId,
    new: &TokenKey,
    now: Timestamp,
) -> Result<Option<Token>, DbError> {
    if let Some(token) = of_user(db, user).await? {
        return Ok(Some(token));
    }
    let made = match db.backend() {
        Backend::Sqlite(s) => {
            let (users, user, new) = (Arc::clone(s.users()?), user.clone(), new.clone());
            s.write(Durability::Full, move |c| sqlite::tokens::create(c, &users, &user, &new, now)).await
        }
        Backend::Postgres(p) => postgres::tokens::create(p, user, new, now).await,
        Backend::MySql(m) => mysql::tokens::create(m, user, new, now).await,
    };
    made_for(db, user, made).await
}

/// Gives a user this token in place of the one they have, if they have one; the old one opens nothing any more. `None` if
/// the user is gone.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn replace(db: &Database, user: &UserId, new: &TokenKey, now: Timestamp) -> Result<Option<Token>, DbError> {
    let made = match db.backend() {
        Backend::Sqlite(s) => {
            let (users, user, new) = (Arc::clone(s.users()?), user.clone(), new.clone());
            s.write(Durability::Full, move |c| sqlite::tokens::replace(c, &users, &user, &new, now)).await
        }
        Backend::Postgres(p) => postgres::tokens::replace(p, user, new, now).await,
        Backend::MySql(m) => mysql::tokens::replace(m, user, new, now).await,
    };
    made_for(db, user, made).await
}

/// The token of a user for whom one was made, unless the user is gone.
async fn made_for(db: &Database, user: &UserId, made: Result<(), DbError>) -> Result<Option<Token>, DbError> {
    match made {
        Ok(()) => of_user(db, user).await,
        Err(DbError::Integrity { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes a user's token away; whether there was one.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn delete_of_user(db: &Database, user: &UserId) -> Result<bool, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let (users, user) = (Arc::clone(s.users()?), user.clone());
            s.write(Durability::Full, move |c| sqlite::tokens::delete_of_user(c, &users, &user)).await
        }
        Backend::Postgres(p) => postgres::tokens::delete_of_user(p, user).await,
        Backend::MySql(m) => mysql::tokens::delete_of_user(m, user).await,
    }
}

/// Whether the table is there.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn is_installed(db: &Database) -> Result<bool, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read(sqlite::tokens::is_installed).await,
        Backend::Postgres(p) => postgres::tokens::is_installed(p).await,
        Backend::MySql(m) => mysql::tokens::is_installed(m).await,
    }
}

/// The migrations that [`migrate`] would apply.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn pending(db: &Database) -> Result<Vec<Migration>, DbError> {
    Ok(if is_installed(db).await? { Vec::new() } else { MIGRATIONS.to_vec() })
}

/// Makes the table, its rows in `django_migrations`, content types and permissions, unless it is there. Call it after
/// [`migrations::migrate`](crate::migrations::migrate), and only where tokens are wanted.
///
/// # Errors
///
/// [`DbError::OlderDjango`] where a part of REST framework's migrations has run, [`DbError::Schema`] where they have and
/// the table is missing, or where there is no `auth_user` for it to refer to: with a user model of the site's own,
/// REST framework's own `migrate` makes the table. Nothing was changed then.
pub async fn migrate(db: &Database, now: Timestamp) -> Result<Vec<MigrationStep>, DbError> {
    let mut steps: Vec<_> = match db.backend() {
        Backend::Sqlite(s) => {
            let users = s.swap();
            s.write(Durability::Full, move |c| sqlite::tokens::migrate(c, users, now)).await?
        }
        Backend::Postgres(p) => postgres::tokens::migrate(p, now).await?,
        Backend::MySql(m) => mysql::tokens::migrate(m, now).await?,
    }
    .into_iter()
    .map(MigrationStep::Applied)
    .collect();
    for model in MODELS {
        if content_types::by_natural_key(db, APP, model).await?.is_none() {
            content_types::ensure(db, APP, model).await?;
            steps.push(MigrationStep::ContentType { app_label: APP, model });
        }
    }
    let there = permissions::all(db).await?;
    for model in MODELS {
        let mut made = 0;
        for action in ACTIONS {
            let codename = format!("{action}_{model}");
            let is_there =
                |p: &permissions::Permission| p.app_label == APP && p.model == model && p.codename == codename;
            if !there.iter().any(is_there) {
                permissions::ensure(db, APP, model, &codename, &format!("Can {action} Token")).await?;
                made += 1;
            }
        }
        if made > 0 {
            steps.push(MigrationStep::Permissions { app_label: APP, model, made });
        }
    }
    Ok(steps)
}

/// The app's label.
const APP: &str = "authtoken";

/// The app's models: the token, and the one under which the admin shows it.
const MODELS: [&str; 2] = ["token", "tokenproxy"];

/// REST framework's migrations. The first makes the table, the others change nothing in it.
pub(crate) const MIGRATIONS: [Migration; 4] = [
    Migration { app: APP, name: "0001_initial" },
    Migration { app: APP, name: "0002_auto_20160226_1747" },
    Migration { app: APP, name: "0003_tokenproxy" },
    Migration { app: APP, name: "0004_alter_tokenproxy_options" },
];

/// Whether the table is to be made. One that was made by other means is used as it is.
pub(crate) fn is_to_be_made(found: &Found) -> Result<bool, DbError> {
    let is_there = found.tables.contains(Table::AuthToken.as_str());
    let is_applied = |m: &&Migration| found.applied.iter().any(|(app, name)| app == m.app && name == m.name);
    let applied = MIGRATIONS.iter().filter(is_applied).count();
    let schema = |detail: &str| Err(DbError::Schema { detail: detail.to_owned() });
    match (is_there, MIGRATIONS.iter().find(|m| !is_applied(m))) {
        (_, Some(first)) if applied > 0 => {
            Err(DbError::OlderDjango { app: first.app.to_owned(), name: first.name.to_owned() })
        }
        (true, _) => Ok(false),
        (false, None) => {
            schema("django_migrations says that authtoken is applied, and there is no table authtoken_token")
        }
        (false, Some(_)) if found.users == Swap::Swapped || !found.tables.contains(Table::AuthUser.as_str()) => {
            schema("tokens refer to auth_user, and the users are elsewhere: let Django's migrate make authtoken_token")
        }
        (false, Some(_)) => Ok(true),
    }
}
