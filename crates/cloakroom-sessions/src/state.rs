//! One request's session in memory: the plain part of Django's `SessionBase`, without any store.

use std::any::Any;
use std::sync::Arc;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::SessionKey;
use cloakroom_core::reason::Anonymous;
use cloakroom_core::value::{Dict, Text, Value};

use crate::edits::Edits;
use crate::engine::{Base, Record, Version};
use crate::near::{JoinedUser, NearSession, Origin};

/// Everything that changes while a request runs.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of Django's, or as independent of the others")]
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) key: Option<SessionKey>,
    /// `None` until something was loaded or cleared (Django's missing `_session_cache`), and until the copy was read.
    data: Option<Arc<Dict>>,
    /// The copy in memory that was loaded, until somebody asks for its data. Counting who uses data and version as well would be
    /// a look at two more places in memory.
    unread: Option<Arc<NearSession>>,
    /// When the copy in memory was taken.
    copied_at: Option<Timestamp>,
    /// Whether the data are what was loaded, unchanged.
    as_loaded: bool,
    /// Whether this request read the copy in memory, or found out more of it.
    reread: bool,
    pub(crate) accessed: bool,
    pub(crate) modified: bool,
    pub(crate) edits: Edits,
    version: Option<Version>,
    /// Where the data comes from.
    origin: Origin,
    pub(crate) reason: Option<Anonymous>,
    /// Whether what is modified is in the store already, and only the cookie is due.
    pub(crate) stored: bool,
    /// Whether this request itself ended the session or gave it another key (D8).
    pub(crate) rekeyed: bool,
    /// Whether the session came under an older cookie name, and its cookie is due.
    pub(crate) came_by_older_name: bool,
    /// What `modified` was before loading set it, until the next access: `pop` goes by it, as it reads `modified`
    /// before it loads (S14).
    modified_before_load: Option<bool>,
}

/// Whether loading counts as a change: it does where it makes a session, or spoils the cookie (S56, S58).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    Quiet,
    Modifies,
}

impl State {
    pub(crate) fn new(key: Option<SessionKey>, reason: Option<Anonymous>) -> Self {
        Self {
            key,
            data: None,
            unread: None,
            copied_at: None,
            as_loaded: false,
            reread: false,
            accessed: false,
            modified: false,
            edits: Edits::default(),
            version: None,
            origin: Origin::default(),
            reason,
            stored: false,
            rekeyed: false,
            came_by_older_name: false,
            modified_before_load: None,
        }
    }

    /// True without a key and without data (S12). Never loads, and is no access.
    pub(crate) fn is_empty(&self) -> bool {
        let unread = || self.unread.as_ref().is_some_and(|near| near.data().is_none_or(|d| !d.is_empty()));
        self.key.is_none() && !unread() && self.data.as_ref().is_none_or(|d| d.is_empty())
    }

    pub(crate) const fn is_loaded(&self) -> bool {
        self.data.is_some() || self.unread.is_some()
    }

    /// The data, unless nothing was loaded. No access.
    pub(crate) fn data(&mut self) -> Option<&Arc<Dict>> {
        if let Some(near) = self.unread.take() {
            let (near, data) = match near.data().cloned() {
                Some(data) => (near, data),
                None => {
                    let (near, data) = near.read();
                    self.reread = true;
                    (Arc::new(near), data)
                }
            };
            self.version = near.version().cloned();
            self.origin.near = Some(near);
            self.data = Some(data);
        }
        self.data.as_ref()
    }

    fn data_or_default(&mut self) -> Arc<Dict> {
        self.data().cloned().unwrap_or_default()
    }

    /// When the copy in memory was taken, if one was.
    pub(crate) const fn copied_at(&self) -> Option<Timestamp> {
        self.copied_at
    }

    /// What is remembered with the stored session, whatever became of the data since.
    pub(crate) fn near(&self) -> Option<&Arc<NearSession>> {
        self.unread.as_ref().or(self.origin.near.as_ref())
    }

    /// The same, as long as the data are what was loaded.
    pub(crate) fn near_unchanged(&self) -> Option<&Arc<NearSession>> {
        self.near().filter(|_| self.as_loaded)
    }

