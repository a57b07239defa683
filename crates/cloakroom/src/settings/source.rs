//! Where settings come from: `cloakroom.toml`, then `CLOAKROOM_*` in the environment, which wins.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::SettingsError;
use super::names::{self, Kind};

/// The file that is read where none is named.
pub const DEFAULT_FILE: &str = "cloakroom.toml";

const PREFIX: &str = "CLOAKROOM_";

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// A settings file.
    File(PathBuf),
    /// An environment variable, by its whole name.
    Environment(String),
    /// Code, through the builder.
    Code,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Code => f.write_str("builder"),
        }
    }
}

/// Settings as they were written, by Django's upper-case name.
#[derive(Clone, Default)]
pub struct RawSettings(BTreeMap<&'static str, (Value, Origin)>);

impl fmt::Debug for RawSettings {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl RawSettings {
    /// No settings: every default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads `file`, or [`DEFAULT_FILE`] if it is there, and then the environment.
    ///
    /// # Errors
    ///
    /// A file that was named and cannot be read, one that is not TOML, an unknown name.
    pub fn read(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let mut raw = Self::new();
        match file {
            Some(path) => raw.read_file(path)?,
            None if Path::new(DEFAULT_FILE).exists() => raw.read_file(Path::new(DEFAULT_FILE))?,
            None => {}
        }
        raw.read_environment(environment)?;
        Ok(raw)
    }

    /// Sets one setting from code. The value has the form of the settings file's, as JSON.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Unknown`] for a name that is no setting.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) -> Result<(), SettingsError> {
        self.put(name, value.into(), Origin::Code)
    }

    /// Whether a setting was given.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn get(&self, name: &str) -> Option<&(Value, Origin)> {
        self.0.get(name)
    }

    fn read_file(&mut self, path: &Path) -> Result<(), SettingsError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| SettingsError::Unreadable { path: path.into(), source })?;
        self.read_text(&text, path)
    }

    /// Reads the text of a settings file; `path` is where errors say that it stands.
    ///
    /// # Errors
    ///
    /// A text that is not TOML, an unknown name.
    pub fn read_text(&mut self, text: &str, path: &Path) -> Result<(), SettingsError> {
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
            // The parser's own display quotes the line, and a line may hold a secret.
            let line = e.span().map(|s| text[..s.start.min(text.len())].matches('\n').count() + 1);
            let place = line.map(|n| format!("line {n}: ")).unwrap_or_default();
            SettingsError::Syntax { path: path.into(), message: format!("{place}{}", e.message()) }
        })?;
        for (name, value) in table {
            let value = serde_json::to_value(value).unwrap_or(Value::Null);
            let origin = Origin::File(path.into());
            if name != name.to_lowercase() {
                return Err(unknown(&name, &value, origin));
            }
            self.put(&name.to_uppercase(), value, origin).map_err(|e| match e {
                SettingsError::Unknown { value, nearest, origin, .. } => {
                    SettingsError::Unknown { name, value, nearest, origin }
                }
                other => other,
            })?;
        }
        Ok(())
    }

    fn read_environment(
        &mut self,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), SettingsError> {
        let mut plain = Vec::new();
        for (variable, text) in environment {
            if let Some(name) = variable.strip_prefix(PREFIX) {
                let kind = names::find(name).map(|s| s.kind);
                let value = kind.map_or(Value::String(text.clone()), |k| from_text(k, &text));
                self.put(name, value, Origin::Environment(variable.clone()))?;
            } else if names::WITHOUT_PREFIX.contains(&variable.as_str()) {
                plain.push((variable, text));
            }
        }
        for (variable, text) in plain {
            let prefixed = Origin::Environment(format!("{PREFIX}{variable}"));
            let given = self.0.get(variable.as_str()).is_some_and(|(_, origin)| *origin == prefixed);
            if !given {
                self.put(&variable.clone(), Value::String(text), Origin::Environment(variable))?;
            }
        }
        Ok(())
    }

    fn put(&mut self, name: &str, value: Value, origin: Origin) -> Result<(), SettingsError> {
        match names::find(name) {
            Some(setting) => {
                self.0.insert(setting.name, (value, origin));
                Ok(())
            }
            None => Err(unknown(name, &value, origin)),
        }
    }
}

fn unknown(name: &str, value: &Value, origin: Origin) -> SettingsError {
    let secret = names::looks_secret(name);
    let name = match &origin {
        Origin::Environment(_) => format!("{PREFIX}{name}"),
        _ => name.to_owned(),
    };
    let nearest = names::nearest(name.trim_start_matches(PREFIX));
    SettingsError::Unknown { value: (!secret).then(|| value.to_string()), nearest, name, origin }
}

/// What the text of an environment variable means: `null` is `None`, lists and tables are JSON, the rest is by kind.
fn from_text(kind: Kind, text: &str) -> Value {
    if text == "null" && kind.takes_null() {
        return Value::Null;
    }
    let lower = text.to_ascii_lowercase();
    match kind {
        Kind::Bool => match lower.as_str() {
            "true" | "1" => Value::Bool(true),
            "false" | "0" => Value::Bool(false),
            _ => Value::String(text.into()),
        },
        Kind::Int | Kind::OptionalInt if text.is_empty() && kind == Kind::OptionalInt => Value::Null,
        Kind::Int | Kind::OptionalInt => text.trim().parse::<i64>().map_or(Value::String(text.into()), Value::from),
        Kind::SameSite if lower == "false" => Value::Bool(false),
        Kind::List | Kind::Tables | Kind::Table | Kind::Pair => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.into()))
        }
        Kind::TextOrList if text.trim_start().starts_with('[') => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.into()))
        }
        Kind::SameSite | Kind::Text | Kind::OptionalText | Kind::TextOrList => Value::String(text.into()),
    }
}
