//! A letter, ready to be sent.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use cloakroom_core::clock::Timestamp;
use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;

/// A letter in plain text. Its body may hold a secret link, so it does not print.
#[derive(Clone)]
#[non_exhaustive]
pub struct Letter {
    /// Who sends it.
    pub from: Address,
    /// Who gets it.
    pub to: Address,
    /// One line.
    pub subject: String,
    /// The text.
    pub body: String,
    /// When it was written.
    pub date: Timestamp,
}

impl Letter {
    pub(super) fn into_message(self) -> Result<Message, lettre::error::Error> {
        let micros = u64::try_from(self.date.as_micros()).unwrap_or(0);
        Message::builder()
            .from(self.from.0)
            .to(self.to.0)
            .subject(self.subject)
            .date(SystemTime::UNIX_EPOCH + Duration::from_micros(micros))
            .message_id(None)
            .header(ContentType::TEXT_PLAIN)
            .body(self.body)
    }
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter").field("to", &self.to).field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Who a letter is from or to: `ann@example.com`, or `Ann <ann@example.com>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(Mailbox);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        text.parse().map(Self).map_err(AddressError)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text is no address.
#[derive(Debug, thiserror::Error)]
#[error("not an email address: {0}")]
pub struct AddressError(lettre::address::AddressError);
