//! `SESSION_SERIALIZER`: what each format writes and reads (M28, S10, S35, S36).

use std::sync::Arc;
use std::time::Duration;

use cloakroom_core::codec::pickle;
use cloakroom_core::codec::session::{SESSION_STORE_SALT, SessionCodec};
use cloakroom_core::keys::SessionKey;
use cloakroom_core::pydatetime::DateTime;
use cloakroom_core::reason::Anonymous;
use cloakroom_core::signing::{Compression, TimestampSigner};
use cloakroom_core::value::{Dict, Object, Value};
use cloakroom_sessions::{Format, SessionConfig, SessionError, Sessions};

use crate::suite::one;
use crate::world::{Kind, T0, World};

const TEXTS: [Kind; 4] = [Kind::Db, Kind::CachedDb, Kind::File, Kind::SignedCookies];

fn boxed(object: Object) -> Value {
    Value::Object(Box::new(object))
}

/// More than JSON can hold.
fn python_data() -> Dict {
    let mut data = Dict::new();
    data.insert("when", boxed(Object::DateTime(DateTime::utc(T0))));
    data.insert("set", boxed(Object::Set(vec![Value::Int(1), Value::from("a")])));
    data.insert("tuple", Value::Tuple(vec![Value::None, Value::Bool(true)]));
    data.insert("price", boxed(Object::Decimal("19.90".into())));
    data.insert("id", boxed(Object::Uuid(7)));
    data.insert("bytes", boxed(Object::Bytes([0, 255].into())));
    data.insert("big", Value::BigInt("123456789012345678901234567890".into()));
    data
}

async fn save(sessions: &Sessions, data: &Dict) -> Result<SessionKey, SessionError> {
    let session = sessions.open(None).load().await?;
    session.update(data.clone());
    session.save().await?;
    Ok(session.key().unwrap())
}

/// Every engine that stores text keeps Python's own types, and leaves them as they are at the next save.
#[tokio::test]
async fn pickles_keep_what_json_cannot() {
    for kind in TEXTS {
        let world = World::new().await.with_format(Format::pickle());
        let sessions = world.sessions(kind, SessionConfig::default());
        let key = save(&sessions, &python_data()).await.unwrap();
        let session = sessions.open(Some(key.expose())).load().await.unwrap();
        assert_eq!(*session.items(), python_data(), "{kind:?}");
        session.set("more", &1).unwrap();
        session.save().await.unwrap();
        let key = session.key().unwrap();
        let again = sessions.open(Some(key.expose())).load().await.unwrap();
        assert_eq!(again.items().len(), python_data().len() + 1, "{kind:?}");
    }
}

/// JSON is refused what it cannot hold, with nothing stored (S31).
#[tokio::test]
async fn json_refuses_what_it_cannot_hold() {
    for kind in TEXTS {
        let world = World::new().await;
        let sessions = world.sessions(kind, SessionConfig::default());
        let error = save(&sessions, &python_data()).await.unwrap_err();
        assert!(matches!(&error, SessionError::Engine(e) if !e.is_unavailable()), "{kind:?}: {error:?}");
        assert_eq!(world.count_stored(kind).await, 0, "{kind:?}");
    }
}

/// Each way of writing is read by those who should: today's Django, and so the default, reads no pickle.
#[tokio::test]
async fn formats_read_each_other_where_so_set() {
    for kind in [Kind::Db, Kind::File] {
        let mut world = World::new().await;
        let json = save(&world.sessions(kind, SessionConfig::default()), &one("a", 1)).await.unwrap();
        world = world.with_format(Format::pickle());
        let sessions = world.sessions(kind, SessionConfig::default());
        assert_eq!(sessions.open(Some(json.expose())).load().await.unwrap().get::<i64>("a").unwrap(), Some(1));
        let mut data = (*one("a", 2)).clone();
        data.insert("_session_expiry", boxed(Object::DateTime(DateTime::utc(T0.plus_secs(60)))));
        let pickled = save(&sessions, &data).await.unwrap();

        world = world.with_format(Format::default());
        let sessions = world.sessions(kind, SessionConfig::default());
        let session = sessions.open(Some(pickled.expose())).load().await.unwrap();
        assert!(session.items().is_empty());
        assert_eq!(session.reason(), Some(Anonymous::Unreadable));

        let until = T0.plus_secs(30);
        let format = Format::json_reading_older_until(until, Arc::clone(&world.clock) as _);
        world = world.with_format(format);
        let sessions = world.sessions(kind, SessionConfig::default());
        let session = sessions.open(Some(pickled.expose())).load().await.unwrap();
        assert_eq!(session.get::<i64>("a").unwrap(), Some(2));
        assert_eq!(session.get_expiry_date().unwrap(), T0.plus_secs(60));
        world.clock.advance(Duration::from_secs(30));
        let late = sessions.open(Some(pickled.expose())).load().await.unwrap();
        assert_eq!(late.reason(), Some(Anonymous::Unreadable));
        world.clock.set(T0);
        // Saved once, it is JSON.
        session.set("b", &1).unwrap();
        session.save().await.unwrap();
        assert_eq!(world.stored(kind, "sessionid", &pickled).await.unwrap().len(), 3);
    }
}

/// S16, S36: a genuine pickle of more than data is an empty session, and nothing of it runs.
#[tokio::test]
async fn a_pickle_that_would_run_code_is_empty() {
    let world = World::new().await.with_format(Format::pickle());
    let sessions = world.sessions(Kind::Db, SessionConfig::default());
    let key = save(&sessions, &one("a", 1)).await.unwrap();
    let signer = TimestampSigner::new(world.keys(), SESSION_STORE_SALT);
    for code in [&b"\x80\x04cposix\nsystem\n(X\x02\0\0\0idtR."[..], b"\x80\x04cbuiltins\neval\n(X\x01\0\0\0atR."] {
        world.set_row_text(&key, signer.sign_bytes(code, Compression::Never, T0)).await;
        let session = sessions.open(Some(key.expose())).load().await.unwrap();
        assert!(session.items().is_empty());
        assert_eq!((session.reason(), session.key()), (Some(Anonymous::Unreadable), Some(key.clone())));
    }
    let data = pickle::dumps_dict(&one("a", 3)).unwrap();
    world.set_row_text(&key, signer.sign_bytes(&data, Compression::IfSmaller, T0)).await;
    let session = sessions.open(Some(key.expose())).load().await.unwrap();
    assert_eq!(session.get::<i64>("a").unwrap(), Some(3));
    assert!(SessionCodec::new(world.keys(), SESSION_STORE_SALT).decode("").problem.is_some());
}
