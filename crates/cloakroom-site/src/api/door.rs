//! The way to each door, in REST framework's order: what the client accepts, who they are and that they asked for it
//! themselves, whether they may, whether the door takes the method (D02, D03, D11).

use std::future::Future;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ACCEPT, ALLOW};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;
use axum::routing::{MethodRouter, any};
use cloakroom_core::models::User;
use cloakroom_web::csrf::CsrfStep;
use cloakroom_web::{Ctx, FormData, JsonBody, QueryDict};
use serde_json::{Map, Value, json};

use super::answer::{ApiError, ok};
use crate::accounts::pages::Pages;
use crate::accounts::view;

pub(super) type Answer = Result<Response, ApiError>;

/// What is fixed of a door.
#[derive(Clone, Copy, Debug)]
pub(super) struct Door {
    /// What `OPTIONS` calls it.
    pub(super) name: &'static str,
    /// Whose requests must bear a CSRF token.
    pub(super) csrf: Csrf,
    /// Who may pass.
    pub(super) who: Who,
    /// What it takes, besides `OPTIONS`.
    pub(super) methods: &'static [&'static str],
}

/// Whose requests must bear a CSRF token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Csrf {
    /// Those of signed-in users.
    SignedIn,
    /// All: nobody may be signed in to an account that is not theirs (M08).
    Always,
}

/// Who may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Anybody,
    SignedIn,
}

/// A request that passed.
pub(super) struct Call {
    pub(super) ctx: Ctx,
    user: Option<Arc<User>>,
    headers: HeaderMap,
    input: Input,
}

/// The body.
enum Input {
    Unread(Body),
    Read(Value),
}

impl Call {
    /// Who asks. Behind [`Who::SignedIn`] there is always somebody.
    pub(super) fn user(&self) -> Result<&Arc<User>, ApiError> {
        self.user.as_ref().ok_or(ApiError::Anonymous)
    }

    /// The body as a form would carry it: `null` is as good as absent.
    pub(super) async fn form(mut self) -> Result<view::Request, ApiError> {
        let form = texts(self.data().await?)?.into_iter().collect::<QueryDict>();
        Ok(view::Request { ctx: self.ctx, form: FormData::from(form) })
    }

    /// As [`form`](Self::form), on top of other values.
    pub(super) async fn form_over(
        mut self,
        values: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<view::Request, ApiError> {
        let mut form: QueryDict = values.into_iter().collect();
        // The last value of a name counts.
        for (name, value) in texts(self.data().await?)? {
            form.push(name, value);
        }
        Ok(view::Request { ctx: self.ctx, form: FormData::from(form) })
    }

    /// The body's JSON, read once. No body is an empty object.
    async fn data(&mut self) -> Result<&Value, ApiError> {
        if let Input::Unread(body) = &mut self.input {
            let body = std::mem::take(body);
            let value = match self.ctx.read_json(&self.headers, body).await? {
                JsonBody::Empty => Value::Object(Map::new()),
                JsonBody::Text(text) => serde_json::from_str(&text).map_err(|_| ApiError::Body("it is no JSON"))?,
                JsonBody::OtherType => return Err(ApiError::MediaType),
            };
            self.input = Input::Read(value);
        }
        match &self.input {
            Input::Read(value) => Ok(value),
            Input::Unread(_) => Err(ApiError::Body("it is no JSON")),
        }
    }

    /// The CSRF check. As in REST framework a `POST` whose body cannot be read fails for that before its token is looked at.
    async fn check_csrf(&mut self, parts: &Parts) -> Result<(), ApiError> {
        match self.ctx.csrf_step(parts).await? {
            CsrfStep::Passed => Ok(()),
            CsrfStep::Refused(rejection) => Err(ApiError::Csrf(rejection)),
            CsrfStep::NeedsToken(token) => {
                if parts.method == Method::POST {
                    self.data().await?;
                }
                token.check(&parts.headers).map_err(ApiError::Csrf)
            }
        }
    }
}

impl Door {
    async fn pass(&self, ctx: Ctx, request: Request) -> Result<Call, ApiError> {
        let (parts, body) = request.into_parts();
        negotiate(&ctx, &parts.headers)?;
        let mut call = Call { ctx, user: None, headers: parts.headers.clone(), input: Input::Unread(body) };
        if self.csrf == Csrf::Always {
            call.check_csrf(&parts).await?;
        }
        // REST framework knows no inactive users, whichever back end let them in.
        call.user = call.ctx.user().await?.filter(|user| user.is_active);
        if self.csrf == Csrf::SignedIn && call.user.is_some() {
            call.check_csrf(&parts).await?;
        }
        if self.who == Who::SignedIn && call.user.is_none() {
            return Err(ApiError::Anonymous);
        }
        Ok(call)
    }

