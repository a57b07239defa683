//! User names: normal form, validity, comparison (A12, A13, A103, A160).

/// Which characters a user name may have (A12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UsernameRule {
    /// Letters and digits of any script, and `_ . @ + -`.
    #[default]
    Unicode,
    /// ASCII letters and digits, and `_ . @ + -`.
    Ascii,
}

/// The longest user name of Django's own table, in code points (A12).
pub const MAX_USERNAME_LEN: usize = 150;

/// NFKC, as `create_user` stores a name (A13). A name far longer than any table holds is returned unchanged (A20).
#[must_use]
pub fn normalize_username(username: &str) -> String {
    let _ = username;
    todo!()
}

/// Whether every character of `username` is allowed and there is at least one.
#[must_use]
pub fn validate_username(username: &str, rule: UsernameRule) -> bool {
    let _ = (username, rule);
    todo!()
}

/// What a form's name field makes of its text: stripped and in NFKC, or the codes of its errors (A103).
///
/// # Errors
///
/// `required`, or `max_length` and `null_characters_not_allowed`, in this order. The characters are not judged here: that
/// is the model's part, [`model_username_errors`].
pub fn clean_username_field(value: &str, max_length: Option<usize>) -> Result<String, Vec<&'static str>> {
    let _ = (value, max_length);
    todo!()
}

/// The codes with which the model's field refuses a name: `blank`, `null`, or `invalid` and `max_length` (A12).
#[must_use]
pub fn model_username_errors(username: &str, rule: UsernameRule, max_length: usize) -> Vec<&'static str> {
    let _ = (username, rule, max_length);
    todo!()
}

/// The name that `createsuperuser` offers for the system's user: ASCII, without spaces, lower case (A160).
#[must_use]
pub fn default_system_username(system_user: &str) -> String {
    let _ = system_user;
    todo!()
}

/// Whether two identifiers are equal but for case, by Unicode's own rule: NFKC, then case folding (A105).
#[must_use]
pub fn unicode_ci_compare(a: &str, b: &str) -> bool {
    let _ = (a, b);
    todo!()
}
