//! Why a request is anonymous or was refused: for logs, metrics and `explain`, never for the client (D12, L05).

use std::fmt;

/// Why nobody is signed in. Every anonymous request has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Anonymous {
    /// The request carried no session cookie.
    NoCookie,
    /// The cookie's key is shorter than eight characters or cannot be in any store (S11, S13).
    KeyMalformed,
    /// The store holds no live session under the key: never made, ended, or expired (S45).
    NoSession,
    /// The stored data does not verify under any secret key (S33).
    BadSignature,
    /// The stored data verifies and cannot be read (S33).
    Unreadable,
    /// The session is live and nobody has signed in with it.
    NotSignedIn,
    /// The session names a back end that is not configured (A70).
    BackendUnknown,
    /// The session names a user who is gone, or whose id cannot be one (A70, A75).
    UserGone,
    /// The user's account is closed (A70).
    UserInactive,
    /// The session carries no auth hash (A71).
    HashMissing,
    /// The password changed, or the secret key did and is no fallback: the session was flushed (A71, A74).
    HashMismatch,
    /// The log-in was longer ago than sessions may last (S05): the session was flushed.
    TooOld,
    /// Somebody signed out during this request.
    SignedOut,
}

impl Anonymous {
    /// The label in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoCookie => "no_cookie",
            Self::KeyMalformed => "key_malformed",
            Self::NoSession => "no_session",
            Self::BadSignature => "bad_signature",
            Self::Unreadable => "unreadable",
            Self::NotSignedIn => "not_signed_in",
            Self::BackendUnknown => "backend_unknown",
            Self::UserGone => "user_gone",
            Self::UserInactive => "user_inactive",
            Self::HashMissing => "hash_missing",
            Self::HashMismatch => "hash_mismatch",
            Self::TooOld => "too_old",
            Self::SignedOut => "signed_out",
        }
    }

    /// What it means, and what there is to do, for operators and developers.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::NoCookie => {
                "The browser sent no session cookie: it never signed in here, signed out, or its cookie is kept from this \
                 address by its Path, Domain, Secure or SameSite."
            }
            Self::KeyMalformed => {
                "No session can have this key: the cookie is another program's, or was tampered with."
            }
            Self::NoSession => {
                "The session is gone: it expired, was ended by a log-out or an administrator, or belongs to another \
                 database, cache or folder."
            }
            Self::BadSignature => {
                "The stored session was signed with another secret key: put the older one into SECRET_KEY_FALLBACKS, or \
                 have people sign in again."
            }
            Self::Unreadable => {
                "The stored session is genuine and cannot be read: SESSION_SERIALIZER_FALLBACKS reads those of older \
                 Djangos."
            }
            Self::NotSignedIn => "The session is live, and nobody has signed in with it.",
            Self::BackendUnknown => {
                "The session was made by a back end that is not configured here: add its path to \
                 AUTHENTICATION_BACKENDS, or have people sign in again."
            }
            Self::UserGone => "The user was deleted, or the session belongs to another database.",
            Self::UserInactive => "The user's account is closed: open it (is_active), and this session works again.",
            Self::HashMissing => "The session was not made by a log-in of Django's. It ends at its next use.",
            Self::HashMismatch => {
                "The password was changed after this log-in, or SECRET_KEY was and the older one is not in \
                 SECRET_KEY_FALLBACKS. The session ends at its next use."
            }
            Self::TooOld => {
                "The log-in was longer ago than SESSION_ABSOLUTE_AGE allows. The session ends at its next use."
            }
            Self::SignedOut => "Somebody signed out during this very request.",
        }
    }

    /// Whether visitors who never signed in have it too, so that it is no news.
    #[must_use]
    pub const fn is_ordinary(self) -> bool {
        matches!(self, Self::NoCookie | Self::NotSignedIn | Self::SignedOut)
    }

    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::NoCookie,
        Self::KeyMalformed,
        Self::NoSession,
        Self::BadSignature,
        Self::Unreadable,
        Self::NotSignedIn,
        Self::BackendUnknown,
        Self::UserGone,
        Self::UserInactive,
        Self::HashMissing,
        Self::HashMismatch,
        Self::TooOld,
        Self::SignedOut,
    ];
}

impl fmt::Display for Anonymous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why credentials did not sign anybody in. Clients get one answer for all (E01).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// The account is closed.
    Inactive,
    /// A back end vetoed (A60).
    Denied,
    /// Too many failures lately.
    Throttled,
    /// No such name.
    UnknownUser,
    /// The account has no usable password, or its stored hash cannot be read (A35, A44).
    UnusablePassword,
    /// The password is longer than what will be hashed (A03).
    PasswordTooLong,
    /// The password does not match.
    WrongPassword,
}

impl Refusal {
    /// The label in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::UnknownUser => "unknown_user",
            Self::UnusablePassword => "unusable_password",
            Self::PasswordTooLong => "password_too_long",
            Self::WrongPassword => "wrong_password",
        }
    }

    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Inactive,
        Self::Denied,
        Self::Throttled,
        Self::UnknownUser,
        Self::UnusablePassword,
        Self::PasswordTooLong,
        Self::WrongPassword,
    ];
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why somebody who is known may not pass. Clients see a 403 or the log-in page for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Denial {
    /// A permission is missing (A140).
    NoPermission,
    /// A test of the application's own said no (A140).
    TestFailed,
    /// As many sessions are open as may be (S20).
    TooManySessions,
}

impl Denial {
    /// The label in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoPermission => "no_permission",
            Self::TestFailed => "test_failed",
            Self::TooManySessions => "too_many_sessions",
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a request did not get what it asked for: one value, whatever refused (D12). To logs and metrics it goes as
/// [kind](Self::kind) and [label](Self::as_str), to the client never.
///
/// ```
/// use cloakroom_core::reason::{Anonymous, Reason};
///
/// let reason = Reason::from(Anonymous::HashMismatch);
/// assert_eq!((reason.kind(), reason.as_str()), ("anonymous", "hash_mismatch"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Nobody is signed in.
    Anonymous(Anonymous),
    /// Credentials were refused.
    Refused(Refusal),
    /// Whoever is signed in may not pass.
    Denied(Denial),
    /// The request is not one of this site's own pages: the CSRF check's label.
    Csrf(&'static str),
}

impl Reason {
    /// What refused.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Anonymous(_) => "anonymous",
            Self::Refused(_) => "refused",
            Self::Denied(_) => "denied",
            Self::Csrf(_) => "csrf",
        }
    }

    /// The label in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous(reason) => reason.as_str(),
            Self::Refused(reason) => reason.as_str(),
            Self::Denied(reason) => reason.as_str(),
            Self::Csrf(label) => label,
        }
    }
}

impl From<Anonymous> for Reason {
    fn from(reason: Anonymous) -> Self {
        Self::Anonymous(reason)
    }
}

impl From<Refusal> for Reason {
    fn from(reason: Refusal) -> Self {
        Self::Refused(reason)
    }
}

impl From<Denial> for Reason {
    fn from(reason: Denial) -> Self {
        Self::Denied(reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// D12: no two reasons share a label, and each is explained.
    #[test]
    fn labels_differ_and_explanations_are_sentences() {
        let labels: HashSet<_> = Anonymous::ALL.iter().map(|r| r.as_str()).collect();
        assert_eq!(labels.len(), Anonymous::ALL.len());
        let refusals: HashSet<_> = Refusal::ALL.iter().map(|r| r.as_str()).collect();
        assert_eq!(refusals.len(), Refusal::ALL.len());
        assert!(Anonymous::ALL.iter().all(|r| r.explanation().ends_with('.')));
    }
}
