use std::path::PathBuf;

use super::source::Origin;

/// What is wrong with the settings, and what to do about it. Nothing starts with one of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A name that is no setting.
    #[error("cloakroom.E001: {origin}: unknown setting {name}{}{}", value_note(.value), nearest_note(.nearest))]
    Unknown {
        /// The name as it was written.
        name: String,
        /// The value as it was written, unless it may be a secret.
        value: Option<String>,
        /// The known setting whose name is most alike.
        nearest: Option<&'static str>,
        /// Where it was written.
        origin: Origin,
    },
    /// A value of the wrong type or outside its range.
    #[error("cloakroom.E002: {origin}: {name}{} is not {wanted}", value_is(.value))]
    Invalid {
        /// The setting's name.
        name: &'static str,
        /// The value as it was written, unless it may be a secret.
        value: Option<String>,
        /// What the setting takes.
        wanted: String,
        /// Where it was written.
        origin: Origin,
    },
    /// The settings file cannot be read.
    #[error("cloakroom.E003: the settings file {} cannot be read; check its path and permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The settings file is no TOML.
    #[error("cloakroom.E004: the settings file {} is not TOML: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What the parser says, with line and column.
        message: String,
    },
    /// The secret key is too weak for anything but development (T03).
    #[error(
        "cloakroom.E005: SECRET_KEY {problem}; make one with `openssl rand -base64 48`, leave it out to have one made \
         and kept in a file, or set DEBUG = true for development"
    )]
    WeakSecretKey {
        /// What is weak about it.
        problem: &'static str,
    },
    /// The file that keeps the secret key cannot be used.
    #[error("cloakroom.E006: the secret key file {} {problem}", path.display())]
    SecretKeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// Two settings contradict each other.
    #[error("cloakroom.E007: {0}")]
    Conflict(String),
}

fn value_note(value: &Option<String>) -> String {
    value.as_ref().map(|v| format!(" = {v}")).unwrap_or_default()
}

fn value_is(value: &Option<String>) -> String {
    value.as_ref().map(|v| format!(" = {v}")).unwrap_or_default()
}

fn nearest_note(nearest: &Option<&'static str>) -> String {
    nearest
        .map(|n| format!("; did you mean {n}?"))
        .unwrap_or_else(|| "; see `cloakroom --help` for where settings go".into())
}
