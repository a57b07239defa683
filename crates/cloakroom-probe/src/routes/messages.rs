//! `/probe/messages/ops/`: messages for this request and the next.

use axum::body::Bytes;
use axum::response::Response;
use cloakroom::core::messages::{Level, Message};
use cloakroom::core::pyint::PyInt;
use cloakroom::core::value::{Text, Value};
use cloakroom::web::{Ctx, Messages, MessagesRejection};

use super::cookies::python_str;
use super::ops::{self, Op, Outcome, Raised, dict};

pub(super) async fn run(ctx: Ctx, body: Bytes) -> Response {
    let ops = match ops::read(&body) {
        Ok(ops) => ops,
        Err(refusal) => return refusal,
    };
    let messages = ctx.messages();
    let mut outcomes = Vec::with_capacity(ops.len());
    for op in ops {
        outcomes.push(perform(&messages, op).await);
    }
    ops::results(outcomes)
}

async fn perform(messages: &Messages, op: Op) -> Outcome {
    match op.name.as_str() {
        "add" => {
            let [level, text, extra_tags] = op.take()?;
            if text.is_truthy() {
                let message = Message::new(integer(&level)?, python_text(text));
                messages.add(match extra_tags {
                    Value::None => message.without_extra_tags(),
                    tags => message.with_extra_tags(python_text(tags)),
                });
            }
            Ok(Value::None)
        }
        "list" => {
            let [] = op.take()?;
            Ok(Value::List(messages.read().await?.iter().map(shown).collect()))
        }
        "set_level" => {
            let [level] = op.take()?;
            messages.set_level(integer(&level)?);
            Ok(Value::Bool(true))
        }
        _ => Err(Raised("BadOp")),
    }
}

fn shown(message: &Message) -> Value {
    dict([
        ("extra_tags", message.extra_tags().unwrap_or_default().as_ref().into()),
        ("level", Value::Int(message.level().0)),
        ("level_tag", message.level_tag().into()),
        ("message", message.text().as_ref().into()),
        ("tags", message.tags().into()),
    ])
}

fn python_text(value: Value) -> Text {
    match value {
        Value::Str(text) => text,
        other => python_str(&other).into(),
    }
}

/// Python's `int()` of a JSON value.
fn integer(value: &Value) -> Result<Level, Raised> {
    match value {
        Value::Int(n) => Ok(Level(*n)),
        Value::Bool(b) => Ok(Level((*b).into())),
        Value::Float(f) if f.is_finite() => Ok(Level(*f as i64)),
        Value::Float(f) => Err(Raised(if f.is_nan() { "ValueError" } else { "OverflowError" })),
        Value::Str(text) => {
            let number = text.as_str().and_then(|t| PyInt::parse(t, 10)).and_then(|n| n.to_i64());
            number.map(Level).ok_or(Raised("ValueError"))
        }
        _ => Err(Raised("TypeError")),
    }
}

impl From<MessagesRejection> for Raised {
    fn from(rejection: MessagesRejection) -> Self {
        match rejection {
            MessagesRejection::Session(_) => Self("UpdateError"),
            _ => Self("ValueError"),
        }
    }
}
