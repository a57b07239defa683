//! [`obtain_auth_token`]: a token for a name and a password (D30).

use axum::routing::{MethodRouter, any};
use axum_core::body::Body;
use axum_core::response::Response;
use cloakroom_auth::{Authenticated, Credentials};
use cloakroom_core::codec::json::{MAX_DEPTH, float_repr, loads, problem};
use cloakroom_core::pytext::strip;
use cloakroom_core::secret::Secret;
use cloakroom_core::value::{Text, Value};
use http::header::CONTENT_TYPE;
use http::{Method, Request, StatusCode};
use serde_json::{Map, json};

use super::answer;
use super::error::ApiError;
use super::layer::Api;
use crate::body::{ApiBody, read_api_body};
use crate::ctx::Ctx;

/// Gives the token of whom a name and a password name, made now if there is none: REST framework's view of that name (D30).
///
/// `POST` takes a form or JSON. As there, callers that bring other credentials are asked for them like everywhere, by
/// [`Api::session_and_basic`]. Unlike there, the site's throttle counts failures as those of its log-in (E04): 429.
///
/// ```
/// use axum::Router;
/// use cloakroom_web::api::obtain_auth_token;
///
/// let app: Router = Router::new().route("/api/token/", obtain_auth_token());
/// # let _ = app;
/// ```
pub fn obtain_auth_token<S: Clone + Send + Sync + 'static>() -> MethodRouter<S> {
    let api = Api::session_and_basic().with_methods("Obtain Auth Token", [Method::POST]).without_vary();
    any(async move |ctx: Ctx, request: Request<Body>| obtain(&ctx, request).await).layer(api)
}

async fn obtain(ctx: &Ctx, request: Request<Body>) -> Result<Response, ApiError> {
    let data = data(ctx, request).await?;
    let (username, password) = check(&data)?;
    let user = match ctx.auth().authenticate(Credentials::password(username, password)).await? {
        Authenticated::Yes(user) => user,
        Authenticated::No(_) => return Err(non_field("Unable to log in with provided credentials.")),
        Authenticated::Throttled(throttled) => return Err(throttled.into()),
    };
    match ctx.auth_service().token_of(&user.id).await? {
        Some(token) => Ok(answer::json(StatusCode::OK, &json!({ "token": token.key.expose() }))),
        // Deleted meanwhile.
        None => Err(non_field("Unable to log in with provided credentials.")),
    }
}

fn non_field(text: &str) -> ApiError {
    ApiError::Invalid(json!({ "non_field_errors": [text] }))
}

/// What was sent, as Python has it.
async fn data(ctx: &Ctx, request: Request<Body>) -> Result<Value, ApiError> {
    let content_type = request.headers().get(CONTENT_TYPE).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
    match read_api_body(ctx, request).await? {
        ApiBody::Empty => Ok(Value::Dict([].into_iter().collect())),
        ApiBody::OtherType => Err(ApiError::UnsupportedMediaType(content_type.unwrap_or_default())),
        ApiBody::Form(form) => {
            let field = |name: &str| form.get(name).map(|value| (Text::from(name), Value::Str(value.into())));
            Ok(Value::Dict(["username", "password"].into_iter().filter_map(field).collect()))
        }
        ApiBody::NoText(why) => Err(parse_error(&why)),
        ApiBody::Json(text) => match problem(text.expose()) {
            Some(problem) => Err(parse_error(&problem)),
            None => loads(text.expose())
                .map_err(|_| parse_error(&format!("lists and objects nest deeper than {MAX_DEPTH}"))),
        },
    }
}

fn parse_error(why: &str) -> ApiError {
    ApiError::Parse(format!("JSON parse error - {why}").into())
}

/// The fields of `AuthTokenSerializer`.
fn check(data: &Value) -> Result<(String, Secret<String>), ApiError> {
    let Value::Dict(fields) = data else {
        return Err(match type_name(data) {
            None => non_field("No data provided"),
            Some(name) => non_field(&format!("Invalid data. Expected a dictionary, but got {name}.")),
        });
    };
    let username = char_field(fields.get("username"), Trim::Yes);
    let password = char_field(fields.get("password"), Trim::No);
    match (username, password) {
        (Ok(username), Ok(password)) => Ok((username, Secret::new(password))),
        (username, password) => {
            let mut errors = Map::new();
            for (name, problem) in [("username", username.err()), ("password", password.err())] {
                if let Some(problem) = problem {
                    errors.insert(name.to_owned(), json!([problem]));
                }
            }
            Err(ApiError::Invalid(errors.into()))
        }
    }
}

