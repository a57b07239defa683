//! [`Auth::explain`]: the story of one session, from cookie to user, step by step (D12, M14).

mod shown;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use cloakroom_core::auth_hash::AuthHashMatch;
use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::{SessionKey, UserId};
use cloakroom_core::models::User;
use cloakroom_core::reason::Anonymous;
use cloakroom_core::value::{Dict, Value};
use cloakroom_db::users::key_kind;
use cloakroom_sessions::{Contents, Examined, Life, Sessions, Stored, public_id};

pub use self::shown::shown;
use crate::auth::Auth;
use crate::identity::{UserKey, is_too_old, user_key};
use crate::login::{BACKEND_KEY, HASH_KEY, SINCE_KEY, USER_ID_KEY};

/// A step on the way from the cookie to the user (M29).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Whether there is a cookie.
    Cookie,
    /// The form of the key in it.
    Key,
    /// What the store has under the key.
    Store,
    /// When that ends.
    Expiry,
    /// Signature and form of the data.
    Data,
    /// Whom the data names.
    UserId,
    /// The back end that let them in.
    Backend,
    /// Whether the back end still knows them.
    User,
    /// Whether their account is open.
    Active,
    /// Whether their password is the one of the log-in.
    Hash,
    /// Whether the log-in is recent enough (S05).
    Age,
}

impl Step {
    /// All, in order.
    pub const ALL: [Self; 11] = [
        Self::Cookie,
        Self::Key,
        Self::Store,
        Self::Expiry,
        Self::Data,
        Self::UserId,
        Self::Backend,
        Self::User,
        Self::Active,
        Self::Hash,
        Self::Age,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cookie => "cookie",
            Self::Key => "key",
            Self::Store => "store",
            Self::Expiry => "expiry",
            Self::Data => "data",
            Self::UserId => "user_id",
            Self::Backend => "backend",
            Self::User => "user",
            Self::Active => "active",
            Self::Hash => "hash",
            Self::Age => "age",
        }
    }
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Went {
    /// Well.
    Well,
    /// Not: here the way ends.
    Wrong,
    /// Nobody can tell, as the store gave no answer: here the way ends.
    Unknown,
    /// It was not reached.
    NotReached,
}

impl Went {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Well => "ok",
            Self::Wrong => "wrong",
            Self::Unknown => "unknown",
            Self::NotReached => "not_reached",
        }
    }
}

/// A step, and how it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The step.
    pub step: Step,
    /// How it went.
    pub went: Went,
    /// The same in words, without control characters (L04); empty for what was not reached.
    pub text: String,
}

/// How the story ends: as a request with this cookie would.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Ending {
    /// This user is signed in.
    SignedIn(Arc<User>),
    /// Nobody is, for this reason.
    Anonymous(Anonymous),
    /// Nobody can tell: a request is answered 503, or 500 where the data is at fault (D7).
    Unknown,
}

impl Ending {
    /// Why nobody is signed in, if that is so.
    #[must_use]
    pub const fn reason(&self) -> Option<Anonymous> {
        match self {
            Self::Anonymous(reason) => Some(*reason),
            _ => None,
        }
    }
}

/// The story of one session. It holds neither its key nor a hash; its data are there for a developer's own panel.
#[derive(Clone)]
pub struct Story {
    /// Every step, in order.
    pub steps: Vec<Told>,
    /// How it ends.
    pub ending: Ending,
    /// The engine, as `SESSION_ENGINE` takes it.
    pub engine: &'static str,
    /// The session's handle, which opens nothing.
    pub handle: Option<String>,
    /// When the session ends or ended, if its store tells.
    pub ends: Option<Timestamp>,
    /// The session's data, hash and all: never to be shown whole.
    pub data: Option<Arc<Dict>>,
}

/// The data never prints.
impl fmt::Debug for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Story").field("steps", &self.steps).field("ending", &self.ending).finish_non_exhaustive()
    }
}

