//! The stored texts, and why one of them gives no data: [`TextCodec`] for the store, [`CookieCodec`] for the cookie.

use std::sync::Arc;

use cloakroom_core::clock::{Clock, Timestamp};
use cloakroom_core::codec::legacy::Serializer;
use cloakroom_core::codec::session::{Decoded, Problem, SESSION_STORE_SALT, SIGNED_COOKIES_SALT, SessionCodec};
use cloakroom_core::expiry::EXPIRY_KEY;
use cloakroom_core::keys::SessionKey;
use cloakroom_core::reason::Anonymous;
use cloakroom_core::secret::SecretKeys;
use cloakroom_core::signing::{MaxAge, b62_decode};
use cloakroom_core::value::{Dict, Object, Value};

use crate::error::EngineError;
use crate::examine::{Contents, Life, Stored};

/// Writes and reads what the `db`, `cached_db` and `file` engines store (S30). Make it once and clone it.
#[derive(Clone, Debug)]
pub struct TextCodec(Arc<Inner>);

/// Writes and reads the cookie of the `signed_cookies` engine (S37, S58). Make it once and clone it.
#[derive(Clone, Debug)]
pub struct CookieCodec(Arc<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    codec: SessionCodec,
    format: Format,
    keys: SecretKeys,
}

/// How session data are written, and what else is read (S10, `SESSION_SERIALIZER`).
///
/// Pickles are read and written as data: nothing is ever run, and what is more than data is refused (S16, S36).
#[derive(Clone, Debug)]
pub struct Format {
    writes: Serializer,
    older: Older,
}

/// What is read besides what is written.
#[derive(Clone, Debug)]
enum Older {
    /// Nothing, as Django's JSON reader.
    Refused,
    /// The other serializer's texts, and those from before 3.1.
    Read,
    /// These until the moment comes.
    Until(Timestamp, Arc<dyn Clock>),
}

/// JSON and nothing else: today's Django.
impl Default for Format {
    fn default() -> Self {
        Self { writes: Serializer::Json, older: Older::Refused }
    }
}

impl Format {
    /// Pickles are written, as `PickleSerializer` did until Django 4.2; pickles, JSON and the texts from before 3.1 are
    /// read.
    #[must_use]
    pub const fn pickle() -> Self {
        Self { writes: Serializer::Pickle, older: Older::Read }
    }

    /// JSON is written; pickles and the texts from before 3.1 are read until then (`SESSION_SERIALIZER_FALLBACKS`).
    #[must_use]
    pub fn json_reading_older_until(moment: Timestamp, clock: Arc<dyn Clock>) -> Self {
        Self { writes: Serializer::Json, older: Older::Until(moment, clock) }
    }

    /// Whether what is read depends on when it is read.
    const fn depends_on_time(&self) -> bool {
        matches!(self.older, Older::Until(..))
    }

    fn reads_older(&self) -> bool {
        match &self.older {
            Older::Refused => false,
            Older::Read => true,
            Older::Until(moment, clock) => clock.now() < *moment,
        }
    }
}

impl TextCodec {
    /// Signs with the first of `keys`, reads with all of them (S34). Writes and reads JSON.
    #[must_use]
    pub fn new(keys: &SecretKeys) -> Self {
        Self::with_format(keys, Format::default())
    }

    /// As [`new`](Self::new), in another format.
    #[must_use]
    pub fn with_format(keys: &SecretKeys, format: Format) -> Self {
        Self(Arc::new(Inner { codec: SessionCodec::new(keys, SESSION_STORE_SALT), format, keys: keys.clone() }))
    }

    /// Whether a text read once reads the same later on.
    pub(crate) fn is_lasting(&self) -> bool {
        !self.0.format.depends_on_time()
    }

    pub(crate) fn encode(&self, data: &Dict, now: Timestamp) -> Result<String, EngineError> {
        self.0.encode(data, now)
    }

    /// The data in `text`; none, and why, when anything is wrong with it (S33, R25).
    pub(crate) fn decode(&self, text: &str) -> (Arc<Dict>, Option<Anonymous>) {
        let Decoded { data, problem, .. } = self.read(text);
        if let Some(problem) = &problem {
            log(problem);
        }
        (Arc::new(self.0.in_form(data)), problem.as_ref().map(reason))
    }

    /// As [`decode`](Self::decode), and which key verifies it; nothing is logged.
    pub(crate) fn examine(&self, text: &str) -> Contents {
        Contents::of(self.read(text), |data| self.0.in_form(data))
    }

    fn read(&self, text: &str) -> Decoded {
        let inner = &*self.0;
        if inner.format.reads_older() {
            inner.codec.decode_any(text, Some(&inner.keys))
        } else {
            inner.codec.decode(text)
        }
    }
}

