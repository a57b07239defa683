//! Python's `str` methods as of Python 3.13, which knows Unicode 15.1 (G06–G09).

/// `str.strip()` (G08).
#[must_use]
pub fn strip(s: &str) -> &str {
    s.trim_matches(is_space)
}

/// `str.isspace()` of one character.
#[must_use]
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// `str.isdigit()` of one character (A53).
#[must_use]
pub fn is_digit(c: char) -> bool {
    let _ = c;
    todo!()
}

/// `str.isalnum()` of one character (G07).
#[must_use]
pub fn is_alnum(c: char) -> bool {
    let _ = c;
    todo!()
}

/// What `\w` matches in a pattern of `str`: [`is_alnum`] and the underscore (G07).
#[must_use]
pub fn is_word(c: char) -> bool {
    c == '_' || is_alnum(c)
}

/// `str.lower()` (G09).
#[must_use]
pub fn lower(s: &str) -> String {
    let _ = s;
    todo!()
}

/// `str.upper()`.
#[must_use]
pub fn upper(s: &str) -> String {
    let _ = s;
    todo!()
}

/// `str.casefold()` (G09).
#[must_use]
pub fn casefold(s: &str) -> String {
    let _ = s;
    todo!()
}

/// `unicodedata.normalize("NFKC", s)`.
#[must_use]
pub fn nfkc(s: &str) -> String {
    let _ = s;
    todo!()
}

/// `unicodedata.normalize("NFKD", s)`.
#[must_use]
pub fn nfkd(s: &str) -> String {
    let _ = s;
    todo!()
}
