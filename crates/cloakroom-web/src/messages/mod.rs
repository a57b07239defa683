//! Messages for the next page: Django's `contrib.messages` (M01–M08).
//!
//! [`Messages`] adds and reads them; the layer stores what is left with the answer, at `MessageMiddleware`'s place: inside
//! of the user, so that a session that takes them in is still to be saved. The formats are
//! [`cloakroom_core::messages`]'s.
//!
//! - A request that neither adds nor reads messages costs nothing, sets no cookie, and adds no `Vary`.
//! - The cookie alone adds no `Vary` either, as in Django: pages with messages should not be cached at all.

mod finish;
mod state;
mod storage;

use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use cloakroom_core::messages::{Level, Message, MessagesError};
use cloakroom_core::value::Text;
use cloakroom_sessions::SessionError;
use http::request::Parts;

pub(crate) use self::finish::{finish, is_due};
pub(crate) use self::state::MessageState;
use crate::ctx::Ctx;
use crate::error;
use crate::extract::{self, MissingLayer};
use crate::guards::GuardRejection;

/// The messages of a request. Extracting reads nothing.
///
/// ```
/// use cloakroom_web::{GuardRejection, Messages, redirect};
///
/// async fn save(messages: Messages) -> axum::response::Response {
///     messages.success("Your profile was saved.");
///     redirect("/profile/")
/// }
/// async fn profile(messages: Messages) -> Result<String, GuardRejection> {
///     let shown = messages.read().await?;
///     Ok(shown.iter().map(|m| format!("[{}] {}\n", m.tags(), m.text())).collect())
/// }
/// # let _ = (save, profile);
/// ```
#[derive(Clone, Debug)]
pub struct Messages(Ctx);

impl Messages {
    /// Adds a message. One without text, or below the [level](Self::level), is dropped (M01).
    pub fn add(&self, message: Message) {
        let level = self.level();
        if !message.text().is_empty() && message.level() >= level {
            self.with_state(|state| state.add(message));
        }
    }

    /// Adds a message of level 10, which is dropped unless the [level](Self::set_level) was lowered.
    pub fn debug(&self, text: impl Into<Text>) {
        self.add(Message::new(Level::DEBUG, text));
    }

    /// Adds a message of level 20: something to know.
    pub fn info(&self, text: impl Into<Text>) {
        self.add(Message::new(Level::INFO, text));
    }

    /// Adds a message of level 25: what was asked for was done.
    pub fn success(&self, text: impl Into<Text>) {
        self.add(Message::new(Level::SUCCESS, text));
    }

    /// Adds a message of level 30: something may go wrong.
    pub fn warning(&self, text: impl Into<Text>) {
        self.add(Message::new(Level::WARNING, text));
    }

    /// Adds a message of level 40: what was asked for was not done.
    pub fn error(&self, text: impl Into<Text>) {
        self.add(Message::new(Level::ERROR, text));
    }

    /// Returns all messages, oldest first: those of earlier requests and those added in this one. They count as shown, and
    /// only what is added from now on is kept for the next page (M06).
    ///
    /// What other programs put among them and is no message is left out.
    ///
    /// # Errors
    ///
    /// What is stored cannot be read, or the session cannot be loaded.
    pub async fn read(&self) -> Result<Vec<Message>, MessagesRejection> {
        self.with_state(MessageState::mark_used);
        storage::load(&self.0).await?;
        Ok(self.with_state(MessageState::all))
    }

    /// As [`read`](Self::read), but only what was loaded before, by [`count`](Self::count) say: for code that cannot wait.
    #[must_use]
    pub fn read_loaded(&self) -> Vec<Message> {
        self.with_state(|state| {
            if state.count() == 0 || !state.is_loaded() {
                return Vec::new();
            }
            state.mark_used();
            state.all()
        })
    }

    /// Counts the messages without marking them as shown.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub async fn count(&self) -> Result<usize, MessagesRejection> {
        storage::load(&self.0).await?;
        Ok(self.with_state(|state| state.count()))
    }

    /// The lowest level that is not dropped: `MESSAGE_LEVEL` unless this request set another.
    #[must_use]
    pub fn level(&self) -> Level {
        let set = self.0.state().messages.as_ref().and_then(|m| m.level);
        set.unwrap_or(self.0.config().messages.level)
    }

    /// Drops messages below `level` for the rest of this request; `None` goes back to `MESSAGE_LEVEL`.
    pub fn set_level(&self, level: impl Into<Option<Level>>) {
        self.with_state(|state| state.level = level.into());
    }

    fn with_state<R>(&self, with: impl FnOnce(&mut MessageState) -> R) -> R {
        with(self.0.state().messages.get_or_insert_default())
    }
}

impl Ctx {
    /// The messages of this request. Nothing is read.
    #[must_use]
    pub fn messages(&self) -> Messages {
        Messages(self.clone())
    }
}

impl<S: Sync> FromRequestParts<S> for Messages {
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingLayer> {
        Ok(extract::ctx(parts)?.messages())
    }
}

/// Why messages could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessagesRejection {
    /// Whoever has the secret key stored something else: 500, as in Django (M07).
    #[error(transparent)]
    Unreadable(#[from] MessagesError),
    /// The session that holds them could not be used: 503 if its store does not answer (F01).
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl IntoResponse for MessagesRejection {
    fn into_response(self) -> Response {
        match self {
            Self::Unreadable(e) => error::server(&error::chain(&e)),
            Self::Session(e) => error::session(&e),
        }
    }
}

impl From<MessagesRejection> for GuardRejection {
    fn from(rejection: MessagesRejection) -> Self {
        match rejection {
            MessagesRejection::Unreadable(_) => Self::Server("the stored messages cannot be read"),
            MessagesRejection::Session(e) => e.into(),
        }
    }
}
