//! Python's `str` methods as of Python 3.13, which knows Unicode 15.1 (G06–G09).
//!
//! The standard library and `unicode-normalization` follow newer Unicode. Its stability policies make the old answers
//! from the new tables: characters that were assigned in 15.1 keep their normal forms, and a case pair can only be
//! new if one of the two is. So what 15.1 does not assign is left alone, wherever it would come from.
//! Properties without such a promise are in tables.

mod tables;

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// The text with its first character in upper case, as Django's `capfirst`.
#[must_use]
pub fn capfirst(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// `str.strip()` (G08).
///
/// ```
/// use cloakroom_core::pytext::strip;
///
/// assert_eq!(strip("\u{1f} a b\u{3000}\n"), "a b");
/// ```
#[must_use]
pub fn strip(s: &str) -> &str {
    // Most text has nothing to strip, and two bytes tell so.
    if let ([first, ..], [.., last]) = (s.as_bytes(), s.as_bytes())
        && first.is_ascii_graphic()
        && last.is_ascii_graphic()
    {
        return s;
    }
    s.trim_matches(is_space)
}

/// `str.isspace()` of one character.
#[must_use]
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// `str.isdigit()` of one character: decimal digits of any script, superscripts, circled digits (A53).
#[must_use]
pub fn is_digit(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_digit() } else { holds(tables::DIGIT, c) }
}

/// `str.isalnum()` of one character: letters and all that has a numeric value, but no combining marks (G07).
#[must_use]
pub fn is_alnum(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphanumeric() } else { holds(tables::ALNUM, c) }
}

/// What `\w` matches in a pattern of `str`: [`is_alnum`] and the underscore (G07).
#[must_use]
pub fn is_word(c: char) -> bool {
    c == '_' || is_alnum(c)
}

/// The value of a decimal digit of any script, as `int()` reads it.
#[must_use]
pub fn decimal_value(c: char) -> Option<u8> {
    if c.is_ascii() {
        return c.is_ascii_digit().then(|| c as u8 - b'0');
    }
    let below = tables::DECIMAL.partition_point(|&bound| bound <= u32::from(c));
    if below % 2 == 0 {
        return None;
    }
    u8::try_from((u32::from(c) - tables::DECIMAL[below - 1]) % 10).ok()
}

/// `str.lower()`: a sigma that ends a word becomes `ς`, and `İ` two characters (G09).
///
/// ```
/// use cloakroom_core::pytext::lower;
///
/// assert_eq!(lower("ΟΔΟΣ İ"), "οδος i\u{307}");
/// ```
#[must_use]
pub fn lower(s: &str) -> String {
    if s.is_ascii() {
        return s.to_ascii_lowercase();
    }
    let mut out = String::with_capacity(s.len());
    for (i, c) in s.char_indices() {
        if c == 'Σ' {
            out.push(if ends_word(&s[..i], &s[i + c.len_utf8()..]) { 'ς' } else { 'σ' });
        } else {
            push_mapped(&mut out, c, c.to_lowercase());
        }
    }
    out
}

/// `str.upper()`.
#[must_use]
pub fn upper(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        push_mapped(&mut out, c, c.to_uppercase());
    }
    out
}

/// `str.casefold()` (G09).
///
/// ```
/// use cloakroom_core::pytext::casefold;
///
/// assert_eq!(casefold("Straße ΟΔΟΣ"), "strasse οδοσ");
/// ```
#[must_use]
pub fn casefold(s: &str) -> String {
    if s.is_ascii() {
        return s.to_ascii_lowercase();
    }
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        match c {
            // Cherokee folds to its capitals, which are older than its small letters.
            '\u{13a0}'..='\u{13f5}' => out.push(c),
            '\u{ab70}'..='\u{abbf}' => push_mapped(&mut out, c, c.to_uppercase()),
            _ => match tables::FOLDS.binary_search_by_key(&u32::from(c), |f| f.0) {
                Ok(i) => out.push_str(tables::FOLDS[i].1),
                Err(_) => push_mapped(&mut out, c, c.to_lowercase()),
            },
        }
    }
    out
}

/// `unicodedata.normalize("NFKC", s)`. Bound the length first: it takes time and may grow the text (A20).
#[must_use]
pub fn nfkc(s: &str) -> Cow<'_, str> {
    if s.is_ascii() { s.into() } else { normalize(s, |part, out| out.extend(part.nfkc())).into() }
}

/// `unicodedata.normalize("NFKD", s)`. Bound the length first: it takes time and may grow the text (A20).
#[must_use]
pub fn nfkd(s: &str) -> Cow<'_, str> {
    if s.is_ascii() { s.into() } else { normalize(s, |part, out| out.extend(part.nfkd())).into() }
}

