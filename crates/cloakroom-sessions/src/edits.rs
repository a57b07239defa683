//! Which top-level keys one request changed, and the merge of its changes onto what others stored meanwhile (D6).

use std::fmt;
use std::sync::Arc;

use cloakroom_core::value::{Dict, Text};
use indexmap::IndexSet;

/// The keys that were set or removed since the data was loaded or last saved.
#[derive(Clone, Default)]
pub(crate) struct Edits {
    /// Everything that was stored before is to go (S16).
    cleared: bool,
    /// In the order of their first change.
    keys: IndexSet<Text>,
}

impl Edits {
    pub(crate) fn touch(&mut self, key: &Text) {
        if !self.keys.contains(key) {
            self.keys.insert(key.clone());
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self { cleared: true, ..Self::default() };
    }

    pub(crate) const fn is_cleared(&self) -> bool {
        self.cleared
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.cleared && self.keys.is_empty()
    }

    /// Adds what differs between two states of the data, for changes made out of sight.
    pub(crate) fn touch_differences(&mut self, before: &Dict, after: &Dict) {
        for (key, value) in after.iter() {
            if before.get_text(key) != Some(value) {
                self.touch(key);
            }
        }
        for key in before.keys() {
            if after.get_text(key).is_none() {
                self.touch(key);
            }
        }
    }

    /// Puts `earlier` changes, which could not be saved, before these.
    pub(crate) fn put_back(&mut self, earlier: Self) {
        let later = std::mem::replace(self, earlier);
        if later.cleared {
            *self = later;
        } else {
            for key in &later.keys {
                self.touch(key);
            }
        }
    }

    /// Returns `stored` with these changes made to it; `ours` holds their values. Keys keep their stored place.
    pub(crate) fn merge(&self, ours: &Arc<Dict>, stored: &Dict) -> Arc<Dict> {
        if self.cleared {
            return Arc::clone(ours);
        }
        let mut merged = stored.clone();
        for key in &self.keys {
            match ours.get_text(key) {
                Some(value) => {
                    merged.insert(key.clone(), value.clone());
                }
                None => {
                    merged.remove_text(key);
                }
            }
        }
        Arc::new(merged)
    }
}

/// Keys of a session may be private.
impl fmt::Debug for Edits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edits").field("cleared", &self.cleared).field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use cloakroom_core::value::Value;

    use super::*;

    fn dict(items: &[(&str, i64)]) -> Dict {
        items.iter().map(|(k, n)| (Text::from(*k), Value::Int(*n))).collect()
    }

    fn items(dict: &Dict) -> Vec<(String, Value)> {
        dict.iter().map(|(k, v)| (k.to_string_lossy(), v.clone())).collect()
    }

    /// D6, G12: changed keys win, others stay as stored, and so does the order.
    #[test]
    fn changes_are_merged_onto_what_is_stored() {
        let before = dict(&[("a", 1), ("b", 2), ("c", 3)]);
        let ours = Arc::new(dict(&[("a", 1), ("c", 9), ("new", 4)]));
        let mut edits = Edits::default();
        edits.touch_differences(&before, &ours);
        let stored = dict(&[("theirs", 7), ("c", 3), ("b", 2), ("a", 8)]);
        let merged = edits.merge(&ours, &stored);
        assert_eq!(items(&merged), items(&dict(&[("theirs", 7), ("c", 9), ("a", 8), ("new", 4)])));
    }

    /// S16: clearing means everything, also what others added.
    #[test]
    fn clearing_replaces_all() {
        let mut edits = Edits::default();
        edits.touch(&"a".into());
        edits.clear();
        let ours = Arc::new(dict(&[("b", 1)]));
        assert_eq!(items(&edits.merge(&ours, &dict(&[("a", 1), ("x", 2)]))), items(&ours));
    }

    #[test]
    fn changes_that_were_not_saved_come_back_in_order() {
        let mut now = Edits::default();
        now.touch(&"b".into());
        let mut earlier = Edits::default();
        earlier.touch(&"a".into());
        now.put_back(earlier.clone());
        assert!(now.keys.iter().eq([&Text::from("a"), &Text::from("b")]));
        now.clear();
        now.put_back(earlier);
        assert!(now.is_cleared() && now.keys.is_empty());
    }
}
