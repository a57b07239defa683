//! Which table the users are in.

use super::{ColumnKind, Nulls};

/// A user model as Django's `AUTH_USER_MODEL` and the model's own attributes declare it.
///
/// ```
/// use cloakroom_core::user_model::UserTable;
///
/// let members = UserTable::new("accounts.Member")?.with_username_field("email").with_required_fields(["full_name"]);
/// assert_eq!(members.table(), "accounts_member");
/// assert_eq!(members.groups_table(), "accounts_member_groups");
/// assert_eq!(members.owner_column(), "member_id");
/// assert_eq!(members.verbose_name_of("full_name"), "full name");
/// # Ok::<(), cloakroom_core::user_model::LabelError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct UserTable {
    app_label: String,
    name: String,
    table: String,
    username_field: String,
    email_field: Option<String>,
    required_fields: Vec<String>,
    verbose_names: Vec<(String, String)>,
    defaults: Vec<(String, String)>,
    columns: Vec<DeclaredColumn>,
}

/// A column that the table must have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeclaredColumn {
    /// Its name.
    pub name: String,
    /// What it holds; `None` if that is all the same.
    pub kind: Option<ColumnKind>,
    /// Whether it may be NULL.
    pub nulls: Nulls,
}

/// The label of a user model is not of the form `app_label.Model`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("AUTH_USER_MODEL must be of the form 'app_label.model_name', and {label:?} is not")]
pub struct LabelError {
    label: String,
}

impl UserTable {
    /// The model of this label, such as `accounts.Member`, as Django would name its table and columns.
    ///
    /// # Errors
    ///
    /// The label has not exactly one dot with a name on each side.
    pub fn new(label: &str) -> Result<Self, LabelError> {
        let fault = || LabelError { label: label.to_owned() };
        let (app_label, name) = label.split_once('.').ok_or_else(fault)?;
        let is_name = |s: &str| {
            !s.is_empty()
                && s.chars().all(|c| c.is_alphanumeric() || c == '_')
                && !s.starts_with(|c: char| c.is_ascii_digit())
        };
        if !is_name(app_label) || !is_name(name) {
            return Err(fault());
        }
        let stock = app_label == "auth" && name.eq_ignore_ascii_case("user");
        Ok(Self {
            app_label: app_label.to_owned(),
            name: name.to_owned(),
            table: format!("{app_label}_{}", name.to_lowercase()),
            username_field: "username".to_owned(),
            email_field: None,
            required_fields: if stock { vec!["email".to_owned()] } else { Vec::new() },
            verbose_names: if stock { vec![("email".to_owned(), "email address".to_owned())] } else { Vec::new() },
            defaults: Vec::new(),
            columns: Vec::new(),
        })
    }

    /// Django's own: `auth.User` (A01).
    pub fn stock() -> Self {
        Self::new("auth.User").expect("the label has one dot")
    }

    /// Names the table where it is not `app_label_model` (`Meta.db_table`).
    pub fn with_table(mut self, table: impl Into<String>) -> Self {
        self.table = table.into();
        self
    }

    /// Names the column of the name to sign in with (`USERNAME_FIELD`).
    pub fn with_username_field(mut self, field: impl Into<String>) -> Self {
        self.username_field = field.into();
        self
    }

    /// Names the column of the mail address where it is not `email` (`EMAIL_FIELD`).
    pub fn with_email_field(mut self, field: impl Into<String>) -> Self {
        self.email_field = Some(field.into());
        self
    }

    /// Names what `createsuperuser` asks for besides (`REQUIRED_FIELDS`).
    pub fn with_required_fields<S: Into<String>>(mut self, fields: impl IntoIterator<Item = S>) -> Self {
        self.required_fields = fields.into_iter().map(Into::into).collect();
        self
    }

