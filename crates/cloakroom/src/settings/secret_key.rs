//! The secret key: from the settings, or from a file that only its owner can read (T03, F09).

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use cloakroom_core::random::{ALPHANUMERIC, Random, random_string};
use cloakroom_core::secret::{SecretKey, SecretKeys};

use super::{Settings, SettingsError};

/// The file that keeps the key where `SECRET_KEY` is not set, in the working directory.
pub const DEFAULT_SECRET_KEY_FILE: &str = "secret_key";

/// Characters of a key that is made here: 62^64, 381 bits.
const NEW_LEN: usize = 64;

/// A key with fewer characters is refused outside DEBUG. Django's own check warns below 50 (A171).
const MIN_LEN: usize = 32;

/// Where the secret key came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretKeySource {
    /// `SECRET_KEY`.
    Settings,
    /// The key file, which was there.
    File,
    /// The key file, which was made just now.
    NewFile,
}

impl Settings {
    /// Returns the keys of `SECRET_KEY` and `SECRET_KEY_FALLBACKS`; where the former is not set, those of
    /// `SECRET_KEY_FILE`, which is made with mode 0600 if it is not there.
    ///
    /// Two processes that start at once on an empty folder end with the same key: the file appears whole or not at all.
    ///
    /// # Errors
    ///
    /// - [`SettingsError::WeakSecretKey`]: outside DEBUG, a key that is short, of few characters, or Django's
    ///   `django-insecure-…`.
    /// - [`SettingsError::SecretKeyFile`]: the file cannot be read or made, or others can read it.
    pub fn secret_keys(&self, random: &dyn Random) -> Result<(SecretKeys, SecretKeySource), SettingsError> {
        let (text, source) = match &self.secret_key {
            Some(key) => (key.expose().clone(), SecretKeySource::Settings),
            None => key_file(Path::new(&self.secret_key_file), random)?,
        };
        if !self.debug {
            refuse_weak(&text)?;
        }
        let fallbacks =
            self.secret_key_fallbacks.iter().filter_map(|key| SecretKey::new(key.expose().as_str())).collect();
        let current = SecretKey::new(text.as_str()).ok_or(SettingsError::WeakSecretKey { problem: "is empty" })?;
        Ok((SecretKeys::new(current, fallbacks), source))
    }

    /// Whether the key file can be made where it is wanted, found out without leaving anything there.
    pub(crate) fn check_key_folder(&self) -> Result<(), SettingsError> {
        let path = Path::new(&self.secret_key_file);
        let temporary = temporary(path);
        let made = open_new(&temporary);
        fs::remove_file(&temporary).ok();
        made.map(drop).map_err(|e| cannot_be_made(path, &e))
    }
}

fn cannot_be_made(path: &Path, error: &io::Error) -> SettingsError {
    let problem = format!(
        "cannot be made: {error}; let this process write to its folder, set SECRET_KEY, or SECRET_KEY_FILE elsewhere"
    );
    SettingsError::SecretKeyFile { path: path.into(), problem }
}

fn refuse_weak(key: &str) -> Result<(), SettingsError> {
    let problem = if key.starts_with("django-insecure-") {
        "starts with django-insecure-, as the keys that startproject writes for development"
    } else if key.chars().count() < MIN_LEN {
        "has fewer than 32 characters"
    } else if key.chars().collect::<std::collections::HashSet<_>>().len() < 5 {
        "has fewer than 5 different characters"
    } else {
        return Ok(());
    };
    Err(SettingsError::WeakSecretKey { problem })
}

fn key_file(path: &Path, random: &dyn Random) -> Result<(String, SecretKeySource), SettingsError> {
    let wrong = |problem: String| SettingsError::SecretKeyFile { path: path.into(), problem };
    match fs::read_to_string(path) {
        Ok(text) => {
            refuse_open_to_others(path)?;
            let key = text.trim();
            if key.is_empty() {
                return Err(wrong("is empty; delete it to have a new key made".into()));
            }
            Ok((key.to_owned(), SecretKeySource::File))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let key = random_string(random, NEW_LEN, ALPHANUMERIC);
            match create(path, &key) {
                Ok(()) => Ok((key, SecretKeySource::NewFile)),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    let text = fs::read_to_string(path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
                    Ok((text.trim().to_owned(), SecretKeySource::File))
                }
                Err(e) => Err(cannot_be_made(path, &e)),
            }
        }
        Err(e) => Err(wrong(format!("cannot be read: {e}"))),
    }
}

/// Writes the key under another name first and links it into place, which fails if the place is taken.
fn create(path: &Path, key: &str) -> io::Result<()> {
    let temporary = temporary(path);
    let written = open_new(&temporary).and_then(|mut file| {
        file.write_all(key.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    });
    let linked = written.and_then(|()| fs::hard_link(&temporary, path));
    fs::remove_file(&temporary).ok();
    linked
}

fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    name.into()
}

/// Makes a file for its owner alone.
fn open_new(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
fn refuse_open_to_others(path: &Path) -> Result<(), SettingsError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).map(|m| m.permissions().mode() & 0o077).unwrap_or(0);
    if mode == 0 {
        return Ok(());
    }
    Err(SettingsError::SecretKeyFile {
        path: path.into(),
        problem: format!("can be read by others; run `chmod 600 {}`", path.display()),
    })
}

#[cfg(not(unix))]
fn refuse_open_to_others(_: &Path) -> Result<(), SettingsError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::RawSettings;
    use cloakroom_core::random::OsRandom;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let mut raw = RawSettings::new();
        for (name, value) in pairs {
            raw.set(name, *value).unwrap();
        }
        Settings::parse(&raw).unwrap()
    }

    /// T03: short, monotonous and development keys do not start a site.
    #[test]
    fn weak_keys_are_refused_outside_debug() {
        for weak in ["short", "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz", &"ab".repeat(40)] {
            let mut s = settings(&[("SECRET_KEY", weak)]);
            assert!(matches!(s.secret_keys(&OsRandom), Err(SettingsError::WeakSecretKey { .. })));
            s.debug = true;
            assert!(s.secret_keys(&OsRandom).is_ok());
        }
    }

    /// F09: only the owner reads the key; a second start finds the first one's key.
    #[cfg(unix)]
    #[test]
    fn the_key_file_is_made_once_and_is_the_owners() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret_key");
        let s = settings(&[("SECRET_KEY_FILE", path.to_str().unwrap())]);
        let (first, source) = s.secret_keys(&OsRandom).unwrap();
        assert_eq!(source, SecretKeySource::NewFile);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let (second, source) = s.secret_keys(&OsRandom).unwrap();
        assert_eq!(source, SecretKeySource::File);
        assert_eq!(first.current().expose(), second.current().expose());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = s.secret_keys(&OsRandom).unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }
}
