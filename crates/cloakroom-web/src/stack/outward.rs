//! The way out: frames, messages, CSRF cookie, session, cookies, security headers, in this order (M16, S68).

use axum_core::response::Response;
use cloakroom_auth::AuthError;
use cloakroom_core::csrf::SecretStore;
use cloakroom_core::headers::patch_vary;
use cloakroom_sessions::{Finish, LazySession, SessionError, Usage, Vary};
use http::header::{SET_COOKIE, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::inward::{Route, Step};
use crate::ctx::Ctx;
use crate::{csp, csrf, error, interrupted, messages, pages};

/// Put into an answer's extensions, it keeps `X-Frame-Options` away: Django's `xframe_options_exempt` (M24).
#[derive(Clone, Copy, Debug)]
pub struct XFrameOptionsExempt;

/// What is left to do for an answer.
pub(super) enum Leave {
    /// Nothing that waits: [`close`] ends it.
    Now,
    /// The session must be finished first: [`finish`].
    Later,
}

/// The steps that wait for nothing.
pub(super) fn leave(ctx: &Ctx, route: Route, by: Step, response: &mut Response) -> Leave {
    if by >= Step::Handler {
        if route == Route::NotFound && response.status() == StatusCode::NOT_FOUND {
            tracing::warn!(target: "django.request", path = ?ctx.path(), "Not Found");
        }
        let headers = &ctx.site().headers;
        // `Content-Length` is still to come.
        make_room(response.headers_mut(), headers.len() + 1 + usize::from(ctx.has_opened_session()));
        if response.extensions().get::<XFrameOptionsExempt>().is_none() {
            headers.add_frames(response.headers_mut());
        }
        if messages::is_due(ctx) || keeps_form(ctx, response) {
            return Leave::Later;
        }
        if let Err(e) = finish_csrf_cookie(ctx, route) {
            *response = without_cookies(ctx, error::cookie(e));
            return Leave::Now;
        }
        if secret_goes_into_session(ctx) {
            return Leave::Later;
        }
    }
    if is_error_page(by) {
        if by == Step::Host && ctx.config().csrf.policy.store() == SecretStore::Session {
            return Leave::Later;
        }
        if let Err(e) = csrf::renew_cookie(ctx) {
            *response = without_cookies(ctx, error::cookie(e));
            return Leave::Now;
        }
    }
    if by >= Step::Host
        && let Some(session) = ctx.session_to_finish()
    {
        if ctx.state().logged_in.is_some() {
            return Leave::Later;
        }
        let finished = match ctx.sessions().finish_now(session, response.status().as_u16()) {
            None => return Leave::Later,
            Some(finish) => finish.map(|finish| take_over(ctx, session, &finish)),
        };
        match finished {
            Ok(Ok(())) => {}
            Ok(Err(e)) => *response = without_cookies(ctx, error::cookie(e)),
            Err(e) => *response = without_cookies(ctx, error::session(&e)),
        }
    }
    Leave::Now
}

/// Whether an answer is the error page of a step outside of the CSRF check. Django's error pages make that check's way
/// in and out themselves (C41, `requires_csrf_token`): a malformed secret is replaced there too.
const fn is_error_page(by: Step) -> bool {
    matches!(by, Step::Host | Step::Outside)
}

/// The steps that wait: messages may go into the session, the CSRF secret too, the session into its store (S61–S66).
///
/// What is rare is in a box of its own: a request whose session is saved need not have room for it.
pub(super) async fn finish(ctx: &Ctx, route: Route, by: Step, mut response: Response) -> Response {
    if by >= Step::Handler
        && keeps_form(ctx, &response)
        && let Err(e) = Box::pin(interrupted::finish(ctx)).await
    {
        return without_cookies(ctx, error::session(&e));
    }
    if by >= Step::Handler && messages::is_due(ctx) {
        if let Err(failed) = Box::pin(messages::finish(ctx)).await {
            response = without_cookies(ctx, failed);
        }
        if let Err(e) = finish_csrf_cookie(ctx, route) {
            return without_cookies(ctx, error::cookie(e));
        }
    }
    if is_error_page(by)
        && let Err(e) = Box::pin(csrf::prepare(ctx)).await
    {
        return without_cookies(ctx, error::session(&e));
    }
    if secret_goes_into_session(ctx)
        && let Err(e) = Box::pin(csrf::finish_session(ctx)).await
    {
        return without_cookies(ctx, error::session(&e));
    }
    let Some(session) = ctx.session_to_finish() else { return response };
    match finish_session(ctx, session, response.status()).await {
        Ok(Ok(())) if ctx.state().logged_in.is_none() => response,
        Ok(Ok(())) => match Box::pin(keep_to_limit(ctx, session)).await {
            Ok(()) => response,
            Err(e) => without_cookies(ctx, error::auth(&e)),
        },
        Ok(Err(e)) => without_cookies(ctx, error::cookie(e)),
        Err(e) => {
            response = error::session(&e);
            without_cookies(ctx, response)
        }
    }
}

/// The last steps: cookies, `Vary`, security headers. The one place where `Set-Cookie` and `Vary` are written.
pub(super) fn close(ctx: &Ctx, by: Step, response: &mut Response) {
    let (cookies, vary) = {
        let mut state = ctx.state();
        (std::mem::take(&mut state.cookies), state.vary_cookie)
    };
    if !cookies.is_empty() {
        let values: Option<Vec<HeaderValue>> = cookies.header_values().map(|text| latin1(&text)).collect();
        match values {
            Some(values) => write_cookies(response.headers_mut(), values),
            // WSGI encodes headers as Latin-1 and fails on what does not fit (K16).
            None => *response = error::server("a cookie has characters that no header can carry"),
        }
    }
    if vary {
        vary_on_cookie(response.headers_mut());
    }
    if by >= Step::Security {
        csp::add_headers(ctx, response);
        ctx.site().headers.add(ctx.scheme(), response.headers_mut());
    }
}

/// The answer of a handler that panicked: nothing of its work is saved but its messages (F03, M32).
pub(super) fn panicked(ctx: &Ctx) -> Response {
    tracing::error!(target: "django.request", method = %ctx.method(), path = ?ctx.path(), "a handler panicked");
    pages::error(StatusCode::INTERNAL_SERVER_ERROR)
}

type Finished = Result<(), cloakroom_core::cookies::CookieError>;

async fn finish_session(ctx: &Ctx, session: &LazySession, status: StatusCode) -> Result<Finished, SessionError> {
    let finish = ctx.sessions().finish(session, status.as_u16()).await?;
    Ok(take_over(ctx, session, &finish))
}

/// Puts into the answer what the session wants there.
fn take_over(ctx: &Ctx, session: &LazySession, finish: &Finish) -> Finished {
    if finish.vary == Vary::Cookie {
        ctx.vary_on_cookie();
    }
    ctx.note_use(session, if finish.set_cookie.is_some() { Usage::Saved } else { Usage::Read });
    finish.set_cookie.iter().chain(&finish.older).try_for_each(|cookie| ctx.add_cookie(cookie))
}

/// After a log-in, ends what is beyond the user's limit of sessions: now that this one is stored, it counts (S20).
async fn keep_to_limit(ctx: &Ctx, session: &LazySession) -> Result<(), AuthError> {
    let (user, key) = (ctx.state().logged_in.take(), session.key());
    if let (Some(user), Some(key)) = (user, key) {
        ctx.auth_service().enforce_session_limit(ctx.sessions(), &user, &key).await?;
    }
    Ok(())
}

/// Unless no route is checked and nobody asked for a token.
fn finish_csrf_cookie(ctx: &Ctx, route: Route) -> Finished {
    let in_force = route != Route::Unchecked || ctx.state().token.is_some();
    if in_force { csrf::finish_cookie(ctx) } else { Ok(()) }
}

fn secret_goes_into_session(ctx: &Ctx) -> bool {
    ctx.config().csrf.policy.store() == SecretStore::Session
        && ctx.state().token.as_ref().is_some_and(|token| token.to_send().is_some())
}

/// A guard turned a form away, and nobody inside thought better of it.
fn keeps_form(ctx: &Ctx, response: &Response) -> bool {
    response.status() == StatusCode::FOUND && ctx.state().kept_post.is_some()
}

/// Takes back what an answer that is not sent would have set, but for what each error page does.
fn without_cookies(ctx: &Ctx, response: Response) -> Response {
    {
        let mut state = ctx.state();
        state.cookies = Default::default();
        state.vary_cookie = false;
    }
    match csrf::renew_cookie(ctx) {
        Ok(()) => response,
        Err(e) => error::cookie(e),
    }
}

fn write_cookies(headers: &mut HeaderMap, values: Vec<HeaderValue>) {
    for value in values {
        headers.append(SET_COOKIE, value);
    }
}

/// Makes room for `more` lines. To move those that are there to a map with room takes less than to let theirs grow.
fn make_room(headers: &mut HeaderMap, more: usize) {
    let lines = headers.len() + more;
    if lines > headers.capacity() {
        let there = std::mem::replace(headers, HeaderMap::with_capacity(lines));
        headers.extend(there);
    }
}

/// M31.
fn vary_on_cookie(headers: &mut HeaderMap) {
    if !headers.contains_key(VARY) {
        headers.insert(VARY, HeaderValue::from_static("Cookie"));
        return;
    }
    let there: Vec<&str> = headers.get_all(VARY).iter().filter_map(|v| v.to_str().ok()).collect();
    let there = (!there.is_empty()).then(|| there.join(", "));
    if let Some(value) = latin1(&patch_vary(there.as_deref(), &["Cookie"])) {
        headers.insert(VARY, value);
    }
}

/// Text as a header's bytes, one each; `None` where a character has no such byte or may stand in no header.
pub(super) fn latin1(text: &str) -> Option<HeaderValue> {
    if text.is_ascii() {
        return HeaderValue::from_str(text).ok();
    }
    let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    HeaderValue::from_bytes(&bytes?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// K16: what WSGI could not encode is noticed, not mangled.
    #[test]
    fn header_text_is_latin1_or_nothing() {
        assert_eq!(latin1("Path=/é").unwrap().as_bytes(), b"Path=/\xe9");
        assert!(latin1("漢").is_none());
        assert!(latin1("a\r\nb").is_none());
    }

    /// M31, H05.
    #[test]
    fn vary_lines_become_one() {
        let mut headers = HeaderMap::new();
        headers.append(VARY, HeaderValue::from_static("Accept"));
        headers.append(VARY, HeaderValue::from_static("cookie, Origin"));
        vary_on_cookie(&mut headers);
        assert_eq!(headers.get_all(VARY).iter().collect::<Vec<_>>(), ["Accept, cookie, Origin"]);
    }
}
