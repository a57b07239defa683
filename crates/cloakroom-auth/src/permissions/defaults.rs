//! The permissions that a model has by itself (A80, A87).

/// What a model's `Meta` says about permissions.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ModelMeta {
    /// The class name, such as `OrderLine`.
    pub name: String,
    /// What people call it; made from the class name where absent.
    pub verbose_name: Option<String>,
    /// The actions that get a permission each, in order.
    pub default_permissions: Vec<String>,
    /// Further permissions: codename and name.
    pub permissions: Vec<(String, String)>,
    /// Whether the model has a table at all.
    pub abstractness: Abstractness,
}

/// Whether a model is only there to be inherited from. Abstract ones have neither content type nor permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Abstractness {
    /// The model has a table, is a proxy of one that has, or is unmanaged.
    #[default]
    Concrete,
    /// It has not.
    Abstract,
}

impl ModelMeta {
    /// A model with Django's default: add, change, delete, view.
    ///
    /// ```
    /// use cloakroom_auth::permissions::ModelMeta;
    ///
    /// let rows = ModelMeta::new("OrderLine").permission_rows();
    /// assert_eq!(rows[0], ("add_orderline".to_owned(), "Can add order line".to_owned()));
    /// assert_eq!(rows.len(), 4);
    /// ```
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            verbose_name: None,
            default_permissions: ["add", "change", "delete", "view"].map(String::from).into(),
            permissions: Vec::new(),
            abstractness: Abstractness::Concrete,
        }
    }

    /// The name in `django_content_type` (A05).
    #[must_use]
    pub fn model_name(&self) -> String {
        self.name.to_lowercase()
    }

    /// What people call the model.
    #[must_use]
    pub fn verbose_name(&self) -> String {
        self.verbose_name.clone().unwrap_or_else(|| camel_case_to_spaces(&self.name))
    }

    /// The rows of `auth_permission`, codename and name, in the order in which Django makes them.
    #[must_use]
    pub fn permission_rows(&self) -> Vec<(String, String)> {
        if self.abstractness == Abstractness::Abstract {
            return Vec::new();
        }
        let verbose_name = self.verbose_name();
        let defaults = self
            .default_permissions
            .iter()
            .map(|action| (permission_codename(action, &self.model_name()), format!("Can {action} {verbose_name}")));
        defaults.chain(self.permissions.iter().cloned()).collect()
    }
}

/// `add_user` from `add` and `user` (A87).
#[must_use]
pub fn permission_codename(action: &str, model_name: &str) -> String {
    format!("{action}_{model_name}")
}

/// `HTTPServer2` becomes `http server2`: a space before each capital that begins a word, then all in lower case.
///
/// A capital begins a word after a small letter of ASCII, and before anything that is no capital.
/// Source: `camel_case_to_spaces`, `django/utils/text.py`.
fn camel_case_to_spaces(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len() + 4);
    for (n, &c) in chars.iter().enumerate() {
        if c.is_ascii_uppercase() && n > 0 {
            let after_small = chars[n - 1].is_ascii_lowercase();
            let before_small = chars.get(n + 1).is_some_and(|next| !next.is_ascii_uppercase());
            if after_small || before_small {
                out.push(' ');
            }
        }
        out.push(c);
    }
    out.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A80.
    #[test]
    fn class_names_become_words() {
        for (name, words) in [
            ("Item", "item"),
            ("OrderLine", "order line"),
            ("HTTPServer", "http server"),
            ("CamelCaseModel2", "camel case model2"),
            ("ABC", "abc"),
            ("A", "a"),
            ("Model2X", "model2x"),
            ("Model2Xy", "model2 xy"),
        ] {
            assert_eq!(camel_case_to_spaces(name), words);
        }
    }
}
