//! The small views of the note, on the library as anybody would use it.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use cloakroom::core::value::{Text, Value};
use cloakroom::web::csrf::EnsureCsrfCookie;
use cloakroom::web::guards::{Guard, OnRefusal, require_get, require_methods, require_post, require_safe};
use cloakroom::web::{Ctx, GuardRejection, Messages, MessagesRejection, Session};
use http::{Method, StatusCode, header};
use serde_json::{Map, json};

const PERMISSION: [&str; 1] = ["auth.change_user"];

/// Paths and views, and which of them Django's `LoginRequiredMiddleware` lets pass.
pub(super) fn views() -> Vec<(&'static str, MethodRouter, Gate)> {
    let ok = || any(async || "ok");
    let staff = Guard::staff_member_required().with_login_url("/admin/login/");
    let mixin_perm = Guard::permission_required(PERMISSION).with_refusal(OnRefusal::ToLoginIfAnonymous);
    vec![
        ("/open/", ok(), Gate::Asked),
        ("/open-public/", ok(), Gate::Open),
        ("/bye/", ok(), Gate::Asked),
        ("/whoami/", any(whoami), Gate::Asked),
        ("/dump/", any(dump), Gate::Asked),
        ("/put/", any(put), Gate::Asked),
        ("/put500/", any(put500), Gate::Asked),
        ("/say/", any(say), Gate::Asked),
        ("/hear/", any(hear), Gate::Asked),
        ("/secret/", ok().layer(Guard::login_required()), Gate::Asked),
        ("/perm/", ok().layer(Guard::permission_required(PERMISSION)), Gate::Asked),
        (
            "/perm-raise/",
            ok().layer(Guard::permission_required(PERMISSION).with_refusal(OnRefusal::Forbid)),
            Gate::Asked,
        ),
        ("/staff/", ok().layer(staff), Gate::Asked),
        ("/mixin/", class([Method::GET, Method::HEAD, Method::OPTIONS], Guard::login_required()), Gate::Asked),
        ("/mixin-perm/", class([Method::GET, Method::HEAD, Method::OPTIONS], mixin_perm), Gate::Asked),
        (
            "/mixin-raise/",
            class([Method::OPTIONS], Guard::login_required().with_refusal(OnRefusal::Forbid)),
            Gate::Asked,
        ),
        ("/only-post/", ok().layer(require_post()), Gate::Asked),
        ("/only-safe/", ok().layer(require_safe()), Gate::Asked),
        ("/only-get/", ok().layer(require_get()), Gate::Asked),
        ("/exempt/", ok(), Gate::Asked),
        ("/ensure/", ok().layer(EnsureCsrfCookie), Gate::Asked),
        ("/requires/", ok(), Gate::Asked),
    ]
}

/// A class-based view with methods for these, behind a mixin's guard.
fn class(methods: impl IntoIterator<Item = Method>, guard: Guard) -> MethodRouter {
    any(async || "ok").layer(require_methods(methods)).layer(guard)
}

/// What the frame of the admin does, in which Django's own account pages stand: it asks who is signed in, and shows the
/// messages there are. Ours have no such frame, as those of any site without the admin.
pub(super) async fn in_the_admins_frame(ctx: Ctx, request: Request, next: Next) -> Response {
    let renders = request.method() != Method::OPTIONS;
    let answer = next.run(request).await;
    if renders && answer.status() == StatusCode::OK {
        ctx.user().await.unwrap();
        if ctx.messages().count().await.unwrap() > 0 {
            ctx.messages().read().await.unwrap();
        }
    }
    answer
}

/// Views that do without a CSRF token.
pub(super) const EXEMPT: [&str; 2] = ["/exempt/", "/requires/"];

/// Whether a view is asked about by `LoginRequiredMiddleware`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    Asked,
    /// `login_not_required`
    Open,
}

fn json_answer(value: &serde_json::Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

async fn whoami(ctx: Ctx) -> Result<Response, GuardRejection> {
    let user = ctx.user().await?;
    let name = user.as_ref().map_or("", |u| &u.username);
    Ok(json_answer(&json!({ "user": name, "authenticated": user.is_some() })))
}

/// The session, secrets by their names alone.
async fn dump(session: Session) -> Response {
    let shown = |(key, value): (&Text, &Value)| {
        let key = key.to_string_lossy();
        let secret = matches!(&*key, "_auth_user_hash" | "_csrftoken");
        let value = if secret { json!(format!("<{key}>")) } else { serde_json::Value::from(value) };
        (key, value)
    };
    let data: Map<_, _> = session.items().iter().map(shown).collect();
    json_answer(&json!({ "data": data }))
}

async fn put(ctx: Ctx, session: Session) -> &'static str {
    for (name, value) in ctx.query().unwrap_or_default().iter() {
        session.set_value(name, value);
    }
    "put"
}

async fn put500(ctx: Ctx, session: Session) -> (StatusCode, &'static str) {
    put(ctx, session).await;
    (StatusCode::INTERNAL_SERVER_ERROR, "bad")
}

async fn say(ctx: Ctx, messages: Messages) -> &'static str {
    messages.success(ctx.query().unwrap_or_default().get("m").unwrap_or_default());
    "said"
}

async fn hear(messages: Messages) -> Result<Response, MessagesRejection> {
    let read = messages.read().await?;
    let shown: Vec<_> = read.iter().map(|m| json!([m.level().0, m.text()])).collect();
    Ok(json_answer(&json!({ "messages": shown })))
}
