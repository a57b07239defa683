//! The sessions of users: listed, ended, limited (S07, S09, S10, S20 of the threat list).

use cloakroom_core::auth_hash::AuthHashMatch;
use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::{SessionKey, UserId};
use cloakroom_core::models::User;
use cloakroom_core::secret::ct_eq;
use cloakroom_sessions::{Sessions, Visit, public_id};

use crate::auth::Auth;
use crate::error::AuthError;
use crate::events::{AuthEvent, EndedBy};
use crate::login::HASH_KEY;

/// A live session in which the user is signed in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OwnSession {
    /// Its key: for ending it, never to be shown (C03).
    pub key: SessionKey,
    /// When it expires.
    pub expire_date: Timestamp,
    /// Whether it is the one that asks.
    pub which: WhichSession,
    /// When it was seen, from where and with what, as far as the index of sessions knows.
    pub visit: Option<Visit>,
}

impl OwnSession {
    /// The handle under which the session may be shown.
    #[must_use]
    pub fn public_id(&self) -> String {
        public_id(&self.key)
    }

    /// When the session began, or what is in the same order as far as can be told.
    fn began(&self) -> Timestamp {
        self.visit.as_ref().map_or(self.expire_date, |visit| visit.first_seen)
    }
}

/// Whether a session is the one that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhichSession {
    /// It is.
    Current,
    /// It is another.
    Other,
}

/// How many sessions a user may have at once, and what happens to one more (S20). The default is no limit, as in Django.
///
/// Sessions count that are alive and fit the user's password. They are counted when somebody signs in; lowering a limit
/// ends nothing before the next log-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionLimit {
    /// For everybody; `None` is no limit.
    pub most: Option<u32>,
    /// For staff and superusers, in place of [`most`](Self::most).
    pub most_staff: Option<u32>,
    /// What happens at the limit.
    pub at_limit: AtLimit,
}

/// What happens when somebody signs in who has as many sessions as they may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AtLimit {
    /// The sessions that began first end.
    #[default]
    EndOldest,
    /// The log-in is refused. Who lost a device then waits until its session ends, or has an administrator end it.
    Refuse,
}

impl SessionLimit {
    /// At most this many, at least one, for everybody.
    #[must_use]
    pub const fn of(most: u32, at_limit: AtLimit) -> Self {
        Self { most: Some(most), most_staff: None, at_limit }
    }

    /// Another limit for staff and superusers.
    #[must_use]
    pub const fn with_staff(mut self, most: u32) -> Self {
        self.most_staff = Some(most);
        self
    }

    /// How many sessions this user may have; `None` is no limit. Never none at all.
    #[must_use]
    pub fn for_user(&self, user: &User) -> Option<usize> {
        let staff = if user.is_staff || user.is_superuser { self.most_staff } else { None };
        staff.or(self.most).map(|most| most.max(1) as usize)
    }
}

/// Whether one more session may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a log-in beyond the limit is to be refused"]
pub enum Room {
    /// It may.
    Yes,
    /// The user has as many as they may, and the settings say to refuse.
    No,
}

impl Auth {
    /// The live sessions in which `user` is signed in, this one first, then in the order in which they expire. Those that
    /// a changed password ended are left out (A71). Engines that keep no list have none.
    ///
    /// # Errors
    ///
    /// When a store gives no answer.
    pub async fn own_sessions(
        &self,
        sessions: &Sessions,
        user: &User,
        current: Option<&SessionKey>,
    ) -> Result<Vec<OwnSession>, AuthError> {
        let mut own = Vec::new();
        for stored in sessions.for_user(&user.id).await? {
            let hash = stored.data.get(HASH_KEY).and_then(|hash| hash.as_str()).unwrap_or_default();
            if self.auth_hash_keys().verify(&user.password, hash) == AuthHashMatch::Mismatch {
                continue;
            }
            let is_current = current.is_some_and(|key| ct_eq(key.expose().as_bytes(), stored.key.expose().as_bytes()));
            let which = if is_current { WhichSession::Current } else { WhichSession::Other };
            own.push(OwnSession { key: stored.key, expire_date: stored.expire_date, which, visit: stored.visit });
        }
        own.sort_by_cached_key(|s| (s.which == WhichSession::Other, s.expire_date, s.public_id()));
        Ok(own)
    }

    /// Ends the session under `key`, which is `user`'s if that is known, and records who ended it (S10).
    ///
    /// # Errors
    ///
    /// When a store gives no answer: the session may live.
    pub async fn end_session(
        &self,
        sessions: &Sessions,
        key: &SessionKey,
        user: Option<&UserId>,
        by: EndedBy,
    ) -> Result<(), AuthError> {
        sessions.end(key).await?;
        self.emit(&AuthEvent::SessionEnded { user_id: user.cloned(), session: public_id(key), by });
        Ok(())
    }

