//! E-mail addresses: normal form, validity, comparison (A14, A15, A105, G04).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::pytext;

/// The longest address of Django's own table, in code points (A15).
pub const MAX_EMAIL_LEN: usize = 254;

/// The longest address that a form takes where nothing else is said, in code points (A15).
pub const MAX_FORM_EMAIL_LEN: usize = 320;

/// Strips the address and lower-cases its domain; a text without `@` stays as it is, white space included (A14).
///
/// ```
/// use cloakroom_core::emails::normalize_email;
///
/// assert_eq!(normalize_email(" Ann@EXAMPLE.Com "), "Ann@example.com");
/// assert_eq!(normalize_email(" Ann "), " Ann ");
/// ```
#[must_use]
pub fn normalize_email(email: &str) -> String {
    match pytext::strip(email).rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", pytext::lower(domain)),
        None => email.to_owned(),
    }
}

/// Whether Django takes the text for an e-mail address (A15).
///
/// ```
/// use cloakroom_core::emails::validate_email;
///
/// assert!(validate_email("ann+list@пример.рф"));
/// assert!(validate_email("\"ann..smith\"@[::1]"));
/// assert!(validate_email("ann@localhost"));
/// assert!(!validate_email("ann@example"));
/// ```
#[must_use]
pub fn validate_email(email: &str) -> bool {
    if is_longer(email, MAX_FORM_EMAIL_LEN) {
        return false;
    }
    email.rsplit_once('@').is_some_and(|(local, domain)| {
        (is_dot_atom(local) || is_quoted_string(local))
            && (domain == "localhost" || is_domain(domain) || is_address_literal(domain))
    })
}

/// What a form's e-mail field makes of its text: stripped, or the codes of its errors.
///
/// # Errors
///
/// `required`, or `invalid`, `max_length` and `null_characters_not_allowed`, in this order.
pub fn clean_email_field(value: &str, max_length: usize) -> Result<String, Vec<&'static str>> {
    let email = pytext::strip(value);
    if email.is_empty() {
        return Err(vec!["required"]);
    }
    let mut codes = Vec::new();
    if !validate_email(email) {
        codes.push("invalid");
    }
    if is_longer(email, max_length) {
        codes.push("max_length");
    }
    if email.contains('\0') {
        codes.push("null_characters_not_allowed");
    }
    if codes.is_empty() { Ok(email.to_owned()) } else { Err(codes) }
}

/// Whether SQLite's `email LIKE typed`, as Django's `iexact` writes it, finds `stored`: equal but for the case of
/// ASCII letters (G04).
#[must_use]
pub fn sqlite_iexact(stored: &str, typed: &str) -> bool {
    stored.eq_ignore_ascii_case(typed)
}

/// `dot-atom` of RFC 5322.
fn is_dot_atom(local: &str) -> bool {
    local.split('.').all(|atom| {
        !atom.is_empty() && atom.chars().all(|c| is_ascii_alnum_ignoring_case(c) || "-!#$%&'*+/=?^_`{}|~".contains(c))
    })
}

/// `quoted-string` of RFC 5322, as Django's pattern has it: no bare space, tab or line break, but controls.
fn is_quoted_string(local: &str) -> bool {
    let Some(inner) = local.strip_prefix('"').and_then(|l| l.strip_suffix('"')) else { return false };
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        let fits = match c {
            '\\' => chars.next().is_some_and(|e| {
                matches!(e, '\x01'..='\t' | '\x0b' | '\x0c' | '\x0e'..='\x7f') || is_ascii_alnum_ignoring_case(e)
            }),
            '\x01'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '!' | '#'..='[' | ']'..='\x7f' => true,
            _ => is_ascii_alnum_ignoring_case(c),
        };
        if !fits {
            return false;
        }
    }
    true
}

/// At least two labels; the last has no digits unless it is Punycode.
fn is_domain(domain: &str) -> bool {
    let Some((rest, top)) = domain.rsplit_once('.') else { return false };
    rest.split('.').all(is_label) && is_top_label(top)
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && !is_longer(label, 63)
        && !has_outer_dash(label)
        && label.chars().all(|c| c == '-' || is_domain_letter(c) || c.is_ascii_digit())
}

fn is_top_label(label: &str) -> bool {
    if has_outer_dash(label) {
        return false;
    }
    let is_word = label.chars().nth(1).is_some()
        && !is_longer(label, 63)
        && label.chars().all(|c| c == '-' || is_domain_letter(c));
    let is_punycode = || {
        let rest = label.get(..4).filter(|p| p.eq_ignore_ascii_case("xn--")).map(|p| &label[p.len()..]);
        rest.is_some_and(|r| !r.is_empty() && !is_longer(r, 59) && r.chars().all(is_ascii_alnum_ignoring_case))
    };
    is_word || is_punycode()
}

fn has_outer_dash(label: &str) -> bool {
    label.starts_with('-') || label.ends_with('-')
}

fn is_domain_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '\u{a1}'..='\u{ffff}')
}

/// `[1.2.3.4]` or `[::1]`; an IPv6 address of at most 39 characters.
fn is_address_literal(domain: &str) -> bool {
    let Some(address) = domain.strip_prefix('[').and_then(|d| d.strip_suffix(']')) else { return false };
    address.parse::<Ipv4Addr>().is_ok() || (address.len() <= 39 && address.parse::<Ipv6Addr>().is_ok())
}

/// What `[a-z0-9]` matches in Python where case is ignored: four characters whose other case is an ASCII letter too.
fn is_ascii_alnum_ignoring_case(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, 'İ' | 'ı' | 'ſ' | '\u{212a}')
}

fn is_longer(text: &str, max_chars: usize) -> bool {
    text.chars().nth(max_chars).is_some()
}
