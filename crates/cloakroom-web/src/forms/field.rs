//! A field: how it is shown and how what was sent is cleaned.

use std::borrow::Cow;

use cloakroom_core::{emails, names, pytext};

use super::errors::FormError;
use super::wording::wording;

/// What a field holds, by the name of Django's field class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldKind {
    /// `CharField`: any text.
    Char,
    /// `CharField` with a `PasswordInput`: never shown again.
    Password,
    /// `UsernameField`: text in normal form NFKC (A103).
    Username,
    /// `EmailField`.
    Email,
    /// `ChoiceField` with radio buttons: one of the field's choices.
    Choice,
    /// `BooleanField`: a tick box.
    Boolean,
    /// `DateTimeField`, shown as text.
    DateTime,
    /// `ModelMultipleChoiceField`: several of the field's choices.
    MultipleChoice,
    /// `ReadOnlyPasswordHashField`: shown, never taken.
    ReadOnlyPasswordHash,
}

impl FieldKind {
    /// The name of Django's field class.
    #[must_use]
    pub const fn django_name(self) -> &'static str {
        match self {
            Self::Char | Self::Password => "CharField",
            Self::Username => "UsernameField",
            Self::Email => "EmailField",
            Self::Choice => "ChoiceField",
            Self::Boolean => "BooleanField",
            Self::DateTime => "DateTimeField",
            Self::MultipleChoice => "ModelMultipleChoiceField",
            Self::ReadOnlyPasswordHash => "ReadOnlyPasswordHashField",
        }
    }

    const fn is_text(self) -> bool {
        matches!(self, Self::Char | Self::Password | Self::Username | Self::Email)
    }
}

/// Whether a field must be filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Required {
    /// Empty is an error.
    Yes,
    /// Empty is fine.
    No,
}

/// Whether white space around a text is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strip {
    /// Cut, by Unicode's notion of white space.
    Yes,
    /// Kept: passwords are taken as typed.
    No,
}

