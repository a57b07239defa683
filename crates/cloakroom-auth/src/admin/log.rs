//! Entries of `django_admin_log` (A07, G59).

use cloakroom_core::keys::UserId;
use cloakroom_db::admin::{self as rows, Action, Change, LogEntry, NewLogEntry, Slice};
use cloakroom_db::{content_types, users};

use super::{Administrator, Model};
use crate::auth::Auth;
use crate::error::AuthError;

/// What Django writes for a new object.
pub(super) const ADDED: &str = r#"[{"added": {}}]"#;

/// What Django writes for a new password: the name of the field, which has no label on that form.
pub(super) const PASSWORD_CHANGED: &str = r#"[{"changed": {"fields": ["password"]}}]"#;

/// What Django writes where no field changed, and where a password was taken away.
pub(super) const NOTHING_CHANGED: &str = "[]";

/// What Django writes for changed fields, by their labels in English.
pub(super) fn changed(labels: &[&str]) -> String {
    if labels.is_empty() {
        return NOTHING_CHANGED.to_owned();
    }
    format!(r#"[{{"changed": {{"fields": ["{}"]}}}}]"#, labels.join(r#"", ""#))
}

impl Auth {
    /// What happened to an object by Django's admin or this one, oldest first, and how many entries there are.
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn history_of(&self, model: Model, id: &str, slice: Slice) -> Result<(Vec<LogEntry>, u64), AuthError> {
        let content_type = self.content_type(model).await?;
        Ok(rows::entries_of(self.db(), content_type, id, slice).await?)
    }

    /// What an administrator did last, newest first.
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn history_by(&self, admin: &Administrator, limit: usize) -> Result<Vec<LogEntry>, AuthError> {
        Ok(rows::entries_by(self.db(), &admin.user().id, limit).await?)
    }

    /// How many entries tell of what a user did: they go with the user (A23).
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn count_deeds(&self, user: &UserId) -> Result<u64, AuthError> {
        Ok(rows::count_by(self.db(), user).await?)
    }

    pub(super) async fn log_entry(
        &self,
        admin: &Administrator,
        object: Object<'_>,
        action: Action,
        change_message: impl Into<String>,
    ) -> Result<Change, AuthError> {
        let (model, object_id, object_repr) = match object {
            Object::User(id, name) => (Model::User, id.to_string(), name),
            Object::Group(id, name) => (Model::Group, id.to_string(), name),
        };
        Ok(Change::Log(NewLogEntry {
            action_time: self.now(),
            user: admin.user().id.clone(),
            content_type: self.content_type(model).await?,
            object_id,
            object_repr: object_repr.to_owned(),
            action,
            change_message: change_message.into(),
        }))
    }

    async fn content_type(&self, model: Model) -> Result<i64, AuthError> {
        let table = users::table(self.db());
        Ok(match model {
            Model::User => content_types::ensure(self.db(), table.app_label(), &table.model_name()).await?,
            Model::Group => content_types::ensure(self.db(), "auth", "group").await?,
        })
    }
}

/// What an entry is about, with its name.
#[derive(Clone, Copy)]
pub(super) enum Object<'a> {
    User(&'a UserId, &'a str),
    Group(i64, &'a str),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G59
    #[test]
    fn changes_are_told_as_python_writes_them() {
        assert_eq!(changed(&[]), "[]");
        assert_eq!(changed(&["Email address"]), r#"[{"changed": {"fields": ["Email address"]}}]"#);
        assert_eq!(changed(&["Groups", "Active"]), r#"[{"changed": {"fields": ["Groups", "Active"]}}]"#);
    }
}
