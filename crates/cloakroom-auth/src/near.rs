//! [`NearUsers`]: copies of users and of what they may do, in this process's memory (D5, S21).
//!
//! As with sessions, a copy is used while the database's [line](cloakroom_db::Database::line) says that it holds at this very
//! moment: a closed account, a changed password, a permission that was taken away act on the next request, whoever did it.
//! With a session the copy of its user is remembered when [`Auth::get_user`] has worked out that it names this user, by a back
//! end that is configured, and fits the user's password. It counts as long as the copies of both, session and user, hold.

use std::fmt;
use std::sync::{Arc, OnceLock};

use cloakroom_core::keys::UserId;
use cloakroom_core::models::User;
use cloakroom_core::near::{Stamp, Subject};
use cloakroom_db::permissions::Effective;
use cloakroom_db::{Database, users};
use cloakroom_sessions::{Keeping, Session};
use foldhash::quality::RandomState;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

use crate::auth::Auth;
use crate::error::AuthError;
use crate::identity::Identity;

/// Copies of users. What was used least goes first when they are too large together.
pub(crate) struct NearUsers(Cache<UserId, Arc<NearUser>, Bytes, RandomState>);

/// A user as read at one moment, and what the user's rows of permissions were then or later.
#[derive(Clone)]
pub(crate) struct NearUser {
    /// Whose copy it is: another service may have other back ends, or other keys.
    auth: u64,
    stamp: Stamp,
    user: Arc<User>,
    granted: Option<Arc<Effective>>,
    /// By the path of which back end sessions name the user that remember this copy.
    backend: OnceLock<Arc<str>>,
}

/// A user who was read just now, or is known to be as if.
pub(crate) struct Found {
    pub(crate) user: Arc<User>,
    near: Option<Arc<NearUser>>,
}

impl NearUsers {
    pub(crate) fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes / 1024).unwrap_or(usize::MAX).clamp(1, 1 << 24);
        let options = OptionsBuilder::new().estimated_items_capacity(items).weight_capacity(bytes).build();
        let options = options.expect("both capacities are given");
        Self(Cache::with_options(options, Bytes, RandomState::default(), DefaultLifecycle::default()))
    }

    /// The copy of a user, if the database has no other.
    pub(crate) fn get(&self, db: &Database, id: &UserId) -> Option<Arc<NearUser>> {
        let at = db.stamp()?;
        let near = self.0.get(id)?;
        near.holds(db, at).then_some(near)
    }

    fn put(&self, near: NearUser) -> Arc<NearUser> {
        let near = Arc::new(near);
        self.0.insert(near.user.id.clone(), Arc::clone(&near));
        near
    }

    /// Keeps with a copy what the user's rows of permissions were at any moment after the user was read: what was changed in
    /// between ends the copy, too.
    pub(crate) fn grant(&self, near: &NearUser, granted: &Arc<Effective>) {
        self.put(NearUser { granted: Some(Arc::clone(granted)), ..near.clone() });
    }
}

impl fmt::Debug for NearUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NearUsers").field("len", &self.0.len()).field("bytes", &self.0.weight()).finish()
    }
}

impl NearUser {
    fn holds(&self, db: &Database, at: Stamp) -> bool {
        db.line().holds(self.stamp, at, Subject::User(&self.user.id))
    }

    pub(crate) const fn granted(&self) -> Option<&Arc<Effective>> {
        self.granted.as_ref()
    }
}

impl Auth {
    /// Who `session` is known to name, without a question to the database.
    pub(crate) fn remembered(&self, session: &Session) -> Option<Identity> {
        let look = |near: &NearUser| {
            let holds = near.auth == self.id() && near.holds(self.db(), self.db().stamp()?);
            holds.then(|| Some(Identity::User(Arc::clone(&near.user), Arc::clone(near.backend.get()?))))?
        };
        session.look_at_kept(look)?
    }

    /// Remembers whom `session` names: now, that the user is read with it the next time; and for good, where the copy of the
    /// user is.
    pub(crate) fn remember(&self, session: &Session, backend: &Arc<str>, found: Found) {
        session.saw_user(&found.user.id);
        if let Some(near) = found.near {
            let is_by_it = near.backend.get_or_init(|| Arc::clone(backend)) == backend;
            session.keep(if is_by_it {
                near
            } else {
                Arc::new(NearUser { backend: Arc::clone(backend).into(), ..NearUser::clone(&near) })
            });
        }
    }

    /// The row of the user whom `session` names: a copy that holds, or what was read with the session, or read now.
    pub(crate) async fn find_user_of(&self, session: &Session, id: &UserId) -> Result<Option<Found>, AuthError> {
        let (db, users) = (self.db(), self.near_users());
        let keep = |user: &Arc<User>, stamp| {
            let (auth, user) = (self.id(), Arc::clone(user));
            users.put(NearUser { auth, stamp, user, granted: None, backend: OnceLock::new() })
        };
        if let Some(near) = users.get(db, id) {
            return Ok(Some(Found { user: Arc::clone(&near.user), near: Some(near) }));
        }
        if let Some(joined) = session.joined_user()
            && joined.id == *id
            && db.line().is_untouched(joined.read_at, Subject::User(id))
        {
            let is_kept = joined.keeping == Keeping::Line;
            return Ok(joined.user.map(|user| Found { near: is_kept.then(|| keep(&user, joined.read_at)), user }));
        }
        let ticket = db.stamp();
        let Some(user) = users::by_id(db, id).await?.map(Arc::new) else { return Ok(None) };
        Ok(Some(Found { near: ticket.map(|ticket| keep(&user, ticket)), user }))
    }
}

/// Weighs copies by the memory that they take, roughly.
#[derive(Clone, Copy, Debug)]
struct Bytes;

impl Weighter<UserId, Arc<NearUser>> for Bytes {
    fn weight(&self, _: &UserId, near: &Arc<NearUser>) -> u64 {
        let user = &near.user;
        let texts = [&user.username, &user.first_name, &user.last_name, &user.email];
        let texts: usize = texts.iter().map(|text| text.len() + 16).sum();
        let granted = near.granted.iter().flat_map(|granted| granted.of_user.iter().chain(&granted.of_groups));
        let granted: usize = granted.map(|label| size_of::<String>() + label.len() + 16).sum();
        (OVERHEAD + texts + user.password.expose().len() + granted) as u64
    }
}

/// What a copy takes beside texts: itself, its place in the table, what the allocator adds.
const OVERHEAD: usize = size_of::<NearUser>() + size_of::<User>() + 256;
