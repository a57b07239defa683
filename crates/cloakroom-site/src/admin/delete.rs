//! `<id>/delete/`, and the list's action: what would go is shown first (A186, A23). Each object is looked at (Z04).

use cloakroom_auth::admin::{Deed, Deleted, Model};
use cloakroom_core::models::{Group, User};
use cloakroom_web::{GuardRejection, redirect};

use super::desk::Desk;
use crate::accounts::view::{Answer, Asked, get_or_post};
use crate::error::PageError;
use crate::templates::context::admin::{AdminDelete, Doomed, Hidden, Link};

const IN_USE: &str = "Other data of this site refers to it, so it stays. Nothing was deleted.";

pub(super) async fn user(desk: &Desk, key: &str) -> Answer {
    desk.demand(Deed::Delete, Model::User)?;
    let Some(user) = desk.user(key).await? else { return desk.no_such(Model::User, key) };
    desk.demand_with(Deed::Delete, &user)?;
    let (name, page) = (user.username.clone(), desk.user_page(&user.id, "change/"));
    one(desk, Objects::Users(vec![user]), &name, page).await
}

pub(super) async fn group(desk: &Desk, key: &str) -> Answer {
    desk.demand(Deed::Delete, Model::Group)?;
    let Some(group) = super::groups::find(desk, key).await? else { return desk.no_such(Model::Group, key) };
    let (name, page) = (group.name.clone(), desk.group_page(group.id, "change/"));
    one(desk, Objects::Groups(vec![group]), &name, page).await
}

/// The list's action, first without and then with a confirmation.
pub(super) async fn several_users(desk: &Desk) -> Answer {
    if !is_asked_for(desk, Model::User) {
        return Ok(redirect(&desk.request.ctx.full_path()));
    }
    let mut users = Vec::new();
    for key in desk.request.form.fields().get_list("_selected_action") {
        users.extend(desk.user(key).await?);
    }
    users.sort_by(|a: &User, b| a.username.cmp(&b.username));
    users.dedup_by(|a, b| a.id == b.id);
    for user in &users {
        desk.demand_with(Deed::Delete, user)?;
    }
    several(desk, Objects::Users(users)).await
}

/// As [`several_users`].
pub(super) async fn several_groups(desk: &Desk) -> Answer {
    if !is_asked_for(desk, Model::Group) {
        return Ok(redirect(&desk.request.ctx.full_path()));
    }
    let wanted: Vec<_> = desk.request.form.fields().get_list("_selected_action").collect();
    let mut groups = desk.request.ctx.auth_service().all_groups().await?;
    groups.retain(|group| wanted.contains(&group.id.to_string().as_str()));
    several(desk, Objects::Groups(groups)).await
}

async fn one(desk: &Desk, objects: Objects, name: &str, page: String) -> Answer {
    let question = Question {
        is_confirmed: matches!(get_or_post(&desk.request.ctx)?, Asked::Submit),
        heading: format!("Delete this {}?", objects.noun()),
        link: Some(Link::new(&*page, name)),
        hidden: Vec::new(),
        back: page,
        done: format!("{name} was deleted."),
        next: after_delete(desk, objects.model()),
    };
    question.ask(desk, objects).await
}

async fn several(desk: &Desk, objects: Objects) -> Answer {
    let list = desk.request.ctx.full_path();
    let keys = objects.keys();
    let question = Question {
        is_confirmed: desk.is_sent("post"),
        heading: format!("Delete these {}s?", objects.noun()),
        link: None,
        done: deleted(keys.len(), objects.noun()),
        hidden: hidden(keys),
        back: list.clone(),
        next: list,
    };
    question.ask(desk, objects).await
}

/// What is to go.
enum Objects {
    Users(Vec<User>),
    Groups(Vec<Group>),
}

/// Whether it shall go.
struct Question {
    is_confirmed: bool,
    heading: String,
    /// To the object, if there is but one.
    link: Option<Link>,
    hidden: Vec<Hidden>,
    /// Where a "no" leads.
    back: String,
    /// What is said when it is gone, and where one is then.
    done: String,
    next: String,
}

