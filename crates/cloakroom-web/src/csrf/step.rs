//! The check in two steps, for doors that read bodies in their own way (D03).

use cloakroom_core::csrf::{Decision, Rejection, Stored, check_token};
use cloakroom_sessions::SessionError;
use http::HeaderMap;
use http::request::Parts;

use super::check::{decide, log};
use super::token::prepare;
use crate::ctx::{Ctx, header_text};

/// What is known before the body is read.
#[derive(Debug)]
#[must_use = "an ignored check is an open door"]
pub enum CsrfStep {
    /// The method is safe: there is nothing to check.
    Passed,
    /// Refused, whatever the body says.
    Refused(Rejection),
    /// [`TokenCheck::check`] decides.
    NeedsToken(TokenCheck),
}

/// The second step: the token in the header.
#[derive(Debug)]
#[must_use = "an unfinished check is an open door"]
pub struct TokenCheck {
    ctx: Ctx,
    stored: Stored,
}

impl Ctx {
    /// Makes the first step of the CSRF check: method, `Origin` or `Referer`, and that there is a secret (C23–C28). It
    /// checks routes that are exempt in the layer too; [`CsrfProtect`](super::CsrfProtect) does both steps at once.
    ///
    /// # Errors
    ///
    /// The secret lives in the session, and that cannot be loaded.
    pub async fn csrf_step(&self, parts: &Parts) -> Result<CsrfStep, SessionError> {
        let stored = prepare(self).await?;
        Ok(match decide(self, parts.into(), &stored) {
            Decision::Pass => CsrfStep::Passed,
            Decision::Reject(rejection) => {
                log(self, &rejection);
                CsrfStep::Refused(rejection)
            }
            Decision::NeedsToken => CsrfStep::NeedsToken(TokenCheck { ctx: self.clone(), stored }),
        })
    }
}

impl TokenCheck {
    /// Judges the token of the header that `CSRF_HEADER_NAME` names (C28). No form is looked at.
    ///
    /// # Errors
    ///
    /// The [`Rejection`], logged already.
    pub fn check(self, headers: &HeaderMap) -> Result<(), Rejection> {
        self.check_form(None, headers)
    }

    /// As [`check`](Self::check), with the token of a form, if there is one: it counts before the header's.
    pub(crate) fn check_form(self, field: Option<&str>, headers: &HeaderMap) -> Result<(), Rejection> {
        let policy = &self.ctx.config().csrf.policy;
        let header = policy.header_name().and_then(|name| header_text(headers, name));
        check_token(policy, &self.stored, field, header.as_deref()).inspect_err(|rejection| log(&self.ctx, rejection))
    }
}
