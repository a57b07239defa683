//! What validators may know of a user.

use std::borrow::Cow;

use crate::models::User;

/// The texts of a user's attributes, for validators that compare a password with them (A50).
#[derive(Clone, Default)]
pub struct UserFacts {
    attributes: Vec<Attribute>,
}

#[derive(Clone)]
struct Attribute {
    name: Cow<'static, str>,
    verbose_name: Cow<'static, str>,
    value: String,
}

impl UserFacts {
    /// Facts about nobody in particular.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an attribute under its name and the name that people read.
    #[must_use]
    pub fn with(
        mut self,
        name: impl Into<Cow<'static, str>>,
        verbose_name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        self.attributes.push(Attribute { name: name.into(), verbose_name: verbose_name.into(), value: value.into() });
        self
    }

    /// The value and the readable name of an attribute.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<(&str, &str)> {
        self.attributes.iter().find(|a| a.name == name).map(|a| (&*a.value, &*a.verbose_name))
    }
}

impl From<&User> for UserFacts {
    fn from(user: &User) -> Self {
        Self::new()
            .with("username", "username", &user.username)
            .with("first_name", "first name", &user.first_name)
            .with("last_name", "last name", &user.last_name)
            .with("email", "email address", &user.email)
    }
}

/// Names only: the values are personal.
impl std::fmt::Debug for UserFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.attributes.iter().map(|a| &a.name)).finish()
    }
}
