//! Moving from one engine to another with everybody signed in: [`MovingEngine`].

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cloakroom_core::clock::{Clock, Timestamp};
use cloakroom_core::expiry::EXPIRY_KEY;
use cloakroom_core::keys::SessionKey;
use cloakroom_core::reason::Anonymous;
use cloakroom_core::value::{Dict, Value};
use sha2::{Digest, Sha256};

use crate::engine::{AnyEngine, Base, Change, Created, Engine, Loaded, MAX_ATTEMPTS, Record, Saved};
use crate::error::EngineError;
use crate::examine::{Contents, Examined, Life, Stored};

/// In the data of a key whose session ended before the move was over.
const ENDED: &str = "_cloakroom_ended";

/// In the data of a cookie: the key that it had in the engine before, and when it moved.
const MOVED_FROM: &str = "_cloakroom_moved_from";

/// How long answers may be under way that still carry the cookie from before the move.
const UNDER_WAY_SECS: i64 = 60;

/// A new engine in front of older ones (`SESSION_ENGINE_FALLBACKS`).
///
/// Sessions are looked for in the new engine, then in the older ones. What is found there is stored in the new one under
/// the same key and deleted where it was; a session that lived in its cookie gets a key that follows from the cookie, so
/// that however many requests bring the cookie at once all move to one session. After the stop date the older engines
/// are left alone, and this is the new engine and nothing else.
///
/// A session that ends stays ended, in both places (S12): its key is taken by a mark until the stop date, onto which a
/// move that is under way cannot write. To a Django beside, the mark is an anonymous session.
#[derive(Debug)]
pub struct MovingEngine {
    to: Box<AnyEngine>,
    from: Vec<AnyEngine>,
    until: Timestamp,
    clock: Arc<dyn Clock>,
    moved: AtomicU64,
}

impl MovingEngine {
    /// Reads `to`, then `from` in this order, until the moment comes.
    #[must_use]
    pub fn new(to: AnyEngine, from: Vec<AnyEngine>, until: Timestamp, clock: Arc<dyn Clock>) -> Self {
        Self { to: Box::new(to), from, until, clock, moved: AtomicU64::new(0) }
    }

    /// The new engine.
    #[must_use]
    pub const fn to(&self) -> &AnyEngine {
        &self.to
    }

    /// The older engines.
    pub(crate) fn older_engines(&self) -> &[AnyEngine] {
        &self.from
    }

    fn target_engine(&self) -> &dyn Erased {
        &*self.to
    }

    fn older(&self, key: &SessionKey) -> impl Iterator<Item = &AnyEngine> {
        self.from.iter().filter(|engine| engine.admits(key))
    }

