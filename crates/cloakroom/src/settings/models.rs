//! The settings about models: which table the users are in, and which models have permissions.

use cloakroom_auth::permissions::ModelMeta;
use cloakroom_core::user_model::UserTable;
use serde_json::{Map, Value};

use super::error::SettingsError;
use super::read::Reader;

impl Reader<'_> {
    /// `AUTH_USER_MODEL` and its companions (A17).
    pub(super) fn user_table(&self) -> Result<UserTable, SettingsError> {
        let label = self.text("AUTH_USER_MODEL", "auth.User")?;
        let mut table = UserTable::new(&label).map_err(|e| SettingsError::Conflict(e.to_string()))?;
        if table.is_stock() {
            let companions = ["AUTH_USER_TABLE", "EMAIL_FIELD", "REQUIRED_FIELDS", "USERNAME_FIELD"];
            if let Some(name) = companions.into_iter().find(|name| self.get(name).is_some()) {
                return Err(SettingsError::Conflict(format!(
                    "{name} belongs to a model of the application's own; set AUTH_USER_MODEL, such as \"accounts.Member\""
                )));
            }
        }
        if let Some(name) = self.optional_text("AUTH_USER_TABLE", None)? {
            table = table.with_table(name);
        }
        if let Some(field) = self.optional_text("USERNAME_FIELD", None)? {
            table = table.with_username_field(field);
        }
        if let Some(field) = self.optional_text("EMAIL_FIELD", None)? {
            table = table.with_email_field(field);
        }
        if let Some(fields) = self.optional_list("REQUIRED_FIELDS")? {
            table = table.with_required_fields(fields);
        }
        for (field, name) in self.texts("AUTH_USER_VERBOSE_NAMES")? {
            table = table.with_verbose_name_of(field, name);
        }
        for (column, value) in self.texts("AUTH_USER_DEFAULTS")? {
            table = table.with_default(column, value);
        }
        Ok(table)
    }

    /// `MODELS`: each a table with NAME and, if need be, what its `Meta` says.
    pub(super) fn models(&self) -> Result<Vec<(String, ModelMeta)>, SettingsError> {
        const NAME: &str = "MODELS";
        let Some((value, _)) = self.get(NAME) else { return Ok(Vec::new()) };
        let read = || value.as_array()?.iter().map(|entry| model(entry.as_object()?)).collect::<Option<Vec<_>>>();
        read().ok_or_else(|| {
            self.invalid(
                NAME,
                "a list of tables with NAME (such as \"blog.BlogPost\") and, if need be, VERBOSE_NAME, \
                 DEFAULT_PERMISSIONS and PERMISSIONS (a list of pairs of codename and name)",
            )
        })
    }

    /// A table of texts; numbers and truth values are taken as they are written.
    fn texts(&self, name: &str) -> Result<Vec<(String, String)>, SettingsError> {
        let text = |value: Value| match value {
            Value::String(text) => Some(text),
            Value::Bool(b) => Some(b.to_string()),
            Value::Number(n) => Some(n.to_string()),
            _ => None,
        };
        let pairs = self.table(name)?.into_iter().map(|(key, value)| Some((key, text(value)?)));
        pairs.collect::<Option<_>>().ok_or_else(|| self.invalid(name, "a table of texts"))
    }
}

fn model(entry: &Map<String, Value>) -> Option<(String, ModelMeta)> {
    let known = ["NAME", "VERBOSE_NAME", "DEFAULT_PERMISSIONS", "PERMISSIONS"];
    let key = |name: &str| entry.get(name).or_else(|| entry.get(&name.to_lowercase()));
    if !entry.keys().all(|k| known.contains(&k.to_uppercase().as_str())) {
        return None;
    }
    let (app_label, name) = key("NAME")?.as_str()?.split_once('.')?;
    if app_label.is_empty() || name.is_empty() || name.contains('.') {
        return None;
    }
    let mut meta = ModelMeta::new(name);
    if let Some(verbose_name) = key("VERBOSE_NAME") {
        meta.verbose_name = Some(verbose_name.as_str()?.to_owned());
    }
    if let Some(actions) = key("DEFAULT_PERMISSIONS") {
        let texts = actions.as_array()?.iter().map(|action| action.as_str().map(str::to_owned));
        meta.default_permissions = texts.collect::<Option<_>>()?;
    }
    if let Some(permissions) = key("PERMISSIONS") {
        let pair = |pair: &Value| match pair.as_array()?.as_slice() {
            [codename, name] => Some((codename.as_str()?.to_owned(), name.as_str()?.to_owned())),
            _ => None,
        };
        meta.permissions = permissions.as_array()?.iter().map(pair).collect::<Option<_>>()?;
    }
    Some((app_label.to_owned(), meta))
}
