//! `/probe/auth/…`: who is there, and what the accounts service does.

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::Response;
use cloakroom::auth::events::Activity;
use cloakroom::auth::permissions::Source;
use cloakroom::auth::{AuthError, Authenticated, BackendChoice, Created, Credentials, NewAccount, PasswordSet};
use cloakroom::core::hashers::Checked;
use cloakroom::core::models::User;
use cloakroom::core::secret::Secret;
use cloakroom::core::value::{Text, Value};
use cloakroom::db::permissions::{Granted, Holder, all_labels};
use cloakroom::web::{Ctx, CurrentUser, GuardRejection};
use http::StatusCode;

use super::ops::{self, Op, Outcome, Raised, dict, json_answer};

pub(super) async fn whoami(ctx: Ctx) -> Result<Response, GuardRejection> {
    let user = ctx.user().await?;
    Ok(json_answer(StatusCode::OK, &describe(&ctx, user.as_ref()).await?))
}

/// Has the user at hand and never looks (A77).
pub(super) async fn lazy(_user: CurrentUser) -> Response {
    ops::ok_answer()
}

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

async fn describe(ctx: &Ctx, user: Option<&Arc<User>>) -> Result<Value, AuthError> {
    let perms = ctx.auth_service().permissions(user).await?;
    let mut labels = ctx.auth_service().permission_labels(&perms, Source::All).await?;
    labels.sort();
    let flag = |of: fn(&User) -> bool| Value::Bool(user.is_some_and(|u| of(u)));
    Ok(dict([
        ("authenticated", Value::Bool(user.is_some())),
        ("anonymous", Value::Bool(user.is_none())),
        ("username", user.map_or("", |u| &u.username).into()),
        ("pk", user.and_then(|u| u.id.as_int()).map_or(Value::None, Value::Int)),
        ("is_active", flag(|u| u.is_active)),
        ("is_staff", flag(|u| u.is_staff)),
        ("is_superuser", flag(|u| u.is_superuser)),
        ("perms", Value::List(labels.into_iter().map(Value::from).collect())),
    ]))
}