    /// How many sessions this process has found in the older engines.
    #[must_use]
    pub fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    fn is_on(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// The key under which the new engine keeps what has this key in an older one.
    fn target(&self, key: &SessionKey) -> SessionKey {
        if key.may_be_stored() && self.to.admits(key) { key.clone() } else { derived(key) }
    }

    async fn find(&self, key: &SessionKey, now: Timestamp) -> Result<Option<(&AnyEngine, Arc<Dict>)>, EngineError> {
        for engine in self.older(key) {
            // A record that does not verify is nobody's, and stays where it is.
            if let Loaded::Live(Record { data, damage: None, .. }) = erased(engine).do_load(key, now).await? {
                return Ok(Some((engine, data)));
            }
        }
        Ok(None)
    }

    /// As [`Engine::load`] would find it, with nothing moved.
    pub(crate) async fn examine(&self, key: &SessionKey, now: Timestamp) -> Result<Examined, EngineError> {
        let found = Box::pin(self.to.examine(key, now)).await?;
        if !self.is_on(now) {
            return Ok(found);
        }
        let is_broken_cookie = self.to.keeps_data_in_cookie()
            && !matches!(&found.stored, Stored::Session { state: Life::Live, contents: Contents::Data { .. }, .. });
        if found.is_live() && !is_broken_cookie {
            return Ok(without_end(found));
        }
        for engine in self.older(key) {
            let older = Box::pin(engine.examine(key, now)).await?;
            if !matches!(&older.stored, Stored::Session { state: Life::Live, contents: Contents::Data { .. }, .. }) {
                continue;
            }
            let target = self.target(key);
            if target != *key && !self.to.keeps_data_in_cookie() {
                let moved = Box::pin(self.to.examine(&target, now)).await?;
                if !matches!(moved.stored, Stored::Nothing) {
                    return Ok(without_end(moved));
                }
            }
            return Ok(older);
        }
        Ok(found)
    }

    async fn take_over(
        &self,
        key: &SessionKey,
        from: &AnyEngine,
        data: Arc<Dict>,
        now: Timestamp,
    ) -> Result<Loaded, EngineError> {
        let count = self.moved.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::info!(target: "cloakroom.sessions", from = from.name(), to = self.to.name(), count, "a session moves");
        if self.to.keeps_data_in_cookie() {
            // The answer may not arrive, and others are under way: the old session ends when the new cookie came back.
            let mut data = (*data).clone();
            data.insert(MOVED_FROM, Value::List(vec![key.expose().into(), Value::Int(now.as_secs())]));
            let record = Record::new(Arc::new(data), None, None);
            return Ok(Loaded::Moved(record, key.clone()));
        }
        let target = self.target(key);
        let record = match self.target_engine().do_create(&target, &data, now).await? {
            Created::Yes(version) => Record::new(data, version, None),
            // Another request was faster, or the session has ended.
            Created::Taken => match self.target_engine().do_load(&target, now).await? {
                Loaded::Live(record) if !is_end(&record.data) => record,
                _ => return Ok(Loaded::Absent(Anonymous::NoSession)),
            },
        };
        erased(from).do_delete(key).await?;
        Ok(if target == *key { Loaded::Live(record) } else { Loaded::Moved(record, target) })
    }

    /// Nobody has the session: but another request may have moved it between the look at the new engine and that at the old
    /// one, and who came with its cookie must not be taken for a stranger.
    async fn look_again(&self, key: &SessionKey, found: Loaded, now: Timestamp) -> Result<Loaded, EngineError> {
        if self.to.keeps_data_in_cookie() {
            return Ok(found);
        }
        let target = self.target(key);
        Ok(match self.target_engine().do_load(&target, now).await? {
            Loaded::Live(record) if is_end(&record.data) => found,
            Loaded::Live(record) if target == *key => Loaded::Live(record),
            Loaded::Live(record) => Loaded::Moved(record, target),
            _ => found,
        })
    }

    /// Takes in what the new engine has; the mark of an ended session is none.
    async fn arrived(&self, key: &SessionKey, record: Record, now: Timestamp) -> Result<Loaded, EngineError> {
        if is_end(&record.data) {
            return Ok(Loaded::Absent(Anonymous::NoSession));
        }
        if !self.to.keeps_data_in_cookie() {
            return Ok(Loaded::Live(record));
        }
        match moved_from(&record.data) {
            Some((old, at)) if now.as_secs() - at > UNDER_WAY_SECS => {
                self.delete_old(&old).await?;
                let mut data = (*record.data).clone();
                data.remove(MOVED_FROM);
                Ok(Loaded::Moved(Record { data: Arc::new(data), ..record }, key.clone()))
            }
            _ => Ok(Loaded::Live(record)),
        }
    }

    async fn delete_old(&self, key: &SessionKey) -> Result<(), EngineError> {
        for engine in self.older(key) {
            erased(engine).do_delete(key).await?;
        }
        Ok(())
    }

    /// Puts the mark of an ended session under `key`, whatever is there.
    async fn mark_ended(&self, key: &SessionKey, now: Timestamp) -> Result<(), EngineError> {
        let mut mark = Dict::new();
        mark.insert(ENDED, true);
        mark.insert(EXPIRY_KEY, self.until.to_isoformat());
        let mark = Arc::new(mark);
        for _ in 0..MAX_ATTEMPTS {
            if matches!(self.target_engine().do_create(key, &mark, now).await?, Created::Yes(_)) {
                return Ok(());
            }
            let change = Change { base: Base::Nothing, make: &mut |_| Arc::clone(&mark) };
            if matches!(self.target_engine().do_update(key, change, now).await?, Saved::Yes(_)) {
                return Ok(());
            }
        }
        Err(EngineError::Contended { attempts: MAX_ATTEMPTS })
    }
}

impl Engine for MovingEngine {
    async fn load(&self, key: &SessionKey, now: Timestamp) -> Result<Loaded, EngineError> {
        let loaded = if self.to.admits(key) {
            self.target_engine().do_load(key, now).await?
        } else {
            Loaded::Absent(Anonymous::KeyMalformed)
        };
        match loaded {
            _ if !self.is_on(now) => Ok(loaded),
            Loaded::Live(record) => self.arrived(key, record, now).await,
            Loaded::Absent(_) | Loaded::Broken(_) => match self.find(key, now).await? {
                Some((engine, data)) => self.take_over(key, engine, data, now).await,
                None => self.look_again(key, loaded, now).await,
            },
            _ => Ok(loaded),
        }
    }