/// The help that stands with a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Help {
    /// None.
    #[default]
    None,
    /// A sentence.
    Text(Cow<'static, str>),
    /// A list of rules.
    List(Vec<Cow<'static, str>>),
}

/// A field of a form.
///
/// ```
/// use cloakroom_web::forms::Field;
///
/// let name = Field::username("username").max_length(150);
/// assert_eq!(name.clean(Some("  ａlice ")).unwrap(), "alice");
/// assert_eq!(name.clean(None).unwrap_err()[0].code(), "required");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Field {
    pub(super) name: &'static str,
    pub(super) label: Cow<'static, str>,
    pub(super) kind: FieldKind,
    pub(super) required: Required,
    pub(super) strip: Strip,
    pub(super) max_length: Option<usize>,
    pub(super) length_check: LengthCheck,
    pub(super) attrs: Vec<(&'static str, Attr)>,
    pub(super) choices: Vec<(&'static str, &'static str)>,
    pub(super) help: Help,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LengthCheck {
    Server,
    Browser,
}

/// The value of an HTML attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Attr {
    Set,
    To(Cow<'static, str>),
}

impl Field {
    fn new(name: &'static str, kind: FieldKind) -> Self {
        Self {
            name,
            label: Cow::Owned(pretty(name)),
            kind,
            required: Required::Yes,
            strip: Strip::Yes,
            max_length: None,
            length_check: LengthCheck::Server,
            attrs: Vec::new(),
            choices: Vec::new(),
            help: Help::None,
        }
    }

    /// A required text.
    pub fn text(name: &'static str) -> Self {
        Self::new(name, FieldKind::Char)
    }

    /// A required password: hidden while typed, white space kept, never shown again (A10).
    pub fn password(name: &'static str) -> Self {
        Self { strip: Strip::No, ..Self::new(name, FieldKind::Password) }
    }

    /// A required user name (A103).
    pub fn username(name: &'static str) -> Self {
        Self::new(name, FieldKind::Username).attr("autocapitalize", "none").attr("autocomplete", "username")
    }

    /// A required email address.
    pub fn email(name: &'static str) -> Self {
        Self::new(name, FieldKind::Email)
    }

    /// One of several values, as radio buttons.
    pub fn choice(name: &'static str, choices: &[(&'static str, &'static str)]) -> Self {
        Self { choices: choices.to_vec(), ..Self::new(name, FieldKind::Choice) }
    }

    /// A field of another kind.
    pub fn of_kind(name: &'static str, kind: FieldKind) -> Self {
        Self::new(name, kind)
    }

    /// Sets the label; by default the name in words.
    pub fn label(mut self, label: impl Into<Cow<'static, str>>) -> Self {
        self.label = label.into();
        self
    }

    /// Lets the field be empty.
    pub fn optional(mut self) -> Self {
        self.required = Required::No;
        self
    }

    /// Refuses more than `max` characters, in the browser and here.
    pub fn max_length(mut self, max: usize) -> Self {
        self.max_length = Some(max);
        // The order of Django's attributes: UsernameField adds its own after the length, forms.py.
        let first = self.kind == FieldKind::Username && self.length_check == LengthCheck::Server;
        let at = if first { 0 } else { self.attrs.len() };
        self.attrs.insert(at, ("maxlength", Attr::To(max.to_string().into())));
        self
    }

    /// Asks the browser for at most `max` characters and does not check here: over-long names of the log-in form go to
    /// the back end (A103).
    pub fn browser_max_length(mut self, max: usize) -> Self {
        self.length_check = LengthCheck::Browser;
        self.max_length(max)
    }

    /// The field under another label, and with another limit for the browser.
    pub(super) fn relabel(mut self, label: String, max: usize) -> Self {
        self.attrs.retain(|(name, _)| *name != "maxlength");
        self.label(label).browser_max_length(max)
    }

    /// Adds an HTML attribute.
    pub fn attr(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.attrs.push((name, Attr::To(value.into())));
        self
    }

    /// Sets the `autocomplete` token (A10).
    pub fn autocomplete(self, token: &'static str) -> Self {
        self.attr("autocomplete", token)
    }

    /// Puts the cursor here when the page opens.
    pub fn autofocus(mut self) -> Self {
        self.attrs.push(("autofocus", Attr::Set));
        self
    }

    /// Adds a sentence of help.
    pub fn help(mut self, help: impl Into<Cow<'static, str>>) -> Self {
        self.help = Help::Text(help.into());
        self
    }

    /// Adds a list of rules; no help for an empty one.
    pub fn help_list<T: Into<Cow<'static, str>>>(mut self, rules: impl IntoIterator<Item = T>) -> Self {
        let rules: Vec<_> = rules.into_iter().map(Into::into).collect();
        self.help = if rules.is_empty() { Help::None } else { Help::List(rules) };
        self
    }

    /// The name under which the browser sends it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it holds.
    #[must_use]
    pub const fn kind(&self) -> FieldKind {
        self.kind
    }

    /// Whether it must be filled in.
    #[must_use]
    pub const fn required(&self) -> Required {
        self.required
    }

    /// Whether white space is cut; `None` where the kind holds no text.
    #[must_use]
    pub const fn strip(&self) -> Option<Strip> {
        if self.kind.is_text() { Some(self.strip) } else { None }
    }

    /// The longest text in characters.
    #[must_use]
    pub const fn max_chars(&self) -> Option<usize> {
        self.max_length
    }

    /// Cleans what was sent: the value to work with, or everything that is wrong with it.
    ///
    /// # Errors
    ///
    /// `required`, `invalid` (an email address), `max_length`, `null_characters_not_allowed`, `invalid_choice`.
    pub fn clean(&self, raw: Option<&str>) -> Result<String, Vec<FormError>> {
        let raw = raw.unwrap_or_default();
        let text = match self.strip() {
            Some(Strip::Yes) => pytext::strip(raw),
            _ => raw,
        };
        let too_long = |text: &str| self.max_length.is_some_and(|max| text.chars().count() > max);
        // Normal form never shortens, and is slow on long texts: forms.py, UsernameField.
        let value = if self.kind == FieldKind::Username && !too_long(text) {
            names::normalize_username(text)
        } else {
            text.to_owned()
        };

        if value.is_empty() {
            return match self.required {
                Required::Yes => Err(vec![FormError::of("required")]),
                Required::No => Ok(value),
            };
        }
        let mut errors = Vec::new();
        if self.kind == FieldKind::Email && !emails::validate_email(&value) {
            errors.push(FormError::new("invalid", wording("invalid_email")));
        }
        if self.kind == FieldKind::Choice && !self.choices.iter().any(|(choice, _)| *choice == value) {
            errors.push(FormError::of("invalid_choice"));
        }
        if self.length_check == LengthCheck::Server
            && let Some(max) = self.max_length
            && too_long(&value)
        {
            let length = value.chars().count();
            errors.push(FormError::new("max_length", format!("At most {max} characters, please. This has {length}.")));
        }
        if self.kind.is_text() && value.contains('\0') {
            errors.push(FormError::of("null_characters_not_allowed"));
        }
        if errors.is_empty() { Ok(value) } else { Err(errors) }
    }
}

fn pretty(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).map(|c| if c == '_' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(field: &Field, raw: &str) -> Vec<String> {
        field.clean(Some(raw)).err().into_iter().flatten().map(|e| e.code().to_owned()).collect()
    }

    /// G08: what Python strips, passwords keep.
    #[test]
    fn white_space_is_cut_but_in_passwords() {
        assert_eq!(Field::text("a").clean(Some("\u{1c}\u{a0} x\u{3000}")).unwrap(), "x");
        assert_eq!(Field::password("a").clean(Some("  ")).unwrap(), "  ");
        assert_eq!(codes(&Field::text("a"), " \u{2003}"), ["required"]);
    }

    /// A103: lengths are code points, after normalising; what is too long stays as it is.
    #[test]
    fn names_are_normalised_up_to_their_length() {
        let name = Field::username("u").max_length(3);
        assert_eq!(name.clean(Some("ﬀ")).unwrap(), "ff");
        assert_eq!(codes(&name, "ﬃa"), ["max_length"]);
        assert_eq!(codes(&name, "abcd\0"), ["max_length", "null_characters_not_allowed"]);
        let login = Field::username("u").browser_max_length(3);
        assert_eq!(login.clean(Some("ａｂｃｄ")).unwrap(), "ａｂｃｄ");
    }

    /// A15: the order of an address's errors.
    #[test]
    fn addresses_tell_all_that_is_wrong() {
        let email = Field::email("e").max_length(5);
        assert_eq!(codes(&email, "no address\0"), ["invalid", "max_length", "null_characters_not_allowed"]);
        assert_eq!(email.clone().optional().clean(Some(" ")).unwrap(), "");
    }

    #[test]
    fn choices_are_among_those_offered() {
        let choice = Field::choice("c", &[("a", "A"), ("b", "B")]);
        assert_eq!(choice.clean(Some("b")).unwrap(), "b");
        assert_eq!(codes(&choice, "x"), ["invalid_choice"]);
    }
}