impl CookieCodec {
    /// Signs with the first of `keys`, reads with all of them. Writes and reads JSON.
    #[must_use]
    pub fn new(keys: &SecretKeys) -> Self {
        Self::with_format(keys, Format::default())
    }

    /// As [`new`](Self::new), in another format.
    #[must_use]
    pub fn with_format(keys: &SecretKeys, format: Format) -> Self {
        Self(Arc::new(Inner { codec: SessionCodec::new(keys, SIGNED_COOKIES_SALT), format, keys: keys.clone() }))
    }

    pub(crate) fn seal(&self, data: &Dict, now: Timestamp) -> Result<SessionKey, EngineError> {
        let text = self.0.encode(data, now)?;
        Ok(SessionKey::parse(&text).expect("a signed text is longer than eight characters"))
    }

    pub(crate) fn open(&self, cookie: &str, age_secs: i64, now: Timestamp) -> Result<Dict, Anonymous> {
        let decoded = self.read(cookie, now, MaxAge::from_secs(age_secs));
        match decoded.problem {
            None => Ok(self.0.in_form(decoded.data)),
            Some(problem) => {
                if matches!(problem, Problem::Pickle(_)) {
                    log(&problem);
                }
                Err(reason(&problem))
            }
        }
    }

    /// As [`open`](Self::open), and what is in a cookie that is over its age; nothing is logged.
    pub(crate) fn examine(&self, cookie: &str, age_secs: i64, now: Timestamp) -> Stored {
        let mut decoded = self.read(cookie, now, MaxAge::from_secs(age_secs));
        let expired = decoded.problem == Some(Problem::Expired);
        if expired {
            // At the moment at which it was made it was not too old yet.
            decoded = self.read(cookie, Timestamp::UNIX_EPOCH, MaxAge::from_secs(i64::MAX));
        }
        let ends = match (&decoded.key, made_at(cookie)) {
            (Some(_), Some(made)) => Some(made.plus_secs(age_secs)),
            _ => None,
        };
        Stored::Session {
            ends,
            state: Life::live_if(!expired),
            contents: Contents::of(decoded, |data| self.0.in_form(data)),
        }
    }

    fn read(&self, cookie: &str, now: Timestamp, max_age: MaxAge) -> Decoded {
        let inner = &*self.0;
        if inner.format.reads_older() {
            inner.codec.decode_any_within(cookie, now, max_age)
        } else {
            inner.codec.decode_within(cookie, now, max_age)
        }
    }
}

/// When a signed text says it was made: the middle of its three parts.
fn made_at(cookie: &str) -> Option<Timestamp> {
    let (signed, _) = cookie.rsplit_once(':')?;
    let seconds = b62_decode(signed.rsplit_once(':')?.1).ok()?;
    Some(Timestamp::from_secs(i64::try_from(seconds).ok()?))
}

impl Inner {
    fn encode(&self, data: &Dict, now: Timestamp) -> Result<String, EngineError> {
        Ok(match self.format.writes {
            Serializer::Json => self.codec.encode(data, now)?,
            Serializer::Pickle => self.codec.encode_pickle(data, now)?,
        })
    }

    /// Pickles of Django before 4.1 hold the expiry as a `datetime`, which JSON cannot (S20).
    fn in_form(&self, mut data: Dict) -> Dict {
        if self.format.writes == Serializer::Json
            && let Some(Value::Object(object)) = data.get(EXPIRY_KEY)
            && let Object::DateTime(moment) = &**object
        {
            let text = moment.isoformat();
            data.insert(EXPIRY_KEY, text);
        }
        data
    }
}

/// Says why stored data is not read (R25). Django is silent but for the signature.
fn log(problem: &Problem) {
    match problem {
        Problem::BadSignature => {
            tracing::warn!(target: "django.security.SuspiciousSession", "Session data corrupted");
        }
        Problem::Unreadable(e) => tracing::warn!(
            target: "cloakroom.sessions",
            error = e as &(dyn std::error::Error + 'static),
            "a session is genuine and cannot be read; it counts as empty"
        ),
        Problem::Pickle(e) => tracing::warn!(
            target: "cloakroom.sessions",
            error = e as &(dyn std::error::Error + 'static),
            "a session is a pickle that is not read; it counts as empty"
        ),
        _ => tracing::warn!(target: "cloakroom.sessions", "a session holds no dictionary; it counts as empty"),
    }
}

fn reason(problem: &Problem) -> Anonymous {
    match problem {
        Problem::BadSignature => Anonymous::BadSignature,
        Problem::Expired => Anonymous::NoSession,
        _ => Anonymous::Unreadable,
    }
}