async fn perform(ctx: &Ctx, op: Op) -> Outcome {
    let auth = ctx.auth();
    match op.name.as_str() {
        "authenticate" => {
            let [u, p] = op.take()?;
            if matches!(u, Value::None) || matches!(p, Value::None) {
                return Ok(Value::None);
            }
            let user = auth.authenticate(credentials(&u, &p)?).await?.user();
            return Ok(user.map_or(Value::None, |active| active.user().username.as_str().into()));
        }
        "login" => {
            let [u] = op.take()?;
            let user = Arc::new(find(ctx, &u).await?);
            auth.login_without_proof(&user, BackendChoice::First).await?;
        }
        "login_password" => {
            let [u, p] = op.take()?;
            if matches!(u, Value::None) || matches!(p, Value::None) {
                return Ok(Value::Bool(false));
            }
            return match auth.authenticate(credentials(&u, &p)?).await? {
                Authenticated::Yes(active) => {
                    auth.login(&active).await?;
                    Ok(Value::Bool(true))
                }
                _ => Ok(Value::Bool(false)),
            };
        }
        "logout" => {
            let [] = op.take()?;
            auth.logout().await?;
        }
        "whoami" => {
            let [] = op.take()?;
            return Ok(describe(ctx, ctx.user().await?.as_ref()).await?);
        }
        "has_perm" => {
            let [p] = op.take()?;
            return Ok(ctx.permissions().await?.has_perm(text(&p)?).into());
        }
        "has_module_perms" => {
            let [app] = op.take()?;
            return Ok(ctx.permissions().await?.has_module_perms(text(&app)?).into());
        }
        "change_password" => {
            let [u, p] = op.take()?;
            let mut user = find(ctx, &u).await?;
            let set = match &p {
                Value::None => ctx.auth_service().set_unusable_password(&mut user).await?,
                p => ctx.auth_service().set_password(&mut user, &Secret::new(text(p)?.to_owned())).await?,
            };
            return stored(&set);
        }
        "update_session_auth_hash" => {
            let [u] = op.take()?;
            let user = find(ctx, &u).await?;
            auth.update_session_auth_hash(&user).await?;
        }
        "deactivate" | "activate" => {
            let now = if op.name == "activate" { Activity::Active } else { Activity::Inactive };
            let [u] = op.take()?;
            let mut user = find(ctx, &u).await?;
            let _ = ctx.auth_service().set_activity(&mut user, now).await?;
        }
        "create_user" => {
            let [u, email, p] = op.take()?;
            let mut account = NewAccount::new(text(&u)?);
            if !matches!(email, Value::None) {
                account = account.with_email(text(&email)?);
            }
            if !matches!(p, Value::None) {
                account = account.with_password(text(&p)?.to_owned());
            }
            return match ctx.auth_service().create_user(account).await? {
                Created::Yes(user) => Ok(user.id.as_int().map_or(Value::None, Value::Int)),
                Created::No(why) => Err(Raised(why.django_name())),
                _ => Err(Raised("OperationalError")),
            };
        }
        "delete_user" => {
            let [u] = op.take()?;
            let user = find(ctx, &u).await?;
            ctx.auth_service().delete_user(&user).await?;
        }
        "check_password" => {
            let [u, p] = op.take()?;
            let mut user = find(ctx, &u).await?;
            let checked = ctx.auth_service().check_password(&mut user, &Secret::new(text(&p)?.to_owned())).await?;
            return Ok(matches!(checked, Checked::Match(_)).into());
        }
        "set_unusable_password" => {
            let [u] = op.take()?;
            let mut user = find(ctx, &u).await?;
            return stored(&ctx.auth_service().set_unusable_password(&mut user).await?);
        }
        "grant" => {
            let [u, p] = op.take()?;
            let holder = Holder::User(find(ctx, &u).await?.id);
            return match ctx.auth_service().grant(&holder, two_words(&p)?).await? {
                Granted::Unknown => Err(Raised("DoesNotExist")),
                _ => Ok(Value::None),
            };
        }
        "revoke" => {
            let [u, p] = op.take()?;
            let holder = Holder::User(find(ctx, &u).await?.id);
            let perm = two_words(&p)?;
            let known = all_labels(ctx.db()).await.map_err(AuthError::from)?;
            if !known.iter().any(|label| label == perm) {
                return Err(Raised("DoesNotExist"));
            }
            let _ = ctx.auth_service().revoke(&holder, perm).await?;
        }
        "session_keys" => {
            let [] = op.take()?;
            let mut keys: Vec<_> = ctx.session().await?.keys();
            keys.sort_by_key(Text::to_string_lossy);
            return Ok(Value::List(keys.into_iter().map(Value::Str).collect()));
        }
        "password_algorithm" => {
            let [u] = op.take()?;
            let user = find(ctx, &u).await?;
            let hasher = ctx.auth_service().hashers().identify(&user.password).map_err(|_| Raised("ValueError"))?;
            return Ok(hasher.algorithm().name().into());
        }
        _ => return Err(Raised("BadOp")),
    }
    Ok(Value::None)
}

fn stored(set: &PasswordSet) -> Outcome {
    match set {
        PasswordSet::Yes => Ok(Value::None),
        PasswordSet::TooLong => Err(Raised("ValueError")),
        _ => Err(Raised("DoesNotExist")),
    }
}

async fn find(ctx: &Ctx, username: &Value) -> Result<User, Raised> {
    let user = ctx.auth_service().user_by_username(text(username)?).await?;
    user.ok_or(Raised("DoesNotExist"))
}

fn credentials(username: &Value, password: &Value) -> Result<Credentials, Raised> {
    Ok(Credentials::password(text(username)?, text(password)?.to_owned()))
}

/// What the site splits in two before it looks for the permission.
fn two_words(perm: &Value) -> Result<&str, Raised> {
    text(perm)?.contains('.').then_some(text(perm)?).ok_or(Raised("ValueError"))
}

fn text(value: &Value) -> Result<&str, Raised> {
    value.as_str().ok_or(Raised("TypeError"))
}

impl From<AuthError> for Raised {
    fn from(error: AuthError) -> Self {
        Self(match error {
            AuthError::BadUserId => "ValidationError",
            AuthError::BackendAmbiguous | AuthError::Hash(_) => "ValueError",
            _ => "OperationalError",
        })
    }
}

impl From<GuardRejection> for Raised {
    fn from(rejection: GuardRejection) -> Self {
        match rejection {
            GuardRejection::Unavailable(e) => e.into(),
            _ => Self("PermissionDenied"),
        }
    }
}
