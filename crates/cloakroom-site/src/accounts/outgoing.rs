//! [`Outgoing`]: reset mails on their way, in the order in which they were asked for.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cloakroom_auth::Auth;
use cloakroom_auth::mail::{Mailer, Site};
use tokio::sync::mpsc;

/// How many requests for a link wait at most; those beyond are dropped, and logged.
const WAITING: usize = 1_000;

/// How long a mail holds up the next one. A slow mail server delays each by this much, not by all before it.
const PATIENCE: Duration = Duration::from_secs(1);

/// A queue off the requests' path: neither an answer nor its time tells whether a mail is sent (E02). Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Outgoing(Arc<OnceLock<mpsc::Sender<Wish>>>);

/// A request for a reset link.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) auth: Auth,
    pub(super) email: String,
    pub(super) site: Site,
    pub(super) mailer: Arc<dyn Mailer>,
}

impl Outgoing {
    /// Has links sent, after those that were asked for before. Must be called within a Tokio runtime.
    pub(super) fn send(&self, wish: Wish) {
        let queue = self.0.get_or_init(|| {
            let (sender, receiver) = mpsc::channel(WAITING);
            tokio::spawn(work(receiver));
            sender
        });
        if queue.try_send(wish).is_err() {
            tracing::error!(target: "cloakroom::site", "too many reset mails wait: a request for one was dropped");
        }
    }
}

async fn work(mut queue: mpsc::Receiver<Wish>) {
    while let Some(Wish { auth, email, site, mailer }) = queue.recv().await {
        let mut sending = auth.send_reset_links(email, site, mailer);
        // Past its time it goes on by itself.
        let _ = tokio::time::timeout(PATIENCE, &mut sending).await;
    }
}
