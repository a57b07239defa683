//! F01, D7: whatever happens to the Redis of the sessions, nobody is signed out by it; `cached_db` serves without it.

use cloakroom_testkit::{Browser, Fault, FaultProxy, TestSite};
use cloakroom_testservers::RedisServer;
use http::StatusCode;
use http::header::SET_COOKIE;

const LOGIN: &str = "/accounts/login/";
const PROFILE: &str = "/accounts/profile/";
const LOGOUT: &str = "/accounts/logout/";
const FAULTS: [Fault; 4] = [Fault::Refuse, Fault::Hang, Fault::ResetInAnswer, Fault::CloseAfter(3)];

async fn site_behind(proxy: &FaultProxy, engine: &str) -> TestSite {
    let url = format!("redis://{}/0?socket_timeout=0.5&socket_connect_timeout=0.3", proxy.address());
    let site = TestSite::builder().setting("SESSION_ENGINE", engine).setting("CACHE_URL", url).start().await;
    site.user("alice").await;
    site
}

async fn status(browser: &mut Browser) -> StatusCode {
    browser.get(PROFILE).await.status
}

/// Asks until the site has noticed that its Redis is back.
async fn recovered(browser: &mut Browser) {
    for _ in 0..100 {
        if status(browser).await == StatusCode::OK {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the site does not recover");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_that_is_down_is_503_and_signs_nobody_out() {
    let server = RedisServer::start();
    let proxy = FaultProxy::before(server.address()).await;
    let site = site_behind(&proxy, "cache").await;
    let mut alice = site.browser();
    alice.sign_in(LOGIN, "alice", "alice-pass-9Z").await;
    for fault in FAULTS {
        proxy.set(fault).await;
        for _ in 0..3 {
            let answer = alice.get(PROFILE).await;
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{fault:?}");
            assert!(answer.header("retry-after").is_some());
            assert_eq!(answer.headers.get(SET_COOKIE), None, "{fault:?}");
        }
        let mut nobody = site.browser();
        let login = nobody.submit(LOGIN, &[("username", "alice"), ("password", "alice-pass-9Z")]).await;
        assert_eq!(login.status, StatusCode::SERVICE_UNAVAILABLE, "{fault:?}");
        assert_eq!(nobody.cookie("sessionid"), None);
        proxy.set(Fault::Pass).await;
        recovered(&mut alice).await;
    }
}

/// A log-out is not done by half: 503 before anything is changed, and done when Redis is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cached_db_goes_on_without_its_cache() {
    let server = RedisServer::start();
    let proxy = FaultProxy::before(server.address()).await;
    let site = site_behind(&proxy, "cached_db").await;
    for fault in FAULTS {
        let mut alice = site.browser();
        alice.sign_in(LOGIN, "alice", "alice-pass-9Z").await;
        proxy.set(fault).await;
        let page = alice.get(PROFILE).await;
        assert_eq!(page.status, StatusCode::OK, "{fault:?}");
        let mut other = site.browser();
        other.sign_in(LOGIN, "alice", "alice-pass-9Z").await;
        assert_eq!(status(&mut other).await, StatusCode::OK, "{fault:?}");

        let token = page.field("csrfmiddlewaretoken").unwrap();
        let answer = alice.post(LOGOUT, &[("csrfmiddlewaretoken", &token)]).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{fault:?}");
        assert_eq!(answer.headers.get(SET_COOKIE), None, "{fault:?}");
        assert_eq!(status(&mut alice).await, StatusCode::OK, "{fault:?}");

        proxy.set(Fault::Pass).await;
        let stolen = site.browser().with_cookies_of(&alice);
        let mut left = StatusCode::SERVICE_UNAVAILABLE;
        while left == StatusCode::SERVICE_UNAVAILABLE {
            left = alice.post(LOGOUT, &[("csrfmiddlewaretoken", &token)]).await.status;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(left, StatusCode::OK, "{fault:?}");
        assert_eq!(status(&mut stolen.clone()).await, StatusCode::FOUND, "{fault:?}");
    }
}
