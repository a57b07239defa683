//! The mapped header of the WAL index, which other processes write.
#![expect(unsafe_code, reason = "memory that other processes write is read through a pointer")]

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use memmap2::{MmapOptions, MmapRaw};

/// Words of the header (<https://sqlite.org/walformat.html>, section 2.1: 48 bytes, and then its copy).
pub(super) const WORDS: usize = 6;

/// A mapped WAL index, of which the header is read.
///
/// SQLite cuts the file only while nobody has the database open, which each connection of ours prevents: the mapping must
/// go before the connections do.
pub(super) struct Mapped(MmapRaw);

impl Mapped {
    /// Maps the header; `None` where the system will not.
    pub(super) fn new(index: &File) -> Option<Self> {
        let length = WORDS * size_of::<u64>();
        if index.metadata().ok()?.len() < length as u64 {
            return None;
        }
        MmapOptions::new().len(length).map_raw_read_only(index).ok().map(Self)
    }

    /// The header at this moment. While somebody writes it, it may be of two moments at once; such a one is like no other,
    /// as it has a counter of commits and a checksum.
    pub(super) fn words(&self) -> [u64; WORDS] {
        let start: *mut u64 = self.0.as_mut_ptr().cast();
        let words = std::array::from_fn(|n| {
            // SAFETY: the mapping begins at a page, has `WORDS` words, and lives as long as `self`. It is only read, and
            // others write it: hence atomic, and relaxed, which is what reading memory that is mapped so requires.
            unsafe { AtomicU64::from_ptr(start.add(n)) }.load(Ordering::Relaxed)
        });
        fence(Ordering::Acquire);
        words
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::*;

    #[test]
    fn what_is_written_to_the_file_is_seen() {
        let mut file = tempfile::tempfile().unwrap();
        assert!(Mapped::new(&file).is_none(), "nothing to map");
        file.write_all(&[0; 64]).unwrap();
        let mapped = Mapped::new(&file).unwrap();
        assert_eq!(mapped.words(), [0; WORDS]);
        file.seek(SeekFrom::Start(40)).unwrap();
        file.write_all(&7_u64.to_ne_bytes()).unwrap();
        assert_eq!(mapped.words(), [0, 0, 0, 0, 0, 7]);
    }
}