    /// Ends all sessions of `user` but the one under `current`; returns how many.
    ///
    /// # Errors
    ///
    /// When a store gives no answer. What was ended before stays ended.
    pub async fn end_other_sessions(
        &self,
        sessions: &Sessions,
        user: &User,
        current: Option<&SessionKey>,
        by: EndedBy,
    ) -> Result<usize, AuthError> {
        let own = self.own_sessions(sessions, user, current).await?;
        let others = own.iter().filter(|session| session.which == WhichSession::Other);
        let mut ended = 0;
        for session in others {
            self.end_session(sessions, &session.key, Some(&user.id), by).await?;
            ended += 1;
        }
        Ok(ended)
    }

    /// Ends all sessions that name this user, those too that open nothing any more; returns how many.
    ///
    /// # Errors
    ///
    /// When a store gives no answer. What was ended before stays ended.
    pub async fn end_sessions_of(&self, sessions: &Sessions, user: &UserId, by: EndedBy) -> Result<usize, AuthError> {
        let found = sessions.for_user(user).await?;
        for session in &found {
            self.end_session(sessions, &session.key, Some(user), by).await?;
        }
        Ok(found.len())
    }

    /// Ends every session that can be found, with one record of it; returns how many. See [`Sessions::end_all`].
    ///
    /// # Errors
    ///
    /// When a store gives no answer. What was ended before stays ended, and is recorded.
    pub async fn end_all_sessions(
        &self,
        sessions: &Sessions,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<u64, AuthError> {
        let mut ended = 0;
        let done = sessions
            .end_all(&mut |so_far| {
                ended = so_far;
                progress(so_far);
            })
            .await;
        self.emit(&AuthEvent::AllSessionsEnded { sessions: ended });
        Ok(done?)
    }

    /// Deletes an account and ends its sessions; whether it was there. [`delete_user`](Self::delete_user) is Django's, which
    /// leaves rows that open nothing.
    ///
    /// # Errors
    ///
    /// As [`delete_user`](Self::delete_user); when the sessions cannot be ended, the account is deleted all the same.
    pub async fn delete_account(&self, sessions: &Sessions, user: &User) -> Result<bool, AuthError> {
        let deleted = self.delete_user(user).await?;
        if deleted {
            self.end_sessions_of(sessions, &user.id, EndedBy::AccountDeleted).await?;
        }
        Ok(deleted)
    }

    /// Whether `user` may sign in once more, in the session `current` or in a new one (S20).
    ///
    /// # Errors
    ///
    /// When a store gives no answer.
    pub async fn room_for_session(
        &self,
        sessions: &Sessions,
        user: &User,
        current: Option<&SessionKey>,
    ) -> Result<Room, AuthError> {
        let limit = self.session_limit();
        let (AtLimit::Refuse, Some(most)) = (limit.at_limit, limit.for_user(user)) else { return Ok(Room::Yes) };
        let own = self.own_sessions(sessions, user, current).await?;
        let others = own.iter().filter(|session| session.which == WhichSession::Other).count();
        Ok(if others < most { Room::Yes } else { Room::No })
    }

    /// Ends what is beyond the user's limit after a log-in whose session is stored: the oldest, or, where log-ins are
    /// refused and two came at the same moment, the one that came too late (S20). Returns how many.
    ///
    /// # Errors
    ///
    /// When a store gives no answer.
    pub async fn enforce_session_limit(
        &self,
        sessions: &Sessions,
        user: &User,
        current: &SessionKey,
    ) -> Result<usize, AuthError> {
        let limit = self.session_limit();
        let Some(most) = limit.for_user(user) else { return Ok(0) };
        // One at a time: of two that signed in at once, the second finds what the first one left.
        let _turn = self.limit_turn().await;
        let mut own = self.own_sessions(sessions, user, Some(current)).await?;
        own.sort_by_cached_key(|s| (s.which == WhichSession::Current, s.began(), s.public_id()));
        let beyond = own.len().saturating_sub(most);
        let too_many = match limit.at_limit {
            AtLimit::EndOldest => &own[..beyond],
            AtLimit::Refuse => &own[own.len() - beyond..],
        };
        for session in too_many {
            self.end_session(sessions, &session.key, Some(&user.id), EndedBy::Limit).await?;
        }
        Ok(beyond)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S20: per role, and never so low that nobody can come in.
    #[test]
    fn staff_may_have_a_limit_of_their_own() {
        let mut user = User::new(UserId::from(1), "alice".to_owned(), Timestamp::UNIX_EPOCH);
        assert_eq!(SessionLimit::default().for_user(&user), None);
        let limit = SessionLimit::of(3, AtLimit::Refuse).with_staff(1);
        assert_eq!(limit.for_user(&user), Some(3));
        user.is_staff = true;
        assert_eq!(limit.for_user(&user), Some(1));
        assert_eq!(SessionLimit::of(0, AtLimit::EndOldest).for_user(&user), Some(1));
    }
}
