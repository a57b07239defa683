//! Who a session names, and how it comes to (A63–A77, S03, S07, S08, M03, M10, M24).

use std::sync::Arc;

use cloakroom_auth::backends::BackendKind;
use cloakroom_auth::events::Activity;
use cloakroom_auth::{Auth, AuthError, Authenticated, BackendChoice, Credentials, Identity, PasswordSet};
use cloakroom_core::models::User;
use cloakroom_core::random::OsRandom;
use cloakroom_core::reason::Anonymous;
use cloakroom_core::value::Value;
use cloakroom_sessions::Session;

use crate::site::{Site, cheap_hashers, keys, secret};

const ID: &str = "_auth_user_id";
const BACKEND: &str = "_auth_user_backend";
const HASH: &str = "_auth_user_hash";
const MODEL: &str = "django.contrib.auth.backends.ModelBackend";

/// Signs a user in with the password, in a session with this key, and saves it. Returns the session's new key.
async fn sign_in(site: &Site, key: Option<&str>, username: &str) -> String {
    let session = site.session(key).await;
    let credentials = Credentials::password(username, secret(format!("{username}-pass-9Z")));
    let Authenticated::Yes(user) = site.auth.authenticate(&credentials).await.unwrap() else { panic!("{username}") };
    let _ = site.auth.login(&session, &user).await.unwrap();
    site.save(&session).await
}

async fn who(site: &Site, key: &str) -> Result<String, Anonymous> {
    let session = site.session(Some(key)).await;
    match site.auth.get_user(&session).await.unwrap() {
        Identity::User(user, _) => Ok(user.username.clone()),
        Identity::Anonymous(reason) => Err(reason),
        _ => unreachable!(),
    }
}

/// A22, A63, M03: three keys in the session, the time in the row, one event, in this order.
#[tokio::test]
async fn a_log_in_writes_djangos_keys() {
    let site = Site::new().await;
    let alice = site.user("alice").await;
    site.take_events();
    let key = sign_in(&site, None, "alice").await;
    assert_eq!(site.events(), ["logged_in"]);
    let session = site.session(Some(&key)).await;
    assert_eq!(session.get_value(ID), Some(Value::from(alice.id.to_string())));
    assert_eq!(session.get_value(BACKEND), Some(Value::from(MODEL)));
    assert_eq!(session.get_value(HASH), Some(Value::from(site.auth.session_auth_hash(&alice))));
    let stored = site.auth.user_by_id(&alice.id).await.unwrap().unwrap();
    assert_eq!(stored.last_login, Some(site.auth.now()));
    assert_eq!(who(&site, &key).await.unwrap(), "alice");
}

/// A64, S03: nobody's session keeps its data under a new key; the same user's keeps its key; another's is flushed.
#[tokio::test]
async fn a_log_in_never_takes_over_a_session() {
    let site = Site::new().await;
    site.user("alice").await;
    site.user("bob").await;
    let session = site.session(None).await;
    session.set_value("cart", "hat");
    let planted = site.save(&session).await;

    let first = sign_in(&site, Some(&planted), "alice").await;
    assert_ne!(first, planted, "a key that was there before is not signed in (fixation)");
    assert_eq!(who(&site, &planted).await, Err(Anonymous::NoSession));
    assert_eq!(site.session(Some(&first)).await.get_value("cart"), Some(Value::from("hat")));

    assert_eq!(sign_in(&site, Some(&first), "alice").await, first, "the same user again");

    let other = sign_in(&site, Some(&first), "bob").await;
    assert_ne!(other, first);
    assert_eq!(site.session(Some(&other)).await.get_value("cart"), None);
    assert_eq!(who(&site, &first).await, Err(Anonymous::NoSession));
}

/// A64: the same user with another password by now: what the session had belonged to whoever knew the old one.
#[tokio::test]
async fn a_log_in_after_a_change_of_password_starts_anew() {
    let site = Site::new().await;
    let mut alice = site.user("alice").await;
    let key = sign_in(&site, None, "alice").await;
    assert_eq!(site.auth.set_password(&mut alice, &secret("alice-pass-9Z")).await.unwrap(), PasswordSet::Yes);
    assert_ne!(sign_in(&site, Some(&key), "alice").await, key);
}

/// A67, R31: the event first, then the flush; fires for nobody, too.
#[tokio::test]
async fn a_log_out_ends_the_session() {
    let site = Site::new().await;
    let alice = Arc::new(site.user("alice").await);
    let key = sign_in(&site, None, "alice").await;
    site.take_events();
    let session = site.session(Some(&key)).await;
    site.auth.logout(&session, Some(&alice)).await.unwrap();
    assert!(session.key().is_none() && session.get_value(ID).is_none());
    assert_eq!(who(&site, &key).await, Err(Anonymous::NoSession), "S06");
    site.auth.logout(&site.session(None).await, None).await.unwrap();
    assert_eq!(site.events(), ["logged_out", "logged_out"]);
}

