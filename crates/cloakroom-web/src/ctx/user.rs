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
        if let Some(identity) = self.identity_now() {
            return Ok(identity);
        }
        let mut known = self.0.identity.lock().await;
        if let Some(identity) = &*known {
            return Ok(identity.clone());
        }
        let session = self.session().await?;
        let identity = self.auth_service().get_user(&session).await?;
        *known = Some(identity.clone());
        self.record(&identity);
        Ok(identity)
    }

    /// Who is there, where that is known already or stands in memory: the way of most requests, without a wait.
    fn identity_now(&self) -> Option<Identity> {
        let mut known = self.0.identity.try_lock().ok()?;
        if let Some(identity) = &*known {
            return Some(identity.clone());
        }
        let session = self.lazy_session().load_now()?;
        let identity = self.auth_service().get_user_now(&session)?;
        *known = Some(identity.clone());
        self.record(&identity);
        Some(identity)
    }

    /// Counts who was found, and logs why nobody was (D12, L02): quietly for visitors who never signed in.
    fn record(&self, identity: &Identity) {
        metrics::identity(identity);
        let Some(reason) = identity.reason() else { return };
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
        Ok(self.identity().await?.user().cloned())
    }

    /// What the user may do, read once per request and user (A81).
    ///
    /// # Errors
    ///
    /// As [`identity`](Self::identity).
    pub async fn permissions(&self) -> Result<Arc<PermissionSet>, AuthError> {
        let mut known = self.0.permissions.lock().await;
        if let Some(permissions) = &*known {
            return Ok(Arc::clone(permissions));
        }
        let user = self.user().await?;
        let permissions = Arc::new(self.auth_service().permissions(user.as_ref()).await?);
        *known = Some(Arc::clone(&permissions));
        Ok(permissions)
    }

    /// Says who is there from now on: after a log-in or log-out, or by a back end that needs no session.
    pub async fn set_identity(&self, identity: Identity) {
        let mut permissions = self.0.permissions.lock().await;
        *self.0.identity.lock().await = Some(identity);
        *permissions = None;
        self.state().is_caller = false;
    }

    /// Says that an API's caller is there, whoever the session is.
    pub(crate) async fn set_caller(&self, identity: Identity) {
        self.set_identity(identity).await;
        self.state().is_caller = true;
    }
}
