//! A field as a page shows it.

use super::errors::FormError;
use super::field::{Field, FieldKind, Help, Required};
use super::widget;

/// A field of a [`Form`](super::Form) with its value and errors.
#[derive(Clone, Copy)]
pub struct BoundField<'a> {
    field: &'a Field,
    value: Option<&'a str>,
    errors: &'a [FormError],
}

impl<'a> BoundField<'a> {
    pub(super) const fn new(field: &'a Field, value: Option<&'a str>, errors: &'a [FormError]) -> Self {
        Self { field, value, errors }
    }

    /// The field itself.
    pub const fn field(&self) -> &'a Field {
        self.field
    }

    /// The name under which the browser sends it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.field.name
    }

    /// The label.
    #[must_use]
    pub fn label(&self) -> &'a str {
        &self.field.label
    }

    /// The element's id: `id_<name>`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("id_{}", self.field.name)
    }

    /// What it holds.
    #[must_use]
    pub const fn kind(&self) -> FieldKind {
        self.field.kind
    }

    /// Whether it must be filled in.
    #[must_use]
    pub const fn required(&self) -> Required {
        self.field.required
    }

    /// The help that stands with it, in an element with the id `id_<name>_helptext`.
    #[must_use]
    pub const fn help(&self) -> &'a Help {
        &self.field.help
    }

    /// What is wrong with it, for a list with the id `id_<name>_error`.
    #[must_use]
    pub const fn errors(&self) -> &'a [FormError] {
        self.errors
    }

    /// The value to show: what was sent, else the initial one; never a password.
    #[must_use]
    pub fn value(&self) -> Option<&'a str> {
        match self.field.kind {
            FieldKind::Password | FieldKind::ReadOnlyPasswordHash => None,
            _ => self.value.filter(|value| !value.is_empty()),
        }
    }

    /// The element, with the attributes of Django's widget in Django's order.
    #[must_use]
    pub fn html(&self) -> String {
        widget::html(self.field, self.value(), self.errors)
    }
}
