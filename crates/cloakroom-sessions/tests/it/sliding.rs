//! Sliding expiry: to the letter of Django's, and with few writes (S06, D15).

use std::time::Duration;

use cloakroom_core::clock::Clock as _;
use cloakroom_sessions::{SavePolicy, SessionConfig, SessionError, Sessions};

use crate::suite::signed_in;
use crate::world::{Kind, World};

const ENGINES: [Kind; 5] = [Kind::Db, Kind::Cache, Kind::CachedDb, Kind::File, Kind::SignedCookies];

fn config(save: SavePolicy) -> SessionConfig {
    SessionConfig { age_secs: 2_000, save, ..SessionConfig::default() }
}

/// Whether the answer to a request that reads renews the session. Returns what the cookie is then.
async fn renews(sessions: &Sessions, cookie: &mut String) -> bool {
    let lazy = sessions.open(Some(cookie));
    assert!(lazy.load().await.unwrap().contains_key("_auth_user_id"));
    let answer = sessions.finish(&lazy, 200).await.unwrap();
    if answer.set_cookie.is_none() {
        return false;
    }
    *cookie = lazy.key().unwrap().expose().to_owned();
    true
}

/// D15: at most one write in a twentieth of the age; Django's own policy writes each time.
#[tokio::test]
async fn a_session_is_renewed_once_in_a_twentieth_of_its_age() {
    for kind in ENGINES {
        let world = World::new().await;
        let sessions = world.sessions(kind, config(SavePolicy::Sliding));
        let mut cookie = signed_in(&sessions, "1").await.expose().to_owned();
        let mut renewed = 0;
        for _ in 0..400 {
            renewed += u32::from(renews(&sessions, &mut cookie).await);
            world.clock.advance(Duration::from_secs(1));
        }
        assert_eq!(renewed, 4, "{kind:?}");
        let each = world.sessions(kind, config(SavePolicy::EveryRequest));
        assert!(renews(&each, &mut cookie).await && renews(&each, &mut cookie).await, "{kind:?}");
    }
}

/// A visitor who keeps coming stays; who stays away for an age is gone, on the server too.
#[tokio::test]
async fn who_keeps_coming_stays() {
    for kind in ENGINES {
        let world = World::new().await;
        let sessions = world.sessions(kind, config(SavePolicy::Sliding));
        let mut cookie = signed_in(&sessions, "1").await.expose().to_owned();
        for _ in 0..5 {
            renews(&sessions, &mut cookie).await;
            world.clock.advance(Duration::from_secs(1_890));
            if kind == Kind::File {
                // The file's time is set by the clock of the test.
                assert!(world.clock.now() > crate::world::T0);
            }
        }
        world.clock.advance(Duration::from_secs(200));
        let gone = sessions.open(Some(&cookie)).load().await.unwrap();
        assert!(!gone.contains_key("_auth_user_id"), "{kind:?}");
    }
}

/// D8: a request that changed nothing is not answered 400 because its session ended while it ran.
#[tokio::test]
async fn an_unchanged_session_that_ended_is_no_error() {
    for kind in [Kind::Db, Kind::Cache, Kind::CachedDb, Kind::File] {
        let world = World::new().await;
        let sessions = world.sessions(kind, config(SavePolicy::Sliding));
        let key = signed_in(&sessions, "1").await;
        let slow = sessions.open(Some(key.expose()));
        slow.load().await.unwrap();
        let writer = sessions.open(Some(key.expose()));
        writer.load().await.unwrap().set("a", &1).unwrap();
        sessions.end(&key).await.unwrap();
        assert!(sessions.finish(&slow, 200).await.unwrap().set_cookie.is_none(), "{kind:?}");
        assert!(matches!(sessions.finish(&writer, 200).await, Err(SessionError::Interrupted)), "{kind:?}");
    }
}
