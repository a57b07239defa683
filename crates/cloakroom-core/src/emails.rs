//! E-mail addresses: normal form, validity, comparison (A14, A15, A105, G04).

/// The longest address of Django's own table, in code points (A15).
pub const MAX_EMAIL_LEN: usize = 254;

/// The longest address that a form takes where nothing else is said, in code points (A15).
pub const MAX_FORM_EMAIL_LEN: usize = 320;

/// Strips the address and lower-cases its domain; a text without `@` stays as it is (A14).
#[must_use]
pub fn normalize_email(email: &str) -> String {
    let _ = email;
    todo!()
}

/// Whether Django takes the text for an e-mail address (A15).
#[must_use]
pub fn validate_email(email: &str) -> bool {
    let _ = email;
    todo!()
}

/// What a form's e-mail field makes of its text: stripped, or the codes of its errors.
///
/// # Errors
///
/// `required`, or `invalid`, `max_length` and `null_characters_not_allowed`, in this order.
pub fn clean_email_field(value: &str, max_length: usize) -> Result<String, Vec<&'static str>> {
    let _ = (value, max_length);
    todo!()
}

/// Whether SQLite's `email LIKE typed`, as Django's `iexact` writes it, finds `stored`: equal but for the case of
/// ASCII letters (G04).
#[must_use]
pub fn sqlite_iexact(stored: &str, typed: &str) -> bool {
    stored.eq_ignore_ascii_case(typed)
}