    /// Says what people call a field (`verbose_name`).
    pub fn with_verbose_name_of(mut self, field: impl Into<String>, verbose_name: impl Into<String>) -> Self {
        self.verbose_names.push((field.into(), verbose_name.into()));
        self
    }

    /// Says what a column of a new row holds where nothing is given, as a model's `default` does. Django writes none into
    /// the database.
    pub fn with_default(mut self, column: impl Into<String>, value: impl Into<String>) -> Self {
        self.defaults.push((column.into(), value.into()));
        self
    }

    /// Demands a column.
    pub fn with_column(mut self, name: impl Into<String>, kind: Option<ColumnKind>, nulls: Nulls) -> Self {
        self.columns.push(DeclaredColumn { name: name.into(), kind, nulls });
        self
    }

    /// Whether this is Django's own table.
    #[must_use]
    pub fn is_stock(&self) -> bool {
        self.table == "auth_user" && self.app_label == "auth" && self.username_field == "username"
    }

    /// Such as `accounts.Member`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}.{}", self.app_label, self.name)
    }

    /// Such as `accounts`.
    #[must_use]
    pub fn app_label(&self) -> &str {
        &self.app_label
    }

    /// The class name, such as `Member`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name in `django_content_type`, such as `member`.
    #[must_use]
    pub fn model_name(&self) -> String {
        self.name.to_lowercase()
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// `USERNAME_FIELD`.
    #[must_use]
    pub fn username_field(&self) -> &str {
        &self.username_field
    }

    /// `EMAIL_FIELD`; where it was not set, `email`, which the table may lack.
    #[must_use]
    pub fn email_field(&self) -> &str {
        self.email_field.as_deref().unwrap_or("email")
    }

    /// Whether the table must have the column of the mail address.
    #[must_use]
    pub const fn needs_email(&self) -> bool {
        self.email_field.is_some()
    }

    /// `REQUIRED_FIELDS`.
    #[must_use]
    pub fn required_fields(&self) -> &[String] {
        &self.required_fields
    }

    /// What people call a field: its name with spaces, where nothing else was said.
    #[must_use]
    pub fn verbose_name_of(&self, field: &str) -> String {
        let said = self.verbose_names.iter().rev().find(|(name, _)| name == field);
        said.map_or_else(|| field.replace('_', " "), |(_, verbose_name)| verbose_name.clone())
    }

    /// What a column of a new row holds where nothing is given.
    #[must_use]
    pub fn default_of(&self, column: &str) -> Option<&str> {
        self.defaults.iter().rev().find(|(name, _)| name == column).map(|(_, value)| value.as_str())
    }

    /// The columns that are demanded.
    #[must_use]
    pub fn columns(&self) -> &[DeclaredColumn] {
        &self.columns
    }

    /// The table that says who is in which group (A04).
    #[must_use]
    pub fn groups_table(&self) -> String {
        format!("{}_groups", self.table)
    }

    /// The table that says who was given which permission (A04).
    #[must_use]
    pub fn permissions_table(&self) -> String {
        format!("{}_user_permissions", self.table)
    }

    /// The column of those two that names the user.
    #[must_use]
    pub fn owner_column(&self) -> String {
        format!("{}_id", self.model_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_one_dot_between_two_names() {
        for wrong in ["", "auth", "auth.", ".User", "a.b.C", "a.B;", "1a.B"] {
            assert!(UserTable::new(wrong).is_err(), "{wrong}");
        }
        assert!(UserTable::new("auth.User").unwrap().is_stock());
        assert!(!UserTable::new("accounts.User").unwrap().is_stock());
    }

    #[test]
    fn the_stock_table_is_djangos() {
        let stock = UserTable::stock();
        assert_eq!((stock.table(), stock.owner_column().as_str()), ("auth_user", "user_id"));
        assert_eq!(stock.groups_table(), "auth_user_groups");
        assert_eq!(stock.permissions_table(), "auth_user_user_permissions");
        assert_eq!(stock.required_fields(), ["email"]);
    }
}
