//! What the pages share: where they are, how they look, where they lead.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, Uri};
use axum::response::Response;
use cloakroom_auth::mail::Mailer;
use cloakroom_core::urls::SafeNext;
use cloakroom_web::{Ctx, User};

use super::outgoing::Outgoing;
use super::view::{Answer, Request};
use crate::assets;
use crate::error::PageError;
use crate::templates::context::{Layout, MessageView, Nav, Page, Site, Urls};
use crate::templates::{TemplateError, Templates};

/// What the log-in page does for those who are signed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhileSignedIn {
    /// It shows its form.
    #[default]
    Form,
    /// It sends them where a log-in would. An embedded image of that address can tell other sites whether somebody is
    /// signed in, as Django warns.
    Redirect,
}

/// What becomes of somebody who chose a new password by a mailed link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterReset {
    /// They are sent to a page that leads to the log-in page.
    #[default]
    LoginPage,
    /// They are signed in, by the first back end.
    SignIn,
}

/// Whether pages show the messages that wait for the next page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShowMessages {
    /// They do, and the messages are gone then.
    #[default]
    Yes,
    /// They wait for another page.
    No,
}

/// Whether the developer panel is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeveloperPanel {
    /// It is, for browsers on the server's own machine, while `DEBUG` is on.
    Yes,
    /// It is not.
    #[default]
    No,
}

/// Whose log-in page it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Face {
    /// The site's.
    #[default]
    Site,
    /// A browsable API's (D40).
    BrowsableApi,
}

#[derive(Clone, Debug)]
pub(crate) struct Pages {
    pub(super) templates: Templates,
    pub(crate) urls: Urls,
    pub(super) name: String,
    pub(super) mailer: Option<Arc<dyn Mailer>>,
    pub(super) outgoing: Outgoing,
    pub(super) while_signed_in: WhileSignedIn,
    pub(super) after_reset: AfterReset,
    pub(crate) login_next_page: Option<String>,
    pub(crate) logout_next_page: Option<String>,
    pub(super) allowed_hosts: Vec<String>,
    pub(super) frame_ancestors: String,
    pub(super) messages: ShowMessages,
    pub(super) panel: DeveloperPanel,
    pub(super) face: Face,
}

impl Pages {
    pub(super) fn new(templates: Templates, prefix: String) -> Self {
        Self {
            templates,
            urls: Urls::under(&prefix),
            name: "Cloakroom".to_owned(),
            mailer: None,
            outgoing: Outgoing::default(),
            while_signed_in: WhileSignedIn::default(),
            after_reset: AfterReset::default(),
            login_next_page: None,
            logout_next_page: None,
            allowed_hosts: Vec::new(),
            frame_ancestors: "'none'".to_owned(),
            messages: ShowMessages::default(),
            panel: DeveloperPanel::default(),
            face: Face::default(),
        }
    }

    /// The same pages, which show messages whatever the settings say: those of the admin do, as Django's.
    pub(crate) fn with_messages(&self) -> Self {
        Self { messages: ShowMessages::Yes, ..self.clone() }
    }

    /// A page for everybody. It does not ask who looks at it.
    pub(crate) fn page<P: Page>(&self, ctx: &Ctx, page: &P) -> Answer {
        self.render(ctx, None, page)
    }

    /// A page for somebody who is signed in, with a way to log out (S23). `csrf_token` is the page's token, if it has one.
    pub(super) fn page_of<P: Page>(&self, ctx: &Ctx, user: &User, csrf_token: Option<&str>, page: &P) -> Answer {
        self.render(ctx, Some(Nav { username: &user.username, csrf_token }), page)
    }

