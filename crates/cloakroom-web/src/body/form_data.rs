//! [`FormData`]: what a form sent.

use bytes::Bytes;

use super::QueryDict;

/// The fields and files of a form, as an extractor: empty when the body is no form or the method is not `POST`.
///
/// Of a repeated field the last value counts; [`QueryDict::get_list`] gives them all.
///
/// ```
/// use cloakroom_web::FormData;
///
/// async fn search(form: FormData) -> String {
///     form.get("q").unwrap_or_default().to_owned()
/// }
/// # let _ = search;
/// ```
#[derive(Clone, Debug, Default)]
pub struct FormData {
    pub(super) fields: QueryDict,
    pub(super) files: Vec<Upload>,
}

impl FormData {
    /// The last value of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name)
    }

    /// All fields.
    #[must_use]
    pub const fn fields(&self) -> &QueryDict {
        &self.fields
    }

    /// The last file of a field.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&Upload> {
        self.files.iter().rev().find(|file| file.field == name)
    }

    /// All files, in order.
    #[must_use]
    pub fn files(&self) -> &[Upload] {
        &self.files
    }
}

impl From<QueryDict> for FormData {
    fn from(fields: QueryDict) -> Self {
        Self { fields, files: Vec::new() }
    }
}

/// A file that a form sent. Name and type are the sender's claims.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upload {
    /// The field's name.
    pub field: String,
    /// The file's name without folders and unprintable characters.
    pub name: String,
    /// The part's `Content-Type`.
    pub content_type: String,
    /// The content.
    pub content: Bytes,
}
