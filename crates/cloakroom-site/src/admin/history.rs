//! `<id>/history/`: what happened to a user or group, in Django's admin or here (G59).

use cloakroom_auth::admin::{Action, Deed, LogEntry, Model, Slice};
use serde_json::Value;

use super::desk::Desk;
use super::list::PAGE;
use crate::accounts::view::{Answer, get_or_post};
use crate::templates::context::admin::{AdminHistory, Event, Link, PageLink, moment};

pub(super) async fn view(desk: &Desk, model: Model, key: &str) -> Answer {
    get_or_post(&desk.request.ctx)?;
    let named = match model {
        Model::User => desk.user(key).await?.map(|user| (user.id.to_string(), user.username)),
        Model::Group => super::groups::find(desk, key).await?.map(|group| (group.id.to_string(), group.name)),
    };
    let Some((id, name)) = named else { return desk.no_such(model, key) };
    desk.demand(Deed::View, model)?;
    let page: usize = desk.request.ctx.query()?.get("p").and_then(|page| page.parse().ok()).unwrap_or(1).max(1);
    let auth = desk.request.ctx.auth_service();
    let slice = |page: usize| Slice { offset: (page - 1).saturating_mul(PAGE), limit: PAGE };
    let (mut entries, total) = auth.history_of(model, &id, slice(page)).await?;
    let pages = usize::try_from(total).unwrap_or(usize::MAX).div_ceil(PAGE).max(1);
    let page = page.min(pages);
    if entries.is_empty() && total > 0 {
        entries = auth.history_of(model, &id, slice(page)).await?.0;
    }
    let back = format!("{}{id}/change/", desk.list_of(model));
    let link = |n: usize| PageLink { label: n.to_string(), url: format!("?p={n}"), current: n == page };
    let shown = AdminHistory {
        admin: desk.frame_in(model, Some(Link::new(&*back, &*name))).await?,
        object: name,
        entries: entries.iter().map(event).collect(),
        pages: (1..=pages).map(link).collect(),
        back,
    };
    desk.page(&shown)
}

fn event(entry: &LogEntry) -> Event {
    Event { time: moment(entry.action_time), username: entry.username.clone(), what: what(entry) }
}

/// The entry in a sentence.
fn what(entry: &LogEntry) -> String {
    let by_action = || {
        match entry.action {
            Some(Action::Addition) => "Added.",
            Some(Action::Deletion) => "Deleted.",
            _ => "No fields changed.",
        }
        .to_owned()
    };
    // An older Django wrote a sentence.
    if !entry.change_message.starts_with('[') {
        return if entry.change_message.is_empty() { by_action() } else { entry.change_message.clone() };
    }
    let Ok(Value::Array(parts)) = serde_json::from_str(&entry.change_message) else {
        return entry.change_message.clone();
    };
    let told: Vec<_> = parts.iter().filter_map(part).collect();
    if told.is_empty() { by_action() } else { told.join(" ") }
}

/// One part of a message: what was done, to which fields, of which related object.
fn part(part: &Value) -> Option<String> {
    let (deed, told) = part.as_object()?.iter().next()?;
    let related = match (told["name"].as_str(), told["object"].as_str()) {
        (Some(name), Some(object)) => format!(" {name} “{object}”"),
        _ => String::new(),
    };
    let fields: Vec<_> = told["fields"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let fields = match fields.split_last() {
        None => String::new(),
        Some((last, [])) => format!(": {last}"),
        Some((last, rest)) => format!(": {} and {last}", rest.join(", ")),
    };
    let deed = match deed.as_str() {
        "added" => "Added",
        "changed" => "Changed",
        "deleted" => "Deleted",
        other => other,
    };
    Some(format!("{deed}{related}{fields}."))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// G59: what Django writes is read.
    #[test]
    fn messages_become_sentences() {
        for (message, sentence) in [
            (json!({"added": {}}), "Added."),
            (json!({"changed": {"fields": ["Email address"]}}), "Changed: Email address."),
            (json!({"changed": {"fields": ["Groups", "Active", "Username"]}}), "Changed: Groups, Active and Username."),
            (json!({"added": {"name": "line", "object": "7"}}), "Added line “7”."),
            (json!({"changed": {"name": "line", "object": "7", "fields": ["Price"]}}), "Changed line “7”: Price."),
        ] {
            assert_eq!(part(&message).as_deref(), Some(sentence));
        }
        assert_eq!(part(&json!("x")), None);
    }
}
