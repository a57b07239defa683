//! Who the request comes from, and what they may do.

use std::sync::Arc;

use cloakroom_auth::permissions::PermissionSet;
use cloakroom_auth::{AuthError, Identity, metrics};
use cloakroom_core::keys::SessionKey;
use cloakroom_core::models::User;
use cloakroom_core::reason::Anonymous;
use cloakroom_sessions::public_id;

use super::Ctx;

impl Ctx {
    /// Who is there, found out once per request (A70, A77, M29).
    ///
    /// # Errors
    ///
    /// A store failed: nothing is known, and the answer is 503, never "anonymous" (F01).
    pub async fn identity(&self) -> Result<Identity, AuthError> {
        self.find(Identity::clone).await
    }

    async fn find<R>(&self, take: impl Fn(&Identity) -> R) -> Result<R, AuthError> {
        match self.find_now(&take) {
            Some(taken) => Ok(taken),
            // In a box: whoever waits keeps room for what is asked, and most need not ask.
            None => Ok(take(&Box::pin(self.ask_identity()).await?)),
        }
    }

    async fn ask_identity(&self) -> Result<Identity, AuthError> {
        let _asking = self.0.asking.lock().await;
        if let Some(identity) = self.state().identity.clone() {
            return Ok(identity);
        }
        let session = self.lazy_session().load().await?;
        let identity = match self.auth_service().get_user_now(&session) {
            Some(identity) => identity,
            None => Box::pin(self.auth_service().get_user(&session)).await?,
        };
        Ok(self.found(identity, Identity::clone))
    }

    /// Who is there, where that is known already or stands in memory: the way of most requests, without a wait.
    fn find_now<R>(&self, take: impl FnOnce(&Identity) -> R) -> Option<R> {
        if let Some(identity) = &self.state().identity {
            return Some(take(identity));
        }
        let session = self.lazy_session().load_now()?;
        let identity = self.auth_service().get_user_now(&session)?;
        Some(self.found(identity, take))
    }

    /// Keeps who was found, unless somebody else was meanwhile, or signed in.
    fn found<R>(&self, identity: Identity, take: impl FnOnce(&Identity) -> R) -> R {
        let reason = identity.reason();
        let (taken, is_new) = {
            let mut state = self.state();
            let is_new = state.identity.is_none();
            (take(state.identity.get_or_insert(identity)), is_new)
        };
        if is_new {
            self.record(reason);
        }
        taken
    }

    /// Counts who was found, and logs why nobody was (D12, L02): quietly for visitors who never signed in.
    fn record(&self, reason: Option<Anonymous>) {
        metrics::identity(reason);
        let Some(reason) = reason else { return };
        let session = || {
            let cookie = self.cookie(&self.sessions().config().cookie.name)?;
            SessionKey::parse(&cookie).map(|key| public_id(&key))
        };
        match reason {
            // The event of the session's end says so.
            Anonymous::HashMissing | Anonymous::HashMismatch | Anonymous::TooOld => {}
            _ if reason.is_ordinary() => tracing::debug!(
                target: "cloakroom::auth", event = "anonymous", outcome = "anonymous", reason = %reason, path = ?self.path()
            ),
            _ => tracing::info!(
                target: "cloakroom::auth", event = "anonymous", outcome = "anonymous", reason = %reason, path = ?self.path(),
                session = session(), address = self.client_address().map(tracing::field::display)
            ),
        }
    }

    /// The signed-in user, `None` for the anonymous visitor.
    ///
    /// # Errors
    ///
    /// As [`identity`](Self::identity).
    pub async fn user(&self) -> Result<Option<Arc<User>>, AuthError> {
        self.find(|identity| identity.user().cloned()).await
    }

    /// What the user may do, read once per request and user (A81).
    ///
    /// # Errors
    ///
    /// As [`identity`](Self::identity).
    pub async fn permissions(&self) -> Result<Arc<PermissionSet>, AuthError> {
        let _ = self.identity().await?;
        // Who is there does not change while this is held.
        let _asking = self.0.asking.lock().await;
        let user = {
            let state = self.state();
            if let Some(permissions) = &state.permissions {
                return Ok(Arc::clone(permissions));
            }
            state.identity.as_ref().and_then(Identity::user).cloned()
        };
        let permissions = Arc::new(self.auth_service().permissions(user.as_ref()).await?);
        self.state().permissions = Some(Arc::clone(&permissions));
        Ok(permissions)
    }

    /// Says who is there from now on: after a log-in or log-out, or by a back end that needs no session.
    pub async fn set_identity(&self, identity: Identity) {
        self.set_who(identity, false).await;
    }

    /// Says that an API's caller is there, whoever the session is.
    pub(crate) async fn set_caller(&self, identity: Identity) {
        self.set_who(identity, true).await;
    }

    async fn set_who(&self, identity: Identity, is_caller: bool) {
        let _asking = self.0.asking.lock().await;
        let mut state = self.state();
        state.identity = Some(identity);
        state.permissions = None;
        state.is_caller = is_caller;
    }
}

#[cfg(test)]
mod tests {
    use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};

    /// D4: what a handler's future keeps room for while it asks is small, since each request has one.
    #[test]
    fn extractors_take_little_room() {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        let user = size_of_val(&<crate::User as FromRequestParts<()>>::from_request_parts(&mut parts, &()));
        let guest = size_of_val(&<crate::User as OptionalFromRequestParts<()>>::from_request_parts(&mut parts, &()));
        let session = size_of_val(&crate::Session::from_request_parts(&mut parts, &()));
        assert!(user < 400 && guest < 400 && session < 400, "{user}, {guest}, {session} bytes");
    }
}
