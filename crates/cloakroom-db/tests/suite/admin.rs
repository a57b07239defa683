//! What the administration asks and writes (A07, A182, A185, G59).

use cloakroom_core::keys::UserId;
use cloakroom_core::models::{EncodedHash, User};
use cloakroom_core::user_model::{ColumnValue, Slot};
use cloakroom_db::admin::{self, Action, Change, Column, Direction, NewLogEntry, Slice, SortBy, UserFilter};
use cloakroom_db::permissions::Holder;
use cloakroom_db::users::{Created, Flag, NewUser};
use cloakroom_db::{Database, DbError, content_types, groups, permissions, users};

use crate::suite::place::{Kind, Place, T0};

const ALL: Slice = Slice { offset: 0, limit: 100 };

async fn add(db: &Database, username: &str, email: &str, first_name: &str) -> User {
    let mut new = NewUser::new(username, EncodedHash::new("!x"), T0);
    (new.email, new.first_name) = (email.to_owned(), first_name.to_owned());
    match users::create(db, new).await.unwrap() {
        Created::Yes(user) => user,
        other => panic!("{other:?}"),
    }
}

async fn group(db: &Database, name: &str) -> i64 {
    match groups::create(db, name).await.unwrap() {
        groups::Created::Yes(group) => group.id,
        other => panic!("{other:?}"),
    }
}

async fn names(db: &Database, filter: &UserFilter, order: &[(SortBy, Direction)], slice: Slice) -> Vec<String> {
    let found = admin::find_users(db, filter, order, slice).await.unwrap();
    found.users.into_iter().map(|user| user.username).collect()
}

pub(crate) async fn a_list_is_searched_filtered_ordered_and_cut(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let alice = add(&db, "alice", "al@x.org", "Zoe").await;
    let bob = add(&db, "bob", "b_b@x.org", "Al").await;
    add(&db, "carol", "100%@y.org", "Anna").await;
    let _ = users::set_flag(&db, &alice.id, Flag::Staff, true).await.unwrap();
    let _ = users::set_flag(&db, &bob.id, Flag::Active, false).await.unwrap();
    let editors = group(&db, "editors").await;
    let _ = groups::add_user(&db, editors, &bob.id).await.unwrap();

    let by_name = [(SortBy::Username, Direction::Ascending)];
    let words = |words: &[&str]| UserFilter {
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        ..UserFilter::default()
    };
    for (asked, found) in [
        (&[][..], &["alice", "bob", "carol"][..]),
        (&["AL"], &["alice", "bob"]),
        (&["al", "x.org", "zo"], &["alice"]),
        (&["%"], &["carol"]),
        (&["_"], &["bob"]),
        (&["nobody"], &[]),
        (&["' OR 1=1 --"], &[]),
        (&["\0"], &["alice", "bob", "carol"]),
    ] {
        assert_eq!(names(&db, &words(asked), &by_name, ALL).await, found, "{asked:?}");
    }
    let some = |filter: UserFilter| filter;
    for (filter, found) in [
        (some(UserFilter { is_staff: Some(true), ..UserFilter::default() }), &["alice"][..]),
        (some(UserFilter { is_staff: Some(false), ..UserFilter::default() }), &["bob", "carol"]),
        (some(UserFilter { is_active: Some(false), ..UserFilter::default() }), &["bob"]),
        (some(UserFilter { is_superuser: Some(true), ..UserFilter::default() }), &[]),
        (some(UserFilter { group: Some(editors), ..UserFilter::default() }), &["bob"]),
        (some(UserFilter { group: Some(99), ..UserFilter::default() }), &[]),
    ] {
        assert_eq!(names(&db, &filter, &by_name, ALL).await, found, "{filter:?}");
        assert_eq!(admin::count_users(&db, &filter).await.unwrap(), found.len() as u64);
    }
    let everybody = UserFilter::default();
    let falling = [(SortBy::FirstName, Direction::Descending)];
    assert_eq!(names(&db, &everybody, &falling, ALL).await, ["alice", "carol", "bob"]);
    let staff_first = [(SortBy::Staff, Direction::Descending), (SortBy::Email, Direction::Ascending)];
    assert_eq!(names(&db, &everybody, &staff_first, ALL).await, ["alice", "carol", "bob"]);
    assert_eq!(names(&db, &everybody, &[], ALL).await, ["carol", "bob", "alice"], "the newest first");
    let second = admin::find_users(&db, &everybody, &by_name, Slice { offset: 1, limit: 1 }).await.unwrap();
    assert_eq!((second.users.len(), second.users[0].username.as_str(), second.total), (1, "bob", 3));
}

