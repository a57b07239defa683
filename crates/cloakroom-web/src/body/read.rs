//! Reading a body into memory, within limits.

use axum_core::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::content_type::{Charset, HeaderValue};
use super::{FormData, QueryDict, multipart};
use crate::config::Limits;

/// Why a body could not be read as a form. Each is a 400 (R22, R23).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// More than `DATA_UPLOAD_MAX_MEMORY_SIZE` outside files, or than the limit for everything.
    #[error("the request body is too large")]
    TooLarge,
    /// More than `DATA_UPLOAD_MAX_NUMBER_FIELDS`.
    #[error("the request has too many fields")]
    TooManyFields,
    /// More than `DATA_UPLOAD_MAX_NUMBER_FILES`.
    #[error("the request has too many files")]
    TooManyFiles,
    /// No form, though its type says so.
    #[error("the request body cannot be parsed: {0}")]
    Malformed(&'static str),
    /// The connection broke while the body came.
    #[error("the request body ended early")]
    Unreadable(#[source] axum_core::BoxError),
}

impl BodyError {
    /// Django's logger for it.
    pub(crate) const fn logger(&self) -> &'static str {
        match self {
            Self::TooLarge => "django.security.RequestDataTooBig",
            Self::TooManyFields => "django.security.TooManyFieldsSent",
            Self::TooManyFiles => "django.security.TooManyFilesSent",
            Self::Malformed(_) | Self::Unreadable(_) => "django.request",
        }
    }
}

/// A body in memory: the form in it and the bytes it came from.
pub(crate) struct Buffered {
    pub(crate) form: FormData,
    pub(crate) bytes: Bytes,
}

/// What the body is, by its `Content-Type`.
enum Kind {
    UrlEncoded,
    Multipart(HeaderValue),
    NoForm,
}

/// Reads a form. A body that is none stays unread and comes back in `Err` of the inner result.
pub(crate) async fn buffer_form(
    headers: &HeaderMap,
    body: Body,
    limits: &Limits,
) -> Result<Result<Buffered, Body>, BodyError> {
    let kind = Kind::of(headers)?;
    let limit = match kind {
        Kind::UrlEncoded => limits.body_bytes,
        Kind::Multipart(_) => limits.upload_bytes,
        Kind::NoForm => return Ok(Err(body)),
    };
    let bytes = read(headers, body, limit).await?;
    let form = match kind {
        Kind::Multipart(content_type) if !bytes.is_empty() => multipart::parse(&bytes, &content_type, limits)?,
        _ => QueryDict::parse(&bytes, limits.fields)?.into(),
    };
    Ok(Ok(Buffered { form, bytes }))
}

impl Kind {
    fn of(headers: &HeaderMap) -> Result<Self, BodyError> {
        let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(Self::NoForm) };
        let text = String::from_utf8_lossy(value.as_bytes());
        let content_type = HeaderValue::parse(&text)?;
        match content_type.main.as_str() {
            "multipart/form-data" if text.is_ascii() => Ok(Self::Multipart(content_type)),
            "multipart/form-data" => Err(BodyError::Malformed("the Content-Type is not ASCII")),
            "application/x-www-form-urlencoded" => match content_type.charset() {
                None | Some(Charset::Utf8) => Ok(Self::UrlEncoded),
                Some(_) => Err(BodyError::Malformed("a urlencoded form must be UTF-8")),
            },
            _ => Ok(Self::NoForm),
        }
    }
}

pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(BodyError::TooLarge);
    }
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(e) if e.is::<LengthLimitError>() => Err(BodyError::TooLarge),
        Err(e) => Err(BodyError::Unreadable(e)),
    }
}