/// Normalises what stands between unassigned characters, which compose with nothing and so bound it.
fn normalize(s: &str, form: impl Fn(&str, &mut String)) -> String {
    let mut out = String::with_capacity(s.len());
    let mut rest = s;
    while let Some((at, c)) = rest.char_indices().find(|(_, c)| !is_assigned(*c)) {
        form(&rest[..at], &mut out);
        out.push(c);
        rest = &rest[at + c.len_utf8()..];
    }
    form(rest, &mut out);
    out
}

fn push_mapped(out: &mut String, c: char, mapped: impl Iterator<Item = char> + Clone) {
    if c.is_ascii() || (is_assigned(c) && mapped.clone().all(is_assigned)) {
        out.extend(mapped);
    } else {
        out.push(c);
    }
}

/// Whether a sigma between these texts ends a word: a cased letter before it and none after, whatever ignorable
/// characters stand between (Unicode, table 3-17, `Final_Sigma`).
fn ends_word(before: &str, after: &str) -> bool {
    let cased = |c: Option<char>| c.is_some_and(|c| holds(tables::CASED, c));
    let passed = |c: &char| holds(tables::IGNORED, *c);
    cased(before.chars().rev().find(|c| !passed(c))) && !cased(after.chars().find(|c| !passed(c)))
}

fn is_assigned(c: char) -> bool {
    c.is_ascii() || holds(tables::ASSIGNED, c)
}

fn holds(bounds: &[u32], c: char) -> bool {
    bounds.partition_point(|&bound| bound <= u32::from(c)) % 2 == 1
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// SHA-256 over one line per code point, as `data/unicode_tables.py` prints it.
    fn digest(answer: impl Fn(char) -> String) -> String {
        let mut hash = Sha256::new();
        for c in '\0'..=char::MAX {
            hash.update(answer(c));
            hash.update("\n");
        }
        hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }

    /// G06–G08: every code point, against Python 3.13.
    #[test]
    fn flags_are_those_of_unicode_15_1() {
        let flags = |c| {
            format!(
                "{}{}{}{}",
                u8::from(is_alnum(c)),
                u8::from(is_digit(c)),
                u8::from(is_space(c)),
                u8::from(decimal_value(c).is_some())
            )
        };
        assert_eq!(digest(flags), "6209979fa6ef4bb3aec2aaf79d53426f609ec7c4ca20c6cff1bd043fa56c0d9b");
    }

    /// G09: every code point, before, after and beside a sigma.
    #[test]
    fn lower_case_is_that_of_unicode_15_1() {
        let answer =
            |c: char| format!("{} {} {}", lower(&c.to_string()), lower(&format!("a{c}Σ")), lower(&format!("{c}Σ{c}")));
        assert_eq!(digest(answer), "7e80c8bf1d9d791799343e3598928e01a8e66c1bb318abdb704af4716290fad5");
    }

    /// G09.
    #[test]
    fn upper_case_and_folding_are_those_of_unicode_15_1() {
        assert_eq!(
            digest(|c| upper(&c.to_string())),
            "31df9533e296f889b13a6f5495e9048bf2ae24bd9ffb6717512398ab53abbb9a"
        );
        assert_eq!(
            digest(|c| casefold(&c.to_string())),
            "78249183e488bf8968a161a80ec41e8b61b71fa376dc0e96652c8c6161f44eec"
        );
    }

    /// G06: every code point alone and among others that compose and reorder.
    #[test]
    fn normal_forms_are_those_of_unicode_15_1() {
        assert_eq!(
            digest(|c| format!("{} {}", nfkc(&c.to_string()), nfkc(&format!("e{c}\u{301}\u{323}")))),
            "8faada0617f8a72f6b2d09f747ae20b8c2f256ef6b5a8f50889ce865ac58f925"
        );
        assert_eq!(
            digest(|c| format!("{} {}", nfkd(&c.to_string()), nfkd(&format!("{c}\u{301}\u{323}")))),
            "2eb49f1156981c4ab89c4ddba2bcc1e870488ea087dc6198b295487276f5198e"
        );
    }

    /// A letter that Unicode 16 made a capital for, and one that Unicode 17 added, stay as they were.
    #[test]
    fn later_additions_are_unknown() {
        assert_eq!(upper("\u{19b}"), "\u{19b}");
        assert!(!is_alnum('\u{a7dc}'));
        assert_eq!(decimal_value('\u{663}'), Some(3));
    }
}