    /// Keeps a value beside the copy in memory, as long as the data are what was loaded. Where one is kept already, a copy
    /// with this one takes the place of that copy when the request ends.
    pub(crate) fn keep(&mut self, value: Arc<dyn Any + Send + Sync>) {
        let Some(near) = self.near_unchanged() else { return };
        if near.keep(Arc::clone(&value)) {
            return;
        }
        let near = Arc::new(near.keeping(value));
        let place = if self.unread.is_some() { &mut self.unread } else { &mut self.origin.near };
        *place = Some(near);
        self.reread = true;
    }

    /// The copy in memory, if this request found out more of it and did not change the data: for the next one.
    pub(crate) fn take_reread(&mut self) -> Option<Arc<NearSession>> {
        let near = self.near_unchanged().filter(|_| self.reread).cloned();
        self.reread = false;
        near
    }

    pub(crate) fn joined_user(&self) -> Option<JoinedUser> {
        self.origin.joined.clone()
    }

    pub(crate) fn get(&mut self, key: &str) -> Option<&Value> {
        self.access();
        self.data()?.get(key)
    }

    pub(crate) fn items(&mut self) -> Arc<Dict> {
        self.access();
        self.data_or_default()
    }

    pub(crate) fn set(&mut self, key: Text, value: Value) {
        self.access();
        self.edits.touch(&key);
        self.data_mut().insert(key, value);
        self.modify();
    }

    /// `del s[key]`: nothing happens when it is absent (S15).
    pub(crate) fn remove(&mut self, key: &str) -> Option<Value> {
        self.access();
        if !self.data()?.contains_key(key) {
            return None;
        }
        self.edits.touch(&key.into());
        let old = self.data_mut().remove(key);
        self.modify();
        old
    }

    /// `s.pop(key, None)`: as [`remove`](Self::remove), but forgets that loading modified the session (S14).
    pub(crate) fn pop(&mut self, key: &str) -> Option<Value> {
        if let Some(before) = self.modified_before_load {
            self.modified = before;
        }
        self.remove(key)
    }

    pub(crate) fn update(&mut self, items: Dict) {
        self.access();
        for (key, value) in items {
            self.edits.touch(&key);
            self.data_mut().insert(key, value);
        }
        self.modify();
    }

    /// Changes data out of sight of [`modified`](Self::modified), as a nested value is changed in Python (S14).
    pub(crate) fn alter<R>(&mut self, change: impl FnOnce(&mut Dict) -> R) -> R {
        self.access();
        let before = self.data_or_default();
        let result = change(self.data_mut());
        let after = self.data_or_default();
        self.edits.touch_differences(&before, &after);
        self.stored &= self.edits.is_empty();
        result
    }

    /// Empties without loading, keeps the key (S16).
    pub(crate) fn clear(&mut self) {
        self.access();
        self.empty();
        self.edits.clear();
        self.modify();
    }

    /// There are no data from here on, whatever is stored.
    pub(crate) fn empty(&mut self) {
        self.unread = None;
        self.data = Some(Arc::default());
        self.as_loaded = false;
    }

    /// What is in memory. What was not loaded by then counts as empty from here on: a save replaces what is stored,
    /// and does not add to it (S41).
    pub(crate) fn data_without_loading(&mut self) -> Arc<Dict> {
        self.accessed = true;
        if !self.is_loaded() {
            self.edits.clear();
            self.empty();
        }
        self.data_or_default()
    }

    /// The session has no key, and nothing is known of what was stored under the one that it had.
    pub(crate) fn forget_key(&mut self) {
        self.key = None;
        self.version = None;
        self.origin = Origin::default();
    }

    pub(crate) fn set_modified(&mut self, modified: bool) {
        self.modified = modified;
        self.stored &= !modified;
    }

    /// Takes in what the engine loaded.
    pub(crate) fn loaded(&mut self, record: Record, load: Load) {
        let modified = load == Load::Modifies;
        self.modified_before_load = (modified && !self.modified).then_some(self.modified);
        self.data = Some(record.data);
        self.unread = None;
        self.as_loaded = true;
        self.version = record.version;
        self.origin = record.origin;
        self.reason = record.damage;
        self.modified |= modified;
    }

    /// Takes in a copy in memory that holds.
    pub(crate) fn found(&mut self, near: Arc<NearSession>, now: Timestamp) {
        self.copied_at = Some(now);
        self.modified_before_load = None;
        self.as_loaded = true;
        self.reason = near.damage();
        self.unread = Some(near);
    }

