//! Refuses passwords that are like what is known of the user (A07, A50).

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{PasswordValidator, UserFacts, ValidationError, ValidatorsError};
use crate::pytext;

/// Refuses passwords that are like an attribute of the user or a word in one (A50).
#[derive(Clone, Debug)]
pub struct UserAttributeSimilarity {
    user_attributes: Vec<Cow<'static, str>>,
    max_similarity: f64,
}

impl UserAttributeSimilarity {
    /// The validator with Django's attributes and another limit, at least 0.1.
    ///
    /// # Errors
    ///
    /// When the limit is below 0.1: Django raises `ValueError`.
    pub fn new(max_similarity: f64) -> Result<Self, ValidatorsError> {
        // Python compares the same way: NaN passes.
        if max_similarity < 0.1 {
            return Err(ValidatorsError::BadOption {
                validator: "user_attribute_similarity",
                option: "max_similarity".to_owned(),
                expected: "a number of at least 0.1",
            });
        }
        Ok(Self { max_similarity, ..Self::default() })
    }

    /// The validator with attributes of one's own.
    #[must_use]
    pub fn with_attributes(self, names: impl IntoIterator<Item = impl Into<Cow<'static, str>>>) -> Self {
        Self { user_attributes: names.into_iter().map(Into::into).collect(), ..self }
    }

    fn is_similar(&self, password: &Letters, part: &str) -> bool {
        let (len, part_len) = (password.len, part.chars().count());
        // Far shorter parts cannot be similar, and Django does not look at them (CVE-2021-45115).
        let is_far_shorter = len >= 10 * part_len && (part_len as f64) < self.max_similarity / 2.0 * len as f64;
        !is_far_shorter
            && ratio(len.min(part_len), len + part_len) >= self.max_similarity
            && ratio(password.overlap(part), len + part_len) >= self.max_similarity
    }
}

/// Django's: `username`, `first_name`, `last_name`, `email`, and 0.7.
impl Default for UserAttributeSimilarity {
    fn default() -> Self {
        let names = ["username", "first_name", "last_name", "email"];
        Self { user_attributes: names.map(Cow::Borrowed).to_vec(), max_similarity: 0.7 }
    }
}

impl PasswordValidator for UserAttributeSimilarity {
    fn validate(&self, password: &str, user: Option<&UserFacts>) -> Result<(), ValidationError> {
        let Some(user) = user else { return Ok(()) };
        let password_len = password.chars().count();
        let mut letters = None;
        for name in &self.user_attributes {
            let Some((value, verbose_name)) = user.get(name).filter(|(v, _)| !v.is_empty()) else { continue };
            // Lower case has between as many characters and twice as many. With that margin, a far longer password
            // need not be looked at.
            let most = 2 * value.chars().count();
            if password_len >= 10 * most && (most as f64) < self.max_similarity / 2.0 * password_len as f64 {
                continue;
            }
            let letters = letters.get_or_insert_with(|| Letters::of(&pytext::lower(password)));
            let value = pytext::lower(value);
            if words(&value).chain([&*value]).any(|part| self.is_similar(letters, part)) {
                return Err(ValidationError {
                    code: "password_too_similar".into(),
                    params: Map::from_iter([("verbose_name".to_owned(), Value::from(verbose_name))]),
                    message: format!("This password is too much like the {verbose_name}."),
                });
            }
        }
        Ok(())
    }

    fn help_text(&self) -> String {
        "Do not use a password that is like your name, your e-mail address or the like.".to_owned()
    }
}

/// Python's `difflib.SequenceMatcher(a=a, b=b).quick_ratio()`: twice the characters that both have, with their
/// repetitions, over all characters; 1 for two empty texts.
///
/// ```
/// use cloakroom_core::validators::quick_ratio;
///
/// assert_eq!(quick_ratio("abcd", "bcde"), 0.75);
/// ```
#[must_use]
pub fn quick_ratio(a: &str, b: &str) -> f64 {
    let letters = Letters::of(a);
    ratio(letters.overlap(b), letters.len + b.chars().count())
}

fn ratio(matches: usize, total: usize) -> f64 {
    if total == 0 { 1.0 } else { 2.0 * matches as f64 / total as f64 }
}

/// Python's `re.split(r"\W+", value)`: empty where the value begins or ends with something else than a word.
fn words(value: &str) -> impl Iterator<Item = &str> {
    let inner = value.trim_matches(|c| !pytext::is_word(c));
    let outer = (inner.len() < value.len()).then_some("");
    inner.split(|c| !pytext::is_word(c)).filter(|w| !w.is_empty()).chain(outer)
}

/// How often a text has each character.
struct Letters {
    len: usize,
    counts: HashMap<char, usize>,
}

impl Letters {
    fn of(text: &str) -> Self {
        let mut counts = HashMap::new();
        let mut len = 0;
        for c in text.chars() {
            *counts.entry(c).or_insert(0) += 1;
            len += 1;
        }
        Self { len, counts }
    }

    /// Characters that both texts have, with their repetitions.
    fn overlap(&self, other: &str) -> usize {
        let mut seen: HashMap<char, usize> = HashMap::new();
        other
            .chars()
            .filter(|c| {
                let seen = seen.entry(*c).or_insert(0);
                *seen += 1;
                self.counts.get(c).is_some_and(|n| *seen <= *n)
            })
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A50: the order of words does not matter, an empty word at the end counts once.
    #[test]
    fn words_are_those_of_pythons_split() {
        assert_eq!(words("a-b.c").collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(words("-a").collect::<Vec<_>>(), ["a", ""]);
        assert_eq!(words("--").collect::<Vec<_>>(), [""]);
        assert_eq!(words("a\u{301}b").collect::<Vec<_>>(), ["a", "b"]);
    }

    /// A07: a megabyte is compared with nothing.
    #[test]
    fn long_passwords_are_not_looked_at() {
        let user = UserFacts::new().with("username", "username", "ann");
        let long = "İ".repeat(500_000);
        assert_eq!(UserAttributeSimilarity::default().validate(&long, Some(&user)), Ok(()));
    }
}
