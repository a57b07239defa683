//! Credentials, back ends, hash upgrades (A13, A42–A44, A60–A62, S07).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cloakroom_auth::backends::{Backend, BackendKind, BoxFuture, Judgement, RemoteUserBackend, UnknownUsers, Verdict};
use cloakroom_auth::events::{Activity, AuthEvent};
use cloakroom_auth::lane::{Busy, LaneConfig};
use cloakroom_auth::{Auth, AuthError, Authenticated, Claim, Credentials};
use cloakroom_core::hashers::{HasherSet, MAX_PASSWORD_BYTES};
use cloakroom_core::models::{EncodedHash, User};
use cloakroom_core::reason::Refusal;
use cloakroom_db::users;

use crate::site::{Site, cheap_hashers, pbkdf2, secret};

async fn attempt(site: &Site, username: &str, password: &str) -> Result<String, Refusal> {
    match site.auth.authenticate(&Credentials::password(username, secret(password))).await.unwrap() {
        Authenticated::Yes(user) => Ok(user.backend().to_string()),
        Authenticated::No(refusal) => Err(refusal),
        Authenticated::Throttled(_) => Err(cloakroom_core::reason::Refusal::Throttled),
    }
}

/// M02, A60, A61: the user exists, the password matches, the account is open; otherwise one event says why.
#[tokio::test]
async fn good_credentials_give_the_user() {
    let site = Site::new().await;
    site.user("alice").await;
    let mut carol = site.user("carol").await;
    let _ = site.auth.set_activity(&mut carol, Activity::Inactive).await.unwrap();
    let mut dave = site.user("dave").await;
    let _ = site.auth.set_unusable_password(&mut dave).await.unwrap();
    site.take_events();

    assert_eq!(attempt(&site, "alice", "alice-pass-9Z").await.unwrap(), "django.contrib.auth.backends.ModelBackend");
    assert_eq!(site.events(), [""; 0]);
    for (username, password, refusal) in [
        ("alice", "wrong", Refusal::WrongPassword),
        ("alice", "", Refusal::WrongPassword),
        ("Alice", "alice-pass-9Z", Refusal::UnknownUser),
        ("nobody", "x", Refusal::UnknownUser),
        ("", "", Refusal::UnknownUser),
        ("carol", "carol-pass-9Z", Refusal::Inactive),
        ("carol", "wrong", Refusal::WrongPassword),
        ("dave", "dave-pass-9Z", Refusal::UnusablePassword),
    ] {
        assert_eq!(attempt(&site, username, password).await, Err(refusal), "{username}");
        let events = site.take_events();
        let [AuthEvent::LoginFailed { username: told, refusal: why, .. }] = &events[..] else { panic!("{events:?}") };
        assert_eq!((told.as_str(), *why), (username, refusal));
        assert!(!format!("{events:?}").contains("pass-9Z"), "R32: no password in the event");
    }
}

/// A44: a damaged hash is a failed log-in, not a failure.
#[tokio::test]
async fn a_damaged_hash_refuses() {
    let site = Site::new().await;
    let alice = site.user("alice").await;
    for hash in ["", "gibberish", "pbkdf2_sha256$abc", "sha1$salt$5cb4", "argon2$argon2id$v=19$m=4294967295"] {
        let _ = users::set_password(&site.db, &alice.id, &EncodedHash::new(hash)).await.unwrap();
        assert_eq!(attempt(&site, "alice", "alice-pass-9Z").await, Err(Refusal::UnusablePassword), "{hash}");
    }
}

