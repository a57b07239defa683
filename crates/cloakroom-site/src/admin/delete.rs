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
    let users = [user];
    let mut problem = None;
    if matches!(get_or_post(&desk.request.ctx)?, Asked::Submit) {
        match delete_users(desk, &users).await? {
            Deleted::Yes => {
                desk.success(format!("{} was deleted.", users[0].username));
                return Ok(redirect(&after_delete(desk, Model::User)));
            }
            _ => problem = Some(IN_USE.to_owned()),
        }
    }
    let back = desk.user_page(&users[0].id, "change/");
    let page = AdminDelete {
        admin: desk.frame_in(Model::User, Some(Link::new(&*back, &*users[0].username))).await?,
        heading: "Delete this user?".to_owned(),
        objects: doomed_users(desk, &users).await?,
        hidden: Vec::new(),
        problem,
        back,
    };
    desk.page(&page)
}

/// The list's action, first without and then with a confirmation.
pub(super) async fn several_users(desk: &Desk) -> Answer {
    let list = desk.request.ctx.full_path();
    if !is_asked_for(desk, Model::User) {
        return Ok(redirect(&list));
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
    let mut problem = None;
    if desk.is_sent("post") {
        match delete_users(desk, &users).await? {
            Deleted::Yes => {
                desk.success(deleted(users.len(), "user"));
                return Ok(redirect(&list));
            }
            _ => problem = Some(IN_USE.to_owned()),
        }
    }
    let page = AdminDelete {
        admin: desk.frame_in(Model::User, None).await?,
        heading: "Delete these users?".to_owned(),
        objects: doomed_users(desk, &users).await?,
        hidden: hidden(users.iter().map(|user| user.id.to_string())),
        problem,
        back: list,
    };
    desk.page(&page)
}

pub(super) async fn group(desk: &Desk, key: &str) -> Answer {
    desk.demand(Deed::Delete, Model::Group)?;
    let Some(group) = super::groups::find(desk, key).await? else { return desk.no_such(Model::Group, key) };
    let groups = [group];
    let mut problem = None;
    if matches!(get_or_post(&desk.request.ctx)?, Asked::Submit) {
        match delete_groups(desk, &groups).await? {
            Deleted::Yes => {
                desk.success(format!("{} was deleted.", groups[0].name));
                return Ok(redirect(&after_delete(desk, Model::Group)));
            }
            _ => problem = Some(IN_USE.to_owned()),
        }
    }
    let back = desk.group_page(groups[0].id, "change/");
    let page = AdminDelete {
        admin: desk.frame_in(Model::Group, Some(Link::new(&*back, &*groups[0].name))).await?,
        heading: "Delete this group?".to_owned(),
        objects: doomed_groups(&groups),
        hidden: Vec::new(),
        problem,
        back,
    };
    desk.page(&page)
}

/// As [`several_users`].
pub(super) async fn several_groups(desk: &Desk) -> Answer {
    let list = desk.request.ctx.full_path();
    if !is_asked_for(desk, Model::Group) {
        return Ok(redirect(&list));
    }
    let wanted: Vec<_> = desk.request.form.fields().get_list("_selected_action").collect();
    let mut groups = desk.request.ctx.auth_service().all_groups().await?;
    groups.retain(|group| wanted.contains(&group.id.to_string().as_str()));
    let mut problem = None;
    if desk.is_sent("post") {
        match delete_groups(desk, &groups).await? {
            Deleted::Yes => {
                desk.success(deleted(groups.len(), "group"));
                return Ok(redirect(&list));
            }
            _ => problem = Some(IN_USE.to_owned()),
        }
    }
    let page = AdminDelete {
        admin: desk.frame_in(Model::Group, None).await?,
        heading: "Delete these groups?".to_owned(),
        objects: doomed_groups(&groups),
        hidden: hidden(groups.iter().map(|group| group.id.to_string())),
        problem,
        back: list,
    };
    desk.page(&page)
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

async fn delete_users(desk: &Desk, users: &[User]) -> Result<Deleted, PageError> {
    let ctx = &desk.request.ctx;
    allowed(ctx.auth_service().delete_users_as(&desk.admin, ctx.sessions(), users).await?)
}

async fn delete_groups(desk: &Desk, groups: &[Group]) -> Result<Deleted, PageError> {
    allowed(desk.request.ctx.auth_service().delete_groups_as(&desk.admin, groups).await?)
}

fn allowed(deleted: Deleted) -> Result<Deleted, PageError> {
    if deleted == Deleted::Forbidden { Err(GuardRejection::Forbidden.into()) } else { Ok(deleted) }
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

fn hidden(keys: impl Iterator<Item = String>) -> Vec<Hidden> {
    let action = Hidden { name: "action", value: "delete_selected".to_owned() };
    std::iter::once(action).chain(keys.map(|value| Hidden { name: "_selected_action", value })).collect()
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