/// Whether spaces around a text belong to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trim {
    Yes,
    No,
}

/// REST framework's `CharField`: numbers are texts too, what is nothing but spaces is none.
fn char_field(value: Option<&Value>, trim: Trim) -> Result<String, String> {
    let text = match value {
        None => return Err("This field is required.".to_owned()),
        Some(Value::None) => return Err("This field may not be null.".to_owned()),
        Some(Value::Int(n)) => n.to_string(),
        Some(Value::BigInt(digits)) => digits.to_string(),
        Some(Value::Float(f)) => python_float(*f),
        Some(Value::Str(Text::Utf8(text))) => text.to_string(),
        Some(Value::Str(Text::Surrogates(units))) => return Err(surrogate(units)),
        Some(_) => return Err("Not a valid string.".to_owned()),
    };
    let text = if trim == Trim::Yes { strip(&text).to_owned() } else { text };
    if text.is_empty() {
        return Err("This field may not be blank.".to_owned());
    }
    if text.contains('\0') {
        return Err("Null characters are not allowed.".to_owned());
    }
    Ok(text)
}

/// Python's `str` of a float.
fn python_float(f: f64) -> String {
    match f {
        f if f.is_nan() => "nan".to_owned(),
        f if f.is_infinite() => if f > 0.0 { "inf" } else { "-inf" }.to_owned(),
        f => float_repr(f),
    }
}

/// The first half of a pair that stands alone.
fn surrogate(units: &[u16]) -> String {
    let lone = char::decode_utf16(units.iter().copied()).find_map(Result::err).map(|e| e.unpaired_surrogate());
    format!("Surrogate characters are not allowed: U+{:X}.", lone.unwrap_or_default())
}

/// The name of a value's Python type; `None` for `None`.
const fn type_name(value: &Value) -> Option<&'static str> {
    Some(match value {
        Value::None => return None,
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::BigInt(_) => "int",
        Value::Float(_) => "float",
        Value::Str(_) => "str",
        Value::List(_) => "list",
        _ => "dict",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// D30, each checked with REST framework 3.18.3.
    #[test]
    fn fields_are_judged_as_there() {
        let said = |body: &str| match check(&loads(body).unwrap()) {
            Ok((username, password)) => format!("{username}|{}", password.expose()),
            Err(ApiError::Invalid(errors)) => errors.to_string(),
            Err(other) => panic!("{other}"),
        };
        for (body, expected) in [
            ("null", r#"{"non_field_errors":["No data provided"]}"#),
            ("1", r#"{"non_field_errors":["Invalid data. Expected a dictionary, but got int."]}"#),
            ("1e400", r#"{"non_field_errors":["Invalid data. Expected a dictionary, but got float."]}"#),
            ("true", r#"{"non_field_errors":["Invalid data. Expected a dictionary, but got bool."]}"#),
            ("\"a\"", r#"{"non_field_errors":["Invalid data. Expected a dictionary, but got str."]}"#),
            (
                r#"{"username":null,"password":null}"#,
                r#"{"username":["This field may not be null."],"password":["This field may not be null."]}"#,
            ),
            (
                r#"{"username":true,"password":[]}"#,
                r#"{"username":["Not a valid string."],"password":["Not a valid string."]}"#,
            ),
            (r#"{"username":{},"password":1.5}"#, r#"{"username":["Not a valid string."]}"#),
            (r#"{"username":"  ","password":"  "}"#, r#"{"username":["This field may not be blank."]}"#),
            (
                r#"{"username":"a\u0000","password":"b\u0000"}"#,
                r#"{"username":["Null characters are not allowed."],"password":["Null characters are not allowed."]}"#,
            ),
            (
                r#"{"username":"\ud800","password":"x"}"#,
                r#"{"username":["Surrogate characters are not allowed: U+D800."]}"#,
            ),
            (r#"{"username":12,"password":12.0}"#, "12|12.0"),
            (r#"{"username":" a\u001f","password":" b "}"#, "a| b "),
            (r#"{"username":1e400,"password":1267650600228229401496703205376}"#, "inf|1267650600228229401496703205376"),
        ] {
            assert_eq!(said(body), expected, "{body}");
        }
    }
}