/// S07, A70, A75: a closed account works for nobody, and again once reopened; a deleted one's session keeps its data.
#[tokio::test]
async fn closed_and_deleted_accounts_are_nobody() {
    let site = Site::new().await;
    let mut alice = site.user("alice").await;
    let key = sign_in(&site, None, "alice").await;
    let _ = site.auth.set_activity(&mut alice, Activity::Inactive).await.unwrap();
    assert_eq!(who(&site, &key).await, Err(Anonymous::UserInactive));
    let _ = site.auth.set_activity(&mut alice, Activity::Active).await.unwrap();
    assert_eq!(who(&site, &key).await.unwrap(), "alice");
    assert!(site.auth.delete_user(&alice).await.unwrap());
    assert_eq!(who(&site, &key).await, Err(Anonymous::UserGone));
    assert!(site.session(Some(&key)).await.get_value(ID).is_some());
}

/// D5: who is there is found out once after a change of the user, and not at each request from then on.
#[tokio::test]
async fn who_is_there_is_remembered_after_a_change_too() {
    let site = Site::new().await;
    let mut alice = site.user("alice").await;
    let key = sign_in(&site, None, "alice").await;
    for change in 0..3 {
        for request in 0..3 {
            let lazy = site.sessions.open(Some(&key));
            let session = lazy.load().await.unwrap();
            let known = site.auth.get_user_now(&session).is_some();
            assert_eq!(known, request > 0, "request {request} after change {change}");
            assert!(site.auth.get_user(&session).await.unwrap().is_authenticated());
            let _ = site.sessions.finish_now(&lazy, 200).unwrap().unwrap();
        }
        let _ = site.auth.set_activity(&mut alice, Activity::Inactive).await.unwrap();
        let _ = site.auth.set_activity(&mut alice, Activity::Active).await.unwrap();
    }
}

/// A74, M24, S08: a change of password ends every other session; the own one is kept, under a new key.
#[tokio::test]
async fn a_change_of_password_ends_the_others() {
    let site = Site::new().await;
    let mut alice = site.user("alice").await;
    let here = sign_in(&site, None, "alice").await;
    let there = sign_in(&site, None, "alice").await;
    assert_eq!(site.auth.set_password(&mut alice, &secret("new-pass-9Z")).await.unwrap(), PasswordSet::Yes);
    let session = site.session(Some(&here)).await;
    site.auth.update_session_auth_hash(&session, Some(&alice), &alice).await.unwrap();
    let kept = site.save(&session).await;
    assert_ne!(kept, here);
    assert_eq!(who(&site, &kept).await.unwrap(), "alice");
    assert_eq!(who(&site, &here).await, Err(Anonymous::NoSession));
    site.take_events();
    assert_eq!(who(&site, &there).await, Err(Anonymous::HashMismatch));
    assert_eq!(site.events(), ["session_refused"]);
    assert_eq!(who(&site, &there).await, Err(Anonymous::NoSession), "it was flushed");
}

/// A74: for another user's change the key is cycled and the hash left alone.
#[tokio::test]
async fn the_new_hash_is_for_the_one_who_is_signed_in() {
    let site = Site::new().await;
    let alice = site.user("alice").await;
    let mut bob = site.user("bob").await;
    let key = sign_in(&site, None, "alice").await;
    assert_eq!(site.auth.set_password(&mut bob, &secret("x")).await.unwrap(), PasswordSet::Yes);
    let session = site.session(Some(&key)).await;
    site.auth.update_session_auth_hash(&session, Some(&alice), &bob).await.unwrap();
    assert_eq!(who(&site, &site.save(&session).await).await.unwrap(), "alice");
}

