//! What a request did with its messages.

use cloakroom_core::messages::{Entry, Level, Message};

/// The messages of one request, as far as somebody asked.
#[derive(Debug, Default)]
pub(crate) struct MessageState {
    /// What this request set instead of `MESSAGE_LEVEL`.
    pub(super) level: Option<Level>,
    /// What was stored, once it was read.
    pub(super) loaded: Option<Vec<Entry>>,
    /// Which stores had some; only those are emptied (M06).
    pub(super) held: Held,
    queued: Vec<Message>,
    used: bool,
    added: bool,
}

/// Which stores had messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) cookie: bool,
    pub(super) session: bool,
}

impl MessageState {
    pub(super) fn add(&mut self, message: Message) {
        self.added = true;
        self.queued.push(message);
    }

    /// From now on only new messages are kept for later.
    pub(super) fn mark_used(&mut self) {
        self.used = true;
    }

    /// All messages; those of this request join the loaded ones, so that reading twice shows them twice.
    pub(super) fn all(&mut self) -> Vec<Message> {
        let loaded = self.loaded.get_or_insert_default();
        loaded.extend(self.queued.drain(..).map(Entry::from));
        loaded.iter().filter_map(Entry::message).cloned().collect()
    }

    pub(super) fn count(&self) -> usize {
        self.loaded.as_ref().map_or(0, Vec::len) + self.queued.len()
    }

    pub(super) const fn is_loaded(&self) -> bool {
        self.loaded.is_some()
    }

    /// Whether the answer must store or delete anything.
    pub(super) const fn is_due(&self) -> bool {
        self.used || self.added
    }

    /// Whether what is stored must be known before the rest can be: it stays, with more behind it.
    pub(super) const fn must_load(&self) -> bool {
        !self.used && self.loaded.is_none()
    }

    /// What is to be stored.
    pub(super) fn into_rest(self) -> Vec<Entry> {
        let kept = if self.used { None } else { self.loaded };
        kept.into_iter().flatten().chain(self.queued.into_iter().map(Entry::from)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(entries: Vec<Entry>) -> Vec<String> {
        entries.iter().filter_map(Entry::message).map(|m| m.text().into_owned()).collect()
    }

    fn with_stored(text: &str) -> MessageState {
        MessageState { loaded: Some(vec![Message::new(20, text).into()]), ..MessageState::default() }
    }

    /// M06: what was read is gone, what was added afterwards stays.
    #[test]
    fn reading_uses_up_what_was_there() {
        let mut state = with_stored("old");
        state.add(Message::new(20, "a"));
        state.mark_used();
        assert_eq!(state.all().len(), 2);
        state.add(Message::new(20, "b"));
        assert_eq!(state.count(), 3);
        assert_eq!(texts(state.into_rest()), ["b"]);
    }

    /// M06: unread messages wait for a page that reads them.
    #[test]
    fn adding_keeps_what_was_not_read() {
        let mut state = with_stored("old");
        assert!(!state.is_due());
        state.add(Message::new(20, "a"));
        assert!(state.is_due() && !state.must_load());
        assert_eq!(texts(state.into_rest()), ["old", "a"]);
    }
}