/// What a story begins with.
#[derive(Clone, Copy)]
pub struct Ticket<'a> {
    /// The key as it came; `None` where none did.
    pub key: Option<&'a str>,
    /// Where it came from, or should have, such as `the cookie sessionid`.
    pub from: &'a str,
}

/// The key never prints.
impl fmt::Debug for Ticket<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("from", &self.from).finish_non_exhaustive()
    }
}

impl Auth {
    /// Tells the story of the session that `ticket` names: what a request with it would find at each step, and why it ends
    /// as it does. The [reason](Ending::reason) is the one of [`get_user`](Self::get_user); but nothing is changed:
    /// where a request would end a session or give it a new key, this only says so.
    ///
    /// A store that does not answer is told of, and is no error.
    pub async fn explain(&self, sessions: &Sessions, ticket: Ticket<'_>) -> Story {
        let mut story = Story::begun(sessions.engine().name());
        let ending = self.tell(sessions, ticket, &mut story).await;
        story.end(ending)
    }

    async fn tell(&self, sessions: &Sessions, ticket: Ticket<'_>, story: &mut Story) -> Ending {
        let Some(key) = story.key(ticket) else { return story.reason() };
        let examined = match sessions.examine(&key).await {
            Ok(examined) => examined,
            Err(e) => return story.unknown(Step::Store, &e),
        };
        match story.stored(&key, examined, sessions.now()) {
            Some(data) => self.tell_user(&data, story, self.now()).await,
            None => story.reason(),
        }
    }

    async fn tell_user(&self, data: &Dict, story: &mut Story, now: Timestamp) -> Ending {
        let Some(id) = data.get(USER_ID_KEY) else {
            return story.wrong(Step::UserId, Anonymous::NotSignedIn, "nobody has signed in with this session");
        };
        let kind = match key_kind(self.db()) {
            Ok(kind) => kind,
            Err(e) => return story.unknown(Step::UserId, &e),
        };
        let Ok(id) = user_key(id, kind) else {
            return story.cannot_be(Step::UserId, "_auth_user_id is no key of the user table; the answer is 500");
        };
        match &id {
            UserKey::Id(id) => story.well(Step::UserId, format!("_auth_user_id is {}", clean(&id.to_string()))),
            UserKey::None => story.well(Step::UserId, "_auth_user_id is a number that no row has".into()),
        }
        let path = match data.get(BACKEND_KEY) {
            None => {
                let text = "there is no _auth_user_backend beside it, so it was not Django's log-in that wrote it";
                return story.wrong(Step::Backend, Anonymous::NotSignedIn, text);
            }
            Some(path) => path.as_str().unwrap_or("something that is no text"),
        };
        let Some(backend) = self.backend_by_path(path) else {
            let text = format!("AUTHENTICATION_BACKENDS does not name {}", clean(path));
            return story.wrong(Step::Backend, Anonymous::BackendUnknown, text);
        };
        story.well(Step::Backend, clean(path));
        let gone = "there is no such user any more";
        let UserKey::Id(id) = id else { return story.wrong(Step::User, Anonymous::UserGone, gone) };
        let user = match backend.get_user(self, &id).await {
            Ok(Ok(user)) => user,
            Ok(Err(Anonymous::UserInactive)) => {
                story.well(Step::User, self.name_of(&id).await);
                return story.wrong(
                    Step::Active,
                    Anonymous::UserInactive,
                    "the account is closed (is_active is false)",
                );
            }
            Ok(Err(reason)) => return story.wrong(Step::User, reason, gone),
            Err(e) => return story.unknown(Step::User, &e),
        };
        story.well(Step::User, clean(&user.username));
        let active = if user.is_active { "the account is open" } else { "closed, and this back end lets it in" };
        story.well(Step::Active, active.into());
        let Some(stored) = data.get(HASH_KEY).filter(|v| v.is_truthy()) else {
            let text = "there is no _auth_user_hash: the next request ends this session";
            return story.wrong(Step::Hash, Anonymous::HashMissing, text);
        };
        match self.auth_hash_keys().verify(&user.password, stored.as_str().unwrap_or("")) {
            AuthHashMatch::Current => story.well(Step::Hash, "the password is that of the log-in".into()),
            AuthHashMatch::Fallback(n) => story.well(
                Step::Hash,
                format!(
                    "the password is that of the log-in, by {}: the next request gives the session a new key",
                    key_name(n + 1)
                ),
            ),
            AuthHashMatch::Mismatch => {
                let text = "the password was changed after this log-in, or its secret key is not in SECRET_KEY_FALLBACKS: \
                            the next request ends this session";
                return story.wrong(Step::Hash, Anonymous::HashMismatch, text);
            }
        }
        match (self.session_policy().absolute_age, data.get(SINCE_KEY)) {
            (None, _) => story.well(Step::Age, "no limit is set (SESSION_ABSOLUTE_AGE)".into()),
            (Some(_), None) => story.well(Step::Age, "nobody noted the log-in: it counts from the next use".into()),
            (Some(limit), Some(since)) if is_too_old(since, limit, now) => {
                return story.wrong(Step::Age, Anonymous::TooOld, format!("the log-in was {}", when(since, now)));
            }
            (Some(_), Some(since)) => story.well(Step::Age, format!("the log-in was {}", when(since, now))),
        }
        Ending::SignedIn(Arc::new(user))
    }