    async fn create(&self, key: &SessionKey, data: &Arc<Dict>, now: Timestamp) -> Result<Created, EngineError> {
        self.target_engine().do_create(key, data, now).await
    }

    async fn update(&self, key: &SessionKey, change: Change<'_>, now: Timestamp) -> Result<Saved, EngineError> {
        if !self.is_on(now) {
            let Change { base, make } = change;
            return self.target_engine().do_update(key, Change { base, make: &mut |stored| make(stored) }, now).await;
        }
        // Nothing is written over the mark of an ended session, so what is stored has to be looked at.
        let Change { base, make } = change;
        let replaces = matches!(base, Base::Nothing);
        let mut ended = false;
        let mut guarded = |stored: Option<&Arc<Dict>>| match stored {
            Some(mark) if is_end(mark) => {
                ended = true;
                Arc::clone(mark)
            }
            _ if replaces => make(None),
            stored => make(stored),
        };
        let base = if replaces { Base::Unknown } else { base };
        let saved = self.target_engine().do_update(key, Change { base, make: &mut guarded }, now).await?;
        Ok(if ended { Saved::Gone } else { saved })
    }

    async fn cycle(
        &self,
        old: &SessionKey,
        new: &SessionKey,
        data: &Arc<Dict>,
        now: Timestamp,
    ) -> Result<Created, EngineError> {
        let created = self.target_engine().do_cycle(old, new, data, now).await?;
        if matches!(created, Created::Yes(_)) && self.is_on(now) {
            self.delete(old).await?;
        }
        Ok(created)
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), EngineError> {
        let now = self.clock.now();
        if !self.is_on(now) {
            return self.target_engine().do_delete(key).await;
        }
        if self.to.keeps_data_in_cookie() {
            if let Loaded::Live(record) = self.target_engine().do_load(key, now).await?
                && let Some((old, _)) = moved_from(&record.data)
            {
                self.delete_old(&old).await?;
            }
        } else {
            self.mark_ended(&self.target(key), now).await?;
        }
        self.delete_old(key).await
    }

