//! The form of keys inside the store: Django's `KEY_PREFIX:VERSION:key`.

/// `KEY_PREFIX` and `VERSION` of a cache: `":1:"` before each key unless configured (S50).
///
/// ```
/// use cloakroom_cache::KeyForm;
///
/// assert_eq!(KeyForm::default().full("django.contrib.sessions.cacheabc"), ":1:django.contrib.sessions.cacheabc");
/// assert_eq!(KeyForm::new("shop", 2).full("k"), "shop:2:k");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyForm(Box<str>);

impl KeyForm {
    /// A form with a `KEY_PREFIX` and a `VERSION`.
    #[must_use]
    pub fn new(prefix: &str, version: u32) -> Self {
        Self(format!("{prefix}:{version}:").into())
    }

    /// The key as the store knows it.
    #[must_use]
    pub fn full(&self, key: &str) -> String {
        let mut full = String::with_capacity(self.0.len() + key.len());
        full.push_str(&self.0);
        full.push_str(key);
        full
    }
}

impl Default for KeyForm {
    fn default() -> Self {
        Self::new("", 1)
    }
}
