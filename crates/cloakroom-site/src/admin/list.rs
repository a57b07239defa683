//! What a list's query says, and links to the same list with something else (A182, Z05).

use std::fmt::Write as _;

use cloakroom_auth::admin::{Direction, SortBy, UserFilter};
use cloakroom_web::QueryDict;

use crate::templates::context::admin::{Hidden, PageLink};

/// Objects on a page.
pub(super) const PAGE: usize = 100;

/// The names that filters have in Django's addresses.
const STAFF: &str = "is_staff__exact";
const SUPERUSER: &str = "is_superuser__exact";
const ACTIVE: &str = "is_active__exact";
const GROUP: &str = "groups__id__exact";
const FILTERS: [&str; 4] = [STAFF, SUPERUSER, ACTIVE, GROUP];

/// The columns by which a list of users may be ordered. Their numbers count from one: Django's first holds tick boxes.
pub(super) const COLUMNS: [(SortBy, &str); 5] = [
    (SortBy::Username, "Username"),
    (SortBy::Email, "Email address"),
    (SortBy::FirstName, "First name"),
    (SortBy::LastName, "Last name"),
    (SortBy::Staff, "Staff"),
];

/// Why a query is no list's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadQuery {
    /// It asks about passwords: 400.
    Disallowed,
    /// It asks for what is not there: the list without it.
    Unknown,
}

/// The query of a list.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    /// What was searched for.
    pub(super) q: String,
    /// From one.
    pub(super) page: usize,
    /// Columns from one; negative for falling.
    order: Vec<i32>,
    filters: Vec<(&'static str, String)>,
}

impl Query {
    /// Reads a query. Every name is of a list of names, every value of its type.
    pub(super) fn parse(dict: &QueryDict) -> Result<Self, BadQuery> {
        let mut query = Self { page: 1, ..Self::default() };
        for (name, value) in dict.iter() {
            match name {
                "q" => value.clone_into(&mut query.q),
                "p" => query.page = value.parse().ok().filter(|page| *page > 0).ok_or(BadQuery::Unknown)?,
                "o" => query.order = value.split('.').filter_map(column).collect(),
                "all" | "e" | "_facets" => {}
                name if name.starts_with("password") => return Err(BadQuery::Disallowed),
                name => {
                    let known = FILTERS.iter().find(|known| **known == name).ok_or(BadQuery::Unknown)?;
                    let fits = if *known == GROUP { value.parse::<i64>().is_ok() } else { flag(value).is_some() };
                    if !fits {
                        return Err(BadQuery::Unknown);
                    }
                    query.filters.retain(|(name, _)| name != known);
                    query.filters.push((known, value.to_owned()));
                }
            }
        }
        Ok(query)
    }

    /// Which users are asked for.
    pub(super) fn filter(&self) -> UserFilter {
        UserFilter {
            words: words(&self.q),
            is_staff: self.value(STAFF).and_then(flag),
            is_superuser: self.value(SUPERUSER).and_then(flag),
            is_active: self.value(ACTIVE).and_then(flag),
            group: self.value(GROUP).and_then(|group| group.parse().ok()),
        }
    }

    /// In which order; by name where nothing is said.
    pub(super) fn order(&self) -> Vec<(SortBy, Direction)> {
        let by = |n: &i32| {
            let (by, _) = COLUMNS.get(n.unsigned_abs() as usize - 1)?;
            Some((*by, if *n < 0 { Direction::Descending } else { Direction::Ascending }))
        };
        let order: Vec<_> = self.order.iter().filter_map(by).collect();
        if order.is_empty() { vec![(SortBy::Username, Direction::Ascending)] } else { order }
    }

