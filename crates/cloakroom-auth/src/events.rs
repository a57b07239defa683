//! What happens to accounts and sessions, as typed events: Django's signals (R30–R32) and what it has none for.
//!
//! Each event makes one log record (L01) and is handed to every listener, in their order and on the task that caused it: a
//! listener must be quick. Neither carries a secret. Texts from outside are escaped in the record (L04).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use cloakroom_core::keys::UserId;
use cloakroom_core::models::User;
use cloakroom_core::reason::{Anonymous, Refusal};
use cloakroom_db::permissions::Holder;

/// Something that happened to an account or to who is signed in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AuthEvent {
    /// Somebody signed in: after the session's keys are set, before the answer (R30, A68).
    LoggedIn {
        /// Who.
        user: Arc<User>,
        /// The back end's path.
        backend: Arc<str>,
    },
    /// Somebody signed out: before the session is flushed (R31). Fires for nobody, too (A67).
    LoggedOut {
        /// Who, if anybody was signed in.
        user: Option<Arc<User>>,
    },
    /// Credentials were refused (R32). The password is not here.
    LoginFailed {
        /// The name that was claimed.
        username: String,
        /// Why; clients are not told (E01).
        refusal: Refusal,
        /// From where.
        address: Option<IpAddr>,
    },
    /// Somebody who is signed in did not prove it again by the password (A09). Django has no signal for it.
    PasswordNotConfirmed {
        /// Who is signed in.
        user_id: UserId,
        /// Why it was no proof; clients are not told of the throttle's reasons (E01).
        refusal: Refusal,
        /// From where.
        address: Option<IpAddr>,
    },
    /// A session did not name a user any more, and was ended or left as it is (A71).
    SessionRefused {
        /// Whom the session named, if that could be read.
        user_id: Option<UserId>,
        /// Why.
        reason: Anonymous,
    },
    /// A session was ended, other than by its log-out (S10).
    SessionEnded {
        /// Whose, if that is known.
        user_id: Option<UserId>,
        /// Its public id.
        session: String,
        /// By whom.
        by: EndedBy,
    },
    /// All sessions were ended by an administrator (S10).
    AllSessionsEnded {
        /// How many.
        sessions: u64,
    },
    /// A user has a new password, or none: every other session of theirs ends at its next use (A74).
    PasswordChanged {
        /// Whose.
        user_id: UserId,
        /// How it came about.
        how: PasswordChange,
    },
    /// A hash was written anew at a successful check (A42), which ends the user's other sessions too (A76).
    PasswordUpgraded {
        /// Whose.
        user_id: UserId,
    },
    /// Somebody asked for a reset link. Fires for known and unknown addresses alike.
    ResetRequested {
        /// To how many accounts the link goes.
        accounts: usize,
    },
    /// An account was made.
    UserCreated {
        /// The new account.
        user: Arc<User>,
    },
    /// An account was deleted (A23).
    UserDeleted {
        /// Its key.
        user_id: UserId,
        /// Its name.
        username: String,
    },
    /// An account was opened or closed (S07).
    ActivityChanged {
        /// Whose.
        user_id: UserId,
        /// Whether it is open now.
        now: Activity,
    },
    /// A user's name, mail or full name changed.
    ProfileChanged {
        /// Whose.
        user_id: UserId,
    },
    /// What a user or a group may do changed (Z01).
    AccessChanged {
        /// Whose.
        holder: Holder,
        /// What changed.
        change: AccessChange,
    },
}

/// Who or what ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndedBy {
    /// The user, from another session.
    Owner,
    /// An administrator or a command.
    Administrator,
    /// The limit of sessions, at another log-in (S20).
    Limit,
    /// Its account was deleted.
    AccountDeleted,
}

impl EndedBy {
    /// The label in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Administrator => "administrator",
            Self::Limit => "limit",
            Self::AccountDeleted => "account_deleted",
        }
    }
}

/// How a password came to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordChange {
    /// The owner gave the old one.
    ByOwner,
    /// By a reset link.
    ByReset,
    /// By an administrator or a command.
    Set,
    /// Made unusable.
    MadeUnusable,
}

/// Whether an account is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It may be used.
    Active,
    /// It may not.
    Inactive,
}

/// Whether something was turned on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// A change of what a user may do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessChange {
    /// A permission was given.
    Granted(String),
    /// A permission was taken.
    Revoked(String),
    /// Joined a group.
    Joined(String),
    /// Left a group.
    Left(String),
    /// May use the admin, or may not (A86).
    Staff(Switch),
    /// May do everything, or may not (A82).
    Superuser(Switch),
}

/// A listener: called with every event.
pub type Listener = dyn Fn(&AuthEvent) + Send + Sync;

