//! Groups: the list, `add/` and `<id>/change/` (A185).

use axum::http::StatusCode;
use cloakroom_auth::admin::{Deed, GroupEdit, GroupSaved, Model};
use cloakroom_core::models::Group;
use cloakroom_db::permissions::Permission;
use cloakroom_web::forms::{Field, Form, FormError};
use cloakroom_web::{GuardRejection, pages, redirect};

use super::change::{Picked, done, permission_parts};
use super::delete;
use super::desk::{Desk, heading};
use super::list::{BadQuery, PAGE, Query};
use crate::accounts::view::{Answer, Asked, get_or_post};
use crate::error::PageError;
use crate::templates::context::FormView;
use crate::templates::context::admin::{AdminChange, AdminList, ColumnHead, Fact, Link, ListRow, Picker, Section};

pub(super) async fn list(desk: &Desk) -> Answer {
    desk.demand(Deed::View, Model::Group)?;
    let query = match Query::parse(&desk.request.ctx.query()?) {
        Ok(query) if query.kept().is_empty() => query,
        Err(BadQuery::Disallowed) => return Ok(pages::error(StatusCode::BAD_REQUEST)),
        _ => return Ok(redirect(&format!("{}?e=1", desk.list_of(Model::Group)))),
    };
    match get_or_post(&desk.request.ctx)? {
        Asked::Show => show_list(desk, &query).await,
        Asked::Submit => delete::several_groups(desk).await,
    }
}

async fn show_list(desk: &Desk, query: &Query) -> Answer {
    let mut groups = desk.request.ctx.auth_service().all_groups().await?;
    let words: Vec<_> = query.filter().words.iter().map(|word| word.to_lowercase()).collect();
    groups.retain(|group| words.iter().all(|word| group.name.to_lowercase().contains(word)));
    let total = groups.len();
    let of_page = groups.iter().skip((query.page - 1).saturating_mul(PAGE)).take(PAGE);
    let list = desk.list_of(Model::Group);
    let page = AdminList {
        admin: desk.frame_in(Model::Group, None).await?,
        heading: heading(Model::Group).to_owned(),
        count: match total {
            1 => "1 group".to_owned(),
            n => format!("{n} groups"),
        },
        query: query.q.clone(),
        kept: Vec::new(),
        columns: vec![ColumnHead { label: "Name".to_owned(), url: None, sort: "none" }],
        rows: of_page
            .map(|group| ListRow {
                id: group.id.to_string(),
                url: desk.group_page(group.id, "change/"),
                name: group.name.clone(),
                cells: Vec::new(),
            })
            .collect(),
        filters: Vec::new(),
        pages: query.pages(total as u64),
        add: desk.admin.may(Deed::Add, Model::Group).then(|| Link::new(format!("{list}add/"), "Add a group")),
        may_delete: desk.admin.may(Deed::Delete, Model::Group),
    };
    desk.page(&page)
}

/// The group of this key.
pub(super) async fn find(desk: &Desk, key: &str) -> Result<Option<Group>, PageError> {
    let Ok(id) = key.parse::<i64>() else { return Ok(None) };
    let groups = desk.request.ctx.auth_service().all_groups().await?;
    Ok(groups.into_iter().find(|group| group.id == id))
}

pub(super) async fn add(desk: &Desk) -> Answer {
    desk.demand(Deed::Add, Model::Group)?;
    let all = desk.request.ctx.auth_service().all_permissions().await?;
    let mut sheet = Sheet::plain(Form::plain(fields()), Vec::new());
    if matches!(get_or_post(&desk.request.ctx)?, Asked::Submit) {
        sheet = Sheet::sent(desk, &all);
        if let Some(edit) = sheet.edit(desk, &[]) {
            match desk.request.ctx.auth_service().add_group_as(&desk.admin, &edit).await? {
                GroupSaved::Yes(group) => {
                    return Ok(done(desk, Model::Group, &group.name, &desk.group_page(group.id, "change/")));
                }
                GroupSaved::NameTaken => sheet.form.add_error("name", FormError::of("unique")),
                _ => return Err(GuardRejection::Forbidden.into()),
            }
        }
    }
    show(desk, None, &[], &all, Some(&sheet)).await
}

