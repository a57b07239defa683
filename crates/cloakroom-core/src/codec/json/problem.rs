//! What Python says of a text that is no JSON.

use super::MAX_INT_DIGITS;

/// Says what `json.load` of REST framework says of a text: the words of Python's `JSONDecodeError`, or those for numbers
/// that JSON does not have. `None` where it says nothing.
///
/// ```
/// use cloakroom_core::codec::json::problem;
///
/// assert_eq!(problem("nope").as_deref(), Some("Expecting value: line 1 column 1 (char 0)"));
/// assert_eq!(problem("{}"), None);
/// ```
#[must_use]
pub fn problem(text: &str) -> Option<String> {
    let scan = Scan { text: text.chars().collect() };
    match scan.document() {
        Ok(()) => None,
        Err(Problem::At(what, at)) => Some(scan.located(what, at)),
        Err(Problem::NotFinite(what)) => Some(format!("Out of range float values are not JSON compliant: '{what}'")),
        Err(Problem::LongInt(digits)) => Some(format!(
            "Exceeds the limit ({MAX_INT_DIGITS} digits) for integer string conversion: value has {digits} digits; use \
             sys.set_int_max_str_digits() to increase the limit"
        )),
    }
}

struct Scan {
    text: Vec<char>,
}

enum Problem {
    At(&'static str, usize),
    NotFinite(&'static str),
    LongInt(usize),
}

/// A list or object that is not closed yet.
#[derive(Clone, Copy)]
enum Open {
    List,
    Object,
}

const VALUE: &str = "Expecting value";
const NAME: &str = "Expecting property name enclosed in double quotes";
const UNTERMINATED: &str = "Unterminated string starting at";
const UNICODE_ESCAPE: &str = "Invalid \\uXXXX escape";

impl Scan {
    fn document(&self) -> Result<(), Problem> {
        if self.at(0) == Some('\u{feff}') {
            return Err(Problem::At("Unexpected UTF-8 BOM (decode using utf-8-sig)", 0));
        }
        let mut open = Vec::new();
        let mut at = self.space(0);
        loop {
            // A value starts here.
            at = match self.at(at) {
                Some('[') if self.at(self.space(at + 1)) != Some(']') => {
                    open.push(Open::List);
                    at = self.space(at + 1);
                    continue;
                }
                Some('{') if self.at(self.space(at + 1)) != Some('}') => {
                    open.push(Open::Object);
                    at = self.key(self.space(at + 1))?;
                    continue;
                }
                Some('[' | '{') => self.space(at + 1) + 1,
                _ => self.scalar(at)?,
            };
            // A value ended, and perhaps what holds it.
            loop {
                at = self.space(at);
                let Some(holder) = open.last() else {
                    return if at < self.text.len() { Err(Problem::At("Extra data", at)) } else { Ok(()) };
                };
                let (end, trailing) = match holder {
                    Open::List => (']', "Illegal trailing comma before end of array"),
                    Open::Object => ('}', "Illegal trailing comma before end of object"),
                };
                match self.at(at) {
                    Some(c) if c == end => {
                        open.pop();
                        at += 1;
                    }
                    Some(',') => {
                        let next = self.space(at + 1);
                        if self.at(next) == Some(end) {
                            return Err(Problem::At(trailing, at));
                        }
                        at = if matches!(holder, Open::Object) { self.key(next)? } else { next };
                        break;
                    }
                    _ => return Err(Problem::At("Expecting ',' delimiter", at)),
                }
            }
        }
    }

    /// A name and its colon; where its value starts.
    fn key(&self, at: usize) -> Result<usize, Problem> {
        if self.at(at) != Some('"') {
            return Err(Problem::At(NAME, at));
        }
        let at = self.space(self.string(at)?);
        match self.at(at) {
            Some(':') => Ok(self.space(at + 1)),
            _ => Err(Problem::At("Expecting ':' delimiter", at)),
        }
    }

    /// A text, number or word; where it ends.
    fn scalar(&self, at: usize) -> Result<usize, Problem> {
        if self.at(at) == Some('"') {
            return self.string(at);
        }
        for word in ["null", "true", "false"] {
            if self.is_word(at, word) {
                return Ok(at + word.len());
            }
        }
        for word in ["NaN", "Infinity", "-Infinity"] {
            if self.is_word(at, word) {
                return Err(Problem::NotFinite(word));
            }
        }
        let digits = if self.at(at) == Some('-') { at + 1 } else { at };
        let mut end = match self.at(digits) {
            Some('0') => digits + 1,
            Some('1'..='9') => self.digits(digits),
            _ => return Err(Problem::At(VALUE, at)),
        };
        let whole = end;
        if self.at(end) == Some('.') && self.digits(end + 1) > end + 1 {
            end = self.digits(end + 1);
        }
        if matches!(self.at(end), Some('e' | 'E')) {
            let sign = usize::from(matches!(self.at(end + 1), Some('+' | '-')));
            let first = end + 1 + sign;
            if self.digits(first) > first {
                end = self.digits(first);
            }
        }
        if end == whole && whole - digits > MAX_INT_DIGITS { Err(Problem::LongInt(whole - digits)) } else { Ok(end) }
    }

    /// A text from its first quotation mark; where it ends.
    fn string(&self, begin: usize) -> Result<usize, Problem> {
        let mut at = begin + 1;
        loop {
            match self.at(at) {
                None => return Err(Problem::At(UNTERMINATED, begin)),
                Some('"') => return Ok(at + 1),
                Some('\\') => match self.at(at + 1) {
                    None => return Err(Problem::At(UNTERMINATED, begin)),
                    Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => at += 2,
                    Some('u') => {
                        // The text must go on behind the digits.
                        let hex = self.text.get(at + 2..at + 6).filter(|_| at + 6 < self.text.len());
                        if !hex.is_some_and(|hex| hex.iter().all(char::is_ascii_hexdigit)) {
                            return Err(Problem::At(UNICODE_ESCAPE, at + 1));
                        }
                        at += 6;
                    }
                    Some(_) => return Err(Problem::At("Invalid \\escape", at)),
                },
                Some('\0'..='\x1f') => return Err(Problem::At("Invalid control character at", at)),
                Some(_) => at += 1,
            }
        }
    }

    fn located(&self, what: &str, at: usize) -> String {
        let before = &self.text[..at.min(self.text.len())];
        let line = before.iter().filter(|c| **c == '\n').count() + 1;
        let start = before.iter().rposition(|c| *c == '\n').map_or(0, |newline| newline + 1);
        format!("{what}: line {line} column {} (char {at})", at - start + 1)
    }

    fn at(&self, at: usize) -> Option<char> {
        self.text.get(at).copied()
    }

    fn space(&self, mut at: usize) -> usize {
        while matches!(self.at(at), Some(' ' | '\t' | '\n' | '\r')) {
            at += 1;
        }
        at
    }

    fn digits(&self, mut at: usize) -> usize {
        while matches!(self.at(at), Some('0'..='9')) {
            at += 1;
        }
        at
    }

    fn is_word(&self, at: usize, word: &str) -> bool {
        word.chars().enumerate().all(|(i, c)| self.at(at + i) == Some(c))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::json::loads;

    /// Each checked with Python 3.13 and REST framework 3.18.3.
    #[test]
    fn python_says_the_same() {
        for (text, said) in [
            ("", "Expecting value: line 1 column 1 (char 0)"),
            (" ", "Expecting value: line 1 column 2 (char 1)"),
            ("{\"a\":}", "Expecting value: line 1 column 6 (char 5)"),
            ("{\"a\" 1}", "Expecting ':' delimiter: line 1 column 6 (char 5)"),
            ("{\"a\":1", "Expecting ',' delimiter: line 1 column 7 (char 6)"),
            ("{a:1}", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
            ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
            ("{\"a\":1,}", "Illegal trailing comma before end of object: line 1 column 7 (char 6)"),
            ("{\"a\":1,,}", "Expecting property name enclosed in double quotes: line 1 column 8 (char 7)"),
            ("[1,]", "Illegal trailing comma before end of array: line 1 column 3 (char 2)"),
            ("[1 2]", "Expecting ',' delimiter: line 1 column 4 (char 3)"),
            ("[[[", "Expecting value: line 1 column 4 (char 3)"),
            ("\"abc", "Unterminated string starting at: line 1 column 1 (char 0)"),
            ("\"\\u00e9\\", "Unterminated string starting at: line 1 column 1 (char 0)"),
            ("\"a\nb\"", "Invalid control character at: line 1 column 3 (char 2)"),
            ("\"\\x\"", "Invalid \\escape: line 1 column 2 (char 1)"),
            ("\"\\u12\"", "Invalid \\uXXXX escape: line 1 column 3 (char 2)"),
            ("\"\\u1234", "Invalid \\uXXXX escape: line 1 column 3 (char 2)"),
            ("{} x", "Extra data: line 1 column 4 (char 3)"),
            ("01", "Extra data: line 1 column 2 (char 1)"),
            ("\u{feff}{}", "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)"),
            ("tru", "Expecting value: line 1 column 1 (char 0)"),
            ("-", "Expecting value: line 1 column 1 (char 0)"),
            ("\n\n {\"\u{e9}\": nope}", "Expecting value: line 3 column 8 (char 9)"),
            ("{\"a\":[1,{\"b\":}]}", "Expecting value: line 1 column 14 (char 13)"),
            ("{\"a\":\"\\ud83d\\ude00\" x", "Expecting ',' delimiter: line 1 column 21 (char 20)"),
            ("NaN", "Out of range float values are not JSON compliant: 'NaN'"),
            ("[-Infinity", "Out of range float values are not JSON compliant: '-Infinity'"),
        ] {
            assert_eq!(problem(text).as_deref(), Some(said), "{text}");
        }
    }

    proptest::proptest! {
        /// What has no problem can be read, and the other way round.
        #[test]
        fn a_text_has_a_problem_or_a_value(text in r#"[\[\]{}:," 01.eE+\-\\untrfals\n]{0,24}"#) {
            proptest::prop_assert_eq!(problem(&text).is_none(), loads(&text).is_ok(), "{}", text);
        }
    }
}
