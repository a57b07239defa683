//! The list of users (A182).

use axum::http::StatusCode;
use cloakroom_auth::admin::{Deed, Model, Slice};
use cloakroom_core::models::User;
use cloakroom_web::{pages, redirect};

use super::delete;
use super::desk::{Desk, heading};
use super::list::{BadQuery, COLUMNS, PAGE, Query};
use crate::accounts::view::{Answer, Asked, get_or_post};
use crate::templates::context::admin::{AdminList, ColumnHead, Fact, Filter, Link, ListRow};

pub(super) async fn list(desk: &Desk) -> Answer {
    desk.demand(Deed::View, Model::User)?;
    let query = match Query::parse(&desk.request.ctx.query()?) {
        Ok(query) => query,
        Err(BadQuery::Disallowed) => return Ok(pages::error(StatusCode::BAD_REQUEST)),
        Err(BadQuery::Unknown) => return Ok(redirect(&format!("{}?e=1", desk.list_of(Model::User)))),
    };
    match get_or_post(&desk.request.ctx)? {
        Asked::Show => show(desk, &query).await,
        Asked::Submit => delete::several_users(desk).await,
    }
}

async fn show(desk: &Desk, query: &Query) -> Answer {
    let auth = desk.request.ctx.auth_service();
    let slice = Slice { offset: (query.page - 1).saturating_mul(PAGE), limit: PAGE };
    let found = auth.find_users(&query.filter(), &query.order(), slice).await?;
    if found.users.is_empty() && query.page > 1 {
        return Ok(redirect(&format!("{}?e=1", desk.list_of(Model::User))));
    }
    let groups: Vec<_> = auth.all_groups().await?.into_iter().map(|group| (group.id, group.name)).collect();
    let mut filters: Vec<_> = Query::FLAGS
        .into_iter()
        .map(|(name, label)| Filter { label: label.to_owned(), choices: query.flag_choices(name) })
        .collect();
    if !groups.is_empty() {
        filters.push(Filter { label: "Group".to_owned(), choices: query.group_choices(&groups) });
    }
    let column = |((_, label), n): (&(_, &str), i32)| ColumnHead {
        label: (*label).to_owned(),
        url: Some(query.ordered_by(n)),
        sort: query.sort_of(n),
    };
    let list = desk.list_of(Model::User);
    let page = AdminList {
        admin: desk.frame_in(Model::User, None).await?,
        heading: heading(Model::User).to_owned(),
        count: match found.total {
            1 => "1 user".to_owned(),
            n => format!("{n} users"),
        },
        query: query.q.clone(),
        kept: query.kept(),
        columns: COLUMNS.iter().zip(1..).map(column).collect(),
        rows: found.users.iter().map(|user| row(desk, user)).collect(),
        filters,
        pages: query.pages(found.total),
        add: desk.admin.may(Deed::Add, Model::User).then(|| Link::new(format!("{list}add/"), "Add a user")),
        may_delete: desk.admin.may(Deed::Delete, Model::User),
    };
    desk.page(&page)
}

fn row(desk: &Desk, user: &User) -> ListRow {
    ListRow {
        id: user.id.to_string(),
        url: desk.user_page(&user.id, "change/"),
        name: user.username.clone(),
        cells: vec![
            Fact::new("Email address", &*user.email),
            Fact::new("First name", &*user.first_name),
            Fact::new("Last name", &*user.last_name),
            Fact::new("Staff", if user.is_staff { "Yes" } else { "No" }),
        ],
    }
}
