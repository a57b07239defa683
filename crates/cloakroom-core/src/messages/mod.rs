//! Messages that one request leaves for the next page: Django's `contrib.messages` (M01–M07).
//!
//! [`MessageSigner`] reads and writes the cookie `messages`, [`encode_session`] and [`decode_session`] the text under the
//! session's key `_messages`. Which of them holds what is the web layer's to say; both read what Django wrote, and write
//! what Django reads.
//!
//! ```
//! use cloakroom_core::clock::Timestamp;
//! use cloakroom_core::messages::{Keep, Level, Message, MessageSigner};
//! use cloakroom_core::secret::{SecretKey, SecretKeys};
//!
//! let signer = MessageSigner::new(&SecretKeys::new(SecretKey::new("a long secret").unwrap(), Vec::new()));
//! let now = Timestamp::from_secs(1_767_323_045);
//! let packed = signer.pack(&[Message::new(Level::INFO, "Saved.").into()], Keep::Oldest, now).unwrap();
//! assert_eq!(packed.kept, 0..1);
//!
//! let read = signer.decode(&packed.cookie.unwrap(), now).unwrap();
//! let entries = read.stored.into_entries().unwrap().unwrap();
//! assert_eq!(entries[0].message().map(|m| m.text()).as_deref(), Some("Saved."));
//! ```
//!
//! - A cookie whose signature does not hold is no error: it holds nothing, and [`Decoded::cookie`] says so (M06).
//! - A genuine cookie of another shape is an error, as in Django (M07). Only who has the key can make one.

mod cookie;
mod error;
mod level;
mod message;
mod pystr;
mod session;
mod stored;

pub use self::cookie::{Completeness, CookieState, Decoded, Keep, MAX_COOKIE_CHARS, MessageSigner, Packed};
pub use self::error::{MessagesError, ShapeError};
pub use self::level::Level;
pub use self::message::{Entry, Markup, Message};
pub use self::session::{SESSION_KEY, decode_session, encode_session};
pub use self::stored::Stored;
