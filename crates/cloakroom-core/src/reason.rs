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
            Self::SignedOut => "signed_out",
        }
    }
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
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
