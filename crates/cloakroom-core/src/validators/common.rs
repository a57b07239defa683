//! Refuses passwords that everybody uses (A05, A52).

use std::io::Read;
use std::sync::{Arc, LazyLock};

use serde_json::Map;

use super::{PasswordValidator, UserFacts, ValidationError};
use crate::pytext;

/// The list that Django ships: 20,000 common passwords, collected by Royce Williams.
static DJANGO: LazyLock<Arc<List>> = LazyLock::new(|| {
    let list = List::read(include_bytes!("../../data/common-passwords.txt.gz"));
    Arc::new(list.expect("the embedded list is UTF-8 in gzip, as its test shows"))
});

/// Refuses passwords on a list, whatever their case and surrounding white space (A52).
#[derive(Clone, Debug)]
pub struct CommonPassword {
    /// Django's list where there is none; it is unpacked at its first use.
    list: Option<Arc<List>>,
}

impl CommonPassword {
    /// The validator with Django's list.
    #[must_use]
    pub const fn new() -> Self {
        Self { list: None }
    }

    /// The validator with a list of one's own: lower-case passwords, one a line, in UTF-8, plain or gzip.
    ///
    /// # Errors
    ///
    /// When `bytes` are neither.
    pub fn from_list(bytes: &[u8]) -> std::io::Result<Self> {
        Ok(Self { list: Some(Arc::new(List::read(bytes)?)) })
    }

    /// The entries, sorted by their bytes.
    pub fn entries(&self) -> impl Iterator<Item = &str> {
        let list = self.list();
        list.starts.iter().map(|&at| list.entry(at))
    }

    fn list(&self) -> &List {
        self.list.as_ref().unwrap_or_else(|| &DJANGO)
    }
}

impl Default for CommonPassword {
    fn default() -> Self {
        Self::new()
    }
}

impl PasswordValidator for CommonPassword {
    fn validate(&self, password: &str, _: Option<&UserFacts>) -> Result<(), ValidationError> {
        let list = self.list();
        // Lower case never has fewer characters, so what is longer than every entry is not looked at further.
        let password = pytext::strip(password);
        if password.chars().nth(list.longest).is_some() || !list.contains(pytext::strip(&pytext::lower(password))) {
            return Ok(());
        }
        Err(ValidationError {
            code: "password_too_common".into(),
            params: Map::new(),
            message: "Too many people use this password.".to_owned(),
        })
    }

    fn help_text(&self) -> String {
        "Do not use a password that many people use.".to_owned()
    }
}

/// Sorted lines in one text.
#[derive(Debug)]
struct List {
    text: String,
    /// Where each entry starts, in the order of the entries' bytes.
    starts: Box<[u32]>,
    /// Characters of the longest entry.
    longest: usize,
}

impl List {
    fn read(bytes: &[u8]) -> std::io::Result<Self> {
        let mut text = String::new();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            flate2::read::MultiGzDecoder::new(bytes).read_to_string(&mut text)?;
        } else {
            let mut bytes = bytes;
            bytes.read_to_string(&mut text)?;
        }
        let mut lines: Vec<&str> = text.split(['\n', '\r']).map(pytext::strip).collect();
        lines.sort_unstable();
        lines.dedup();
        let mut sorted = String::with_capacity(text.len());
        let mut starts = Vec::with_capacity(lines.len());
        for line in lines.iter().filter(|l| !l.is_empty()) {
            starts.push(u32::try_from(sorted.len()).map_err(|_| std::io::ErrorKind::FileTooLarge)?);
            sorted.push_str(line);
            sorted.push('\n');
        }
        let longest = lines.iter().map(|l| l.chars().count()).max().unwrap_or(0);
        Ok(Self { text: sorted, starts: starts.into(), longest })
    }

    fn contains(&self, password: &str) -> bool {
        self.starts.binary_search_by(|&at| self.entry(at).cmp(password)).is_ok()
    }

    fn entry(&self, start: u32) -> &str {
        let rest = usize::try_from(start).ok().and_then(|at| self.text.get(at..)).unwrap_or_default();
        rest.split('\n').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuses(v: &CommonPassword, password: &str) -> bool {
        v.validate(password, None).is_err()
    }

    /// A05, A52: in any case, with white space around; a list of one's own, plain or packed.
    #[test]
    fn common_passwords_are_refused_in_any_case() {
        let v = CommonPassword::new();
        assert!(refuses(&v, "password"));
        assert!(refuses(&v, " PassWord\u{1f}"));
        assert!(!refuses(&v, ""));
        assert!(!refuses(&v, "correct horse battery staple"));
        assert!(!refuses(&v, &"password".repeat(100_000)));

        let own = CommonPassword::from_list("zebra\r\n  äpfel \n\nzebra".as_bytes()).unwrap();
        assert_eq!(own.entries().collect::<Vec<_>>(), ["zebra", "äpfel"]);
        assert!(refuses(&own, "ÄPFEL"));
        assert!(!refuses(&own, "password"));
        assert!(CommonPassword::from_list(&[0xff]).is_err());
        assert!(CommonPassword::from_list(&[0x1f, 0x8b, 0]).is_err());
    }
}