    /// Where a save starts from, the data to save, and the changes in it, which count as saved from now on.
    pub(crate) fn begin_save(&mut self) -> (Base, Arc<Dict>, Edits) {
        let data = self.data_or_default();
        let base = match (&self.version, self.edits.is_cleared()) {
            (_, true) => Base::Nothing,
            (Some(version), false) => Base::Version(version.clone()),
            (None, false) => Base::Unknown,
        };
        (base, data, std::mem::take(&mut self.edits))
    }

    /// Takes in what was saved, under changes made while the save was under way.
    pub(crate) fn saved_as(&mut self, record: Record) {
        self.data = Some(match &self.data {
            Some(ours) if !self.edits.is_empty() => self.edits.merge(ours, &record.data),
            _ => record.data,
        });
        self.version = record.version;
        self.origin = record.origin;
    }

    fn data_mut(&mut self) -> &mut Dict {
        self.data();
        self.as_loaded = false;
        Arc::make_mut(self.data.get_or_insert_default())
    }

    fn access(&mut self) {
        self.accessed = true;
        self.modified_before_load = None;
    }

    fn modify(&mut self) {
        self.modified = true;
        self.stored = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(load: Load) -> State {
        let mut state = State::new(SessionKey::parse("abcdefgh"), None);
        let mut data = Dict::new();
        data.insert("seed", Value::Int(1));
        state.accessed = true;
        state.loaded(Record::new(Arc::new(data), None, None), load);
        state
    }

    /// S14, S15: which methods count as a change.
    #[test]
    fn modified_is_set_by_exactly_these() {
        type Act = fn(&mut State);
        let cases: [(&str, bool, Act); 12] = [
            ("get", false, |s| drop(s.get("seed").cloned())),
            ("items", false, |s| drop(s.items())),
            ("set", true, |s| s.set("a".into(), Value::None)),
            ("set the same", true, |s| s.set("seed".into(), Value::Int(1))),
            ("remove", true, |s| drop(s.remove("seed"))),
            ("remove absent", false, |s| drop(s.remove("nope"))),
            ("pop", true, |s| drop(s.pop("seed"))),
            ("pop absent", false, |s| drop(s.pop("nope"))),
            ("update with nothing", true, |s| s.update(Dict::new())),
            ("clear", true, State::clear),
            ("alter", false, |s| drop(s.alter(|d| d.insert("a", 1)))),
            ("is_empty", false, |s| assert!(!s.is_empty())),
        ];
        for (name, modified, act) in cases {
            let mut state = loaded(Load::Quiet);
            act(&mut state);
            assert_eq!(state.modified, modified, "{name}");
        }
    }

    /// S14: after a load that counts as a change, `pop` forgets that; only as the first access.
    #[test]
    fn pop_forgets_that_loading_modified() {
        let mut state = loaded(Load::Modifies);
        assert!(state.modified);
        assert_eq!(state.pop("nope"), None);
        assert!(!state.modified);

        let mut state = loaded(Load::Modifies);
        assert!(state.get("nope").is_none());
        assert_eq!(state.pop("nope"), None);
        assert!(state.modified);
    }

    /// S12: a key makes a session that is not empty, whatever is in it.
    #[test]
    fn empty_is_no_key_and_no_data() {
        let mut state = loaded(Load::Quiet);
        state.clear();
        assert!(!state.is_empty());
        state.key = None;
        assert!(state.is_empty());
        assert!(State::new(None, None).is_empty());
        assert!(!State::new(SessionKey::parse("abcdefgh"), None).is_empty());
    }

    /// D6: what changes while a save is under way is neither lost nor taken for saved.
    #[test]
    fn changes_during_a_save_are_kept() {
        let mut state = loaded(Load::Quiet);
        state.set("a".into(), Value::Int(1));
        let (_, data, _) = state.begin_save();
        state.set("b".into(), Value::Int(2));
        let mut merged = (*data).clone();
        merged.insert("theirs", Value::Int(3));
        state.saved_as(Record::new(Arc::new(merged), None, None));
        assert!(!state.edits.is_empty());
        let keys: Vec<_> = state.items().keys().map(Text::to_string_lossy).collect();
        assert_eq!(keys, ["seed", "a", "theirs", "b"]);
    }
}
