//! A letter, ready to be sent.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use cloakroom_core::clock::Timestamp;
use lettre::Message;
use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Body, Mailbox};

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

/// RFC 5322 §2.1.1, without the line's end.
const MOST_LINE_BYTES: usize = 998;

impl Letter {
    pub(super) fn into_message(self) -> Result<Message, lettre::error::Error> {
        let micros = u64::try_from(self.date.as_micros()).unwrap_or(0);
        // As Django: ASCII is sent as it is, so that a link stays whole where people read the text of the mail itself.
        let lines: Vec<&str> = self.body.lines().collect();
        let is_plain = |line: &&str| line.is_ascii() && line.len() <= MOST_LINE_BYTES && !line.contains(['\0', '\r']);
        let body = match lines.iter().all(is_plain) {
            true => Body::dangerous_pre_encoded(lines.join("\r\n").into_bytes(), ContentTransferEncoding::SevenBit),
            false => Body::new(self.body),
        };
        Message::builder()
            .from(self.from.0)
            .to(self.to.0)
            .subject(self.subject)
            .date(SystemTime::UNIX_EPOCH + Duration::from_micros(micros))
            .message_id(None)
            .header(ContentType::TEXT_PLAIN)
            .body(body)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(body: &str) -> String {
        let letter = Letter {
            from: "site@site.example".parse().unwrap(),
            to: "ann@site.example".parse().unwrap(),
            subject: "A link".to_owned(),
            body: body.to_owned(),
            date: Timestamp::UNIX_EPOCH,
        };
        String::from_utf8(letter.into_message().unwrap().formatted()).unwrap()
    }

    #[test]
    fn a_long_link_stays_whole() {
        let link = format!("https://site.example/accounts/reset/MQ/{}/", "a".repeat(200));
        let mail = sent(&format!("Follow it:\n\n{link}\n"));
        assert!(mail.contains(&link) && mail.contains("Content-Transfer-Encoding: 7bit"), "{mail}");
    }

    #[test]
    fn what_no_line_may_hold_is_encoded() {
        for body in [format!("{}\n", "a".repeat(999)), "Zoë\n".to_owned()] {
            let mail = sent(&body);
            assert!(!mail.contains("7bit") && mail.is_ascii(), "{mail}");
        }
    }
}
