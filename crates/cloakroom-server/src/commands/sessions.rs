//! `cloakroom sessions`: who is signed in, and ending that (S09, S10, D13). Sessions are named by handles, never by keys.

use cloakroom::Cloakroom;
use cloakroom::auth::events::EndedBy;
use cloakroom::core::clock::Timestamp;
use cloakroom::core::keys::{SessionKey, UserId};
use cloakroom::core::models::User;
use cloakroom::db::{KeyKind, users};
use cloakroom::sessions::{AnyEngine, EngineError, SessionError, StoredSession};
use serde_json::{Value, json};

use super::CommandError;
use crate::cli::{SessionsArgs, SessionsCommand};
use crate::terminal::Terminal;

/// Sessions between two lines that tell how far a backfill is.
const PROGRESS_EVERY: u64 = 20_000;

/// Does what `args` say. What was ended stands in the log, one record each; for `end-all` one record with the number.
///
/// # Errors
///
/// [`CommandError::Said`] for an unknown user or session, and for `end-all` without consent; the store failed.
pub async fn run(site: &Cloakroom, args: &SessionsArgs, terminal: &mut dyn Terminal) -> Result<(), CommandError> {
    if matches!(site.sessions().engine(), AnyEngine::SignedCookies(_)) {
        return Err(CommandError::Said(
            "SESSION_ENGINE = signed_cookies keeps sessions in the browsers alone: they can be neither listed nor ended; \
             a changed password ends a user's, a new SECRET_KEY without fallback ends all"
                .into(),
        ));
    }
    match &args.command {
        SessionsCommand::List { user, limit, json } => {
            let sessions = match user {
                Some(name) => site.sessions().for_user(&user_id(site, name).await?).await?,
                None => site.sessions().signed_in(*limit).await?,
            };
            list(site, sessions, *json, terminal).await
        }
        SessionsCommand::Show { session, json } => show(site, &find(site, session).await?, *json, terminal).await,
        SessionsCommand::End { session } => {
            let found = find(site, session).await?;
            let user = found.user_id().map(parse_id);
            site.auth().end_session(site.sessions(), &found.key, user.as_ref(), EndedBy::Administrator).await?;
            site.sessions().flush_index().await;
            terminal.say(&format!("Session {} ended.", found.public_id()));
            Ok(())
        }
        SessionsCommand::EndUser { user } => {
            let id = user_id(site, user).await?;
            let ended = site.auth().end_sessions_of(site.sessions(), &id, EndedBy::Administrator).await?;
            site.sessions().flush_index().await;
            terminal.say(&format!("{} of {user} ended.", sessions(ended as u64)));
            Ok(())
        }
        SessionsCommand::EndAll { yes } => {
            consent(*yes, terminal)?;
            let ended = site.auth().end_all_sessions(site.sessions(), &mut |_| {}).await?;
            terminal.say(&format!("{} ended.", sessions(ended)));
            if matches!(site.sessions().engine(), AnyEngine::Cache(_)) {
                terminal.say("A cache cannot be searched: these are the sessions in the index.");
            }
            Ok(())
        }
        SessionsCommand::Backfill => backfill(site, terminal).await,
    }
}

async fn list(
    site: &Cloakroom,
    mut sessions: Vec<StoredSession>,
    as_json: bool,
    terminal: &mut dyn Terminal,
) -> Result<(), CommandError> {
    sessions.sort_by_cached_key(|s| (std::cmp::Reverse(s.visit.as_ref().map(|v| v.last_seen)), s.public_id()));
    let mut rows = Vec::with_capacity(sessions.len());
    for session in &sessions {
        rows.push(describe(site, session).await?);
    }
    if as_json {
        terminal.say(&format!("{:#}", Value::Array(rows)));
        return Ok(());
    }
    if rows.is_empty() {
        terminal.say("Nobody is signed in.");
        return Ok(());
    }
    let columns = ["handle", "user", "last_seen", "ends", "address", "agent"];
    let mut table = vec![["HANDLE", "USER", "LAST SEEN", "ENDS", "ADDRESS", "AGENT"].map(str::to_owned)];
    table.extend(rows.iter().map(|row| columns.map(|c| cell(row, c))));
    for (n, line) in table.iter().enumerate() {
        let mut text = String::new();
        for (at, cell) in line.iter().enumerate().take(columns.len() - 1) {
            let width = table.iter().map(|line| line[at].chars().count()).max().unwrap_or_default();
            let pad = " ".repeat(width - cell.chars().count());
            text += &match (n, at) {
                (0, _) => format!("\x1b[1m{cell}\x1b[0m{pad}  "),
                (_, 0) => format!("\x1b[36m{cell}\x1b[0m{pad}  "),
                _ => format!("{cell}{pad}  "),
            };
        }
        let agent: String = line[columns.len() - 1].chars().take(60).collect();
        terminal.say(format!("{text}{agent}").trim_end());
    }
    Ok(())
}

