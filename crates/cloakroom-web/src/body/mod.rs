//! Request bodies and query strings as Django reads them.
//!
//! Nothing is read before somebody asks: the CSRF check (for a `POST` alone, C29) or the [`FormData`] extractor. What
//! the check has read is kept for the extractor, and the bytes are put back for whoever wants the body itself.

mod api;
mod content_type;
mod extract;
mod form_data;
mod json;
mod multipart;
mod query_dict;
mod read;

pub(crate) use self::api::{ApiBody, read_api_body};
pub use self::extract::FormRejection;
pub use self::form_data::{FormData, Upload};
pub use self::json::JsonBody;
pub use self::query_dict::QueryDict;
pub use self::read::BodyError;
pub(crate) use self::read::buffer_form;