    /// How the list is ordered by a column of this number.
    pub(super) fn sort_of(&self, n: i32) -> &'static str {
        match self.order.first().copied().unwrap_or(1) {
            first if first == n => "ascending",
            first if first == -n => "descending",
            _ => "none",
        }
    }

    /// The list ordered by a column, or the other way round if it is.
    pub(super) fn ordered_by(&self, n: i32) -> String {
        let order = if self.sort_of(n) == "ascending" { -n } else { n };
        Self { order: vec![order], page: 1, ..self.clone() }.address()
    }

    /// The filter's choices, each with its list.
    pub(super) fn flag_choices(&self, name: &'static str) -> Vec<PageLink> {
        let choices = [("All", None), ("Yes", Some("1")), ("No", Some("0"))];
        let current = self.value(name).and_then(flag);
        let link = |(label, value): (&str, Option<&str>)| PageLink {
            label: label.to_owned(),
            url: self.with(name, value),
            current: current == value.and_then(flag),
        };
        choices.into_iter().map(link).collect()
    }

    /// The groups to filter by.
    pub(super) fn group_choices(&self, groups: &[(i64, String)]) -> Vec<PageLink> {
        let current = self.value(GROUP).and_then(|group| group.parse::<i64>().ok());
        let mut choices =
            vec![PageLink { label: "All".to_owned(), url: self.with(GROUP, None), current: current.is_none() }];
        choices.extend(groups.iter().map(|(id, name)| PageLink {
            label: name.clone(),
            url: self.with(GROUP, Some(&id.to_string())),
            current: current == Some(*id),
        }));
        choices
    }

    /// The names of the filters that take yes or no, with their labels.
    pub(super) const FLAGS: [(&'static str, &'static str); 3] =
        [(STAFF, "Staff"), (SUPERUSER, "Superuser"), (ACTIVE, "Active")];

    /// What a new search keeps.
    pub(super) fn kept(&self) -> Vec<Hidden> {
        self.filters.iter().map(|(name, value)| Hidden { name, value: value.clone() }).collect()
    }

    /// Links to the pages of a list so long.
    pub(super) fn pages(&self, total: u64) -> Vec<PageLink> {
        let pages = usize::try_from(total).unwrap_or(usize::MAX).div_ceil(PAGE).max(1);
        let near = |page: &usize| *page == 1 || *page == pages || page.abs_diff(self.page) <= 3;
        (1..=pages)
            .filter(near)
            .map(|page| PageLink {
                label: page.to_string(),
                url: Self { page, ..self.clone() }.address(),
                current: page == self.page,
            })
            .collect()
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.filters.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
    }

    fn with(&self, name: &'static str, value: Option<&str>) -> String {
        let mut other = Self { page: 1, ..self.clone() };
        other.filters.retain(|(n, _)| *n != name);
        other.filters.extend(value.map(|value| (name, value.to_owned())));
        other.address()
    }

    fn address(&self) -> String {
        let mut pairs: Vec<(&str, String)> = Vec::new();
        if !self.q.is_empty() {
            pairs.push(("q", self.q.clone()));
        }
        pairs.extend(self.filters.iter().cloned());
        if !self.order.is_empty() {
            let order: Vec<_> = self.order.iter().map(ToString::to_string).collect();
            pairs.push(("o", order.join(".")));
        }
        if self.page > 1 {
            pairs.push(("p", self.page.to_string()));
        }
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={}", quote(value))).collect();
        format!("?{}", pairs.join("&"))
    }
}

fn column(text: &str) -> Option<i32> {
    let n: i32 = text.parse().ok()?;
    (1..=COLUMNS.len()).contains(&(n.unsigned_abs() as usize)).then_some(n)
}

fn flag(text: &str) -> Option<bool> {
    match text {
        "1" | "True" => Some(true),
        "0" | "False" => Some(false),
        _ => None,
    }
}

/// The words of a search: what stands in quotes is one.
fn words(q: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = q.trim_start();
    while let Some(first) = rest.chars().next() {
        let quoted = matches!(first, '"' | '\'').then(|| rest[1..].split_once(first)).flatten();
        let (word, after) = match quoted {
            Some((word, after)) => (word, after),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        if !word.is_empty() {
            words.push(word.to_owned());
        }
        rest = after.trim_start();
    }
    words
}

/// A value as it stands in a query.
fn quote(value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Query, BadQuery> {
        Query::parse(&QueryDict::parse(text.as_bytes(), 100).unwrap())
    }

    /// Z05
    #[test]
    fn names_that_are_no_filter_are_refused() {
        for text in ["password__regex=a", "password__startswith=pbkdf2", "password=x"] {
            assert_eq!(parse(text).unwrap_err(), BadQuery::Disallowed, "{text}");
        }
        for text in ["username__regex=a", "is_staff__exact=2", "groups__id__exact=x", "p=0", "p=x", "x=1"] {
            assert_eq!(parse(text).unwrap_err(), BadQuery::Unknown, "{text}");
        }
    }

    #[test]
    fn a_query_is_read_and_written() {
        let query = parse("q=a+%22b+c%22&is_staff__exact=1&groups__id__exact=7&o=2.-1.99&p=3&e=1").unwrap();
        let filter = query.filter();
        assert_eq!(filter.words, ["a", "b c"]);
        assert_eq!((filter.is_staff, filter.is_active, filter.group), (Some(true), None, Some(7)));
        assert_eq!(query.order(), [(SortBy::Email, Direction::Ascending), (SortBy::Username, Direction::Descending)]);
        assert_eq!(query.ordered_by(2), "?q=a%20%22b%20c%22&is_staff__exact=1&groups__id__exact=7&o=-2");
        assert_eq!(query.pages(250).iter().map(|page| page.current).collect::<Vec<_>>(), [false, false, true]);
        assert_eq!(parse("").unwrap().order(), [(SortBy::Username, Direction::Ascending)]);
        assert_eq!(parse("").unwrap().sort_of(1), "ascending");
    }

    #[test]
    fn words_stand_apart_or_in_quotes() {
        assert_eq!(words("  a  \"b c\" 'd' \"e"), ["a", "b c", "d", "\"e"]);
        assert!(words(" \"\" ").is_empty());
    }
}
