//! `Vary`, `Cache-Control` and `Expires` (M30, M31, A117).

use std::fmt::Write as _;

use indexmap::IndexMap;

use crate::clock::Timestamp;
use crate::pytext;

/// Adds names to a `Vary` header; what is there keeps its place and case, `*` swallows all (M31).
///
/// ```
/// use cloakroom_core::headers::patch_vary;
///
/// assert_eq!(patch_vary(Some("Accept,cookie"), &["Cookie"]), "Accept, cookie");
/// assert_eq!(patch_vary(None, &["Cookie"]), "Cookie");
/// assert_eq!(patch_vary(Some("Accept, *"), &["Cookie"]), "*");
/// ```
#[must_use]
pub fn patch_vary(existing: Option<&str>, add: &[&str]) -> String {
    let mut names: Vec<&str> = existing.map(|v| list(v).collect()).unwrap_or_default();
    let there: Vec<String> = names.iter().map(|n| n.to_lowercase()).collect();
    names.extend(add.iter().map(|n| pytext::strip(n)).filter(|n| !there.contains(&n.to_lowercase())));
    if names.contains(&"*") { String::from("*") } else { names.join(", ") }
}

/// What a directive of `Cache-Control` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheValue {
    /// The name alone says it.
    Flag,
    /// `name=seconds`.
    Seconds(i64),
    /// `name=text`, quotes and all.
    Text(String),
}

/// Adds directives to a `Cache-Control` header (M30).
///
/// Of two `max-age` the smaller stays, `private` and `public` replace each other, `no-cache` alone swallows its fields.
/// Names may have `_` for `-`. A `max-age` that is no number gives way, where Django fails with a 500.
///
/// ```
/// use cloakroom_core::headers::{CacheValue, patch_cache_control};
///
/// let header = patch_cache_control(
///     Some("public, max-age=60"),
///     &[("max-age", CacheValue::Seconds(3600)), ("private", CacheValue::Flag)],
/// );
/// assert_eq!(header, "max-age=60, private");
/// ```
#[must_use]
pub fn patch_cache_control(existing: Option<&str>, add: &[(&str, CacheValue)]) -> String {
    let mut directives: IndexMap<String, Vec<CacheValue>> = IndexMap::new();
    for field in list(existing.unwrap_or_default()) {
        let (name, value) = match field.split_once('=') {
            Some((name, value)) => (pytext::strip(name), CacheValue::Text(value.to_owned())),
            None => (field, CacheValue::Flag),
        };
        put(&mut directives, name.to_lowercase(), value);
    }
    let add: Vec<(String, CacheValue)> = add.iter().map(|(n, v)| (n.replace('_', "-"), v.clone())).collect();
    let adds = |name: &str| add.iter().any(|(n, _)| n == name);
    if directives.contains_key("private") && adds("public") {
        directives.shift_remove("private");
    } else if directives.contains_key("public") && adds("private") {
        directives.shift_remove("public");
    }
    for (name, mut value) in add {
        if let (CacheValue::Seconds(new), "max-age") = (&mut value, name.as_str())
            && let Some(old) = directives.get("max-age").and_then(|values| seconds(values.first()?))
        {
            *new = old.min(*new);
        }
        put(&mut directives, name, value);
    }
    let mut out = String::new();
    for (name, values) in &directives {
        // The name alone takes precedence over a list of fields.
        let values = if values.contains(&CacheValue::Flag) { &[CacheValue::Flag][..] } else { values };
        for value in values {
            if !out.is_empty() {
                out.push_str(", ");
            }
            out.push_str(name);
            let _ = match value {
                CacheValue::Flag => Ok(()),
                CacheValue::Seconds(n) => write!(out, "={n}"),
                CacheValue::Text(text) => write!(out, "={text}"),
            };
        }
    }
    out
}

/// The headers of a page that no cache may keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeverCache {
    /// The `Cache-Control` to set.
    pub cache_control: String,
    /// The `Expires` to set; `None` leaves what is there.
    pub expires: Option<String>,
}

/// Returns the headers of a page that no cache may keep, given those it has (A117).
///
/// ```
/// use cloakroom_core::clock::Timestamp;
/// use cloakroom_core::headers::never_cache;
///
/// let headers = never_cache(None, None, Timestamp::from_secs(1_767_323_045));
/// assert_eq!(headers.cache_control, "max-age=0, no-cache, no-store, must-revalidate, private");
/// assert_eq!(headers.expires.as_deref(), Some("Fri, 02 Jan 2026 03:04:05 GMT"));
/// ```
#[must_use]
pub fn never_cache(cache_control: Option<&str>, expires: Option<&str>, now: Timestamp) -> NeverCache {
    let directives = [
        ("max-age", CacheValue::Seconds(0)),
        ("no-cache", CacheValue::Flag),
        ("no-store", CacheValue::Flag),
        ("must-revalidate", CacheValue::Flag),
        ("private", CacheValue::Flag),
    ];
    NeverCache {
        cache_control: patch_cache_control(cache_control, &directives),
        expires: expires.is_none().then(|| now.to_http_date()),
    }
}

fn put(directives: &mut IndexMap<String, Vec<CacheValue>>, name: String, value: CacheValue) {
    let gathers = name == "no-cache";
    let values = directives.entry(name).or_default();
    if !gathers {
        values.clear();
    }
    if !values.contains(&value) {
        values.push(value);
    }
}

fn seconds(value: &CacheValue) -> Option<i64> {
    match value {
        // Python counts the bare name's True as one.
        CacheValue::Flag => Some(1),
        CacheValue::Seconds(n) => Some(*n),
        CacheValue::Text(text) => pytext::strip(text).parse().ok(),
    }
}

fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(pytext::strip).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// M30: two lists of fields both stay, the bare name swallows them.
    #[test]
    fn no_cache_gathers_fields() {
        let add = [("no_cache", CacheValue::Text("Set-Cookie".into()))];
        assert_eq!(patch_cache_control(Some("no-cache=\"X\""), &add), "no-cache=\"X\", no-cache=Set-Cookie");
        assert_eq!(patch_cache_control(Some("no-cache, No-Cache=\"X\""), &add), "no-cache");
    }

    #[test]
    fn a_broken_max_age_gives_way() {
        let add = [("max_age", CacheValue::Seconds(5))];
        assert_eq!(patch_cache_control(Some("max-age=soon"), &add), "max-age=5");
        assert_eq!(patch_cache_control(Some("max-age"), &add), "max-age=1");
        assert_eq!(patch_cache_control(Some("MAX-AGE = 3"), &add), "max-age=3");
    }
}
