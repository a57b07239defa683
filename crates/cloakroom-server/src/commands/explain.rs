//! `cloakroom explain`: why a session is signed in, or not (M14, D12).

use std::io::Read as _;

use cloakroom::BuildError;
use cloakroom::Cloakroom;
use cloakroom::auth::explain::{Ending, Story, Ticket, Told, Went};
use cloakroom::core::clock::Timestamp;
use cloakroom::core::cookies;
use cloakroom::db::DbError;
use cloakroom::settings::Settings;
use serde_json::{Value, json};

use super::CommandError;
use crate::cli::ExplainArgs;
use crate::terminal::Terminal;

/// Bytes of standard input that are read: more than any header Cookie has.
const MOST_INPUT: u64 = 64 * 1024;

/// How the story ended: the process's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedIn {
    /// Somebody is signed in: 0.
    Yes,
    /// Nobody is, or nobody can tell: 1.
    No,
}

impl From<SignedIn> for std::process::ExitCode {
    fn from(signed_in: SignedIn) -> Self {
        match signed_in {
            SignedIn::Yes => Self::SUCCESS,
            SignedIn::No => Self::FAILURE,
        }
    }
}

/// Tells the story of the session that `args` name. A database that is down is part of the story.
///
/// # Errors
///
/// Wrong settings, or a standard input that cannot be read.
pub async fn run(
    settings: Settings,
    args: &ExplainArgs,
    terminal: &mut dyn Terminal,
) -> Result<SignedIn, CommandError> {
    let asked = Asked::read(args, &settings, terminal)?;
    let engine: &'static str = match settings.session_engine.as_str() {
        "cache" => "cache",
        "cached_db" => "cached_db",
        "file" => "file",
        "signed_cookies" => "signed_cookies",
        _ => "db",
    };
    let story = match super::open(settings).await {
        Ok(site) => {
            let story = tell(&site, &asked).await;
            site.close().await;
            story
        }
        Err(CommandError::Build(BuildError::Db(e))) if is_down(&e) => Story::without_store(engine, asked.ticket(), &e),
        Err(e) => return Err(e),
    };
    if args.json {
        terminal.say(&format!("{:#}", as_json(&story)))
    } else {
        print(&story, terminal)
    }
    Ok(if matches!(story.ending, Ending::SignedIn(_)) { SignedIn::Yes } else { SignedIn::No })
}

const fn is_down(error: &DbError) -> bool {
    matches!(error, DbError::Unreachable { .. } | DbError::Unavailable { .. } | DbError::Busy { .. })
}

/// What was asked for: never printed, since it may be a key.
struct Asked {
    text: Option<String>,
    from: String,
}

impl Asked {
    fn read(args: &ExplainArgs, settings: &Settings, terminal: &mut dyn Terminal) -> Result<Self, CommandError> {
        let text = match args.session.as_deref() {
            Some("-") => stdin()?,
            Some(text) => text.to_owned(),
            None if terminal.is_tty() => terminal.ask_password("Session key, cookie or handle: ")?,
            None => stdin()?,
        };
        Ok(Self::of(text.trim(), settings))
    }

    fn of(text: &str, settings: &Settings) -> Self {
        let header = match text.split_once(':') {
            Some((name, rest)) if name.trim().eq_ignore_ascii_case("cookie") => Some(rest.trim()),
            _ => text.contains('=').then_some(text),
        };
        let Some(header) = header else { return Self { text: Some(text.into()), from: "a key".into() } };
        let names = std::iter::once(&settings.session_cookie_name).chain(&settings.session_cookie_name_fallbacks);
        for name in names {
            if let Some(value) = cookies::find(header, name) {
                return Self { text: Some(value.into_owned()), from: format!("the cookie {name}") };
            }
        }
        Self { text: None, from: format!("the cookie {}", settings.session_cookie_name) }
    }

    fn ticket(&self) -> Ticket<'_> {
        Ticket { key: self.text.as_deref(), from: &self.from }
    }
}