impl Question {
    /// Deletes the objects if that is confirmed; shows what would go if it is not, or if they cannot.
    async fn ask(self, desk: &Desk, objects: Objects) -> Answer {
        if self.is_confirmed && objects.delete(desk).await? == Deleted::Yes {
            desk.success(self.done);
            return Ok(redirect(&self.next));
        }
        let page = AdminDelete {
            admin: desk.frame_in(objects.model(), self.link).await?,
            heading: self.heading,
            objects: objects.doomed(desk).await?,
            hidden: self.hidden,
            problem: self.is_confirmed.then(|| IN_USE.to_owned()),
            back: self.back,
        };
        desk.page(&page)
    }
}

impl Objects {
    const fn model(&self) -> Model {
        match self {
            Self::Users(_) => Model::User,
            Self::Groups(_) => Model::Group,
        }
    }

    const fn noun(&self) -> &'static str {
        match self {
            Self::Users(_) => "user",
            Self::Groups(_) => "group",
        }
    }

    fn keys(&self) -> Vec<String> {
        match self {
            Self::Users(users) => users.iter().map(|user| user.id.to_string()).collect(),
            Self::Groups(groups) => groups.iter().map(|group| group.id.to_string()).collect(),
        }
    }

    async fn delete(&self, desk: &Desk) -> Result<Deleted, PageError> {
        let ctx = &desk.request.ctx;
        let deleted = match self {
            Self::Users(users) => ctx.auth_service().delete_users_as(&desk.admin, ctx.sessions(), users).await?,
            Self::Groups(groups) => ctx.auth_service().delete_groups_as(&desk.admin, groups).await?,
        };
        if deleted == Deleted::Forbidden { Err(GuardRejection::Forbidden.into()) } else { Ok(deleted) }
    }

    async fn doomed(&self, desk: &Desk) -> Result<Vec<Doomed>, PageError> {
        match self {
            Self::Users(users) => doomed_users(desk, users).await,
            Self::Groups(groups) => Ok(doomed_groups(groups)),
        }
    }
}

/// Whether the list was sent with an action there is, and with objects; if not, a message says so.
fn is_asked_for(desk: &Desk, model: Model) -> bool {
    let is_known = desk.request.form.get("action") == Some("delete_selected");
    if !is_known || !desk.admin.may(Deed::Delete, model) {
        desk.request.ctx.messages().warning("No action was chosen. Nothing was changed.");
        return false;
    }
    if !desk.is_sent("_selected_action") {
        desk.request.ctx.messages().warning("Choose at least one of the list first. Nothing was changed.");
        return false;
    }
    true
}

/// Source: `ModelAdmin.response_delete`, which asks for the permission to change.
fn after_delete(desk: &Desk, model: Model) -> String {
    if desk.admin.may(Deed::Change, model) { desk.list_of(model) } else { desk.site.at("") }
}

fn deleted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what} was deleted."),
        n => format!("{n} {what}s were deleted."),
    }
}

fn hidden(keys: Vec<String>) -> Vec<Hidden> {
    let action = Hidden { name: "action", value: "delete_selected".to_owned() };
    std::iter::once(action).chain(keys.into_iter().map(|value| Hidden { name: "_selected_action", value })).collect()
}

async fn doomed_users(desk: &Desk, users: &[User]) -> Result<Vec<Doomed>, PageError> {
    let auth = desk.request.ctx.auth_service();
    let mut doomed = Vec::with_capacity(users.len());
    for user in users {
        let (groups, permissions) = auth.access_of(&user.id).await?;
        let mut with: Vec<_> = groups.iter().map(|group| format!("Membership in {}", group.name)).collect();
        if !permissions.is_empty() {
            with.push(format!("Permissions of its own: {}", permissions.len()));
        }
        let entries = auth.count_deeds(&user.id).await?;
        if entries > 0 {
            with.push(format!("Entries of the history by this user: {entries}"));
        }
        with.push("Every session and API token".to_owned());
        doomed.push(Doomed { name: user.username.clone(), with });
    }
    Ok(doomed)
}

fn doomed_groups(groups: &[Group]) -> Vec<Doomed> {
    let with = || vec!["Its permissions, and who is in it".to_owned()];
    groups.iter().map(|group| Doomed { name: group.name.clone(), with: with() }).collect()
}
