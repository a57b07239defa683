//! The text of JSON bodies, as REST framework's `JSONParser` takes it.

use axum_core::body::Body;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body::Body as _;

use super::content_type::{Charset, HeaderValue};
use super::read::{BodyError, read};
use crate::ctx::Ctx;

/// What a body that should be JSON is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonBody {
    /// Nothing at all, whatever its type says.
    Empty,
    /// Text, said to be JSON.
    Text(String),
    /// Something else, unread.
    OtherType,
}

impl Ctx {
    /// Reads the text of a JSON body within `DATA_UPLOAD_MAX_MEMORY_SIZE`. Unlike form fields, bytes that are no text in
    /// the character set of the type, by default UTF-8, are an error.
    ///
    /// # Errors
    ///
    /// [`BodyError::TooLarge`], [`BodyError::Malformed`], [`BodyError::Unreadable`].
    pub async fn read_json(&self, headers: &HeaderMap, body: Body) -> Result<JsonBody, BodyError> {
        if body.is_end_stream() {
            return Ok(JsonBody::Empty);
        }
        let Some(charset) = json_charset(headers) else { return Ok(JsonBody::OtherType) };
        let bytes = read(headers, body, self.config().limits.body_bytes).await?;
        if bytes.is_empty() {
            return Ok(JsonBody::Empty);
        }
        let text = charset.decode_strictly(&bytes);
        text.map(JsonBody::Text).ok_or(BodyError::Malformed("the bytes are no text in the character set of the type"))
    }
}

/// The character set of a type that JSON may have; `None` for other types.
fn json_charset(headers: &HeaderMap) -> Option<Charset> {
    let value = headers.get(CONTENT_TYPE)?;
    let parsed = HeaderValue::parse(&String::from_utf8_lossy(value.as_bytes())).ok()?;
    let (main, sub) = parsed.main.split_once('/')?;
    let is_json = matches!(main, "application" | "*") && matches!(sub, "json" | "*");
    is_json.then(|| parsed.charset().unwrap_or(Charset::Utf8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charset(value: &'static str) -> Option<Charset> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, http::HeaderValue::from_static(value));
        json_charset(&headers)
    }

    #[test]
    fn json_has_a_type() {
        assert_eq!(charset("Application/JSON"), Some(Charset::Utf8));
        assert_eq!(charset("application/json; charset=latin-1"), Some(Charset::Latin1));
        assert_eq!(charset("*/*"), Some(Charset::Utf8));
        for other in ["text/plain", "application/x-www-form-urlencoded", "application/json+x", "json", ""] {
            assert_eq!(charset(other), None, "{other}");
        }
        assert_eq!(json_charset(&HeaderMap::new()), None);
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert_eq!(Charset::Utf8.decode_strictly(b"\xff"), None);
        assert_eq!(Charset::Ascii.decode_strictly(b"\xe9"), None);
        assert_eq!(Charset::Latin1.decode_strictly(b"\xe9").as_deref(), Some("é"));
    }
}