async fn show(
    site: &Cloakroom,
    session: &StoredSession,
    as_json: bool,
    terminal: &mut dyn Terminal,
) -> Result<(), CommandError> {
    let mut row = describe(site, session).await?;
    // Names alone: values may be secrets.
    row["data"] = session.data.keys().map(|key| Value::from(key.to_string_lossy())).collect();
    if as_json {
        terminal.say(&format!("{row:#}"));
        return Ok(());
    }
    let lines = [
        ("Handle", "handle"),
        ("User", "user"),
        ("User id", "user_id"),
        ("First seen", "first_seen"),
        ("Last seen", "last_seen"),
        ("Ends", "ends"),
        ("Address", "address"),
        ("Agent", "agent"),
    ];
    for (label, name) in lines {
        terminal.say(&format!("\x1b[1m{label:<11}\x1b[0m {}", cell(&row, name)));
    }
    let names: Vec<String> = session.data.keys().map(|key| key.to_string_lossy()).collect();
    terminal.say(&format!(
        "\x1b[1m{:<11}\x1b[0m {}",
        "Holds",
        names.iter().map(|n| clean(n)).collect::<Vec<_>>().join(", ")
    ));
    Ok(())
}

async fn backfill(site: &Cloakroom, terminal: &mut dyn Terminal) -> Result<(), CommandError> {
    if matches!(site.sessions().engine(), AnyEngine::Cache(_)) {
        return Err(CommandError::Said(
            "a cache cannot be searched: its sessions enter the index as they are used".into(),
        ));
    }
    let mut told = 0;
    let done = site
        .sessions()
        .backfill(&mut |done| {
            if done.sessions >= told + PROGRESS_EVERY {
                told = done.sessions;
                tracing::info!(sessions = done.sessions, signed_in = done.signed_in, "filling the index of sessions");
            }
        })
        .await;
    let done = match done {
        Err(SessionError::Engine(EngineError::Db(e @ cloakroom::db::DbError::NotMigrated { .. }))) => {
            return Err(e.into());
        }
        done => done?,
    };
    terminal.say(&format!(
        "{} looked at, {} of them signed in and in the index.",
        sessions(done.sessions),
        done.signed_in
    ));
    Ok(())
}

/// A session as people and programs are shown it.
async fn describe(site: &Cloakroom, session: &StoredSession) -> Result<Value, CommandError> {
    let id = session.user_id();
    let user: Option<User> = match id.map(parse_id) {
        Some(id) => site.auth().user_by_id(&id).await?,
        None => None,
    };
    let visit = session.visit.as_ref();
    Ok(json!({
        "handle": session.public_id(),
        "user": user.map(|user| user.username),
        "user_id": id,
        "first_seen": visit.map(|v| moment(v.first_seen)),
        "last_seen": visit.map(|v| moment(v.last_seen)),
        "ends": moment(session.expire_date),
        "address": visit.map(|v| v.address.clone()).filter(|address| !address.is_empty()),
        "agent": visit.map(|v| v.user_agent.clone()).filter(|agent| !agent.is_empty()),
    }))
}

/// The session that a handle or a key names.
async fn find(site: &Cloakroom, named: &str) -> Result<StoredSession, CommandError> {
    let is_handle = named.len() == 24 && named.bytes().all(|b| b.is_ascii_hexdigit());
    let mut found = match is_handle {
        true => site.sessions().by_public_id(&named.to_ascii_lowercase()).await?,
        false => None,
    };
    if found.is_none()
        && let Some(key) = SessionKey::parse(named)
    {
        found = site.sessions().by_key(&key).await?;
    }
    // What was typed may be a key: it is not repeated.
    found.ok_or_else(|| {
        CommandError::Said("there is no such session; `cloakroom sessions list` names those that live".into())
    })
}

/// A user by name, or by id: sessions of a deleted user have nothing else.
async fn user_id(site: &Cloakroom, named: &str) -> Result<UserId, CommandError> {
    if let Some(user) = users::by_username(site.db(), named).await? {
        return Ok(user.id);
    }
    let id = match users::key_kind(site.db())? {
        KeyKind::Uuid => UserId::parse_uuid(named),
        KeyKind::Text => Some(UserId::Text(named.into())),
        _ => named.parse::<i64>().ok().map(UserId::from),
    };
    match id {
        Some(id) => Ok(id),
        None => Err(CommandError::Said(format!("user '{}' does not exist", clean(named)))),
    }
}

fn parse_id(id: &str) -> UserId {
    id.parse::<i64>().map_or_else(|_| UserId::Text(id.into()), UserId::from)
}

fn consent(yes: bool, terminal: &mut dyn Terminal) -> Result<(), CommandError> {
    if yes {
        return Ok(());
    }
    if !terminal.is_tty() {
        return Err(CommandError::Said("this ends every session, yours too; say --yes to do it".into()));
    }
    let answer = terminal.ask("This signs everybody out, you too. Type \"yes\" to do it: ")?;
    if answer.trim() == "yes" { Ok(()) } else { Err(CommandError::Cancelled) }
}

fn cell(row: &Value, name: &str) -> String {
    row[name].as_str().map_or_else(|| "-".to_owned(), clean)
}

/// Text from outside, without what a terminal would obey.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn sessions(n: u64) -> String {
    if n == 1 { "1 session".to_owned() } else { format!("{n} sessions") }
}

fn moment(at: Timestamp) -> String {
    at.plus_micros(-at.as_micros().rem_euclid(1_000_000)).to_isoformat()
}