/// A03: what is too long to be hashed is refused before any work, for known and unknown names alike.
#[tokio::test]
async fn a_huge_password_costs_nothing() {
    // At this cost a single hash would outlast the test's patience by far.
    let dear = HasherSet::new(vec![pbkdf2(1_000_000_000)]).unwrap();
    let site = Site::with(|b| b.with_hashers(dear)).await;
    let row = users::NewUser::new("alice", EncodedHash::new("pbkdf2_sha256$1000000000$salt$x"), site.auth.now());
    let users::Created::Yes(mut alice) = users::create(&site.db, row).await.unwrap() else { panic!() };
    let huge = "x".repeat(MAX_PASSWORD_BYTES + 1);
    assert_eq!(attempt(&site, "alice", &huge).await, Err(Refusal::PasswordTooLong));
    assert_eq!(attempt(&site, "nobody", &huge).await, Err(Refusal::PasswordTooLong));
    assert!(!site.auth.check_password(&mut alice, &secret(huge)).await.unwrap().is_match());
    assert_eq!(site.auth.lane().running() + site.auth.lane().waiting(), 0);
}

/// A12, A42: a hash of another cost is written anew at the next success, higher costs included (G19).
#[tokio::test]
async fn a_success_upgrades_the_hash() {
    let site = Site::new().await;
    let alice = site.user("alice").await;
    for iterations in [5, 20] {
        let old = HasherSet::new(vec![pbkdf2(iterations)]).unwrap();
        let old = old.encode("alice-pass-9Z", &cloakroom_core::random::OsRandom).unwrap();
        let _ = users::set_password(&site.db, &alice.id, &old).await.unwrap();
        site.take_events();
        assert_eq!(attempt(&site, "alice", "wrong").await, Err(Refusal::WrongPassword));
        assert_eq!(site.auth.user_by_id(&alice.id).await.unwrap().unwrap().password, old);
        assert!(attempt(&site, "alice", "alice-pass-9Z").await.is_ok());
        let new = site.auth.user_by_id(&alice.id).await.unwrap().unwrap().password;
        assert!(new.expose().starts_with("pbkdf2_sha256$10$"), "{}", new.expose());
        assert_eq!(site.events(), ["login_failed", "password_upgraded"]);
    }
}

/// A42: a password that was changed while the old one was being checked stays changed.
#[tokio::test]
async fn an_upgrade_does_not_undo_a_change() {
    let site = Site::new().await;
    let mut stale = site.user("alice").await;
    stale.password =
        HasherSet::new(vec![pbkdf2(5)]).unwrap().encode("alice-pass-9Z", &cloakroom_core::random::OsRandom).unwrap();
    let before = site.auth.user_by_id(&stale.id).await.unwrap().unwrap().password;
    assert!(site.auth.check_password(&mut stale, &secret("alice-pass-9Z")).await.unwrap().is_match());
    assert_eq!(site.auth.user_by_id(&stale.id).await.unwrap().unwrap().password, before);
}

/// A62, A144: a name that a proxy vouches for is taken as it is, and makes an account.
#[tokio::test]
async fn remote_users_are_made() {
    let site = Site::with(|b| b.with_backends(vec![BackendKind::parse("remote_user").unwrap()])).await;
    let ask = async |name: &str| site.auth.authenticate(&Credentials::remote_user(name)).await.unwrap();
    let Authenticated::Yes(made) = ask("\u{fb01}sh").await else { panic!() };
    assert_eq!(made.username, "\u{fb01}sh", "not normalised");
    assert_eq!(made.password.expose(), "");
    let Authenticated::Yes(again) = ask("\u{fb01}sh").await else { panic!() };
    assert_eq!(again.id, made.id);
    assert!(matches!(ask("").await, Authenticated::No(_)));
    let mut closed = again.user().as_ref().clone();
    let _ = site.auth.set_activity(&mut closed, Activity::Inactive).await.unwrap();
    assert!(matches!(ask("\u{fb01}sh").await, Authenticated::No(Refusal::Inactive)));
    // A password is not for this back end, and nobody else is asked.
    assert_eq!(attempt(&site, "\u{fb01}sh", "").await, Err(Refusal::UnknownUser));

    let strict = RemoteUserBackend::all_users().with_unknown(UnknownUsers::Refused);
    let site = Site::with(|b| b.with_backends(vec![BackendKind::RemoteUser(strict)])).await;
    let answer = site.auth.authenticate(&Credentials::remote_user("new")).await.unwrap();
    assert!(matches!(answer, Authenticated::No(Refusal::UnknownUser)));
}

