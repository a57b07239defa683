//! `/probe/session/…`: the session object, operation by operation.

use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use cloakroom::core::expiry::{EXPIRY_KEY, ExpiryAge, ExpiryError};
use cloakroom::core::pydatetime::DateTime;
use cloakroom::core::value::{Text, Value};
use cloakroom::sessions::{Created, EngineError, Expiry, Session, SessionError};
use cloakroom::web::{Ctx, GuardRejection};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::ops::{self, Op, Outcome, Raised, dict, json_answer};

pub(super) async fn run(ctx: Ctx, body: Bytes) -> Result<Response, GuardRejection> {
    let ops = match ops::read(&body) {
        Ok(ops) => ops,
        Err(refusal) => return Ok(refusal),
    };
    let mut outcomes = Vec::with_capacity(ops.len());
    for op in ops {
        outcomes.push(perform(&ctx, op).await);
    }
    Ok(ops::results(outcomes))
}

pub(super) async fn status(ctx: Ctx, Path(code): Path<u16>) -> Result<Response, GuardRejection> {
    ctx.session().await?.set_value("touched", 1);
    let Ok(status) = StatusCode::from_u16(code) else { return Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response()) };
    if code == 204 || code == 304 {
        return Ok((status, [(CONTENT_TYPE, "text/html; charset=utf-8")]).into_response());
    }
    Ok(json_answer(status, &dict([("status", Value::Int(i64::from(code)))])))
}

pub(super) async fn stream(ctx: Ctx) -> Result<Response, GuardRejection> {
    ctx.session().await?.set_value("streamed", 1);
    let chunks = futures_util::stream::iter((0..3).map(|i| Ok::<_, std::convert::Infallible>(format!("chunk{i}\n"))));
    Ok(([(CONTENT_TYPE, "text/plain")], Body::from_stream(chunks)).into_response())
}

/// What Django does without loading is done on the lazy handle, as loading is seen from outside (S12, S16).
async fn perform(ctx: &Ctx, op: Op) -> Outcome {
    let lazy = ctx.lazy_session();
    match op.name.as_str() {
        "clear" => {
            let [] = op.take()?;
            lazy.clear();
        }
        "flush" => {
            let [] = op.take()?;
            lazy.flush().await?;
        }
        "cycle_key" => {
            let [] = op.take()?;
            lazy.cycle_key().await?;
        }
        "is_empty" => {
            let [] = op.take()?;
            return Ok(lazy.is_empty().into());
        }
        "modified" => {
            let [] = op.take()?;
            return Ok(lazy.modified().into());
        }
        "accessed" => {
            let [] = op.take()?;
            return Ok(lazy.accessed().into());
        }
        "set_modified" => {
            let [value] = op.take()?;
            lazy.set_modified(value.is_truthy());
        }
        "has_session_key" => {
            let [] = op.take()?;
            return Ok(lazy.key().is_some().into());
        }
        "save" => {
            let [] = op.take()?;
            lazy.save().await?;
        }
        "save_must_create" => {
            let [] = op.take()?;
            match lazy.save_must_create().await? {
                Created::Yes(_) => {}
                Created::Taken => return Err(Raised("CreateError")),
            }
        }
        "exists_self" => {
            let [] = op.take()?;
            return Ok(lazy.exists_self().await?.into());
        }
        "delete_self" => {
            let [] = op.take()?;
            lazy.delete_self().await?;
        }
        _ => return on_data(&ctx.session().await?, op),
    }
    Ok(Value::None)
}

