//! User names: normal form, validity, comparison (A12, A13, A103, A160).
//!
//! Lengths are in code points. Every function looks at the length before it normalises (A20).

use std::borrow::Cow;

use crate::pytext;

/// Which characters a user name may have (A12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsernameRule {
    /// Letters and digits of any script, and `_ . @ + -`.
    #[default]
    Unicode,
    /// ASCII letters and digits, and `_ . @ + -`.
    Ascii,
}

/// The longest user name of Django's own table (A12).
pub const MAX_USERNAME_LEN: usize = 150;

/// Names longer than this, in bytes, are never normalised: no table holds them (A20).
const MAX_NORMALIZED_BYTES: usize = 16 * 1024;

/// NFKC, as `create_user` stores a name (A13). A name far longer than any table holds is returned unchanged (A20).
///
/// ```
/// use cloakroom_core::names::normalize_username;
///
/// assert_eq!(normalize_username("ﬀ½ｘ"), "ff1⁄2x");
/// ```
#[must_use]
pub fn normalize_username(username: &str) -> String {
    normalized(username).into_owned()
}

/// Whether every character of `username` is allowed and there is at least one. The length is not judged.
///
/// ```
/// use cloakroom_core::names::{UsernameRule, validate_username};
///
/// assert!(validate_username("émile²@x", UsernameRule::Unicode));
/// assert!(!validate_username("émile", UsernameRule::Ascii));
/// assert!(!validate_username("a b", UsernameRule::Unicode));
/// ```
#[must_use]
pub fn validate_username(username: &str, rule: UsernameRule) -> bool {
    let allowed = |c| match (c, rule) {
        ('.' | '@' | '+' | '-' | '_', _) => true,
        (_, UsernameRule::Unicode) => pytext::is_alnum(c),
        (_, UsernameRule::Ascii) => c.is_ascii_alphanumeric(),
    };
    !username.is_empty() && username.chars().all(allowed)
}

/// What a form's name field makes of its text: stripped and in NFKC, or the codes of its errors (A103).
///
/// # Errors
///
/// `required`, or `max_length` and `null_characters_not_allowed`, in this order. The characters are not judged here:
/// that is the model's part, [`model_username_errors`].
pub fn clean_username_field(value: &str, max_length: Option<usize>) -> Result<String, Vec<&'static str>> {
    let name = field_text(value, max_length)?;
    let mut codes = Vec::new();
    if max_length.is_some_and(|max| is_longer(&name, max)) {
        codes.push("max_length");
    }
    if name.contains('\0') {
        codes.push("null_characters_not_allowed");
    }
    if codes.is_empty() { Ok(name.into_owned()) } else { Err(codes) }
}

/// What the sign-in form's name field makes of its text: as [`clean_username_field`], but a name longer than
/// `max_length` is no error; it goes to the back end as it is (A103).
///
/// # Errors
///
/// `required`, or `null_characters_not_allowed`.
pub fn clean_login_username_field(value: &str, max_length: usize) -> Result<String, Vec<&'static str>> {
    let name = field_text(value, Some(max_length))?;
    if name.contains('\0') { Err(vec!["null_characters_not_allowed"]) } else { Ok(name.into_owned()) }
}

/// The codes with which the model's field refuses a name: `blank`, or `invalid` and `max_length` (A12).
#[must_use]
pub fn model_username_errors(username: &str, rule: UsernameRule, max_length: usize) -> Vec<&'static str> {
    if username.is_empty() {
        return vec!["blank"];
    }
    let invalid = (!validate_username(username, rule)).then_some("invalid");
    let long = is_longer(username, max_length).then_some("max_length");
    invalid.into_iter().chain(long).collect()
}

/// The name that `createsuperuser` offers for the system's user: ASCII, without spaces, lower case (A160).
///
/// ```
/// use cloakroom_core::names::default_system_username;
///
/// assert_eq!(default_system_username("Ève Łuk"), "eveuk");
/// ```
#[must_use]
pub fn default_system_username(system_user: &str) -> String {
    if system_user.len() > MAX_NORMALIZED_BYTES {
        return String::new();
    }
    let ascii = pytext::nfkd(system_user).chars().filter(|c| c.is_ascii() && *c != ' ').collect::<String>();
    ascii.to_ascii_lowercase()
}

/// Whether two identifiers are equal but for case, by Unicode's own rule: NFKC, then case folding (A105).
///
/// Texts far longer than any table holds are compared as they are (A20).
///
/// ```
/// use cloakroom_core::names::unicode_ci_compare;
///
/// assert!(unicode_ci_compare("STRASSE@x.org", "straße@x.org"));
/// assert!(!unicode_ci_compare("mike@x.org", "mıke@x.org"));
/// ```
#[must_use]
pub fn unicode_ci_compare(a: &str, b: &str) -> bool {
    if a.len() > MAX_NORMALIZED_BYTES || b.len() > MAX_NORMALIZED_BYTES {
        return a == b;
    }
    pytext::casefold(&pytext::nfkc(a)) == pytext::casefold(&pytext::nfkc(b))
}

/// Strips, and normalises what is not too long already: normalisation never makes a name shorter.
fn field_text(value: &str, max_length: Option<usize>) -> Result<Cow<'_, str>, Vec<&'static str>> {
    let value = pytext::strip(value);
    if value.is_empty() {
        return Err(vec!["required"]);
    }
    Ok(if max_length.is_some_and(|max| is_longer(value, max)) { value.into() } else { normalized(value) })
}

fn normalized(name: &str) -> Cow<'_, str> {
    if name.len() > MAX_NORMALIZED_BYTES { name.into() } else { pytext::nfkc(name) }
}

fn is_longer(text: &str, max_chars: usize) -> bool {
    text.chars().nth(max_chars).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A20: a text of a megabyte that grows under NFKC is not normalised by anything.
    #[test]
    fn long_names_are_never_normalised() {
        let long = "¾".repeat(500_000);
        assert_eq!(normalize_username(&long), long);
        assert_eq!(clean_username_field(&long, Some(150)), Err(vec!["max_length"]));
        assert_eq!(clean_login_username_field(&long, 150).as_ref(), Ok(&long));
        assert_eq!(default_system_username(&long), "");
        assert!(unicode_ci_compare(&long, &long));
        assert!(!unicode_ci_compare(&long, "3⁄4"));
    }

    /// A103: a name that fits only before normalisation is refused; the sign-in form takes it.
    #[test]
    fn growing_names_are_measured_after_normalisation() {
        let ligatures = "ﬀ".repeat(76);
        assert_eq!(clean_username_field(&ligatures, Some(150)), Err(vec!["max_length"]));
        assert_eq!(clean_login_username_field(&ligatures, 150), Ok("f".repeat(152)));
        assert_eq!(clean_username_field("a\0", Some(1)), Err(vec!["max_length", "null_characters_not_allowed"]));
    }
}