    async fn name_of(&self, id: &UserId) -> String {
        match self.user_by_id(id).await {
            Ok(Some(user)) => clean(&user.username),
            _ => clean(&id.to_string()),
        }
    }
}

impl Story {
    fn begun(engine: &'static str) -> Self {
        Self { steps: Vec::new(), ending: Ending::Unknown, engine, handle: None, ends: None, data: None }
    }

    /// The story of a ticket at a site whose store could not even be opened.
    #[must_use]
    pub fn without_store(engine: &'static str, ticket: Ticket<'_>, error: &(dyn Error + 'static)) -> Self {
        let mut story = Self::begun(engine);
        let ending = match story.key(ticket) {
            Some(key) => {
                story.handle = Some(public_id(&key));
                story.unknown(Step::Store, error)
            }
            None => story.reason(),
        };
        story.end(ending)
    }

    fn key(&mut self, ticket: Ticket<'_>) -> Option<SessionKey> {
        let Some(text) = ticket.key else {
            self.ending = self.wrong(Step::Cookie, Anonymous::NoCookie, format!("{} is not there", ticket.from));
            return None;
        };
        self.well(Step::Cookie, format!("{} is there", ticket.from));
        let Some(key) = SessionKey::parse(text) else {
            self.ending = self.wrong(Step::Key, Anonymous::KeyMalformed, "it has fewer than eight characters");
            return None;
        };
        Some(key)
    }

    /// From the key to the data, if the way goes that far.
    fn stored(&mut self, key: &SessionKey, examined: Examined, now: Timestamp) -> Option<Arc<Dict>> {
        let Examined { place, stored } = examined;
        let length = key.expose().chars().count();
        if let Stored::NotAdmitted = stored {
            let text = format!("{place} is never asked for such a key, of {length} characters");
            self.ending = self.wrong(Step::Key, Anonymous::KeyMalformed, text);
            return None;
        }
        self.handle = Some(public_id(key));
        self.well(Step::Key, format!("it has {length} characters"));
        let Stored::Session { ends, state, contents } = stored else {
            let text = format!(
                "{place} has nothing under it: never made, ended by a log-out or an administrator, or removed after its time"
            );
            self.ending = self.wrong(Step::Store, Anonymous::NoSession, text);
            return None;
        };
        self.well(Step::Store, format!("{place} has it"));
        self.ends = ends;
        if state == Life::Expired {
            let when = ends.map_or_else(|| "its time is over".into(), |at| format!("it ended {}", moment(at, now)));
            self.ending = self.wrong(Step::Expiry, Anonymous::NoSession, when);
            return None;
        }
        let when =
            ends.map_or_else(|| format!("{place} forgets it by itself"), |at| format!("it ends {}", moment(at, now)));
        self.well(Step::Expiry, when);
        match contents {
            Contents::Data { data, key } => {
                let entries = if data.len() == 1 { "1 entry".into() } else { format!("{} entries", data.len()) };
                let text = match key {
                    None => format!("{entries}, which {place} keeps unsigned"),
                    Some(n) => format!("{entries}, signed with {}", key_name(n)),
                };
                self.well(Step::Data, text);
                self.data = Some(Arc::clone(&data));
                Some(data)
            }
            Contents::Unreadable(why) => {
                let text = format!("it cannot be read: {}", clean(&why));
                self.ending = self.wrong(Step::Data, Anonymous::Unreadable, text);
                None
            }
            _ => {
                let text = "no secret key verifies it: it was altered, or signed with a key that is not in \
                            SECRET_KEY_FALLBACKS any more";
                self.ending = self.wrong(Step::Data, Anonymous::BadSignature, text);
                None
            }
        }
    }

    fn well(&mut self, step: Step, text: String) {
        self.steps.push(Told { step, went: Went::Well, text });
    }

    fn wrong(&mut self, step: Step, reason: Anonymous, text: impl Into<String>) -> Ending {
        self.steps.push(Told { step, went: Went::Wrong, text: text.into() });
        Ending::Anonymous(reason)
    }

    fn cannot_be(&mut self, step: Step, text: &str) -> Ending {
        self.steps.push(Told { step, went: Went::Unknown, text: text.into() });
        Ending::Unknown
    }

    fn unknown(&mut self, step: Step, error: &(dyn Error + 'static)) -> Ending {
        if step == Step::Store && self.steps.last().is_some_and(|told| told.step == Step::Cookie) {
            self.well(Step::Key, "its form is right".into());
        }
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(e) = cause {
            let more = e.to_string();
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            cause = e.source();
        }
        self.cannot_be(step, &clean(&text))
    }

    fn reason(&self) -> Ending {
        self.ending.clone()
    }

    fn end(mut self, ending: Ending) -> Self {
        self.ending = ending;
        let reached = self.steps.len();
        let rest = Step::ALL.into_iter().skip(reached);
        self.steps.extend(rest.map(|step| Told { step, went: Went::NotReached, text: String::new() }));
        self
    }
}

/// The setting that a secret key stands in, by its place among all.
fn key_name(place: usize) -> String {
    match place {
        0 => "SECRET_KEY".into(),
        n => format!("SECRET_KEY_FALLBACKS[{}]", n - 1),
    }
}

/// Text from outside on one line that a terminal takes as text (L04).
pub(crate) fn clean(text: &str) -> String {
    const MOST: usize = 300;
    text.chars()
        .take(MOST)
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}

/// When a session says that its log-in was.
fn when(since: &Value, now: Timestamp) -> String {
    match since {
        Value::Int(secs) => moment(Timestamp::from_secs(*secs), now),
        _ => "at no moment that can be read".into(),
    }
}

/// A moment, and how far it is.
fn moment(at: Timestamp, now: Timestamp) -> String {
    let secs = (at.as_micros() - now.as_micros()) / 1_000_000;
    let far = match secs.unsigned_abs() {
        n @ 0..120 => format!("{n} seconds"),
        n @ 120..7_200 => format!("{} minutes", n / 60),
        n @ 7_200..172_800 => format!("{} hours", n / 3_600),
        n => format!("{} days", n / 86_400),
    };
    let whole = at.plus_micros(-at.as_micros().rem_euclid(1_000_000));
    let at = whole.to_isoformat();
    if secs < 0 { format!("{at}, {far} ago") } else { format!("{at}, in {far}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_say_how_far_they_are() {
        let now = Timestamp::from_secs(1_767_323_045);
        assert_eq!(moment(now.plus_secs(90_000), now), "2026-01-03T04:04:05+00:00, in 25 hours");
        assert_eq!(moment(now.plus_secs(-1_209_600), now), "2025-12-19T03:04:05+00:00, 14 days ago");
    }
}
