//! One Redis, two services: sessions that either keeps there are the other's (S50, S53).

use cloakroom::core::value::{Object, Value};
use cloakroom_testkit::TestSite;
use cloakroom_testservers::{RedisServer, Reply};
use http::StatusCode;

use crate::django;

const ENGINES: [&str; 2] = ["cache", "cached_db"];

async fn site_on(server: &RedisServer, engine: &str) -> TestSite {
    let url = format!("redis://{}/0", server.address());
    TestSite::builder().setting("SESSION_ENGINE", engine).setting("CACHE_URL", url).start().await
}

/// M05, M27: who signed in on one side is signed in on the other, and signing out on one side ends it on both.
#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_in_redis_are_the_others() {
    for engine in ENGINES {
        let server = RedisServer::start();
        let site = site_on(&server, engine).await;
        site.user("alice").await;
        let mut alice = site.browser();
        alice.sign_in("/accounts/login/", "alice", "alice-pass-9Z").await;
        let key = alice.cookie("sessionid").unwrap().to_owned();
        assert_eq!(django(&site, &format!("print(who('{key}'))")), "alice", "{engine}");
        django(&site, &format!("sign_out('{key}')"));
        assert_eq!(alice.get("/accounts/profile/").await.status, StatusCode::FOUND, "{engine}");

        let key = django(&site, "print(sign_in('alice', 'alice-pass-9Z'))");
        let mut alice = site.browser().with_cookie("sessionid", &key);
        let page = alice.get("/accounts/profile/").await;
        assert_eq!(page.status, StatusCode::OK, "{engine}");
        let token = page.field("csrfmiddlewaretoken").unwrap();
        alice.post("/accounts/logout/", &[("csrfmiddlewaretoken", &token)]).await;
        assert_eq!(django(&site, &format!("print(who('{key}'))")), "", "{engine}");
        let left = server.ask(&["EVAL", "return #redis.call('KEYS', '*django.contrib.sessions*')", "0"]);
        assert_eq!(left, Reply::Int(0), "{engine}");
    }
}

/// S36, S50: what Python can keep there keeps its type and its place through a change made here, and the time is
/// Django's.
#[tokio::test(flavor = "multi_thread")]
async fn types_survive_a_change_made_here() {
    let server = RedisServer::start();
    let site = site_on(&server, "cache").await;
    let key = django(
        &site,
        "import datetime, decimal, uuid\n\
         s = SessionStore()\n\
         s['big'] = 2**70\n\
         s['pair'] = (1, 'é', 1.0, None, True)\n\
         s['when'] = datetime.datetime(2026, 1, 2, 3, 4, 5, 6, datetime.timezone.utc)\n\
         s['price'] = decimal.Decimal('19.90')\n\
         s['id'] = uuid.UUID(int=7)\n\
         s['tags'] = {'one'}\n\
         s['raw'] = b'\\x00\\xff'\n\
         s.set_expiry(4000)\n\
         s.save()\n\
         print(s.session_key)",
    );
    let session = site.cloakroom().sessions().open(Some(&key)).load().await.unwrap();
    assert_eq!(session.get_value("big"), Some(Value::BigInt("1180591620717411303424".into())));
    assert_eq!(session.get_value("raw"), Some(Object::Bytes([0, 255].into()).into()));
    session.set("ours", "é").unwrap();
    session.save().await.unwrap();
    let told = django(&site, &format!("s = SessionStore('{key}')\ns.load()\nprint(list(s.items()))"));
    assert_eq!(
        told,
        "[('big', 1180591620717411303424), ('pair', (1, 'é', 1.0, None, True)), ('when', datetime.datetime(2026, 1, 2, \
         3, 4, 5, 6, tzinfo=datetime.timezone.utc)), ('price', Decimal('19.90')), ('id', \
         UUID('00000000-0000-0000-0000-000000000007')), ('tags', {'one'}), ('raw', b'\\x00\\xff'), \
         ('_session_expiry', 4000), ('ours', 'é')]"
    );
    let Reply::Int(left) = server.ask(&["TTL", &format!(":1:django.contrib.sessions.cache{key}")]) else {
        panic!("a number")
    };
    assert!((3_900..=4_000).contains(&left), "{left}");
}

/// S33, G37: what only Django can read is nobody's here, and is left alone for Django.
#[tokio::test(flavor = "multi_thread")]
async fn what_only_django_can_read_is_left_to_it() {
    let server = RedisServer::start();
    let site = site_on(&server, "cache").await;
    site.user("alice").await;
    let key = django(
        &site,
        "import pathlib\nkey = sign_in('alice', 'alice-pass-9Z')\ns = SessionStore(key)\n\
         s['path'] = pathlib.PurePosixPath('/x')\ns.save()\nprint(key)",
    );
    let mut alice = site.browser().with_cookie("sessionid", &key);
    let answer = alice.get("/accounts/profile/").await;
    assert_eq!((answer.status, answer.set_cookie("sessionid")), (StatusCode::FOUND, None));
    assert_eq!(django(&site, &format!("print(who('{key}'))")), "alice");
}