    fn allow(&self) -> String {
        format!("{}, OPTIONS", self.methods.join(", "))
    }

    /// What `OPTIONS` is answered.
    fn describe(&self) -> Response {
        let json = ["application/json"];
        let mut response = ok(&json!({ "name": self.name, "description": "", "renders": json, "parses": json }));
        if let Ok(allow) = HeaderValue::from_str(&self.allow()) {
            response.headers_mut().insert(ALLOW, allow);
        }
        response
    }
}

/// A route through a door.
pub(super) fn door<F, Fut, S>(pages: &Arc<Pages>, door: &'static Door, open: F) -> MethodRouter<S>
where
    F: Fn(Arc<Pages>, Call) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send,
    S: Clone + Send + Sync + 'static,
{
    let pages = Arc::clone(pages);
    any(async move |ctx: Ctx, request: Request| -> Answer {
        let method = request.method().clone();
        let call = door.pass(ctx, request).await?;
        match method.as_str() {
            "OPTIONS" => Ok(door.describe()),
            taken if door.methods.contains(&taken) => open(pages, call).await,
            _ => Err(ApiError::Method { method, allow: door.allow() }),
        }
    })
}

/// Whether the client takes JSON: by `format` in the query, and by the `Accept` header.
fn negotiate(ctx: &Ctx, headers: &HeaderMap) -> Result<(), ApiError> {
    let query = ctx.query()?;
    if query.get("format").is_some_and(|format| !format.is_empty() && format != "json") {
        return Err(ApiError::NotFound);
    }
    if accepts_json(headers) { Ok(()) } else { Err(ApiError::NotAcceptable) }
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(ACCEPT).iter().peekable();
    if values.peek().is_none() {
        return true;
    }
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|range| {
        let range = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        range
            .split_once('/')
            .is_some_and(|(main, sub)| matches!(main, "application" | "*") && matches!(sub, "json" | "*"))
    })
}

/// The texts of an object. Anything in it that is neither text nor `null` is an error.
fn texts(data: &Value) -> Result<Vec<(&str, &str)>, ApiError> {
    let object = data.as_object().ok_or(ApiError::Body("it is no object"))?;
    let mut texts = Vec::with_capacity(object.len());
    for (name, value) in object {
        match value {
            Value::Null => {}
            Value::String(text) => texts.push((name.as_str(), text.as_str())),
            _ => return Err(ApiError::Body("a value is no text")),
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_absent_and_only_text_is_taken() {
        assert_eq!(texts(&json!({ "a": "x", "b": null })).unwrap(), [("a", "x")]);
        for bad in [json!([]), json!("x"), json!({ "a": 1 }), json!({ "a": ["x"] }), json!(null)] {
            assert!(matches!(texts(&bad), Err(ApiError::Body(_))), "{bad}");
        }
    }

    #[test]
    fn json_must_be_among_what_is_accepted() {
        let accepts = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(value));
            accepts_json(&headers)
        };
        assert!(accepts_json(&HeaderMap::new()));
        for good in ["*/*", "text/html, application/json;q=0.5", "Application/*", "*/json"] {
            assert!(accepts(good), "{good}");
        }
        for bad in ["", "text/html", "application/xml", "*", "json"] {
            assert!(!accepts(bad), "{bad}");
        }
    }
}
