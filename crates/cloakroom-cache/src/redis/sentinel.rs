//! Sentinels: who is the master of a service now.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use redis::Value;
use tokio::time::Instant;

use super::failure::Failure;
use super::node::{Node, text};
use crate::url::Host;

/// How long an answer of the sentinels is believed while the master answers.
const BELIEVED: Duration = Duration::from_secs(1);

/// They are asked at most this often.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(50);

/// How long one sentinel, or the server that it named, may take.
const TELLING: Duration = Duration::from_millis(500);

type MakeNode = Box<dyn Fn(Host) -> Node + Send + Sync>;

/// A service that sentinels watch.
pub(super) struct Sentinels {
    service: String,
    sentinels: Vec<Node>,
    make: MakeNode,
    master: RwLock<Option<(Arc<Node>, Instant)>>,
    asked: tokio::sync::Mutex<Option<Asked>>,
}

/// When the sentinels were asked, and whether they know.
struct Asked {
    began: Instant,
    ended: Instant,
    outcome: Result<(), Failure>,
}

impl Sentinels {
    pub(super) fn new(service: String, sentinels: Vec<Node>, make: MakeNode) -> Self {
        Self { service, sentinels, make, master: RwLock::new(None), asked: tokio::sync::Mutex::new(None) }
    }

    /// The master. A server that was cut off and does not know that it is master no more is left within a second.
    pub(super) async fn node(self: &Arc<Self>, deadline: Instant) -> Result<Arc<Node>, Failure> {
        if let Some((node, at)) = self.known() {
            if at.elapsed() > BELIEVED && self.asked.try_lock().is_ok() {
                let sentinels = Arc::clone(self);
                let limit = Instant::now() + BELIEVED;
                tokio::spawn(async move { sentinels.refresh(limit).await });
            }
            return Ok(node);
        }
        self.refresh(deadline).await?;
        self.known().map(|(node, _)| node).ok_or_else(|| self.unknown())
    }

    /// Asks the sentinels, unless somebody just did.
    pub(super) async fn refresh(&self, deadline: Instant) -> Result<(), Failure> {
        self.refresh_unless(|asked| asked.ended.elapsed() < BETWEEN_QUESTIONS, deadline).await
    }

    /// Who is the master, as the sentinels say who were asked after this moment.
    pub(super) async fn node_since(&self, moment: Instant, deadline: Instant) -> Result<Arc<Node>, Failure> {
        self.refresh_unless(|asked| asked.began > moment, deadline).await?;
        self.known().map(|(node, _)| node).ok_or_else(|| self.unknown())
    }

    async fn refresh_unless(&self, will_do: impl Fn(&Asked) -> bool + Send, deadline: Instant) -> Result<(), Failure> {
        let mut asked = self.asked.lock().await;
        if let Some(asked) = asked.as_ref().filter(|asked| will_do(asked)) {
            return asked.outcome.clone();
        }
        let began = Instant::now();
        let outcome = self.ask_all(deadline).await;
        *asked = Some(Asked { began, ended: Instant::now(), outcome: outcome.clone() });
        outcome
    }

    async fn ask_all(&self, deadline: Instant) -> Result<(), Failure> {
        let mut last = None;
        for sentinel in &self.sentinels {
            if Instant::now() >= deadline {
                break;
            }
            match self.ask(sentinel, deadline.min(Instant::now() + TELLING)).await {
                Ok(node) => {
                    *self.master.write().unwrap_or_else(PoisonError::into_inner) = Some((node, Instant::now()));
                    return Ok(());
                }
                Err(failure) => last = Some(failure),
            }
        }
        Err(last.unwrap_or_else(|| self.unknown()))
    }

    async fn ask(&self, sentinel: &Node, deadline: Instant) -> Result<Arc<Node>, Failure> {
        let answer = sentinel.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", &self.service], deadline).await?;
        let host = match &answer {
            Value::Array(parts) => match (parts.first().and_then(text), parts.get(1).and_then(text)) {
                (Some(name), Some(port)) => port.parse().ok().map(|port| Host { name: name.into(), port }),
                _ => None,
            },
            _ => return Err(Failure::later(sentinel.host(), format!("it knows no service {}", self.service))),
        };
        let host = host.ok_or_else(|| Failure::odd(sentinel.host()))?;
        let node = match self.known() {
            Some((node, _)) if *node.host() == host => node,
            _ => Arc::new((self.make)(host)),
        };
        // In mid-failover a sentinel may still name the old one.
        if node.is_master(deadline).await? { Ok(node) } else { Err(Failure::read_only(node.host())) }
    }

    fn known(&self) -> Option<(Arc<Node>, Instant)> {
        self.master.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn unknown(&self) -> Failure {
        let sentinels: Vec<_> = self.sentinels.iter().map(|s| s.host().to_string()).collect();
        Failure::later(sentinels.join(","), format!("no sentinel names the master of {}", self.service))
    }
}
