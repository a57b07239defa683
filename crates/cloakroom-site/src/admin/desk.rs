//! A request of somebody who is in.

use std::sync::Arc;

use cloakroom_auth::admin::{Administrator, Deed, Model};
use cloakroom_core::keys::UserId;
use cloakroom_core::models::User;
use cloakroom_db::users as rows;
use cloakroom_web::guards::Guard;
use cloakroom_web::{GuardRejection, redirect};

use super::Site;
use crate::accounts::pages::csrf_token;
use crate::accounts::view::{Answer, Request};
use crate::error::PageError;
use crate::templates::context::Page;
use crate::templates::context::admin::{Frame, Link};

/// A request, who sent it, and where the pages are.
pub(super) struct Desk {
    pub(super) site: Arc<Site>,
    pub(super) request: Request,
    pub(super) admin: Administrator,
    /// `auth/user/`, or what the user model is called.
    pub(super) users: String,
}

pub(super) const GROUPS: &str = "auth/group/";

impl Desk {
    /// Lets active staff pass and sends others to the log-in page (A180).
    pub(super) async fn open(site: Arc<Site>, request: Request) -> Result<Self, PageError> {
        let guard = Guard::staff_member_required().with_login_url(site.at("login/"));
        guard.check(&request.ctx).await?;
        let permissions = request.ctx.permissions().await?;
        let admin = request.ctx.auth_service().administrator(permissions).ok_or(GuardRejection::Forbidden)?;
        let users = user_path(&request);
        Ok(Self { site, request, admin, users })
    }

    /// The address of a model's list.
    pub(super) fn list_of(&self, model: Model) -> String {
        self.site.at(match model {
            Model::User => &self.users,
            Model::Group => GROUPS,
        })
    }

    /// The address of a user's page, such as `change/`.
    pub(super) fn user_page(&self, id: &UserId, page: &str) -> String {
        format!("{}{id}/{page}", self.list_of(Model::User))
    }

    /// The address of a group's page.
    pub(super) fn group_page(&self, id: i64, page: &str) -> String {
        format!("{}{id}/{page}", self.list_of(Model::Group))
    }

    /// 403 unless they may do this with some object of the model.
    pub(super) fn demand(&self, deed: Deed, model: Model) -> Result<(), PageError> {
        if self.admin.may(deed, model) { Ok(()) } else { Err(GuardRejection::Forbidden.into()) }
    }

    /// 403 unless they may do this with this user.
    pub(super) fn demand_with(&self, deed: Deed, user: &User) -> Result<(), PageError> {
        if self.admin.may_with(deed, user) { Ok(()) } else { Err(GuardRejection::Forbidden.into()) }
    }

    /// The user of this key.
    pub(super) async fn user(&self, key: &str) -> Result<Option<User>, PageError> {
        let auth = self.request.ctx.auth_service();
        match auth.user_key(key)? {
            Some(id) => Ok(auth.user_by_id(&id).await?),
            None => Ok(None),
        }
    }

    /// What Django does where there is no such object: a message, and the first page.
    pub(super) fn no_such(&self, model: Model, key: &str) -> Answer {
        let name = match model {
            Model::User => "user",
            Model::Group => "group",
        };
        self.request
            .ctx
            .messages()
            .warning(format!("There is no {name} with the key {key}. It may have been deleted."));
        Ok(redirect(&self.site.at("")))
    }

    /// Where one goes who is done with an object: the list, or the first page for those who may not see it.
    pub(super) fn back_from(&self, model: Model) -> String {
        if self.admin.may(Deed::View, model) { self.list_of(model) } else { self.site.at("") }
    }

    pub(super) fn is_sent(&self, button: &str) -> bool {
        self.request.form.get(button).is_some()
    }

    pub(super) fn success(&self, text: String) {
        self.request.ctx.messages().success(text);
    }

    /// The frame of a page; the way to it begins after the first page.
    pub(super) async fn frame(&self, crumbs: Vec<Link>) -> Result<Frame, PageError> {
        Ok(Frame {
            index: self.site.at(""),
            logout: self.site.at("logout/"),
            password_change: self.site.at("password_change/"),
            username: self.admin.user().username.clone(),
            csrf_token: csrf_token(&self.request.ctx).await?,
            crumbs,
        })
    }

    /// The frame of a page of a model, or of one of its objects.
    pub(super) async fn frame_in(&self, model: Model, object: Option<Link>) -> Result<Frame, PageError> {
        let list = Link::new(self.list_of(model), heading(model));
        self.frame([Some(list), object].into_iter().flatten().collect()).await
    }

    pub(super) fn page<P: Page>(&self, page: &P) -> Answer {
        self.site.pages.page(&self.request.ctx, page)
    }
}

/// What a model's objects are called.
pub(super) const fn heading(model: Model) -> &'static str {
    match model {
        Model::User => "Users",
        Model::Group => "Groups",
    }
}

pub(super) fn user_path(request: &Request) -> String {
    let table = rows::table(request.ctx.db());
    format!("{}/{}/", table.app_label(), table.model_name())
}
