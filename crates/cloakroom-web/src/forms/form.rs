//! A form: fields, what was sent for them, what is wrong with it.

use std::fmt;

use zeroize::Zeroizing;

use super::bound::BoundField;
use super::errors::{FormError, FormErrors, NON_FIELD};
use super::field::Field;

/// Fields, empty or bound to what was sent.
///
/// See the [module docs](super) for an example.
#[derive(Clone)]
pub struct Form {
    fields: Vec<Field>,
    slots: Vec<Slot>,
    state: State,
    errors: FormErrors,
}

#[derive(Clone, Default)]
struct Slot {
    initial: Option<String>,
    raw: Option<Zeroizing<String>>,
    cleaned: Option<Zeroizing<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Plain,
    Bound,
}

impl Form {
    /// An empty form, for a first visit.
    #[must_use]
    pub fn plain(fields: Vec<Field>) -> Self {
        let slots = vec![Slot::default(); fields.len()];
        Self { fields, slots, state: State::Plain, errors: FormErrors::new() }
    }

    /// A form bound to what was sent, cleaned. `get` gives the last value sent under a name.
    #[must_use]
    pub fn bind(fields: Vec<Field>, get: impl Fn(&str) -> Option<String>) -> Self {
        let mut form = Self { state: State::Bound, ..Self::plain(fields) };
        for (field, slot) in form.fields.iter().zip(&mut form.slots) {
            slot.raw = get(field.name).map(Zeroizing::new);
            match field.clean(slot.raw.as_ref().map(|raw| raw.as_str())) {
                Ok(value) => slot.cleaned = Some(Zeroizing::new(value)),
                Err(errors) => {
                    for error in errors {
                        form.errors.push(field.name, error);
                    }
                }
            }
        }
        form
    }

    /// Sets what a field shows before anything is sent.
    #[must_use]
    pub fn initial(mut self, name: &str, value: impl Into<String>) -> Self {
        if let Some(slot) = self.index(name).and_then(|i| self.slots.get_mut(i)) {
            slot.initial = Some(value.into());
        }
        self
    }

    /// Whether the form was sent.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.state == State::Bound
    }

    /// Whether the form was sent and nothing is wrong with it.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.is_bound() && self.errors.is_empty()
    }

    /// The clean value of a field; `None` where the field is in error.
    #[must_use]
    pub fn cleaned(&self, name: &str) -> Option<&str> {
        self.index(name).and_then(|i| self.slots.get(i)).and_then(|slot| slot.cleaned.as_ref()).map(|v| v.as_str())
    }

    /// Adds an error to a field, whose clean value is dropped, or to [`NON_FIELD`].
    pub fn add_error(&mut self, name: &'static str, error: FormError) {
        if name != NON_FIELD
            && let Some(slot) = self.index(name).and_then(|i| self.slots.get_mut(i))
        {
            slot.cleaned = None;
        }
        self.errors.push(name, error);
    }

    /// Gives a field another label, and the browser another limit for what is typed.
    pub(super) fn relabel(&mut self, name: &str, label: String, max: usize) {
        if let Some(at) = self.index(name) {
            let field = self.fields.remove(at);
            self.fields.insert(at, field.relabel(label, max));
        }
    }

    /// What is wrong.
    #[must_use]
    pub const fn errors(&self) -> &FormErrors {
        &self.errors
    }

    /// The fields in order, each with its value and errors.
    pub fn fields(&self) -> impl Iterator<Item = BoundField<'_>> {
        self.fields.iter().zip(&self.slots).map(|(field, slot)| {
            let value = match self.state {
                State::Plain => slot.initial.as_deref(),
                State::Bound => slot.raw.as_ref().map(|raw| raw.as_str()),
            };
            BoundField::new(field, value, self.errors.of(field.name))
        })
    }

    /// One field by its name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<BoundField<'_>> {
        self.fields().find(|field| field.name() == name)
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }
}

impl fmt::Debug for Form {
    /// Names and codes only: values may be passwords (L03).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.fields.iter().map(|field| field.name).collect();
        f.debug_struct("Form")
            .field("fields", &names)
            .field("state", &self.state)
            .field("errors", &self.errors)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(value: &str) -> Form {
        Form::bind(vec![Field::text("a"), Field::password("p")], |_| Some(value.to_owned()))
    }

    /// L03: what was typed does not print.
    #[test]
    fn values_do_not_print() {
        assert!(!format!("{:?}", bound("canary")).contains("canary"));
    }

    /// A10, H02: passwords are never shown again, other values are, escaped.
    #[test]
    fn passwords_are_not_shown_again() {
        let form = bound("\"canary\"");
        assert!(form.field("a").unwrap().html().contains("value=\"&quot;canary&quot;\""));
        assert!(!form.field("p").unwrap().html().contains("canary"));
    }

    #[test]
    fn an_error_takes_the_clean_value_away() {
        let mut form = bound("x");
        assert!(form.is_valid());
        form.add_error("a", FormError::of("unique"));
        assert_eq!((form.is_valid(), form.cleaned("a"), form.cleaned("p")), (false, None, Some("x")));
        form.add_error(NON_FIELD, FormError::of("invalid_login"));
        assert_eq!(form.errors().iter().map(|(name, _)| name).collect::<Vec<_>>(), ["a", NON_FIELD]);
        let html = form.field("a").unwrap().html();
        assert!(
            html.ends_with("required aria-invalid=\"true\" aria-describedby=\"id_a_error\" id=\"id_a\">"),
            "{html}"
        );
    }

    #[test]
    fn a_plain_form_is_not_valid_and_shows_what_is_stored() {
        let form = Form::plain(vec![Field::text("a").optional()]).initial("a", "stored");
        assert!(!form.is_valid() && !form.is_bound());
        assert_eq!(form.field("a").unwrap().value(), Some("stored"));
    }
}
