//! [`AnswerHeaders`]: what every answer gets unless it has it.

use cloakroom_core::headers::{SecurityFacts, SecurityHeaders, XFrame};
use cloakroom_core::hosts::Scheme;
use http::header::{Entry, X_FRAME_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::outward::latin1;

/// The headers that every answer gets unless it has them, made once.
#[derive(Clone, Debug)]
pub(crate) struct AnswerHeaders {
    http: Vec<(HeaderName, HeaderValue)>,
    https: Vec<(HeaderName, HeaderValue)>,
    frames: Option<HeaderValue>,
}

impl AnswerHeaders {
    pub(super) fn new(config: &SecurityHeaders) -> Self {
        let frames = config.frame_options.to_add(None, XFrame::Apply).and_then(value);
        let of = |scheme| {
            let facts = SecurityFacts { scheme, is_set: &|_| false };
            config.to_add(&facts).filter_map(|(name, text)| Some((header_name(name)?, value(&text)?))).collect()
        };
        Self { http: of(Scheme::Http), https: of(Scheme::Https), frames }
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        self.http.len().max(self.https.len()) + usize::from(self.frames.is_some())
    }

    /// Adds those that are missing, but for `X-Frame-Options`.
    pub(super) fn add(&self, scheme: Scheme, headers: &mut HeaderMap) {
        for (name, value) in if scheme.is_secure() { &self.https } else { &self.http } {
            add(headers, name, value);
        }
    }

    /// Adds `X-Frame-Options` if it is missing.
    pub(super) fn add_frames(&self, headers: &mut HeaderMap) {
        if let Some(value) = &self.frames {
            add(headers, &X_FRAME_OPTIONS, value);
        }
    }
}

fn add(headers: &mut HeaderMap, name: &HeaderName, value: &HeaderValue) {
    if let Entry::Vacant(place) = headers.entry(name) {
        place.insert(value.clone());
    }
}

/// A name. One whose text the program has is copied without a count of who uses it.
fn header_name(name: &str) -> Option<HeaderName> {
    match name.to_ascii_lowercase().as_str() {
        "cross-origin-opener-policy" => Some(HeaderName::from_static("cross-origin-opener-policy")),
        other => HeaderName::from_bytes(other.as_bytes()).ok(),
    }
}

/// A value; as for [`header_name`].
fn value(text: &str) -> Option<HeaderValue> {
    const USUAL: [&str; 4] = ["nosniff", "same-origin", "DENY", "SAMEORIGIN"];
    match USUAL.into_iter().find(|usual| *usual == text) {
        Some(usual) => Some(HeaderValue::from_static(usual)),
        None => latin1(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// M16, M24: what a handler says stands.
    #[test]
    fn what_is_there_stays() {
        let ours = AnswerHeaders::new(&SecurityHeaders::default());
        let mut headers = HeaderMap::new();
        headers.insert("cross-origin-opener-policy", HeaderValue::from_static("unsafe-none"));
        ours.add_frames(&mut headers);
        ours.add(Scheme::Http, &mut headers);
        let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(value("cross-origin-opener-policy"), Some("unsafe-none"));
        assert_eq!(value("x-frame-options"), Some("DENY"));
        assert_eq!(value("x-content-type-options"), Some("nosniff"));
        assert_eq!(value("referrer-policy"), Some("same-origin"));
        assert_eq!(headers.len(), 4);
        assert_eq!(ours.len(), 4);
    }
}
