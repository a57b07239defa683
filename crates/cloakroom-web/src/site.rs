//! [`Site`]: what all requests share.

use std::sync::{Arc, OnceLock};

use cloakroom_auth::Auth;
use cloakroom_core::clock::Clock;
use cloakroom_core::messages::MessageSigner;
use cloakroom_core::random::Random;
use cloakroom_sessions::Sessions;
use http::HeaderValue;

use crate::config::WebConfig;
use crate::stack::AnswerHeaders;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) config: WebConfig,
    pub(crate) sessions: Sessions,
    pub(crate) auth: Auth,
    pub(crate) messages: MessageSigner,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) good_hosts: GoodHosts,
    pub(crate) headers: AnswerHeaders,
}

/// Hosts that were allowed, as they were sent: the first few. Most sites have one or two, and what was allowed once need not be
/// looked at again.
#[derive(Debug, Default)]
pub(crate) struct GoodHosts([OnceLock<HeaderValue>; 4]);

impl GoodHosts {
    pub(crate) fn has(&self, host: &HeaderValue) -> bool {
        self.0.iter().map_while(OnceLock::get).any(|good| good == host)
    }

    pub(crate) fn add(&self, host: &HeaderValue) {
        // A copy: the value itself keeps all of its request in memory.
        let Ok(copy) = HeaderValue::from_bytes(host.as_bytes()) else { return };
        // Two that come at once may take two places, which does no harm.
        if let Some(free) = self.0.iter().find(|place| place.get().is_none()) {
            let _ = free.set(copy);
        }
    }
}