fn stdin() -> Result<String, CommandError> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(MOST_INPUT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn tell(site: &Cloakroom, asked: &Asked) -> Story {
    let sessions = site.sessions();
    let is_handle = |text: &&str| text.len() == 24 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(handle) = asked.text.as_deref().filter(is_handle) {
        match sessions.by_public_id(&handle.to_ascii_lowercase()).await {
            Ok(Some(found)) => {
                let ticket = Ticket { key: Some(found.key.expose()), from: "a handle that the index knows" };
                return site.auth().explain(sessions, ticket).await;
            }
            // It may be a key of this form.
            Ok(None) => {}
            Err(e) => return Story::without_store(sessions.engine().name(), asked.ticket(), &e),
        }
        let ticket = Ticket { key: Some(handle), from: "a handle of no live session, or a key," };
        return site.auth().explain(sessions, ticket).await;
    }
    site.auth().explain(sessions, asked.ticket()).await
}

fn print(story: &Story, terminal: &mut dyn Terminal) {
    if let Some(handle) = &story.handle {
        terminal.say(&format!("Session \x1b[36m{handle}\x1b[0m, engine {}", story.engine));
    }
    for Told { step, went, text } in &story.steps {
        let (mark, colour) = match went {
            Went::Well => ("✓", "32"),
            Went::Wrong => ("✗", "31;1"),
            Went::Unknown => ("?", "33;1"),
            Went::NotReached => ("·", "2"),
        };
        let name = step.as_str().replace('_', " ");
        let name = if text.is_empty() { name } else { format!("{name:<8} ") };
        let weight = if text.is_empty() { "2" } else { "1" };
        terminal.say(&format!("  \x1b[{colour}m{mark}\x1b[0m \x1b[{weight}m{name}\x1b[0m{text}"));
    }
    terminal.say("");
    terminal.say(&match &story.ending {
        Ending::SignedIn(user) => {
            format!("\x1b[32;1mSigned in\x1b[0m as {}, user {}.", clean(&user.username), user.id)
        }
        Ending::Anonymous(reason) => format!("\x1b[31;1mNot signed in\x1b[0m: {reason}. {}", reason.explanation()),
        _ => "\x1b[33;1mNobody can tell\x1b[0m: a request is answered with an error now, and the cookie stays.".into(),
    });
}

fn as_json(story: &Story) -> Value {
    let steps: Vec<Value> = story
        .steps
        .iter()
        .map(|told| json!({ "step": told.step.as_str(), "outcome": told.went.as_str(), "text": told.text }))
        .collect();
    let (outcome, user) = match &story.ending {
        Ending::SignedIn(user) => ("signed_in", json!({ "id": user.id.to_string(), "username": user.username })),
        Ending::Anonymous(_) => ("anonymous", Value::Null),
        _ => ("unknown", Value::Null),
    };
    let reason = story.ending.reason();
    json!({
        "outcome": outcome,
        "reason": reason.map(|r| r.as_str()),
        "explanation": reason.map(|r| r.explanation()),
        "user": user,
        "handle": story.handle,
        "engine": story.engine,
        "ends": story.ends.map(whole),
        "steps": steps,
    })
}

fn whole(at: Timestamp) -> String {
    at.plus_micros(-at.as_micros().rem_euclid(1_000_000)).to_isoformat()
}

fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> (Option<String>, String) {
        let Asked { text, from } = Asked::of(text, &Settings::default());
        (text, from)
    }

    #[test]
    fn a_key_or_a_cookie_or_a_header_is_understood() {
        let key = |from: &str| (Some("abcdefgh".to_owned()), from.to_owned());
        assert_eq!(asked("abcdefgh"), key("a key"));
        assert_eq!(asked("sessionid=abcdefgh"), key("the cookie sessionid"));
        assert_eq!(asked("Cookie: a=b; sessionid=abcdefgh"), key("the cookie sessionid"));
        assert_eq!(asked("csrftoken=abcdefgh"), (None, "the cookie sessionid".into()));
        assert_eq!(asked("eyJ:1abc:sig-_").0.as_deref(), Some("eyJ:1abc:sig-_"));
    }
}
