//! Bodies as REST framework's parsers take them: forms, forms in parts, JSON (D30).

use std::sync::Arc;

use axum_core::body::Body;
use cloakroom_core::secret::Secret;
use http::Request;
use http::header::CONTENT_TYPE;
use http_body::Body as _;

use super::content_type::{Charset, HeaderValue};
use super::read::{BodyError, read};
use super::{FormData, QueryDict};
use crate::ctx::Ctx;

/// What was sent.
pub(crate) enum ApiBody {
    /// Nothing.
    Empty,
    /// A form.
    Form(Arc<FormData>),
    /// Text that is said to be JSON. It may hold a password.
    Json(Secret<String>),
    /// Bytes that are said to be JSON and are no text: what Python says of them.
    NoText(String),
    /// Something else.
    OtherType,
}

/// Reads the body of a `POST`. The first parser of these counts: form, form in parts, JSON.
pub(crate) async fn read_api_body(ctx: &Ctx, mut request: Request<Body>) -> Result<ApiBody, BodyError> {
    if request.body().is_end_stream() {
        return Ok(ApiBody::Empty);
    }
    let said = request.headers().get(CONTENT_TYPE).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
    let content_type = HeaderValue::parse(&said.unwrap_or_default())?;
    let (main, sub) = content_type.main.split_once('/').unwrap_or((&content_type.main, ""));
    let is = |m: &str, s: &str| (main == m || main == "*") && (sub == s || sub == "*");
    let is_form = is("application", "x-www-form-urlencoded");
    if content_type.main == "application/x-www-form-urlencoded" || is("multipart", "form-data") && !is_form {
        return Ok(ApiBody::Form(Arc::clone(ctx.read_form(&mut request).await?)));
    }
    if !is_form && !is("application", "json") {
        return Ok(ApiBody::OtherType);
    }
    let (parts, body) = request.into_parts();
    let limits = &ctx.config().limits;
    let bytes = read(&parts.headers, body, limits.body_bytes).await?;
    if bytes.is_empty() {
        return Ok(ApiBody::Empty);
    }
    if is_form {
        return Ok(ApiBody::Form(Arc::new(QueryDict::parse(&bytes, limits.fields)?.into())));
    }
    Ok(match content_type.charset().unwrap_or(Charset::Utf8) {
        Charset::Utf8 => utf8(&bytes),
        charset => match charset.decode_strictly(&bytes) {
            Some(text) => ApiBody::Json(Secret::new(text)),
            None => ApiBody::NoText("the bytes are no text in the character set of the type".to_owned()),
        },
    })
}

/// Python's stream reader: a character that is cut at the end is dropped, any other bad byte is an error.
fn utf8(bytes: &[u8]) -> ApiBody {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return ApiBody::Json(Secret::new(text.to_owned())),
        Err(error) => error,
    };
    let at = error.valid_up_to();
    let (bad, len) = match error.error_len() {
        None => return utf8(&bytes[..at]),
        Some(len) => (bytes[at], len),
    };
    let why = if matches!(bad, 0xc2..=0xf4) { "invalid continuation byte" } else { "invalid start byte" };
    ApiBody::NoText(match len {
        1 => format!("'utf-8' codec can't decode byte 0x{bad:02x} in position {at}: {why}"),
        len => format!("'utf-8' codec can't decode bytes in position {at}-{}: {why}", at + len - 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each checked with REST framework 3.18.3 on Python 3.13.
    #[test]
    fn bad_bytes_are_named_as_python_names_them() {
        let said = |bytes: &[u8]| match utf8(bytes) {
            ApiBody::Json(text) => text.expose().clone(),
            ApiBody::NoText(why) => why,
            _ => String::new(),
        };
        assert_eq!(said(b"{\"a\":\"\xff\"}"), "'utf-8' codec can't decode byte 0xff in position 6: invalid start byte");
        assert_eq!(
            said(b"{\"a\":\"\xe2\x82\"}"),
            "'utf-8' codec can't decode bytes in position 6-7: invalid continuation byte"
        );
        assert_eq!(said(b"a\xc3"), "a");
        assert_eq!(said("\u{e9}".as_bytes()), "\u{e9}");
    }
}
