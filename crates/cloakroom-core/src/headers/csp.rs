//! `Content-Security-Policy` (M40–M42).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::pytext;
use crate::random::Random;

/// The value that stands for the nonce in `SECURE_CSP` (M41): Django's `CSP.NONCE`.
pub const NONCE: &str = "<CSP_NONCE_SENTINEL>";

/// `SECURE_CSP` or `SECURE_CSP_REPORT_ONLY`, parsed; directives keep their order.
///
/// ```
/// use cloakroom_core::headers::{CspPolicy, CspValue, NONCE};
///
/// let policy = CspPolicy::new([
///     (String::from("script-src"), CspValue::List(vec!["'self'".into(), NONCE.into()])),
///     (String::from("upgrade-insecure-requests"), CspValue::Bare),
/// ]);
/// assert_eq!(policy.build(Some("abc")), "script-src 'self' 'nonce-abc'; upgrade-insecure-requests");
/// assert_eq!(policy.build(None), "script-src 'self'; upgrade-insecure-requests");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CspPolicy(Vec<(String, CspValue)>);

impl CspPolicy {
    /// Takes directives in order.
    pub fn new(directives: impl IntoIterator<Item = (String, CspValue)>) -> Self {
        Self(directives.into_iter().collect())
    }

    /// Reads a setting: `true` is the bare directive; `null`, `false` leave it out; a text or a list of texts is its
    /// value.
    ///
    /// # Errors
    ///
    /// [`CspError`] for a value of another kind.
    pub fn from_json(setting: &Map<String, Value>) -> Result<Self, CspError> {
        let directives = setting.iter().map(|(directive, value)| {
            let value = match value {
                Value::Null | Value::Bool(false) => CspValue::Absent,
                Value::Bool(true) => CspValue::Bare,
                Value::String(text) => CspValue::List(vec![text.clone()]),
                Value::Array(items) => items
                    .iter()
                    .map(|item| item.as_str().map(str::to_owned))
                    .collect::<Option<_>>()
                    .map(CspValue::List)
                    .ok_or_else(|| CspError { directive: directive.clone() })?,
                _ => return Err(CspError { directive: directive.clone() }),
            };
            Ok((directive.clone(), value))
        });
        directives.collect::<Result<_, _>>().map(Self)
    }

    /// Writes the header's value; empty if no directive is left: then no header is sent.
    ///
    /// Without a nonce its place is left out, and so is a directive that had nothing else.
    #[must_use]
    pub fn build(&self, nonce: Option<&str>) -> String {
        let nonce = nonce.filter(|n| !n.is_empty()).map(|n| format!("'nonce-{n}'"));
        let mut parts = Vec::with_capacity(self.0.len());
        for (directive, value) in &self.0 {
            let values: &[String] = match value {
                CspValue::Absent => continue,
                CspValue::Bare => &[],
                CspValue::List(values) | CspValue::Sorted(values) => values,
            };
            let mut sorted: Vec<&str> = values.iter().map(String::as_str).collect();
            if matches!(value, CspValue::Sorted(_)) {
                sorted.sort_unstable();
                sorted.dedup();
            }
            let rendered: Vec<&str> =
                sorted.into_iter().filter_map(|v| if v == NONCE { nonce.as_deref() } else { Some(v) }).collect();
            if rendered.is_empty() && *value != CspValue::Bare {
                continue;
            }
            let text = format!("{directive} {}", rendered.join(" "));
            parts.push(text.trim_end_matches(pytext::is_space).to_owned());
        }
        parts.join("; ")
    }

    /// Whether some directive waits for a nonce.
    #[must_use]
    pub fn uses_nonce(&self) -> bool {
        self.0.iter().any(|(_, value)| match value {
            CspValue::List(values) | CspValue::Sorted(values) => values.iter().any(|v| v == NONCE),
            CspValue::Absent | CspValue::Bare => false,
        })
    }

    /// Whether there is no directive at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The value of a directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CspValue {
    /// The directive is left out.
    Absent,
    /// The directive stands alone.
    Bare,
    /// Values in this order.
    List(Vec<String>),
    /// A set of values, sorted when written.
    Sorted(Vec<String>),
}

/// A directive's value is neither text nor list, true, false or null.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value of {directive} must be a text, a list of texts, true or false")]
pub struct CspError {
    /// The directive.
    pub directive: String,
}

/// Draws a nonce: 16 bytes, 22 characters (M42).
#[must_use]
pub fn generate_nonce(random: &dyn Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    #[test]
    fn a_set_is_sorted_and_its_nonce_replaced_after() {
        let policy = CspPolicy::new([(
            String::from("a"),
            CspValue::Sorted(vec!["https:".into(), NONCE.into(), "'self'".into(), "'self'".into()]),
        )]);
        assert!(policy.uses_nonce());
        assert_eq!(policy.build(Some("n")), "a 'self' 'nonce-n' https:");
    }

    #[test]
    fn numbers_are_no_value() {
        let setting = serde_json::json!({"a": true, "b": [1]});
        let error = CspPolicy::from_json(setting.as_object().unwrap()).unwrap_err();
        assert_eq!(error.directive, "b");
    }

    /// M42.
    #[test]
    fn a_nonce_has_22_characters_and_differs() {
        let (a, b) = (generate_nonce(&OsRandom), generate_nonce(&OsRandom));
        assert_eq!(a.len(), 22);
        assert_ne!(a, b);
    }
}
