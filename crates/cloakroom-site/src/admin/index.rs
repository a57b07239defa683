//! The first page: what there is, and what one did last.

use cloakroom_auth::admin::{Action, Deed, LogEntry, Model};
use cloakroom_web::GuardRejection;

use super::desk::{Desk, GROUPS, heading};
use crate::accounts::view::{Answer, get_or_post};
use crate::templates::context::admin::{AdminIndex, ModelRow, Recent, moment};

/// How many deeds are shown.
const RECENT: usize = 10;

/// The page of everything, or of an app.
pub(super) async fn show(desk: &Desk, app: Option<&str>) -> Answer {
    get_or_post(&desk.request.ctx)?;
    let mut models = Vec::new();
    for (model, base) in [(Model::Group, GROUPS), (Model::User, desk.users.as_str())] {
        let in_app = app.is_none_or(|app| base.split('/').next() == Some(app));
        if in_app && desk.admin.sees(model) {
            let list = desk.list_of(model);
            models.push(ModelRow {
                name: heading(model).to_owned(),
                add: desk.admin.may(Deed::Add, model).then(|| format!("{list}add/")),
                list: desk.admin.may(Deed::View, model).then_some(list),
            });
        }
    }
    // Django knows no page of an app of which nothing may be seen.
    if app.is_some() && models.is_empty() {
        return Err(GuardRejection::NotFound.into());
    }
    let recent = desk.request.ctx.auth_service().history_by(&desk.admin, RECENT).await?;
    let recent = recent.iter().map(|entry| recent_row(desk, entry)).collect();
    desk.page(&AdminIndex { admin: desk.frame(Vec::new()).await?, models, recent })
}

fn recent_row(desk: &Desk, entry: &LogEntry) -> Recent {
    let (deed, still_there) = match entry.action {
        Some(Action::Addition) => ("Added", true),
        Some(Action::Deletion) => ("Deleted", false),
        _ => ("Changed", true),
    };
    let base = format!("{}/{}/", entry.app_label, entry.model);
    let is_here = base == desk.users || base == GROUPS;
    Recent {
        deed: deed.to_owned(),
        object: entry.object_repr.clone(),
        url: (still_there && is_here).then(|| desk.site.at(&format!("{base}{}/change/", entry.object_id))),
        time: moment(entry.action_time),
    }
}
