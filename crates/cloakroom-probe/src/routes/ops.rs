//! The JSON of the probe: lists of operations in, results out, values as Python would have them.

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use cloakroom::core::codec::json;
use cloakroom::core::value::{Dict, Text, Value};
use http::StatusCode;
use http::header::CONTENT_TYPE;

/// An exception by Django's class name, which is all that the contract tells of it.
#[derive(Debug)]
pub(super) struct Raised(pub(super) &'static str);

pub(super) type Outcome = Result<Value, Raised>;

/// One operation: its name and its arguments.
pub(super) struct Op {
    pub(super) name: String,
    pub(super) args: Vec<Value>,
}

impl Op {
    /// The arguments, if there are as many as the operation takes.
    pub(super) fn take<const N: usize>(self) -> Result<[Value; N], Raised> {
        self.args.try_into().map_err(|_| Raised("BadOp"))
    }
}

/// Reads a body that must be a list of operations; the 400 otherwise.
#[expect(clippy::result_large_err, reason = "the error is the answer")]
pub(super) fn read(body: &Bytes) -> Result<Vec<Op>, Response> {
    parse(body).ok_or_else(|| {
        let error = [(Text::from("error"), Value::from("bad ops"))].into_iter().collect::<Dict>();
        json_answer(StatusCode::BAD_REQUEST, &Value::Dict(error))
    })
}

fn parse(body: &Bytes) -> Option<Vec<Op>> {
    let Value::List(items) = json::loads(std::str::from_utf8(body).ok()?).ok()? else { return None };
    let op = |item| {
        let Value::List(mut words) = item else { return None };
        let name = words.first()?.as_str()?.to_owned();
        words.remove(0);
        Some(Op { name, args: words })
    };
    items.into_iter().map(op).collect()
}

/// The answer to a list of operations.
pub(super) fn results(outcomes: Vec<Outcome>) -> Response {
    let entry = |outcome: Outcome| {
        let pair = match outcome {
            Ok(value) => (Text::from("ok"), value),
            Err(Raised(class)) => (Text::from("error"), Value::from(class)),
        };
        Value::Dict([pair].into_iter().collect())
    };
    let list = Value::List(outcomes.into_iter().map(entry).collect());
    json_answer(StatusCode::OK, &Value::Dict([(Text::from("results"), list)].into_iter().collect()))
}

/// A JSON answer with this status.
pub(super) fn json_answer(status: StatusCode, value: &Value) -> Response {
    match json::dumps(value) {
        Ok(text) => (status, [(CONTENT_TYPE, "application/json")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// `{"ok": true}`, the answer of every view that only guards something.
pub(super) fn ok_answer() -> Response {
    json_answer(StatusCode::OK, &Value::Dict([(Text::from("ok"), Value::Bool(true))].into_iter().collect()))
}

/// A dictionary of these entries.
pub(super) fn dict<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Dict(entries.into_iter().map(|(k, v)| (Text::from(k), v)).collect())
}
