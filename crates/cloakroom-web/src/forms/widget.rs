//! The HTML of a field.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::errors::FormError;
use super::field::{Attr, Field, FieldKind, Help, Required};

/// Escapes text for HTML, between tags and inside quoted attributes (H02).
///
/// ```
/// assert_eq!(cloakroom_web::forms::escape("<b a='1'>&\""), "&lt;b a=&#x27;1&#x27;&gt;&amp;&quot;");
/// ```
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

pub(super) fn html(field: &Field, value: Option<&str>, errors: &[FormError]) -> String {
    match field.kind {
        FieldKind::Char | FieldKind::Username | FieldKind::DateTime => input("text", field, value, errors),
        FieldKind::Password => input("password", field, None, errors),
        FieldKind::Email => input("email", field, value, errors),
        FieldKind::Boolean => tick_box(field, value, errors),
        FieldKind::Choice => radios(field, value),
        FieldKind::MultipleChoice | FieldKind::ReadOnlyPasswordHash => String::new(),
    }
}

fn input(input_type: &str, field: &Field, value: Option<&str>, errors: &[FormError]) -> String {
    let mut out = format!("<input type=\"{input_type}\" name=\"{}\"", field.name);
    if let Some(value) = value {
        attr(&mut out, "value", value);
    }
    attrs(&mut out, field, errors);
    out.push('>');
    out
}

fn tick_box(field: &Field, value: Option<&str>, errors: &[FormError]) -> String {
    let mut out = format!("<input type=\"checkbox\" name=\"{}\"", field.name);
    attrs(&mut out, field, errors);
    if value.is_some() {
        out.push_str(" checked");
    }
    out.push('>');
    out
}

/// Source: `django/forms/templates/django/forms/widgets/multiple_input.html`, white space included.
fn radios(field: &Field, value: Option<&str>) -> String {
    let name = field.name;
    let class = field.attrs.iter().find_map(|(n, v)| match v {
        Attr::To(class) if *n == "class" => Some(&**class),
        _ => None,
    });
    let mut class_attr = String::new();
    if let Some(class) = class {
        attr(&mut class_attr, "class", class);
    }
    let mut out = format!("<div id=\"id_{name}\"{class_attr}>");
    for (i, (choice, label)) in field.choices.iter().enumerate() {
        let checked = if value == Some(*choice) { " checked" } else { "" };
        let _ = write!(
            out,
            "<div>\n    <label for=\"id_{name}_{i}\"><input type=\"radio\" name=\"{name}\" value=\"{}\"{class_attr} \
             id=\"id_{name}_{i}\"{checked}>\n {}</label>\n\n</div>",
            escape(choice),
            escape(label)
        );
    }
    out.push_str("\n</div>");
    out
}

/// The widget's own attributes, then what the bound field adds. Source: `BoundField.build_widget_attrs`.
fn attrs(out: &mut String, field: &Field, errors: &[FormError]) {
    for (name, value) in &field.attrs {
        match value {
            Attr::Set => {
                out.push(' ');
                out.push_str(name);
            }
            Attr::To(value) => attr(out, name, value),
        }
    }
    if field.required == Required::Yes {
        out.push_str(" required");
    }
    if !errors.is_empty() {
        attr(out, "aria-invalid", "true");
    }
    let id = format!("id_{}", field.name);
    let mut described_by = Vec::with_capacity(2);
    if field.help != Help::None {
        described_by.push(format!("{id}_helptext"));
    }
    if !errors.is_empty() {
        described_by.push(format!("{id}_error"));
    }
    if !described_by.is_empty() {
        attr(out, "aria-describedby", &described_by.join(" "));
    }
    attr(out, "id", &id);
}

fn attr(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, " {name}=\"{}\"", escape(value));
}