pub(super) async fn change(desk: &Desk, key: &str) -> Answer {
    let asked = get_or_post(&desk.request.ctx)?;
    desk.demand(if matches!(asked, Asked::Show) { Deed::View } else { Deed::Change }, Model::Group)?;
    let Some(group) = find(desk, key).await? else { return desk.no_such(Model::Group, key) };
    let auth = desk.request.ctx.auth_service();
    let (all, held) = (auth.all_permissions().await?, auth.permissions_of_group(group.id).await?);
    if !desk.admin.may(Deed::Change, Model::Group) {
        return show(desk, Some(&group), &held, &all, None).await;
    }
    let mut sheet = Sheet::plain(Form::plain(fields()).initial("name", &*group.name), held.clone());
    if matches!(asked, Asked::Submit) {
        sheet = Sheet::sent(desk, &all);
        if let Some(edit) = sheet.edit(desk, &held) {
            match auth.edit_group_as(&desk.admin, group.id, &edit).await? {
                GroupSaved::Yes(group) => {
                    return Ok(done(desk, Model::Group, &group.name, &desk.group_page(group.id, "change/")));
                }
                GroupSaved::NameTaken => sheet.form.add_error("name", FormError::of("unique")),
                GroupSaved::Gone => return desk.no_such(Model::Group, key),
                _ => return Err(GuardRejection::Forbidden.into()),
            }
        }
    }
    show(desk, Some(&group), &held, &all, Some(&sheet)).await
}

/// The form and what was picked.
struct Sheet {
    form: Form,
    permissions: Picked,
}

impl Sheet {
    fn plain(form: Form, held: Vec<i64>) -> Self {
        Self { form, permissions: Picked::of(held) }
    }

    fn sent(desk: &Desk, all: &[Permission]) -> Self {
        let is_offered = |id| all.iter().any(|permission| permission.id == id);
        Self {
            form: Form::bind(fields(), |name| desk.request.field(name)),
            permissions: Picked::from_form(desk, "permissions", is_offered),
        }
    }

    /// The group as the form says; its permissions stay where they are not this administrator's to change.
    fn edit(&self, desk: &Desk, held: &[i64]) -> Option<GroupEdit> {
        let may_grant = desk.admin.may_grant();
        if !self.form.is_valid() || (may_grant && !self.permissions.errors.is_empty()) {
            return None;
        }
        let permissions = if may_grant { self.permissions.ids.clone() } else { held.to_vec() };
        Some(GroupEdit { name: self.form.cleaned("name")?.to_owned(), permissions })
    }
}

fn fields() -> Vec<Field> {
    vec![Field::text("name").max_length(150)]
}

async fn show(desk: &Desk, group: Option<&Group>, held: &[i64], all: &[Permission], sheet: Option<&Sheet>) -> Answer {
    let names: Vec<_> = all.iter().filter(|p| held.contains(&p.id)).map(|p| p.name.as_str()).collect();
    let held_now = Fact::new("Permissions", names.join(", "));
    let (mut sections, mut facts, mut wrong) = (Vec::new(), Vec::new(), 0);
    let mut non_field_errors = Vec::new();
    if let Some(sheet) = sheet {
        let view = FormView::from(&sheet.form);
        wrong = view.fields.iter().filter(|field| !field.errors.is_empty()).count() + sheet.permissions.errors.len();
        non_field_errors = view.non_field_errors;
        let mut section = Section { fields: view.fields, ..Section::default() };
        if desk.admin.may_grant() {
            section.pickers.push(Picker {
                name: "permissions",
                legend: "Permissions".to_owned(),
                help: "What every member of the group may do.".to_owned(),
                parts: permission_parts(all, &sheet.permissions),
                errors: sheet.permissions.errors.clone(),
            });
        } else {
            section.facts.push(held_now);
        }
        sections.push(section);
    } else {
        facts = vec![Fact::new("Name", group.map_or("", |group| &*group.name)), held_now];
    }
    let heading = match (group, sheet) {
        (None, _) => "Add a group",
        (Some(_), Some(_)) => "Change group",
        (Some(_), None) => "View group",
    };
    let page = AdminChange {
        admin: desk.frame_in(Model::Group, None).await?,
        heading: heading.to_owned(),
        object: group.map(|group| group.name.clone()).unwrap_or_default(),
        sections,
        facts,
        non_field_errors,
        wrong,
        links: group.iter().map(|group| Link::new(desk.group_page(group.id, "history/"), "History")).collect(),
        delete: group
            .filter(|_| desk.admin.may(Deed::Delete, Model::Group))
            .map(|group| desk.group_page(group.id, "delete/")),
        may_add: desk.admin.may(Deed::Add, Model::Group),
        sessions: None,
    };
    desk.page(&page)
}