fn on_data(session: &Session, op: Op) -> Outcome {
    match op.name.as_str() {
        "get" => {
            let [k] = op.take()?;
            return session.get_value(&key(&k)?).ok_or(Raised("KeyError"));
        }
        "get_default" => {
            let [k, default] = op.take()?;
            return Ok(session.get_value(&key(&k)?).unwrap_or(default));
        }
        "set" => {
            let [k, value] = op.take()?;
            session.set_value(key(&k)?, value);
        }
        "del" => {
            let [k] = op.take()?;
            session.remove(&key(&k)?).ok_or(Raised("KeyError"))?;
        }
        "pop" => {
            let [k] = op.take()?;
            return session.pop(&key(&k)?).ok_or(Raised("KeyError"));
        }
        "pop_default" => {
            let [k, default] = op.take()?;
            return Ok(session.pop(&key(&k)?).unwrap_or(default));
        }
        "setdefault" => {
            let [k, default] = op.take()?;
            return Ok(session.setdefault(&key(&k)?, default));
        }
        "update" => match op.take()? {
            [Value::Dict(items)] => session.update(items),
            [Value::List(items)] if items.is_empty() => session.update(cloakroom::core::value::Dict::new()),
            [Value::List(_) | Value::Str(_)] => return Err(Raised("ValueError")),
            [_] => return Err(Raised("TypeError")),
        },
        "has_key" => {
            let [k] = op.take()?;
            return Ok(session.contains_key(&key(&k)?).into());
        }
        "keys" => {
            let [] = op.take()?;
            return Ok(Value::List(sorted(session.keys()).into_iter().map(Value::Str).collect()));
        }
        "items" => {
            let [] = op.take()?;
            let pair = |k: Text| {
                let value = k.as_str().and_then(|k| session.get_value(k)).unwrap_or(Value::None);
                Value::List(vec![Value::Str(k), value])
            };
            return Ok(Value::List(sorted(session.keys()).into_iter().map(pair).collect()));
        }
        "set_expiry" => match op.take()? {
            [Value::None] => session.set_expiry(Expiry::Default),
            // Django stores whatever it is given, and fails where it is used.
            [value] => session.set_value(EXPIRY_KEY, value),
        },
        "set_expiry_iso" => {
            let [text] = op.take()?;
            let moment = text.as_str().ok_or(Raised("TypeError"))?;
            let moment = DateTime::fromisoformat(moment).ok_or(Raised("ValueError"))?;
            session.set_value(EXPIRY_KEY, moment.isoformat());
        }
        "get_expiry_age" => {
            let [] = op.take()?;
            return Ok(match session.get_expiry_age()? {
                ExpiryAge::Int(n) => Value::Int(n),
                ExpiryAge::Float(f) => Value::Float(f),
                ExpiryAge::Bool(b) => Value::Bool(b),
                ExpiryAge::Other(value) => value,
                _ => return Err(Raised("TypeError")),
            });
        }
        "get_expire_at_browser_close" => {
            let [] = op.take()?;
            return Ok(session.get_expire_at_browser_close().into());
        }
        "set_test_cookie" => {
            let [] = op.take()?;
            session.set_test_cookie();
        }
        "test_cookie_worked" => {
            let [] = op.take()?;
            return Ok(session.test_cookie_worked().into());
        }
        "delete_test_cookie" => {
            let [] = op.take()?;
            session.delete_test_cookie().ok_or(Raised("KeyError"))?;
        }
        _ => return Err(Raised("BadOp")),
    }
    Ok(Value::None)
}

/// A session's key as text; Python takes any hashable, and JSON makes text of it when the session is saved (S31).
fn key(value: &Value) -> Result<String, Raised> {
    match value {
        Value::Str(text) => Ok(text.to_string_lossy()),
        Value::List(_) | Value::Dict(_) | Value::Map(_) => Err(Raised("TypeError")),
        other => cloakroom::core::codec::json::dumps(other).map_err(|_| Raised("TypeError")),
    }
}

fn sorted(mut keys: Vec<Text>) -> Vec<Text> {
    keys.sort_by_key(Text::to_string_lossy);
    keys
}

impl From<SessionError> for Raised {
    fn from(error: SessionError) -> Self {
        Self(match error {
            SessionError::Interrupted => "UpdateError",
            SessionError::InvalidKey => "InvalidSessionKey",
            SessionError::Engine(EngineError::Encode(_)) => "TypeError",
            SessionError::Engine(EngineError::Expiry(e)) => return e.into(),
            _ => "OperationalError",
        })
    }
}

impl From<ExpiryError> for Raised {
    fn from(error: ExpiryError) -> Self {
        Self(match error {
            ExpiryError::NoTime => "ValueError",
            ExpiryError::Overflow => "OverflowError",
            _ => "TypeError",
        })
    }
}