    fn render<P: Page>(&self, ctx: &Ctx, nav: Option<Nav<'_>>, page: &P) -> Answer {
        let nonce = ctx.csp_nonce();
        let messages: Vec<_> = match self.messages {
            ShowMessages::Yes => ctx.messages().read_loaded().iter().map(MessageView::from).collect(),
            ShowMessages::No => Vec::new(),
        };
        let mut response = Response::new(Body::from(self.html(nav, Some(&nonce), &messages, page)?));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        // A policy of the settings is the site's own word, for these pages too.
        if ctx.config().security.csp.is_empty()
            && let Ok(policy) = HeaderValue::from_str(&self.content_security_policy(ctx, &nonce))
        {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        Ok(response)
    }

    /// Reads the messages that wait, for the page that may come of a request.
    pub(crate) async fn load_messages(&self, ctx: &Ctx) {
        if self.messages == ShowMessages::Yes
            && let Err(error) = ctx.messages().count().await
        {
            tracing::error!(target: "cloakroom::site", error = &error as &dyn std::error::Error, "messages could not be read");
        }
    }

    /// A page's text in the site's layout.
    pub(crate) fn html<P: Page>(
        &self,
        nav: Option<Nav<'_>>,
        csp_nonce: Option<&str>,
        messages: &[MessageView],
        page: &P,
    ) -> Result<String, TemplateError> {
        let site = Site {
            name: &self.name,
            lang: "en",
            stylesheet: assets::stylesheet_path(),
            icon: assets::icon_path(),
            home: "/",
            csp_nonce,
        };
        self.templates.page(&Layout { site, urls: &self.urls, nav, messages }, page)
    }

    /// Nothing but the stylesheet, the icon, and scripts of a site's own templates that bear the nonce (H01). Browsers hold redirects after a form against `form-action` too, so
    /// it lists where forms may lead.
    fn content_security_policy(&self, ctx: &Ctx, nonce: &str) -> String {
        let urls = &ctx.config().urls;
        let targets = [Some(&urls.login_redirect_url), urls.logout_redirect_url.as_ref(), Some(&urls.login_url)];
        let pages = [self.login_next_page.as_ref(), self.logout_next_page.as_ref()];
        let mut policy = format!(
            "default-src 'none'; style-src 'self' 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src 'self' data:; \
             object-src 'none'; base-uri 'none'; form-action 'self'"
        );
        for origin in targets.into_iter().chain(pages).flatten().filter_map(|url| origin(url)) {
            policy.push(' ');
            policy.push_str(&origin);
        }
        for host in self.allowed_hosts.iter().filter(|host| is_source(host)) {
            policy.push(' ');
            policy.push_str(host);
        }
        policy.push_str("; frame-ancestors ");
        policy.push_str(&self.frame_ancestors);
        policy
    }

    /// Where the visitor asked to be led, if it is safe: the form's `next` over the query's, even an empty one (A119, G65).
    pub(crate) fn wanted_next(&self, request: &Request) -> Result<Option<SafeNext>, PageError> {
        let query;
        let next = match request.form.get("next") {
            Some(next) => Some(next),
            None => {
                query = request.ctx.query()?;
                query.get("next")
            }
        };
        let hosts: Vec<&str> = self.allowed_hosts.iter().map(String::as_str).collect();
        Ok(next.and_then(|next| request.ctx.safe_next(next, &hosts)))
    }

    /// What new passwords need, in sentences.
    pub(crate) fn password_help(ctx: &Ctx) -> Vec<String> {
        ctx.auth_service().validators().iter().map(|rule| rule.help_text()).collect()
    }
}

/// A token for the page's forms. The answer sends the CSRF cookie.
pub(crate) async fn csrf_token(ctx: &Ctx) -> Result<String, PageError> {
    Ok(ctx.csrf().await?.get_token()?)
}

/// Scheme and host of an absolute address, as a source of a policy.
fn origin(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let origin = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
    is_source(&origin).then_some(origin)
}

/// Whether a text can stand in a policy without ending its directive.
fn is_source(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b';' | b',' | b'\'' | b'"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_addresses_have_an_origin() {
        assert_eq!(origin("https://app.example:8443/x?y").as_deref(), Some("https://app.example:8443"));
        assert_eq!(origin("/accounts/profile/"), None);
        assert_eq!(origin("profile"), None);
        assert!(!is_source("a; script-src *") && !is_source("'unsafe-inline'"));
    }
}
