//! The story of a session agrees with what a request finds, on every engine, and changes nothing (D12, M14).

use std::sync::Arc;

use cloakroom::auth::events::Activity;
use cloakroom::auth::explain::{Ending, Step, Story, Ticket, Went};
use cloakroom::auth::{BackendChoice, Identity};
use cloakroom::core::clock::Timestamp;
use cloakroom::core::keys::SessionKey;
use cloakroom::core::models::User;
use cloakroom::core::reason::Anonymous;
use cloakroom::core::secret::Secret;
use cloakroom::core::value::Value;
use cloakroom_testkit::TestSite;

const T0: Timestamp = Timestamp::from_secs(1_767_323_045);
const ENGINES: [&str; 5] = ["db", "cache", "cached_db", "file", "signed_cookies"];
const UNKNOWN: &str = "abcdefgh12345678abcdefgh12345678";

/// What a session holds, why nobody is signed in by it, and where the story ends.
type Case<'a> = (&'a [(&'a str, Value)], Anonymous, Step);

struct World {
    site: TestSite,
    alice: Arc<User>,
    _files: tempfile::TempDir,
}

impl World {
    async fn new(engine: &str) -> Self {
        Self::with(engine, |b| b).await
    }

    async fn with(
        engine: &str,
        more: impl FnOnce(cloakroom_testkit::TestSiteBuilder) -> cloakroom_testkit::TestSiteBuilder,
    ) -> Self {
        let files = tempfile::tempdir().unwrap();
        let builder = TestSite::builder()
            .frozen_at(T0)
            .setting("SESSION_ENGINE", engine)
            .setting("SESSION_FILE_PATH", files.path().to_str().unwrap());
        let site = more(builder).start().await;
        site.user("alice").await;
        let alice = site.cloakroom().auth().user_by_username("alice").await.unwrap().unwrap();
        Self { site, alice: Arc::new(alice), _files: files }
    }

    async fn story(&self, key: Option<&str>) -> Story {
        let c = self.site.cloakroom();
        c.auth().explain(c.sessions(), Ticket { key, from: "the cookie sessionid" }).await
    }

    /// What a request finds.
    async fn truth(&self, key: Option<&str>) -> Option<Anonymous> {
        let c = self.site.cloakroom();
        let session = c.sessions().open(key).load().await.unwrap();
        let identity: Identity = c.auth().get_user(&session).await.unwrap();
        identity.reason()
    }

    /// A stored session of these values; its key.
    async fn stored(&self, values: &[(&str, Value)]) -> String {
        let session = self.site.cloakroom().sessions().open(None).load().await.unwrap();
        for (name, value) in values {
            session.set_value(*name, value.clone());
        }
        session.save().await.unwrap();
        session.key().unwrap().expose().to_owned()
    }

    async fn signed_in(&self) -> String {
        let c = self.site.cloakroom();
        let session = c.sessions().open(None).load().await.unwrap();
        let _ = c.auth().login_without_proof(&session, &self.alice, BackendChoice::First).await.unwrap();
        session.save().await.unwrap();
        session.key().unwrap().expose().to_owned()
    }

    /// Asserts that the story ends as a request would, with this reason, at this step.
    async fn check(&self, key: Option<&str>, reason: Option<Anonymous>, at: Option<Step>) {
        let engine = self.site.cloakroom().settings().session_engine.clone();
        let (story, again) = (self.story(key).await, self.story(key).await);
        assert_eq!(story.steps, again.steps, "{engine}: telling changes nothing");
        assert_eq!(story.ending.reason(), reason, "{engine}: {:?}", story.steps);
        assert_eq!(self.truth(key).await, reason, "{engine}: a request");
        assert_eq!(matches!(story.ending, Ending::SignedIn(_)), reason.is_none(), "{engine}");
        let wrong = story.steps.iter().find(|told| told.went == Went::Wrong).map(|told| told.step);
        assert_eq!(wrong, at, "{engine}: {:?}", story.steps);
        let steps: Vec<Step> = story.steps.iter().map(|told| told.step).collect();
        assert_eq!(steps, Step::ALL, "{engine}: every step is told once, in order");
        if let Some(key) = key.filter(|key| key.len() >= 8) {
            assert!(!format!("{story:?}").contains(key), "{engine}: L03");
        }
    }
}

/// What a cookie may carry.
#[tokio::test]
async fn keys_of_every_form() {
    for engine in ENGINES {
        let world = World::new(engine).await;
        world.check(None, Some(Anonymous::NoCookie), Some(Step::Cookie)).await;
        world.check(Some("short"), Some(Anonymous::KeyMalformed), Some(Step::Key)).await;
        let (reason, step) = match engine {
            "signed_cookies" => (Anonymous::BadSignature, Step::Data),
            _ => (Anonymous::NoSession, Step::Store),
        };
        world.check(Some(UNKNOWN), Some(reason), Some(step)).await;
        if matches!(engine, "db" | "cached_db" | "file") {
            let odd = "Ü/..".repeat(20);
            world.check(Some(&odd), Some(Anonymous::KeyMalformed), Some(Step::Key)).await;
        }
    }
}

/// What a session may hold (A70, A71).
#[tokio::test]
async fn sessions_of_every_kind() {
    const ID: &str = "_auth_user_id";
    const BACKEND: &str = "_auth_user_backend";
    const HASH: &str = "_auth_user_hash";
    let model = Value::from("django.contrib.auth.backends.ModelBackend");
    for engine in ENGINES {
        let world = World::new(engine).await;
        let id = Value::from(world.alice.id.to_string());
        let wrong_hash = Value::from("0".repeat(64));
        let cases: [Case<'_>; 7] = [
            (&[("cart", Value::from(1))], Anonymous::NotSignedIn, Step::UserId),
            (&[(ID, id.clone())], Anonymous::NotSignedIn, Step::Backend),
            (&[(ID, id.clone()), (BACKEND, Value::from("example.Gone"))], Anonymous::BackendUnknown, Step::Backend),
            (&[(ID, Value::from("9999")), (BACKEND, model.clone())], Anonymous::UserGone, Step::User),
            (&[(ID, Value::None), (BACKEND, model.clone())], Anonymous::UserGone, Step::User),
            (&[(ID, id.clone()), (BACKEND, model.clone())], Anonymous::HashMissing, Step::Hash),
            (&[(ID, id.clone()), (BACKEND, model.clone()), (HASH, wrong_hash)], Anonymous::HashMismatch, Step::Hash),
        ];
        for (values, reason, step) in cases {
            let key = world.stored(values).await;
            world.check(Some(&key), Some(reason), Some(step)).await;
        }
        let key = world.signed_in().await;
        world.check(Some(&key), None, None).await;
    }
}

/// S07, S08, S45: what happens to a session that was signed in.
#[tokio::test]
async fn sessions_that_come_to_an_end() {
    for engine in ENGINES {
        let mut world = World::new(engine).await;
        let auth = world.site.cloakroom().auth().clone();
        let key = world.signed_in().await;
        let mut alice = User::clone(&world.alice);
        let _ = auth.set_activity(&mut alice, Activity::Inactive).await.unwrap();
        world.check(Some(&key), Some(Anonymous::UserInactive), Some(Step::Active)).await;
        let _ = auth.set_activity(&mut alice, Activity::Active).await.unwrap();
        world.check(Some(&key), None, None).await;
        let _ = auth.set_password(&mut alice, &Secret::new("another-pass-9Z".to_owned())).await.unwrap();
        world.alice = Arc::new(alice);
        world.check(Some(&key), Some(Anonymous::HashMismatch), Some(Step::Hash)).await;

        let key = world.signed_in().await;
        world.check(Some(&key), None, None).await;
        let age = world.site.cloakroom().settings().session_cookie_age;
        world.site.clock().advance(std::time::Duration::from_secs(age.unsigned_abs() + 1));
        // A cache forgets what is over its time.
        let step = if engine == "cache" { Step::Store } else { Step::Expiry };
        world.check(Some(&key), Some(Anonymous::NoSession), Some(step)).await;
    }
}

/// S05: a session ends so long after its log-in, however much it is used; one of before counts from its next use.
#[tokio::test]
async fn sessions_that_are_too_old() {
    for engine in ENGINES {
        let world = World::with(engine, |b| {
            b.setting("SESSION_ABSOLUTE_AGE", 86_400).setting("SESSION_SAVE_EVERY_REQUEST", true)
        })
        .await;
        let key = world.signed_in().await;
        world.check(Some(&key), None, None).await;
        world.site.clock().advance(std::time::Duration::from_secs(86_399));
        world.check(Some(&key), None, None).await;
        world.site.clock().advance(std::time::Duration::from_secs(1));
        world.check(Some(&key), Some(Anonymous::TooOld), Some(Step::Age)).await;
        if engine != "signed_cookies" {
            assert_eq!(world.truth(Some(&key)).await, Some(Anonymous::NoSession), "{engine}: it was ended");
        }

        let c = world.site.cloakroom();
        let session = c.sessions().open(None).load().await.unwrap();
        let _ = c.auth().login_without_proof(&session, &world.alice, BackendChoice::First).await.unwrap();
        session.remove("_cloakroom_since");
        session.save().await.unwrap();
        let key = session.key().unwrap().expose().to_owned();
        world.check(Some(&key), None, None).await;
        let session = c.sessions().open(Some(&key)).load().await.unwrap();
        assert!(c.auth().get_user(&session).await.unwrap().is_authenticated());
        assert!(session.contains_key("_cloakroom_since") && session.modified(), "{engine}: the next save keeps it");
    }
}

/// S04: on the hardened profile a log-in over one's own session gives it a new key, on Django's it does not (A64).
#[tokio::test]
async fn a_second_log_in_makes_a_new_key_where_hardened() {
    for (profile, same) in [("django", true), ("hardened", false)] {
        let world = World::with("db", |b| b.setting("SECURITY_PROFILE", profile)).await;
        let mut browser = world.site.browser();
        browser.sign_in("/accounts/login/", "alice", "alice-pass-9Z").await;
        let first = browser.cookie("sessionid").unwrap().to_owned();
        browser.sign_in("/accounts/login/", "alice", "alice-pass-9Z").await;
        let second = browser.cookie("sessionid").unwrap().to_owned();
        assert_eq!(first == second, same, "{profile}");
        world.check(Some(&second), None, None).await;
        if !same {
            world.check(Some(&first), Some(Anonymous::NoSession), Some(Step::Store)).await;
        }
    }
}

/// S33: what is stored was altered.
#[tokio::test]
async fn sessions_that_do_not_verify() {
    for engine in ["db", "file", "signed_cookies"] {
        let world = World::new(engine).await;
        let key = world.signed_in().await;
        let c = world.site.cloakroom();
        let key = match engine {
            "db" => {
                let key_ = SessionKey::parse(&key).unwrap();
                let mut row = cloakroom::db::sessions::find(c.db(), &key_, T0).await.unwrap().unwrap();
                row.session_data = format!("{}x", row.session_data).into();
                let durability = cloakroom::db::Durability::Normal;
                let _ = cloakroom::db::sessions::update(c.db(), &key_, row, durability).await.unwrap();
                key
            }
            "file" => {
                let path = world._files.path().join(format!("sessionid{key}"));
                let changed = std::fs::metadata(&path).unwrap().modified().unwrap();
                let text = std::fs::read_to_string(&path).unwrap();
                std::fs::write(&path, format!("{text}x")).unwrap();
                std::fs::File::options().write(true).open(&path).unwrap().set_modified(changed).unwrap();
                key
            }
            _ => format!("{key}x"),
        };
        world.check(Some(&key), Some(Anonymous::BadSignature), Some(Step::Data)).await;
    }
}

/// D10: which secret key holds a session is told; what was signed with a key that is gone is not read.
#[tokio::test]
async fn the_secret_key_is_named() {
    let old = "an-older-secret-key-0123456789-abcdefghijklmnopqrstuvwxyz";
    let world = World::with("db", |b| b.setting("SECRET_KEY_FALLBACKS", vec![old])).await;
    let story = world.story(Some(&world.signed_in().await)).await;
    let text = |story: &Story, step: Step| story.steps.iter().find(|told| told.step == step).unwrap().text.clone();
    assert!(text(&story, Step::Data).ends_with("signed with SECRET_KEY"), "{:?}", story.steps);

    let keys = |current: &str| {
        let key = cloakroom::core::secret::SecretKey::new(current).unwrap();
        cloakroom::core::secret::SecretKeys::new(key, Vec::new())
    };
    for (signed_with, ending) in [(old, None), ("a-key-that-is-nowhere", Some(Anonymous::BadSignature))] {
        let keys = keys(signed_with);
        let codec = cloakroom::core::codec::session::SessionCodec::new(
            &keys,
            cloakroom::core::codec::session::SESSION_STORE_SALT,
        );
        let mut data = cloakroom::core::value::Dict::new();
        data.insert("_auth_user_id", world.alice.id.to_string());
        data.insert("_auth_user_backend", "django.contrib.auth.backends.ModelBackend");
        let hash = cloakroom::core::auth_hash::session_auth_hash(&world.alice.password, keys.current());
        data.insert("_auth_user_hash", hash.as_str());
        let key = SessionKey::parse(UNKNOWN).unwrap();
        let row = cloakroom::db::sessions::SessionRow {
            session_data: codec.encode(&data, T0).unwrap().into(),
            expire_date: T0.plus_secs(60),
        };
        let db = world.site.cloakroom().db();
        let durability = cloakroom::db::Durability::Normal;
        cloakroom::db::sessions::delete(db, &key, durability).await.unwrap();
        let _ = cloakroom::db::sessions::create(db, &key, row, durability).await.unwrap();
        let story = world.story(Some(UNKNOWN)).await;
        assert_eq!(story.ending.reason(), ending, "{:?}", story.steps);
        if ending.is_none() {
            assert!(text(&story, Step::Data).ends_with("signed with SECRET_KEY_FALLBACKS[0]"), "{:?}", story.steps);
            assert!(text(&story, Step::Hash).contains("SECRET_KEY_FALLBACKS[0]"), "{:?}", story.steps);
        }
        assert!(!format!("{story:?}").contains(&hash), "L03");
        world.check(Some(UNKNOWN), ending, ending.map(|_| Step::Data)).await;
    }
}

/// M28: sessions of an older engine are told of where they are, and do not move.
#[tokio::test]
async fn sessions_that_have_not_moved_yet() {
    let world = World::with("db", |b| {
        b.setting("SESSION_ENGINE_FALLBACKS", vec!["file"]).setting("SESSION_FALLBACK_UNTIL", "2027-01-31")
    })
    .await;
    let folder = World::new("file").await;
    let key = folder.signed_in().await;
    let name = format!("sessionid{key}");
    std::fs::copy(folder._files.path().join(&name), world._files.path().join(&name)).unwrap();
    let file = std::fs::File::options().write(true).open(world._files.path().join(&name)).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_767_323_045)).unwrap();
    let story = world.story(Some(&key)).await;
    assert!(story.steps[2].text.contains("folder of session files"), "{:?}", story.steps);
    assert!(world._files.path().join(&name).exists());
    assert_eq!(world.truth(Some(&key)).await, story.ending.reason());
    let story = world.story(Some(&key)).await;
    assert!(story.steps[2].text.contains("django_session"), "it moved: {:?}", story.steps);
    world.site.cloakroom().sessions().end(&SessionKey::parse(&key).unwrap()).await.unwrap();
    world.check(Some(&key), Some(Anonymous::NoSession), Some(Step::Store)).await;
}

/// D7: a store that does not answer is told of.
#[tokio::test]
async fn a_store_that_is_down_is_part_of_the_story() {
    let world = World::new("db").await;
    let key = world.signed_in().await;
    world.site.cloakroom().db().close().await;
    let story = world.story(Some(&key)).await;
    assert!(matches!(story.ending, Ending::Unknown), "{:?}", story.steps);
    assert_eq!((story.steps[2].step, story.steps[2].went), (Step::Store, Went::Unknown));
    assert_eq!(story.steps[1].went, Went::Well);
    assert_eq!(story.steps[9].went, Went::NotReached);
}