/// What a session put together by hand holds.
type Forged = Vec<(&'static str, Value)>;

/// Puts a session together by hand.
async fn forged(site: &Site, values: &[(&'static str, Value)]) -> Session {
    let session = site.session(None).await;
    for (key, value) in values {
        session.set_value(*key, value.clone());
    }
    site.session(Some(&site.save(&session).await)).await
}

/// A70, D12: each way to be nobody has its own reason; what Django leaves alone is left alone.
#[tokio::test]
async fn every_anonymous_session_has_one_reason() {
    let site = Site::new().await;
    let alice = site.user("alice").await;
    let id = Value::from(alice.id.to_string());
    let hash = Value::from(site.auth.session_auth_hash(&alice));
    let (id, model) = ((ID, id), (BACKEND, Value::from(MODEL)));
    let gone = (ID, Value::from("9999"));
    let cases: [(Forged, Anonymous, bool); 11] = [
        (vec![("cart", Value::from(1))], Anonymous::NotSignedIn, false),
        (vec![id.clone()], Anonymous::NotSignedIn, false),
        (vec![id.clone(), (BACKEND, Value::from("example.Gone"))], Anonymous::BackendUnknown, false),
        (vec![id.clone(), (BACKEND, Value::from(5))], Anonymous::BackendUnknown, false),
        (vec![gone, model.clone(), (HASH, hash.clone())], Anonymous::UserGone, false),
        (vec![(ID, Value::from("99999999999999999999")), model.clone()], Anonymous::UserGone, false),
        (vec![(ID, Value::None), model.clone()], Anonymous::UserGone, false),
        (vec![id.clone(), model.clone()], Anonymous::HashMissing, true),
        (vec![id.clone(), model.clone(), (HASH, Value::from(""))], Anonymous::HashMissing, true),
        (vec![id.clone(), model.clone(), (HASH, Value::from("0".repeat(64)))], Anonymous::HashMismatch, true),
        (vec![id.clone(), model.clone(), (HASH, Value::from(7))], Anonymous::HashMismatch, true),
    ];
    for (values, reason, flushed) in cases {
        let session = forged(&site, &values).await;
        assert_eq!(site.auth.get_user(&session).await.unwrap().reason(), Some(reason), "{values:?}");
        assert_eq!(session.key().is_none(), flushed, "{values:?}");
    }
    assert_eq!(who(&site, "unknown-key").await, Err(Anonymous::NoSession));
    let nobody = site.auth.get_user(&site.session(None).await).await.unwrap();
    assert_eq!(nobody.reason(), Some(Anonymous::NoCookie));
}

/// A70: whatever Python's `int()` takes is a key; what it does not take is a 500.
#[tokio::test]
async fn user_ids_are_read_as_python_reads_them() {
    let site = Site::new().await;
    let alice = site.user("alice").await;
    let hash = (HASH, Value::from(site.auth.session_auth_hash(&alice)));
    let model = (BACKEND, Value::from(MODEL));
    for id in [Value::from(1), Value::from("1"), Value::from(" +0_1 "), Value::Float(1.9), Value::Bool(true)] {
        let session = forged(&site, &[(ID, id.clone()), model.clone(), hash.clone()]).await;
        assert!(site.auth.get_user(&session).await.unwrap().is_authenticated(), "{id:?}");
    }
    let list = Value::List(Vec::new());
    for id in [Value::from("one"), Value::from(""), Value::from("1.0"), Value::Float(f64::NAN), list] {
        let session = forged(&site, &[(ID, id.clone()), model.clone()]).await;
        let error = site.auth.get_user(&session).await.unwrap_err();
        assert!(matches!(error, AuthError::BadUserId) && error.is_servers_fault(), "{id:?}");
        let error = site.auth.login_without_proof(&session, &Arc::new(alice.clone()), BackendChoice::Only).await;
        assert!(matches!(error, Err(AuthError::BadUserId)), "{id:?}");
    }
}

/// A71, A73, D10: under an older secret key the session gets a new key and the new hash.
#[tokio::test]
async fn an_older_secret_key_is_rotated_away() {
    let site = Site::new().await;
    site.user("alice").await;
    let key = sign_in(&site, None, "alice").await;
    let rotated = Auth::builder(site.db.clone(), keys("a newer key", &["a secret key for tests"]))
        .with_hashers(cheap_hashers())
        .with_random(Arc::new(OsRandom))
        .build()
        .unwrap();
    let session = site.session(Some(&key)).await;
    let identity = rotated.get_user(&session).await.unwrap();
    let user: &User = identity.user().unwrap();
    assert_ne!(session.key().unwrap().expose(), key);
    assert_eq!(session.get_value(HASH), Some(Value::from(rotated.session_auth_hash(user))));
}

/// A65: with several back ends the session must be told which one.
#[tokio::test]
async fn a_backend_is_chosen() {
    let two = vec![BackendKind::model(), BackendKind::parse("remote_user").unwrap()];
    let site = Site::with(|b| b.with_backends(two)).await;
    let alice = Arc::new(site.user("alice").await);
    let session = site.session(None).await;
    let error = site.auth.login_without_proof(&session, &alice, BackendChoice::Only).await.unwrap_err();
    assert!(matches!(error, AuthError::BackendAmbiguous));
    let done = site.auth.login_without_proof(&session, &alice, BackendChoice::First).await.unwrap();
    assert_eq!(&**done.backend(), MODEL);
    let done = site.auth.login_without_proof(&session, &alice, BackendChoice::Path("example.Own")).await.unwrap();
    assert_eq!(&**done.backend(), "example.Own");
    assert_eq!(site.auth.get_user(&session).await.unwrap().reason(), Some(Anonymous::BackendUnknown));
}

/// A76: the upgrade of a hash at a log-in ends the user's other sessions.
#[tokio::test]
async fn an_upgrade_ends_the_other_sessions() {
    let site = Site::new().await;
    let alice = site.user("alice").await;
    let old = cloakroom_core::hashers::HasherSet::new(vec![crate::site::pbkdf2(5)]).unwrap();
    let old = old.encode("alice-pass-9Z", &OsRandom).unwrap();
    let _ = cloakroom_db::users::set_password(&site.db, &alice.id, &old).await.unwrap();
    let alice = Arc::new(site.auth.user_by_id(&alice.id).await.unwrap().unwrap());
    let session = site.session(None).await;
    let _ = site.auth.login_without_proof(&session, &alice, BackendChoice::Only).await.unwrap();
    let there = site.save(&session).await;
    assert_eq!(who(&site, &there).await.unwrap(), "alice");
    let here = sign_in(&site, None, "alice").await;
    assert_eq!(who(&site, &here).await.unwrap(), "alice");
    assert_eq!(who(&site, &there).await, Err(Anonymous::HashMismatch));
}
