//! Tokens of REST framework's kind (A09, D06).

use cloakroom_core::keys::{TokenKey, UserId};
use cloakroom_core::models::EncodedHash;
use cloakroom_core::random::OsRandom;
use cloakroom_db::users::{Created, NewUser};
use cloakroom_db::{Database, DbError, content_types, migrations, permissions, tokens, users};

use crate::suite::place::{Kind, Place, T0};

async fn with_tokens(place: &Place) -> Database {
    let db = place.migrated().await;
    let steps = tokens::migrate(&db, T0).await.unwrap();
    assert_eq!(steps.len(), 4 + 2 + 2, "{steps:?}");
    db
}

async fn user(db: &Database, name: &str) -> UserId {
    let new = NewUser::new(name, EncodedHash::new("!".to_owned()), T0);
    match users::create(db, new).await.unwrap() {
        Created::Yes(user) => user.id,
        other => panic!("{name} was not made: {other:?}"),
    }
}

pub(crate) async fn tokens_are_one_a_user(kind: Kind) {
    let place = Place::new(kind);
    let db = with_tokens(&place).await;
    let (alice, bob) = (user(&db, "alice").await, user(&db, "bob").await);
    assert_eq!(tokens::of_user(&db, &alice).await.unwrap(), None);
    let first = TokenKey::generate(&OsRandom);
    let token = tokens::get_or_create(&db, &alice, &first, T0).await.unwrap().unwrap();
    assert_eq!((&token.key, &token.user_id, token.created), (&first, &alice, T0));
    let second = TokenKey::generate(&OsRandom);
    assert_eq!(tokens::get_or_create(&db, &alice, &second, T0.plus_secs(9)).await.unwrap(), Some(token.clone()));
    assert_eq!(tokens::find(&db, first.expose()).await.unwrap(), Some(token));
    for none in [second.expose(), &first.expose().to_uppercase(), &format!("{} ", first.expose()), "", "\u{e9}"] {
        assert_eq!(tokens::find(&db, none).await.unwrap(), None, "{none}");
    }
    tokens::get_or_create(&db, &bob, &second, T0).await.unwrap().unwrap();
    let third = TokenKey::generate(&OsRandom);
    let replaced = tokens::replace(&db, &alice, &third, T0.plus_secs(1)).await.unwrap().unwrap();
    assert_eq!((&replaced.key, replaced.created), (&third, T0.plus_secs(1)));
    assert_eq!(tokens::find(&db, first.expose()).await.unwrap(), None);
    assert!(tokens::delete_of_user(&db, &alice).await.unwrap());
    assert!(!tokens::delete_of_user(&db, &alice).await.unwrap());
    assert_eq!(tokens::replace(&db, &alice, &first, T0).await.unwrap().map(|t| t.key), Some(first.clone()));
    assert!(users::delete(&db, &alice).await.unwrap(), "a token does not keep its user");
    assert_eq!(tokens::find(&db, first.expose()).await.unwrap(), None);
    assert_eq!(tokens::get_or_create(&db, &alice, &first, T0).await.unwrap(), None, "nobody's");
    assert_eq!(tokens::of_user(&db, &bob).await.unwrap().map(|t| t.key), Some(second));
}

pub(crate) async fn the_table_is_made_when_asked_for(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    assert!(!tokens::is_installed(&db).await.unwrap());
    assert_eq!(tokens::pending(&db).await.unwrap().len(), 4);
    let missing = tokens::find(&db, "x").await.unwrap_err();
    assert!(matches!(&missing, DbError::NotMigrated { table } if table.contains("authtoken_token")), "{missing:?}");
    tokens::migrate(&db, T0).await.unwrap();
    assert!(tokens::is_installed(&db).await.unwrap() && tokens::pending(&db).await.unwrap().is_empty());
    assert!(tokens::migrate(&db, T0).await.unwrap().is_empty(), "once");
    let models: Vec<_> =
        content_types::all(&db).await.unwrap().into_iter().filter(|t| t.app_label == "authtoken").collect();
    assert_eq!(models.iter().map(|t| t.model.as_str()).collect::<Vec<_>>(), ["token", "tokenproxy"]);
    let all = permissions::all(&db).await.unwrap();
    let names: Vec<_> =
        all.iter().filter(|p| p.app_label == "authtoken").map(|p| (p.codename.as_str(), p.name.as_str())).collect();
    assert_eq!(names.len(), 8);
    assert!(names.contains(&("view_tokenproxy", "Can view Token")), "{names:?}");
    assert_eq!(migrations::status(&db).await.unwrap(), migrations::Status::Ready, "the others do not mind");
}