/// The listeners of one service.
#[derive(Clone, Default)]
pub(crate) struct Listeners(Vec<Arc<Listener>>);

impl Listeners {
    pub(crate) fn add(&mut self, listener: Arc<Listener>) {
        self.0.push(listener);
    }

    /// Records the event and tells every listener.
    pub(crate) fn emit(&self, event: &AuthEvent) {
        event.record();
        crate::metrics::event(event);
        for listener in &self.0 {
            listener(event);
        }
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listeners({})", self.0.len())
    }
}

impl AuthEvent {
    /// The event's name in logs and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::LoggedIn { .. } => "logged_in",
            Self::LoggedOut { .. } => "logged_out",
            Self::LoginFailed { .. } => "login_failed",
            Self::PasswordNotConfirmed { .. } => "password_not_confirmed",
            Self::SessionRefused { .. } => "session_refused",
            Self::SessionEnded { .. } => "session_ended",
            Self::AllSessionsEnded { .. } => "all_sessions_ended",
            Self::PasswordChanged { .. } => "password_changed",
            Self::PasswordUpgraded { .. } => "password_upgraded",
            Self::ResetRequested { .. } => "reset_requested",
            Self::UserCreated { .. } => "user_created",
            Self::UserDeleted { .. } => "user_deleted",
            Self::ActivityChanged { .. } => "activity_changed",
            Self::ProfileChanged { .. } => "profile_changed",
            Self::AccessChanged { .. } => "access_changed",
        }
    }

    /// Whom it is about, if that is known.
    #[must_use]
    pub fn user_id(&self) -> Option<&UserId> {
        match self {
            Self::LoggedIn { user, .. } | Self::UserCreated { user } => Some(&user.id),
            Self::LoggedOut { user } => user.as_ref().map(|u| &u.id),
            Self::SessionRefused { user_id, .. } | Self::SessionEnded { user_id, .. } => user_id.as_ref(),
            Self::PasswordNotConfirmed { user_id, .. }
            | Self::PasswordChanged { user_id, .. }
            | Self::PasswordUpgraded { user_id }
            | Self::UserDeleted { user_id, .. }
            | Self::ActivityChanged { user_id, .. }
            | Self::ProfileChanged { user_id } => Some(user_id),
            Self::AccessChanged { holder, .. } => match holder {
                Holder::User(id) => Some(id),
                _ => None,
            },
            Self::LoginFailed { .. } | Self::ResetRequested { .. } | Self::AllSessionsEnded { .. } => None,
        }
    }

    /// Writes the one log record. Debug forms escape control characters (L04).
    fn record(&self) {
        let user = self.user_id().map(tracing::field::display);
        let event = self.name();
        match self {
            Self::LoggedIn { backend, .. } => {
                tracing::info!(target: TARGET, event, user, method = %backend, outcome = "success");
            }
            Self::LoginFailed { username, refusal, address } => tracing::warn!(
                target: TARGET, event, username = ?username, outcome = "refused", reason = %refusal,
                address = address.map(tracing::field::display)
            ),
            Self::PasswordNotConfirmed { refusal, address, .. } => tracing::warn!(
                target: TARGET, event, user, outcome = "refused", reason = %refusal,
                address = address.map(tracing::field::display)
            ),
            Self::SessionRefused { reason, .. } => {
                tracing::warn!(target: TARGET, event, user, outcome = "refused", reason = %reason);
            }
            Self::SessionEnded { session, by, .. } => {
                tracing::info!(target: TARGET, event, user, session, by = by.as_str(), outcome = "success");
            }
            Self::AllSessionsEnded { sessions } => {
                tracing::warn!(target: TARGET, event, sessions, outcome = "success");
            }
            Self::PasswordChanged { how, .. } => {
                tracing::info!(target: TARGET, event, user, method = ?how, outcome = "success");
            }
            Self::ResetRequested { accounts } => {
                tracing::info!(target: TARGET, event, accounts, outcome = "success");
            }
            Self::UserCreated { user: made } => {
                tracing::info!(target: TARGET, event, user, username = ?made.username, outcome = "success");
            }
            Self::UserDeleted { username, .. } => {
                tracing::info!(target: TARGET, event, user, username = ?username, outcome = "success");
            }
            Self::ActivityChanged { now, .. } => {
                tracing::info!(target: TARGET, event, user, now = ?now, outcome = "success");
            }
            Self::AccessChanged { holder, change } => {
                tracing::info!(target: TARGET, event, holder = ?holder, change = ?change, outcome = "success");
            }
            Self::LoggedOut { .. } | Self::PasswordUpgraded { .. } | Self::ProfileChanged { .. } => {
                tracing::info!(target: TARGET, event, user, outcome = "success");
            }
        }
    }
}

const TARGET: &str = "cloakroom::auth";
