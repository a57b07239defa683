//! [`Site`]: what all requests share.

use std::sync::Arc;

use cloakroom_auth::Auth;
use cloakroom_core::clock::Clock;
use cloakroom_core::messages::MessageSigner;
use cloakroom_core::random::Random;
use cloakroom_sessions::Sessions;

use crate::config::WebConfig;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) config: WebConfig,
    pub(crate) sessions: Sessions,
    pub(crate) auth: Auth,
    pub(crate) messages: MessageSigner,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}
