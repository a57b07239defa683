//! Forms: [`Field`]s, a [`Form`] of them, plain or bound to what was sent, and its errors by field.
//!
//! Same cleaning, codes and widgets as `django.forms` for the fields that account pages need (A95–A104). The wording is
//! our own: compare codes, not texts.
//!
//! A form only judges text. What needs the database or a policy (is the name taken, does the password pass) is asked of
//! `cloakroom-auth`, and the answer comes in by [`Form::add_error`]. [`accounts`] has the forms of the account pages.
//!
//! ```
//! use cloakroom_web::forms::{Field, Form};
//!
//! let fields = vec![Field::text("nick").max_length(5), Field::email("email").optional()];
//! let form = Form::bind(fields, |name| (name == "nick").then(|| "  way too long ".to_owned()));
//!
//! assert!(!form.is_valid());
//! assert_eq!(form.errors().codes("nick"), ["max_length"]);
//! assert_eq!(form.cleaned("email"), Some(""));
//! ```

pub mod accounts;
pub mod admin;
mod bound;
mod errors;
mod field;
mod form;
mod widget;
mod wording;

pub use self::bound::BoundField;
pub use self::errors::{FormError, FormErrors, NON_FIELD};
pub use self::field::{Field, FieldKind, Help, Required, Strip};
pub use self::form::Form;
pub use self::widget::escape;
pub use self::wording::wording;