pub(crate) async fn several_changes_are_made_at_once(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let alice = add(&db, "alice", "", "").await.id;
    let (editors, readers) = (group(&db, "editors").await, group(&db, "readers").await);
    let all = permissions::all(&db).await.unwrap();
    let (one, two) = (all[0].id, all[1].id);
    let text = |slot, text: &str| Column { slot, value: ColumnValue::Text(text.into()) };
    let (user, readers_) = (Holder::User(alice.clone()), Holder::Group(readers));
    let changes = [
        Change::User(
            alice.clone(),
            vec![
                text(Slot::Username, "alicia"),
                text(Slot::Email, "a@x.org"),
                Column { slot: Slot::Staff, value: ColumnValue::Bool(true) },
                Column { slot: Slot::LastLogin, value: ColumnValue::Time(T0) },
            ],
        ),
        Change::Join(alice.clone(), editors),
        Change::Join(alice.clone(), editors),
        Change::Join(alice.clone(), 99),
        Change::Grant(user.clone(), one),
        Change::Grant(user.clone(), one),
        Change::Grant(user.clone(), 9_999),
        Change::Grant(readers_.clone(), one),
        Change::Grant(readers_.clone(), two),
        Change::Revoke(readers_.clone(), one),
        Change::RenameGroup(readers, "guests".into()),
    ];
    admin::apply(&db, &changes).await.unwrap();
    let stored = users::by_id(&db, &alice).await.unwrap().unwrap();
    assert_eq!((stored.username.as_str(), stored.email.as_str()), ("alicia", "a@x.org"));
    assert_eq!((stored.is_staff, stored.last_login), (true, Some(T0)));
    assert_eq!(groups::of_user(&db, &alice).await.unwrap().len(), 1);
    assert_eq!(admin::permissions_of(&db, &user).await.unwrap(), [one]);
    assert_eq!(admin::permissions_of(&db, &readers_).await.unwrap(), [two]);
    assert!(groups::by_name(&db, "guests").await.unwrap().is_some());

    let last_login = Column { slot: Slot::LastLogin, value: ColumnValue::Null };
    let changes = [
        Change::User(alice.clone(), vec![last_login]),
        Change::User(alice.clone(), Vec::new()),
        Change::Leave(alice.clone(), editors),
        Change::Revoke(user.clone(), one),
        Change::DeleteGroup(readers),
    ];
    admin::apply(&db, &changes).await.unwrap();
    assert_eq!(users::by_id(&db, &alice).await.unwrap().unwrap().last_login, None);
    assert!(groups::of_user(&db, &alice).await.unwrap().is_empty());
    assert!(admin::permissions_of(&db, &user).await.unwrap().is_empty());
    assert!(admin::permissions_of(&db, &readers_).await.unwrap().is_empty());
    admin::apply(&db, &[]).await.unwrap();
}

pub(crate) async fn what_cannot_be_done_changes_nothing(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let alice = add(&db, "alice", "", "").await.id;
    add(&db, "bob", "", "").await;
    let editors = group(&db, "editors").await;
    group(&db, "readers").await;
    let name = Column { slot: Slot::Username, value: ColumnValue::Text("bob".into()) };
    for last in [Change::User(alice.clone(), vec![name]), Change::RenameGroup(editors, "readers".into())] {
        let error = admin::apply(&db, &[Change::Join(alice.clone(), editors), last]).await.unwrap_err();
        assert!(matches!(error, DbError::Integrity { .. }), "{error:?}");
        assert!(groups::of_user(&db, &alice).await.unwrap().is_empty(), "all or nothing");
    }
}

fn entry(user: &UserId, content_type: i64, object: &str, action: Action) -> NewLogEntry {
    NewLogEntry {
        action_time: T0,
        user: user.clone(),
        content_type,
        object_id: object.to_owned(),
        object_repr: "é".repeat(300),
        action,
        change_message: r#"[{"added": {}}]"#.to_owned(),
    }
}

/// G59
pub(crate) async fn the_log_is_kept_in_djangos_form(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let root = add(&db, "root", "", "").await.id;
    let users_type = content_types::ensure(&db, "auth", "user").await.unwrap();
    let groups_type = content_types::ensure(&db, "auth", "group").await.unwrap();
    let all = [
        Change::Log(entry(&root, users_type, "7", Action::Addition)),
        Change::Log(entry(&root, users_type, "7", Action::Change)),
        Change::Log(entry(&root, groups_type, "7", Action::Deletion)),
    ];
    admin::apply(&db, &all).await.unwrap();
    let (found, total) = admin::entries_of(&db, users_type, "7", ALL).await.unwrap();
    assert_eq!((found.len(), total), (2, 2));
    assert_eq!((found[0].action, found[1].action), (Some(Action::Addition), Some(Action::Change)));
    assert_eq!((found[0].action_time, found[0].username.as_str()), (T0, "root"));
    assert_eq!((found[0].app_label.as_str(), found[0].model.as_str()), ("auth", "user"));
    assert_eq!((found[0].object_repr.chars().count(), found[0].change_message.as_str()), (200, r#"[{"added": {}}]"#));
    let (second, _) = admin::entries_of(&db, users_type, "7", Slice { offset: 1, limit: 1 }).await.unwrap();
    assert_eq!(second[0].action, Some(Action::Change));
    let mine = admin::entries_by(&db, &root, 2).await.unwrap();
    assert_eq!((mine.len(), mine[0].action, mine[0].model.as_str()), (2, Some(Action::Deletion), "group"));

    place.query("DROP TABLE django_admin_log");
    assert!(!admin::has_log(&db).await.unwrap());
    admin::apply(&db, &all).await.unwrap();
    assert!(admin::entries_by(&db, &root, 2).await.unwrap().is_empty());
}

/// A23
pub(crate) async fn a_user_goes_with_everything_that_is_theirs(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let (root, alice) = (add(&db, "root", "", "").await.id, add(&db, "alice", "", "").await.id);
    let editors = group(&db, "editors").await;
    let some = permissions::all(&db).await.unwrap()[0].id;
    let users_type = content_types::ensure(&db, "auth", "user").await.unwrap();
    let changes = [
        Change::Join(alice.clone(), editors),
        Change::Grant(Holder::User(alice.clone()), some),
        Change::Log(entry(&alice, users_type, "1", Action::Change)),
        Change::Log(entry(&root, users_type, "2", Action::Deletion)),
        Change::DeleteUser(alice.clone()),
    ];
    admin::apply(&db, &changes).await.unwrap();
    assert!(users::by_id(&db, &alice).await.unwrap().is_none());
    for (table, rows) in [("auth_user_groups", 0), ("auth_user_user_permissions", 0), ("django_admin_log", 1)] {
        assert_eq!(place.count(table), rows, "{table}");
    }
}
