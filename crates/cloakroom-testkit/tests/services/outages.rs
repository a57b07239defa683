//! F01, D7: whatever happens to the database, nobody is signed out by it.

use std::error::Error;
use std::time::{Duration, Instant};

use cloakroom::Cloakroom;
use cloakroom::db::{Database, DatabaseUrl, Options};
use cloakroom::settings::{RawSettings, Settings};
use cloakroom_testkit::{Answer, Browser, Fault, FaultProxy, OwnDatabase, TestSite};
use http::StatusCode;
use http::header::SET_COOKIE;

const DEADLINE: Duration = Duration::from_millis(1_500);

/// A read is tried a second time within its deadline; the rest is a busy machine.
const PATIENCE: Duration = Duration::from_secs(8);

const LOGIN: &str = "/accounts/login/";
const PROFILE: &str = "/accounts/profile/";
const LOGOUT: &str = "/accounts/logout/";

/// A signed-in request answers 503 and leaves the cookie alone, at once; afterwards the same cookie works.
async fn an_outage_signs_nobody_out(server: fn() -> OwnDatabase, engine: &str, fault: Fault) {
    let own = server();
    let proxy = FaultProxy::before(own.server()).await;
    let url = DatabaseUrl::parse(&own.url_through(proxy.address())).unwrap();
    let options = Options::default().with_deadline(DEADLINE).with_connect_timeout(DEADLINE);
    let db = Database::open(&url, options).await.unwrap();
    let site = TestSite::builder().setting("SESSION_ENGINE", engine).database(db).start().await;
    site.user("alice").await;
    let (mut alice, mut nobody) = (site.browser(), site.browser());
    alice.sign_in(LOGIN, "alice", "alice-pass-9Z").await;
    assert_signed_in(&mut alice).await;
    let form = alice.get("/accounts/password_change/").await;
    let token = form.field("csrfmiddlewaretoken").unwrap();
    let stored = site.stored_sessions().await;

    proxy.set(fault).await;
    for _ in 0..3 {
        assert_unavailable(&mut alice, async |alice| alice.get(PROFILE).await).await;
    }
    assert_unavailable(&mut alice, async |alice| alice.post(LOGOUT, &[("csrfmiddlewaretoken", &token)]).await).await;
    let login = [("username", "alice"), ("password", "alice-pass-9Z")];
    assert_unavailable(&mut nobody, async |nobody| nobody.submit(LOGIN, &login).await).await;

    proxy.set(Fault::Pass).await;
    assert_signed_in(&mut alice).await;
    assert_eq!(site.stored_sessions().await, stored);
    nobody.sign_in(LOGIN, "alice", "alice-pass-9Z").await;
    assert_signed_in(&mut nobody).await;
    site.cloakroom().close().await;
}

async fn assert_signed_in(browser: &mut Browser) {
    let answer = browser.get(PROFILE).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert!(answer.text().contains("alice"));
}

async fn assert_unavailable(browser: &mut Browser, ask: impl AsyncFn(&mut Browser) -> Answer) {
    let cookie = browser.cookie("sessionid").map(str::to_owned);
    let began = Instant::now();
    let answer = ask(browser).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text());
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.headers.get(SET_COOKIE), None);
    assert_eq!(browser.cookie("sessionid").map(str::to_owned), cookie);
}

/// Makes a test of each fault, for one server and engine.
macro_rules! outages {
    ($($module:ident: $server:path, $engine:literal;)+) => {$(
        mod $module {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn refuse() {
                an_outage_signs_nobody_out($server, $engine, Fault::Refuse).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn hang() {
                an_outage_signs_nobody_out($server, $engine, Fault::Hang).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn reset_in_answer() {
                an_outage_signs_nobody_out($server, $engine, Fault::ResetInAnswer).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn close_after_some_bytes() {
                an_outage_signs_nobody_out($server, $engine, Fault::CloseAfter(20)).await;
            }
        }
    )+};
}

outages! {
    db_on_postgres: OwnDatabase::postgres, "db";
    db_on_mysql: OwnDatabase::mysql, "db";
    cached_db_on_postgres: OwnDatabase::postgres, "cached_db";
    cached_db_on_mysql: OwnDatabase::mysql, "cached_db";
}

/// A server that is not there at the start is one clear line, without the password.
#[tokio::test]
async fn a_start_without_the_server_says_where_it_looked() {
    for own in [OwnDatabase::postgres(), OwnDatabase::mysql()] {
        let proxy = FaultProxy::before(own.server()).await;
        for fault in [Fault::Refuse, Fault::Hang, Fault::ResetInAnswer, Fault::CloseAfter(1)] {
            proxy.set(fault).await;
            let url = format!("{}?connect_timeout=1", own.url_through(proxy.address()));
            let mut raw = RawSettings::default();
            raw.set("DATABASE_URL", url).unwrap();
            raw.set("SECRET_KEY", TestSite::SECRET_KEY).unwrap();
            let settings = Settings::parse(&raw).unwrap();
            let error = Cloakroom::builder().settings(settings).build().await.unwrap_err();
            let mut line = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                line = format!("{line}: {cause}");
                source = cause.source();
            }
            assert!(line.contains(&proxy.address().to_string()), "{line}");
            assert!(line.contains("cannot be reached") && !line.contains('\n'), "{line}");
            assert!(!line.contains(own.password()), "{line}");
        }
    }
}