    async fn exists(&self, key: &SessionKey, now: Timestamp) -> Result<bool, EngineError> {
        if self.to.admits(key) && self.target_engine().do_exists(key, now).await? {
            return Ok(true);
        }
        for engine in self.older(key).filter(|_| self.is_on(now)) {
            if erased(engine).do_exists(key, now).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn clear_expired(&self, now: Timestamp) -> Result<u64, EngineError> {
        let mut cleared = self.target_engine().do_clear_expired(now).await?;
        for engine in &self.from {
            cleared += erased(engine).do_clear_expired(now).await?;
        }
        Ok(cleared)
    }

    fn admits(&self, key: &SessionKey) -> bool {
        self.to.admits(key) || (self.is_on(self.clock.now()) && self.from.iter().any(|engine| engine.admits(key)))
    }
}

/// An engine behind boxed futures: this engine asks others of the type that it is a part of, and its futures must not
/// hold their own.
trait Erased: Sync {
    fn do_load<'a>(&'a self, key: &'a SessionKey, now: Timestamp) -> BoxFuture<'a, Loaded>;
    fn do_create<'a>(&'a self, key: &'a SessionKey, data: &'a Arc<Dict>, now: Timestamp) -> BoxFuture<'a, Created>;
    fn do_update<'a>(&'a self, key: &'a SessionKey, change: Change<'a>, now: Timestamp) -> BoxFuture<'a, Saved>;
    fn do_cycle<'a>(
        &'a self,
        old: &'a SessionKey,
        new: &'a SessionKey,
        data: &'a Arc<Dict>,
        now: Timestamp,
    ) -> BoxFuture<'a, Created>;
    fn do_delete<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, ()>;
    fn do_exists<'a>(&'a self, key: &'a SessionKey, now: Timestamp) -> BoxFuture<'a, bool>;
    fn do_clear_expired(&self, now: Timestamp) -> BoxFuture<'_, u64>;
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, EngineError>> + Send + 'a>>;

fn erased(engine: &AnyEngine) -> &dyn Erased {
    engine
}

impl<E: Engine> Erased for E {
    fn do_load<'a>(&'a self, key: &'a SessionKey, now: Timestamp) -> BoxFuture<'a, Loaded> {
        Box::pin(Engine::load(self, key, now))
    }

    fn do_create<'a>(&'a self, key: &'a SessionKey, data: &'a Arc<Dict>, now: Timestamp) -> BoxFuture<'a, Created> {
        Box::pin(Engine::create(self, key, data, now))
    }

    fn do_update<'a>(&'a self, key: &'a SessionKey, change: Change<'a>, now: Timestamp) -> BoxFuture<'a, Saved> {
        Box::pin(Engine::update(self, key, change, now))
    }

    fn do_cycle<'a>(
        &'a self,
        old: &'a SessionKey,
        new: &'a SessionKey,
        data: &'a Arc<Dict>,
        now: Timestamp,
    ) -> BoxFuture<'a, Created> {
        Box::pin(Engine::cycle(self, old, new, data, now))
    }

    fn do_delete<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, ()> {
        Box::pin(Engine::delete(self, key))
    }

    fn do_exists<'a>(&'a self, key: &'a SessionKey, now: Timestamp) -> BoxFuture<'a, bool> {
        Box::pin(Engine::exists(self, key, now))
    }

    fn do_clear_expired(&self, now: Timestamp) -> BoxFuture<'_, u64> {
        Box::pin(Engine::clear_expired(self, now))
    }
}

/// The mark of an ended session is nothing.
fn without_end(found: Examined) -> Examined {
    match &found.stored {
        Stored::Session { contents: Contents::Data { data, .. }, .. } if is_end(data) => {
            Examined { stored: Stored::Nothing, ..found }
        }
        _ => found,
    }
}

fn is_end(data: &Dict) -> bool {
    data.contains_key(ENDED)
}

fn moved_from(data: &Dict) -> Option<(SessionKey, i64)> {
    match data.get(MOVED_FROM)? {
        Value::List(items) => match items.as_slice() {
            [key, Value::Int(at)] => Some((SessionKey::parse(key.as_str()?)?, *at)),
            _ => None,
        },
        _ => None,
    }
}

/// The key of what moved out of a cookie. A cookie holds a signature, so nobody else can work it out.
fn derived(cookie: &SessionKey) -> SessionKey {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let hash = Sha256::new().chain_update(b"cloakroom.sessions.moved:").chain_update(cookie.expose()).finalize();
    let key: String = hash.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect();
    SessionKey::parse(&key).expect("it has 32 characters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_key_is_a_key_and_always_the_same() {
        let cookie = SessionKey::parse("eyJhIjoxfQ:1vbVSP:signature").unwrap();
        let key = derived(&cookie);
        assert!(key.may_be_stored() && key.expose().len() == SessionKey::NEW_LEN);
        assert!(key.expose().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
        assert_eq!(key, derived(&cookie));
    }
}
