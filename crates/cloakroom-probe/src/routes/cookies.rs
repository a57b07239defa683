//! `/probe/cookies/ops/`: cookies of the request and of the answer.

use axum::body::Bytes;
use axum::response::Response;
use cloakroom::core::clock::Timestamp;
use cloakroom::core::cookies::{CookieError, Expires, SameSite, SetCookie};
use cloakroom::core::pydatetime::DateTime;
use cloakroom::core::signing::{MaxAge, SigningError};
use cloakroom::core::value::{Dict, Text, Value};
use cloakroom::web::Ctx;

use super::ops::{self, Op, Outcome, Raised};

pub(super) async fn run(ctx: Ctx, body: Bytes) -> Response {
    match ops::read(&body) {
        Ok(ops) => ops::results(ops.into_iter().map(|op| perform(&ctx, op)).collect()),
        Err(refusal) => refusal,
    }
}

fn perform(ctx: &Ctx, op: Op) -> Outcome {
    match op.name.as_str() {
        "set" => {
            let [name, value, options] = op.take()?;
            set(ctx, SetCookie::new(text(&name)?, python_str(&value)), &options)
        }
        "delete" => {
            let [name, options] = op.take()?;
            let Value::Dict(options) = options else { return Err(Raised("TypeError")) };
            let option = |key: &str| options.get(key).filter(|v| !matches!(v, Value::None));
            let mut path = "/".to_owned();
            if let Some(p) = option("path") {
                path = text(p)?.to_owned();
            }
            let domain = option("domain").map(text).transpose()?.map(str::to_owned);
            let same_site = option("samesite").map(text).transpose()?.filter(|s| !s.is_empty());
            let same_site = same_site.map(SameSite::parse);
            let known = same_site.clone().and_then(Result::ok);
            // Django has set the cookie by the time it objects to `samesite`, and the exception is caught here.
            ctx.add_cookie(&SetCookie::delete(text(&name)?, path, domain.as_deref(), known))?;
            same_site.transpose()?;
            Ok(Value::None)
        }
        "set_signed" => {
            let [name, value, salt, options] = op.take()?;
            let name = text(&name)?;
            let signed = ctx.cookie_signer().sign(name, text(&salt)?, &python_str(&value), ctx.now());
            set(ctx, SetCookie::new(name, signed), &options)
        }
        "get_signed" => {
            let [name, salt, max_age] = op.take()?;
            let name = text(&name)?;
            let cookie = ctx.cookie(name).ok_or(Raised("KeyError"))?;
            let max_age = number(&max_age).map(MaxAge::from_secs_f64);
            match ctx.cookie_signer().unsign(name, text(&salt)?, &cookie, max_age, ctx.now()) {
                Ok(unsigned) => Ok(unsigned.value.into()),
                Err(SigningError::Expired { .. }) => Err(Raised("SignatureExpired")),
                Err(SigningError::NoSignature | SigningError::Mismatch) => Err(Raised("BadSignature")),
                Err(_) => Err(Raised("ValueError")),
            }
        }
        "get" => {
            let [name] = op.take()?;
            Ok(ctx.cookie(text(&name)?).map_or(Value::None, |value| value.as_ref().into()))
        }
        "all" => {
            let [] = op.take()?;
            let jar = ctx.cookies();
            Ok(Value::Dict(jar.iter().map(|(k, v)| (Text::from(k), Value::from(v))).collect::<Dict>()))
        }
        _ => Err(Raised("BadOp")),
    }
}

fn set(ctx: &Ctx, mut cookie: SetCookie, options: &Value) -> Outcome {
    let Value::Dict(options) = options else { return Err(Raised("TypeError")) };
    let given = |name: &str| options.get(name).is_some_and(|v| !matches!(v, Value::None));
    // Django has set the cookie by the time it objects to what is said of it, and the exception is caught here.
    if given("expires_iso") && given("max_age") {
        ctx.add_cookie(&cookie.without_path())?;
        return Err(Raised("ValueError"));
    }
    if let Some(bad) = options.get("samesite").filter(|v| v.is_truthy())
        && SameSite::parse(text(bad)?).is_err()
    {
        let kept = options.iter().filter(|(name, _)| name.as_str() != Some("samesite"));
        set(ctx, cookie, &Value::Dict(kept.map(|(k, v)| (k.clone(), v.clone())).collect()))?;
        return Err(Raised("ValueError"));
    }
    for (name, value) in options.iter() {
        cookie = match (name.as_str().unwrap_or_default(), value) {
            ("path", Value::None) => cookie.without_path(),
            (_, Value::None) => cookie,
            ("max_age", value) => cookie.max_age(number(value).ok_or(Raised("TypeError"))?),
            ("expires_iso", value) => {
                let moment = DateTime::fromisoformat(text(value)?).ok_or(Raised("ValueError"))?;
                cookie.expires(Expires::At(utc(&moment).ok_or(Raised("ValueError"))?))
            }
            ("path", value) => cookie.path(text(value)?),
            ("domain", value) => cookie.domain(text(value)?),
            ("secure", value) if value.is_truthy() => cookie.secure(),
            ("httponly", value) if value.is_truthy() => cookie.http_only(),
            ("secure" | "httponly", _) => cookie,
            ("samesite", value) if !value.is_truthy() => cookie,
            ("samesite", value) => cookie.same_site(SameSite::parse(text(value)?)?),
            _ => return Err(Raised("TypeError")),
        };
    }
    ctx.add_cookie(&cookie)?;
    Ok(Value::None)
}

/// A naive time counts as UTC (K13).
fn utc(moment: &DateTime) -> Option<Timestamp> {
    moment.to_timestamp().or_else(|| DateTime::fromisoformat(&format!("{}+00:00", moment.isoformat()))?.to_timestamp())
}

/// Python's `str()` of a JSON value.
pub(super) fn python_str(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string_lossy(),
        Value::None => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        other => cloakroom::core::codec::json::dumps(other).unwrap_or_default(),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(n) => Some(*n as f64),
        Value::Float(f) => Some(*f),
        Value::Bool(b) => Some(f64::from(u8::from(*b))),
        _ => None,
    }
}

fn text(value: &Value) -> Result<&str, Raised> {
    value.as_str().ok_or(Raised("TypeError"))
}

impl From<CookieError> for Raised {
    fn from(error: CookieError) -> Self {
        Self(match error {
            CookieError::Name | CookieError::Attribute => "CookieError",
            _ => "ValueError",
        })
    }
}