/// A62: closed accounts may come in where the back end says so.
#[tokio::test]
async fn all_users_backend_admits_closed_accounts() {
    let site = Site::with(|b| {
        b.with_backends(vec![BackendKind::model(), BackendKind::parse("allow_all_users_model").unwrap()])
    })
    .await;
    let mut carol = site.user("carol").await;
    let _ = site.auth.set_activity(&mut carol, Activity::Inactive).await.unwrap();
    let path = attempt(&site, "carol", "carol-pass-9Z").await.unwrap();
    assert_eq!(path, "django.contrib.auth.backends.AllowAllUsersModelBackend");
}

/// Vetoes one name, grants one permission, denies another.
#[derive(Debug, Default)]
struct House {
    asked: AtomicUsize,
}

impl Backend for House {
    fn path(&self) -> &str {
        "example.House"
    }

    fn authenticate<'a>(
        &'a self,
        _: &'a Auth,
        credentials: &'a Credentials,
    ) -> BoxFuture<'a, Result<Verdict, AuthError>> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            Ok(match &credentials.claim {
                Claim::Password { username, .. } if username == "mallory" => Verdict::Denied,
                _ => Verdict::NotMine,
            })
        })
    }

    fn has_perm(
        &self,
        user: Option<&User>,
        perm: &str,
        object: Option<&(dyn std::any::Any + Send + Sync)>,
    ) -> Judgement {
        match (user.map(|u| u.username.as_str()), perm) {
            (_, "house.enter") => Judgement::Granted,
            (Some("alice"), "house.sell") if object.is_some_and(|o| o.is::<House>()) => Judgement::Granted,
            (_, "auth.add_user") => Judgement::Denied,
            _ => Judgement::NotMine,
        }
    }
}

/// A60, A82, A85: several back ends in order; a veto ends the matter.
#[tokio::test]
async fn own_backends_are_asked_in_order() {
    let house = Arc::new(House::default());
    let custom = BackendKind::Custom(house.clone());
    let site = Site::with(|b| b.with_backends(vec![custom, BackendKind::model()])).await;
    let alice = Arc::new(site.user("alice").await);
    site.user("mallory").await;
    assert!(attempt(&site, "alice", "alice-pass-9Z").await.is_ok());
    assert_eq!(attempt(&site, "mallory", "mallory-pass-9Z").await, Err(Refusal::Denied));
    assert_eq!(house.asked.load(Ordering::SeqCst), 2);

    let holder = cloakroom_auth::permissions::Holder::User(alice.id.clone());
    for perm in ["auth.add_user", "auth.view_user"] {
        let _ = site.auth.grant(&holder, perm).await.unwrap();
    }
    let set = site.auth.permissions(Some(&alice)).await.unwrap();
    assert!(set.has_perm("house.enter") && set.has_perm("auth.view_user"));
    assert!(!set.has_perm("auth.add_user"), "the first back end's veto beats the second's grant");
    assert!(set.has_perm_on("house.sell", &*house) && !set.has_perm("house.sell"));
    assert!(!set.has_perm_on("auth.view_user", &*house), "the table knows no objects (A83)");
    assert!(site.auth.permissions_of_nobody().has_perm("house.enter"));
}

/// A16: a full lane is not a refusal.
#[tokio::test]
async fn a_full_lane_is_an_error_to_try_again() {
    let mut config = LaneConfig::default();
    config.max_waiting = 0;
    let site = Site::with(|b| b.with_lane_config(config).with_hashers(cheap_hashers())).await;
    let error = site.auth.authenticate(&Credentials::password("nobody", secret("x"))).await.unwrap_err();
    assert!(matches!(error, AuthError::Busy(Busy::Full { waiting: 0 })), "{error}");
    assert!(error.retry_after().is_some() && !error.is_servers_fault());
    assert_eq!(site.events(), [""; 0], "nothing is known about the credentials");
}
