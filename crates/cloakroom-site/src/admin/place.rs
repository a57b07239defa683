//! Which page a path asks for (A181).

use std::sync::Arc;

use cloakroom_auth::admin::Model;
use cloakroom_web::{GuardRejection, permanent_redirect, redirect};

use super::desk::{Desk, GROUPS, user_path};
use super::{Site, access, add, change, delete, groups, history, index, password, sessions};
use crate::accounts::view::{Answer, Request};

/// A page of the admin.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Index,
    App(String),
    Logout,
    List(Model),
    Add(Model),
    Object(Model, String, Page),
}

/// A page of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    Object,
    Change,
    Delete,
    History,
    Password,
    Sessions,
}

impl Place {
    /// The page at `rest`, which is what follows the prefix and its slash.
    fn find(rest: &str, users: &str) -> Option<Self> {
        let known = [(Model::User, users), (Model::Group, GROUPS)];
        match rest {
            "" => return Some(Self::Index),
            "logout/" => return Some(Self::Logout),
            _ => {}
        }
        for (model, base) in known {
            if base.split_once('/').is_some_and(|(app, _)| rest.strip_suffix('/') == Some(app)) {
                return Some(Self::App(rest.trim_end_matches('/').to_owned()));
            }
            let Some(rest) = rest.strip_prefix(base) else { continue };
            match rest {
                "" => return Some(Self::List(model)),
                "add/" => return Some(Self::Add(model)),
                _ => {}
            }
            let mut parts = rest.strip_suffix('/')?.split('/');
            let (key, page, end) = (parts.next()?, parts.next(), parts.next());
            let page = match (page, model) {
                (None, _) => Page::Object,
                (Some("change"), _) => Page::Change,
                (Some("delete"), _) => Page::Delete,
                (Some("history"), _) => Page::History,
                (Some("password"), Model::User) => Page::Password,
                (Some("sessions"), Model::User) => Page::Sessions,
                _ => return None,
            };
            return (!key.is_empty() && end.is_none()).then(|| Self::Object(model, key.to_owned(), page));
        }
        None
    }
}

pub(super) async fn answer(site: Arc<Site>, request: Request) -> Answer {
    let path = request.ctx.path().into_owned();
    let rest = path.strip_prefix(&site.prefix).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
    let users = user_path(&request);
    let place = Place::find(rest, &users);
    if place == Some(Place::Logout) && !access::is_staff(&request).await? {
        return Ok(redirect(&site.at("")));
    }
    let desk = Desk::open(site, request).await?;
    let Some(place) = place else {
        let with_slash = format!("{rest}/");
        let pages = ["login/", "password_change/", "password_change/done/"];
        if !rest.ends_with('/') && (pages.contains(&&*with_slash) || Place::find(&with_slash, &users).is_some()) {
            let full = desk.request.ctx.full_path();
            let query = full.split_once('?').map_or_else(String::new, |(_, query)| format!("?{query}"));
            return Ok(permanent_redirect(&format!("{}{query}", desk.site.at(&with_slash))));
        }
        return Err(GuardRejection::NotFound.into());
    };
    match place {
        Place::Index => index::show(&desk, None).await,
        Place::App(app) => index::show(&desk, Some(&app)).await,
        Place::Logout => access::logout(&desk).await,
        Place::List(Model::User) => super::users::list(&desk).await,
        Place::List(Model::Group) => groups::list(&desk).await,
        Place::Add(Model::User) => add::view(&desk).await,
        Place::Add(Model::Group) => groups::add(&desk).await,
        Place::Object(model, key, page) => match (page, model) {
            (Page::Object, _) => Ok(redirect(&format!("{}{key}/change/", desk.list_of(model)))),
            (Page::Change, Model::User) => change::view(&desk, &key).await,
            (Page::Change, Model::Group) => groups::change(&desk, &key).await,
            (Page::Delete, Model::User) => delete::user(&desk, &key).await,
            (Page::Delete, Model::Group) => delete::group(&desk, &key).await,
            (Page::History, _) => history::view(&desk, model, &key).await,
            (Page::Password, _) => password::view(&desk, &key).await,
            (Page::Sessions, _) => sessions::end(&desk, &key).await,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_djangos() {
        let object = |model, key: &str, page| Some(Place::Object(model, key.to_owned(), page));
        for (rest, place) in [
            ("", Some(Place::Index)),
            ("auth/", Some(Place::App("auth".into()))),
            ("logout/", Some(Place::Logout)),
            ("auth/user/", Some(Place::List(Model::User))),
            ("auth/group/add/", Some(Place::Add(Model::Group))),
            ("auth/user/7/", object(Model::User, "7", Page::Object)),
            ("auth/user/7/change/", object(Model::User, "7", Page::Change)),
            ("auth/user/a b/password/", object(Model::User, "a b", Page::Password)),
            ("auth/group/7/history/", object(Model::Group, "7", Page::History)),
            ("auth/group/7/password/", None),
            ("auth/user/7/change/more/", None),
            ("auth/user//change/", None),
            ("auth/user", None),
            ("auth/user/7", None),
            ("shop/order/", None),
        ] {
            assert_eq!(Place::find(rest, "auth/user/"), place, "{rest}");
        }
        assert_eq!(Place::find("crew/member/", "crew/member/"), Some(Place::List(Model::User)));
        assert_eq!(Place::find("auth/user/", "crew/member/"), None);
    }
}
