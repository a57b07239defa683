//! Users, groups and permissions.

use cloakroom_core::keys::UserId;
use cloakroom_core::models::{EncodedHash, User};
use cloakroom_db::permissions::{Granted, Holder, Superusers, WithPerm};
use cloakroom_db::users::{Created, Flag, NewUser, Profile, Renamed, Swapped};
use cloakroom_db::{Database, DbError, Updated, groups, permissions, users};

use crate::suite::place::{Kind, Place, T0};

async fn add(db: &Database, username: &str) -> User {
    match users::create(db, NewUser::new(username, EncodedHash::new("!x"), T0)).await.unwrap() {
        Created::Yes(user) => user,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn a_user_is_stored_and_read_back(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let mut new = NewUser::new("émile", EncodedHash::new("md5$x$y"), T0);
    (new.email, new.first_name, new.last_name) = ("E@x.org".into(), "Émile".into(), "Zola".into());
    (new.is_staff, new.is_active, new.is_superuser) = (true, false, true);
    let Created::Yes(made) = users::create(&db, new.clone()).await.unwrap() else { panic!() };
    let read = users::by_id(&db, &made.id).await.unwrap().unwrap();
    for user in [&made, &read] {
        assert_eq!(user.username, "émile");
        assert_eq!((user.get_full_name().as_str(), user.email.as_str()), ("Émile Zola", "E@x.org"));
        assert_eq!((user.is_staff, user.is_active, user.is_superuser), (true, false, true));
        assert_eq!((user.date_joined, user.last_login), (T0, None));
        assert_eq!(user.password.expose(), "md5$x$y");
    }
    assert!(matches!(users::create(&db, new).await.unwrap(), Created::UsernameTaken));
    assert_eq!(users::count(&db).await.unwrap(), 1);
}

/// A75: the number of a deleted user is not given out again.
pub(crate) async fn keys_are_not_used_again(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let first = add(&db, "a").await;
    assert!(users::delete(&db, &first.id).await.unwrap());
    assert!(!users::delete(&db, &first.id).await.unwrap());
    assert_ne!(add(&db, "a").await.id, first.id);
}

/// A12, G04
pub(crate) async fn names_compare_exactly_unless_asked_otherwise(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    for name in ["Alice", "Иван", "a_b", "per%cent", r"back\slash"] {
        add(&db, name).await;
    }
    // MySQL's usual collation has no case; it is the database's, as with Django.
    let exactly = kind != Kind::MySql;
    assert_eq!(users::by_username(&db, "alice").await.unwrap().is_none(), exactly);
    assert_eq!(users::exists_username(&db, "alice").await.unwrap(), !exactly);
    assert!(users::exists_username(&db, "Alice").await.unwrap());
    for (typed, found) in [
        ("ALICE", true),
        // SQLite folds ASCII letters alone.
        ("иван", kind != Kind::Sqlite),
        ("Иван", true),
        ("A_B", true),
        ("axb", false),
        ("%", false),
        ("PER%CENT", true),
        ("perXcent", false),
        (r"BACK\SLASH", true),
        ("", false),
    ] {
        assert_eq!(users::exists_username_iexact(&db, typed).await.unwrap(), found, "{typed}");
    }
    assert!(!users::exists_username_iexact(&db, &"x".repeat(60_000)).await.unwrap());
}

pub(crate) async fn columns_are_set_one_by_one(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let id = add(&db, "alice").await.id;
    let other = add(&db, "bob").await.id;
    let hash = EncodedHash::new;
    assert_eq!(users::set_password(&db, &id, &hash("one")).await.unwrap(), Updated::Yes);
    assert_eq!(users::set_password_if(&db, &id, &hash("zero"), &hash("two")).await.unwrap(), Swapped::Changed);
    assert_eq!(users::set_password_if(&db, &id, &hash("one"), &hash("two")).await.unwrap(), Swapped::Yes);
    assert_eq!(users::set_password_if(&db, &99.into(), &hash("one"), &hash("two")).await.unwrap(), Swapped::Gone);
    assert_eq!(users::set_last_login(&db, &id, T0).await.unwrap(), Updated::Yes);
    let profile = Profile { email: Some("a@x.org".into()), first_name: Some("A".into()), last_name: None };
    assert_eq!(users::update_profile(&db, &id, profile).await.unwrap(), Updated::Yes);
    let profile = Profile { last_name: Some("L".into()), ..Profile::default() };
    assert_eq!(users::update_profile(&db, &id, profile).await.unwrap(), Updated::Yes);
    for (flag, value) in [(Flag::Active, false), (Flag::Staff, true), (Flag::Superuser, true)] {
        assert_eq!(users::set_flag(&db, &id, flag, value).await.unwrap(), Updated::Yes);
    }
    assert_eq!(users::rename(&db, &id, "bob").await.unwrap(), Renamed::UsernameTaken);
    assert_eq!(users::rename(&db, &id, "alicia").await.unwrap(), Renamed::Yes);
    assert_eq!(users::rename(&db, &99.into(), "carol").await.unwrap(), Renamed::Gone);
    assert_eq!(users::set_last_login(&db, &99.into(), T0).await.unwrap(), Updated::Gone);

    let user = users::by_id(&db, &id).await.unwrap().unwrap();
    assert_eq!((user.username.as_str(), user.password.expose()), ("alicia", "two"));
    assert_eq!((user.get_full_name().as_str(), user.email.as_str()), ("A L", "a@x.org"));
    assert_eq!((user.is_active, user.is_staff, user.is_superuser), (false, true, true));
    assert_eq!(user.last_login, Some(T0));
    let other = users::by_id(&db, &other).await.unwrap().unwrap();
    assert_eq!((other.password.expose(), other.is_active, other.last_login), ("!x", true, None));
}

pub(crate) async fn users_are_listed_page_by_page(kind: Kind) {
    let place = Place::with_fixture(kind);
    let db = place.open().await.unwrap();
    let mut names = Vec::new();
    let mut last: Option<UserId> = None;
    loop {
        let page = users::list(&db, last.as_ref(), 7).await.unwrap();
        let Some(user) = page.last() else { break };
        last = Some(user.id.clone());
        names.extend(page.into_iter().map(|user| user.username));
    }
    assert_eq!((names.len(), names[0].as_str(), names[19].as_str()), (20, "alice", "never_logged_in"));
}

/// G36: what refers to the user goes first, REST framework's token too; what nobody knows of forbids it.
pub(crate) async fn a_deleted_user_leaves_nothing_behind(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let id = add(&db, "alice").await.id;
    let groups::Created::Yes(editors) = groups::create(&db, "editors").await.unwrap() else { panic!() };
    assert_eq!(groups::add_user(&db, editors.id, &id).await.unwrap(), groups::Joined::Yes);
    let holder = Holder::User(id.clone());
    assert_eq!(permissions::grant(&db, &holder, "auth", "add_user").await.unwrap(), Granted::Yes);
    let user = id.to_string();
    place.query(
        &"INSERT INTO django_admin_log (object_repr, action_flag, change_message, user_id, action_time)
             VALUES ('', 1, '', ID, '2026-01-01 00:00:00');
          CREATE TABLE authtoken_token (key_ varchar(40) PRIMARY KEY, user_id integer UNIQUE,
             FOREIGN KEY (user_id) REFERENCES auth_user (id));
          INSERT INTO authtoken_token VALUES ('k', ID);
          CREATE TABLE shop_order (id integer PRIMARY KEY, user_id integer,
             FOREIGN KEY (user_id) REFERENCES auth_user (id));
          INSERT INTO shop_order VALUES (1, ID)"
            .replace("ID", &user),
    );
    let error = users::delete(&db, &id).await.unwrap_err();
    assert!(matches!(error, DbError::Integrity { .. }), "{error:?}");
    assert!(users::by_id(&db, &id).await.unwrap().is_some());
    assert_eq!(groups::of_user(&db, &id).await.unwrap().len(), 1, "all or nothing");

    place.query("DELETE FROM shop_order");
    assert!(users::delete(&db, &id).await.unwrap());
    for table in ["auth_user", "auth_user_groups", "auth_user_user_permissions", "django_admin_log", "authtoken_token"]
    {
        assert_eq!(place.count(table), 0, "{table}");
    }
}

/// A81, A88
pub(crate) async fn permissions_come_from_the_user_and_the_groups(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let (plain, grouped, root) = (add(&db, "plain").await.id, add(&db, "grouped").await.id, add(&db, "root").await.id);
    assert_eq!(users::set_flag(&db, &root, Flag::Superuser, true).await.unwrap(), Updated::Yes);
    permissions::ensure(&db, "shop", "item", "add_item", "Can add item").await.unwrap();
    let other = permissions::ensure(&db, "shop", "itemproxy", "add_item", "Can add item").await.unwrap();
    assert_eq!(permissions::ensure(&db, "shop", "itemproxy", "add_item", "Other").await.unwrap(), other);

    let groups::Created::Yes(editors) = groups::create(&db, "editors").await.unwrap() else { panic!() };
    assert_eq!(groups::create(&db, "editors").await.unwrap(), groups::Created::NameTaken);
    assert_eq!(groups::by_name(&db, "editors").await.unwrap(), Some(editors.clone()));
    assert_eq!(groups::add_user(&db, editors.id, &grouped).await.unwrap(), groups::Joined::Yes);
    assert_eq!(groups::add_user(&db, editors.id, &grouped).await.unwrap(), groups::Joined::Already);
    assert_eq!(groups::add_user(&db, 99, &grouped).await.unwrap(), groups::Joined::Unknown);
    assert_eq!(groups::add_user(&db, editors.id, &99.into()).await.unwrap(), groups::Joined::Unknown);

    let (user, group) = (Holder::User(plain.clone()), Holder::Group(editors.id));
    assert_eq!(permissions::grant(&db, &user, "auth", "view_user").await.unwrap(), Granted::Yes);
    assert_eq!(permissions::grant(&db, &user, "auth", "view_user").await.unwrap(), Granted::Already);
    assert_eq!(permissions::grant(&db, &user, "auth", "fly").await.unwrap(), Granted::Unknown);
    assert_eq!(permissions::grant(&db, &Holder::Group(99), "auth", "view_user").await.unwrap(), Granted::Unknown);
    assert_eq!(permissions::grant(&db, &group, "shop", "add_item").await.unwrap(), Granted::Yes);

    assert_eq!(permissions::of_user(&db, &plain).await.unwrap(), ["auth.view_user"]);
    assert_eq!(permissions::of_user_groups(&db, &grouped).await.unwrap(), ["shop.add_item"], "once, though two rows");
    let both = permissions::effective(&db, &grouped).await.unwrap();
    assert_eq!((both.of_user.len(), both.of_groups), (0, vec!["shop.add_item".to_owned()]));
    assert_eq!(permissions::effective(&db, &root).await.unwrap(), permissions::Effective::default());
    assert_eq!(permissions::all_labels(&db).await.unwrap().len(), 25);

    let with = |superusers, is_active| WithPerm { is_active, superusers };
    let names = async |which| {
        let found = permissions::users_with_perm(&db, "shop", "add_item", which).await.unwrap();
        found.into_iter().map(|user| user.username).collect::<Vec<_>>()
    };
    assert_eq!(names(with(Superusers::Included, Some(true))).await, ["grouped", "root"]);
    assert_eq!(names(with(Superusers::ByGrant, None)).await, ["grouped"]);
    assert_eq!(users::set_flag(&db, &grouped, Flag::Active, false).await.unwrap(), Updated::Yes);
    assert_eq!(names(with(Superusers::ByGrant, Some(true))).await, [""; 0]);
    assert_eq!(names(with(Superusers::ByGrant, Some(false))).await, ["grouped"]);

    assert!(permissions::revoke(&db, &group, "shop", "add_item").await.unwrap());
    assert!(!permissions::revoke(&db, &group, "shop", "add_item").await.unwrap());
    assert!(groups::remove_user(&db, editors.id, &grouped).await.unwrap());
    assert!(!groups::remove_user(&db, editors.id, &grouped).await.unwrap());
    assert!(groups::delete(&db, editors.id).await.unwrap());
    assert!(groups::all(&db).await.unwrap().is_empty());
}
