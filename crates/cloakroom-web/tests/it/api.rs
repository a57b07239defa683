//! APIs guarded as REST framework guards them (D02–D30).

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cloakroom_auth::backends::BackendKind;
use cloakroom_auth::events::Activity;
use cloakroom_auth::permissions::{Granted, Holder};
use cloakroom_cache::Cache;
use cloakroom_core::hosts::Scheme;
use cloakroom_core::models::User as Account;
use cloakroom_db::tokens::{self, Token};
use cloakroom_web::api::{
    Api, ApiError, ApiUser, BasicAuthentication, BoxFuture, Caller, Ident, IsAdminUser, IsAuthenticated,
    IsAuthenticatedOrReadOnly, ModelPermissions, Permission, PermissionRule, Rate, RateThrottle,
    RemoteUserAuthentication, SessionAuthentication, TokenAuthentication, obtain_auth_token,
};
use cloakroom_web::{Connection, Ctx, GuardRejection, Session, User};
use http::{HeaderName, Method, Request};

use crate::browser::{Answer, Browser, Site, T0, config, login_routes};

async fn site() -> (Site, Account) {
    let site = Site::new().await;
    tokens::migrate(&site.db, T0).await.unwrap();
    let alice = site.user("alice").await;
    (site, alice)
}

/// `routes` below the layer, which leaves `/api/` to itself.
fn browser(site: &Site, routes: Router) -> Browser {
    Browser::new(routes.merge(login_routes()).layer(site.layer(config()).insecure_csrf_exempt_below("/api")))
}

fn who(caller: &Caller) -> String {
    caller.user().map_or("nobody".to_owned(), |user| user.username.clone())
}

async fn send(browser: &mut Browser, method: Method, path: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut request = browser.request(method, path, Body::empty());
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    browser.send(request).await
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

async fn token(site: &Site, user: &Account) -> String {
    format!("Token {}", site.auth.token_of(&user.id).await.unwrap().unwrap().key.expose())
}

/// D02, D03, D06: the session's caller needs a CSRF token, the token's does not.
#[tokio::test]
async fn sessions_prove_their_origin_and_tokens_need_not() {
    let (site, alice) = site().await;
    let token = token(&site, &alice).await;
    let api = Api::new()
        .with_authentication(TokenAuthentication::new())
        .with_authentication(SessionAuthentication)
        .with_permission(IsAuthenticated);
    let routes = Router::new().route("/api/x/", get(async || "").post(async |caller: Caller| who(&caller)));
    let mut browser = browser(&site, routes.route_layer(api));
    browser.sign_in("alice").await;

    let refused = send(&mut browser, Method::POST, "/api/x/", &[]).await;
    assert_eq!((refused.status, refused.body.as_str()), (403, r#"{"detail":"CSRF Failed: CSRF token missing."}"#));
    assert_eq!(refused.header("content-type"), "application/json");
    let csrf = browser.cookies["csrftoken"].clone();
    let passed = send(&mut browser, Method::POST, "/api/x/", &[("x-csrftoken", &csrf)]).await;
    assert_eq!((passed.status, passed.body.as_str(), passed.header("vary")), (200, "alice", "Accept, Cookie"));
    let form = browser.post("/api/x/", &format!("csrfmiddlewaretoken={csrf}")).await;
    assert_eq!(form.body, "alice");

    let passed = send(&mut browser, Method::POST, "/api/x/", &[("authorization", &token)]).await;
    assert_eq!((passed.status, passed.body.as_str(), passed.header("vary")), (200, "alice", "Accept"));
    browser.cookies.clear();
    let nobody = send(&mut browser, Method::POST, "/api/x/", &[]).await;
    assert_eq!((nobody.status, nobody.header("www-authenticate")), (401, "Token"));
    assert_eq!(nobody.body, r#"{"detail":"Authentication credentials were not provided."}"#);
}

/// The form's own token counts too, and the handler gets the form.
#[tokio::test]
async fn the_token_may_stand_in_the_form() {
    let (site, _) = site().await;
    let view = post(async |form: cloakroom_web::FormData| form.get("a").unwrap_or_default().to_owned());
    let api = Api::session_and_basic();
    let mut browser = browser(&site, Router::new().route("/api/x/", view.route_layer(api)));
    browser.sign_in("alice").await;
    let csrf = browser.cookies["csrftoken"].clone();
    let mut request = browser.request(Method::POST, "/api/x/", Body::from(format!("csrfmiddlewaretoken={csrf}&a=b")));
    request.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    let answer = browser.send(request).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "b"));
}

/// Where no class asks for the session, its cookie opens nothing, whichever extractor asks.
#[tokio::test]
async fn a_session_that_no_class_asked_for_opens_nothing() {
    let (site, alice) = site().await;
    let token = token(&site, &alice).await;
    site.user("bob").await;
    async fn view(user: Option<User>, ctx: Ctx, caller: Caller) -> Result<String, GuardRejection> {
        let user = user.map_or("nobody".to_owned(), |user| user.username.clone());
        Ok(format!("{user} {} {}", who(&caller), ctx.permissions().await?.user().is_some()))
    }
    let routes = Router::new()
        .route("/api/x/", get(view).post(view).route_layer(Api::new().with_authentication(TokenAuthentication::new())))
        .route(
            "/api/y/",
            post(async |session: Session| session.set_value("a", 1_i64))
                .route_layer(Api::new().with_authentication(TokenAuthentication::new())),
        );
    let mut browser = browser(&site, routes);
    browser.sign_in("bob").await;
    assert_eq!(send(&mut browser, Method::POST, "/api/x/", &[]).await.body, "nobody nobody false");
    assert_eq!(send(&mut browser, Method::GET, "/api/x/", &[("authorization", &token)]).await.body, "alice alice true");
    // A session that is used beside a token stays its own user's.
    assert_eq!(send(&mut browser, Method::POST, "/api/y/", &[("authorization", &token)]).await.status, 200);
    let listed = site.auth.own_sessions(&site.sessions, &alice, None).await.unwrap();
    assert!(listed.is_empty(), "it is not entered as the token's user's");
}

/// D04: the first class decides between 401 and 403, and handlers' refusals go the same way.
#[tokio::test]
async fn the_first_class_challenges() {
    let (site, _) = site().await;
    let view = || get(async |_: ApiUser| "in").post(async || Err::<(), _>(ApiError::NotAuthenticated));
    let with = |api: Api| view().route_layer(api);
    let routes = Router::new()
        .route("/api/a/", with(Api::session_and_basic()))
        .route("/api/b/", with(Api::new().with_authentication(BasicAuthentication::with_realm("shop").unwrap())))
        .route("/api/c/", with(Api::new().with_authentication(TokenAuthentication::with_keyword("Bearer").unwrap())))
        .route("/api/d/", with(Api::new()))
        .route("/api/e/", view());
    let mut browser = browser(&site, routes);
    for (path, status, challenge) in [
        ("/api/a/", 403, ""),
        ("/api/b/", 401, "Basic realm=\"shop\""),
        ("/api/c/", 401, "Bearer"),
        ("/api/d/", 403, ""),
    ] {
        for method in [Method::GET, Method::POST] {
            let answer = send(&mut browser, method, path, &[]).await;
            assert_eq!((answer.status, answer.header("www-authenticate")), (status, challenge), "{path}");
        }
    }
    assert_eq!(send(&mut browser, Method::GET, "/api/e/", &[]).await.status, 500, "the guard was forgotten");
    assert!(BasicAuthentication::with_realm("a\"b").is_none() && TokenAuthentication::with_keyword("a b").is_none());
}

/// D05: names and passwords; wrong ones are counted by the site's throttle (E04).
#[tokio::test]
async fn names_and_passwords_are_judged_by_the_back_ends() {
    let (site, _) = site().await;
    let api = Api::new().with_authentication(BasicAuthentication::new());
    let mut browser = browser(&site, Router::new().route("/api/x/", get(async |c: Caller| who(&c)).route_layer(api)));
    let ask = async |browser: &mut Browser, header: &str| {
        send(browser, Method::GET, "/api/x/", &[("authorization", header)]).await
    };
    assert_eq!(ask(&mut browser, &basic("alice", "alice-pass-9Z")).await.body, "alice");
    assert_eq!(ask(&mut browser, "Bearer x").await.body, "nobody");
    let wrong = basic("alice", "wrong");
    for _ in 0..10 {
        let answer = ask(&mut browser, &wrong).await;
        assert_eq!((answer.status, answer.body.as_str()), (401, r#"{"detail":"Invalid username/password."}"#));
    }
    let later = ask(&mut browser, &wrong).await;
    assert_eq!((later.status, later.header("retry-after")), (429, "30"));
    assert_eq!(later.body, r#"{"detail":"Request was throttled. Expected available in 30 seconds."}"#);
}

/// D06: `request.auth`, closed accounts, and that a token never prints.
#[tokio::test]
async fn a_token_is_its_user() {
    let (site, mut alice) = site().await;
    let token = token(&site, &alice).await;
    let view = get(async |caller: Caller| {
        let key = caller.auth::<Token>().map(|t| t.key.expose().to_owned()).unwrap_or_default();
        assert!(!format!("{caller:?} {:?}", caller.auth::<Token>()).contains(&key));
        key
    });
    let api = Api::new().with_authentication(TokenAuthentication::new());
    let mut browser = browser(&site, Router::new().route("/api/x/", view.route_layer(api)));
    let answer = send(&mut browser, Method::GET, "/api/x/", &[("authorization", &token)]).await;
    assert_eq!(format!("Token {}", answer.body), token);
    let _ = site.auth.set_activity(&mut alice, Activity::Inactive).await.unwrap();
    let closed = send(&mut browser, Method::GET, "/api/x/", &[("authorization", &token)]).await;
    assert_eq!((closed.status, closed.body.as_str()), (401, r#"{"detail":"User inactive or deleted."}"#));
}

/// D07: a proxy's word counts for one request, and nobody else's does.
#[tokio::test]
async fn a_proxy_names_its_users() {
    let site = Site::with_backends(vec![BackendKind::parse("remote_user").unwrap(), BackendKind::model()]).await;
    site.user("alice").await;
    let class = RemoteUserAuthentication::from_proxies(HeaderName::from_static("remote-user"), [[10, 0, 0, 1].into()]);
    let api = Api::new().with_authentication(class);
    let mut browser = browser(&site, Router::new().route("/api/x/", get(async |c: Caller| who(&c)).route_layer(api)));
    let ask = async |browser: &mut Browser, peer: [u8; 4], names: &[&str]| {
        let mut request = browser.request(Method::GET, "/api/x/", Body::empty());
        for name in names {
            request.headers_mut().append("remote-user", name.parse().unwrap());
        }
        let peer = Some((peer, 5000).into());
        request.extensions_mut().insert(Connection { peer, local: None, scheme: Scheme::Http });
        browser.send(request).await
    };
    let named = ask(&mut browser, [10, 0, 0, 1], &["alice"]).await;
    assert_eq!((named.body.as_str(), named.set_cookie.len()), ("alice", 0));
    assert_eq!(ask(&mut browser, [10, 0, 0, 2], &["alice"]).await.body, "nobody");
    assert_eq!(ask(&mut browser, [10, 0, 0, 1], &[]).await.body, "nobody");
    assert_eq!(ask(&mut browser, [10, 0, 0, 1], &["alice", "root"]).await.status, 400);
}

struct Note {
    owner: &'static str,
}

/// Lets owners pass, and says who may.
#[derive(Debug)]
struct IsOwner;

impl PermissionRule for IsOwner {
    fn has_object_permission<'a>(
        &'a self,
        caller: &'a Caller,
        object: &'a (dyn Any + Send + Sync),
    ) -> BoxFuture<'a, Result<bool, ApiError>> {
        let note = object.downcast_ref::<Note>();
        let is_owner = caller.user().is_some_and(|user| note.is_some_and(|note| user.username == note.owner));
        Box::pin(async move { Ok(is_owner) })
    }

    fn message(&self) -> Option<std::borrow::Cow<'static, str>> {
        Some("Only its owner may.".into())
    }
}

/// D10, D11: rules combined, objects, and their words.
#[tokio::test]
async fn permissions_combine() {
    let (site, alice) = site().await;
    let bob = site.user("bob").await;
    let tokens = [token(&site, &alice).await, token(&site, &bob).await];
    let note = || get(async |caller: Caller| caller.check_object(&Note { owner: "alice" }).await.map(|()| "note"));
    let with = |permission: Permission| {
        note().route_layer(Api::new().with_authentication(TokenAuthentication::new()).with_permission(permission))
    };
    let routes = Router::new()
        .route("/api/own/", with(IsOwner.into()))
        .route("/api/and/", with(IsAuthenticated & IsOwner))
        .route("/api/or/", with(IsAdminUser | IsOwner))
        .route("/api/or-admin/", with(Permission::new(IsOwner) & (IsAdminUser | IsAuthenticatedOrReadOnly)))
        .route("/api/not/", with(!IsAdminUser))
        .route("/api/not-in/", with(!IsAuthenticated));
    let mut browser = browser(&site, routes);
    let denied = r#"{"detail":"You do not have permission to perform this action."}"#;
    for (path, of_alice, of_bob, body_of_bob) in [
        ("/api/own/", 200, 403, r#"{"detail":"Only its owner may."}"#),
        ("/api/and/", 200, 403, denied),
        ("/api/or/", 200, 403, denied),
        ("/api/or-admin/", 200, 403, denied),
        // What a rule says of every object, its opposite denies.
        ("/api/not/", 403, 403, denied),
        ("/api/not-in/", 403, 403, denied),
    ] {
        let answer = send(&mut browser, Method::GET, path, &[("authorization", &tokens[0])]).await;
        assert_eq!(answer.status, of_alice, "{path}");
        let answer = send(&mut browser, Method::GET, path, &[("authorization", &tokens[1])]).await;
        assert_eq!((answer.status, answer.body.as_str()), (of_bob, body_of_bob), "{path}");
    }
    let nobody = send(&mut browser, Method::GET, "/api/own/", &[]).await;
    assert_eq!((nobody.status, nobody.header("www-authenticate")), (401, "Token"));
}

/// D10: a model's permissions by method; objects are 404 for who may not read them.
#[tokio::test]
async fn models_have_permissions() {
    let (site, alice) = site().await;
    let token = token(&site, &alice).await;
    let view =
        || axum::routing::any(async |caller: Caller| caller.check_object(&Note { owner: "x" }).await.map(|()| "ok"));
    let with = |rule: ModelPermissions| {
        view().layer(Api::new().with_authentication(TokenAuthentication::new()).with_permission(rule))
    };
    let users = || ModelPermissions::of("auth", "user");
    let routes = Router::new()
        .route("/api/users/", with(users()))
        .route("/api/open/", with(users().or_anonymous_reads()))
        .route("/api/view/", with(users().with_permissions(Method::GET, ["auth.view_user"])))
        .route("/api/each/", with(users().with_objects()))
        .route("/api/seen/", with(users().with_objects().with_permissions(Method::GET, ["auth.view_user"])));
    let mut browser = browser(&site, routes);
    let holder = Holder::User(alice.id.clone());
    assert_eq!(site.auth.grant(&holder, "auth.add_user").await.unwrap(), Granted::Yes);
    let mut ask = async |method: Method, path: &str, token: Option<&str>| {
        let headers: Vec<_> = token.map(|token| ("authorization", token)).into_iter().collect();
        send(&mut browser, method, path, &headers).await.status
    };
    let alice = Some(token.as_str());
    for (method, path, who, status) in [
        (Method::GET, "/api/users/", alice, 200),
        (Method::POST, "/api/users/", alice, 200),
        (Method::PUT, "/api/users/", alice, 403),
        (Method::TRACE, "/api/users/", alice, 405),
        (Method::GET, "/api/users/", None, 401),
        (Method::GET, "/api/open/", None, 200),
        (Method::POST, "/api/open/", None, 401),
        (Method::GET, "/api/view/", alice, 403),
        // Django's own back ends grant nothing by object.
        (Method::GET, "/api/each/", alice, 200),
        (Method::POST, "/api/each/", alice, 403),
        (Method::POST, "/api/seen/", alice, 404),
    ] {
        assert_eq!(ask(method.clone(), path, who).await, status, "{method} {path}");
    }
}

/// D20: who is counted, under which key, and that a throttle counts what another refuses.
#[tokio::test]
async fn throttles_count_by_user_or_address() {
    let (site, alice) = site().await;
    let token = token(&site, &alice).await;
    let cache = Arc::new(Cache::memory());
    let rate = |text: &str| Rate::parse(text).unwrap();
    let api = Api::new()
        .with_authentication(TokenAuthentication::new())
        .with_throttle(RateThrottle::anon(Arc::clone(&cache), rate("1/min")))
        .with_throttle(RateThrottle::user(Arc::clone(&cache), rate("2/day")).with_ident(Ident::ForwardedFor))
        .with_throttle(RateThrottle::scoped(Arc::clone(&cache), "up", rate("9/h")).with_ident(Ident::Proxies(1)));
    let mut browser = browser(&site, Router::new().route("/api/x/", get(async || "ok").route_layer(api)));
    let nobody = [("x-forwarded-for", "192.0.2.1, 192.0.2.2")];
    assert_eq!(send(&mut browser, Method::GET, "/api/x/", &nobody).await.status, 200);
    let later = send(&mut browser, Method::GET, "/api/x/", &nobody).await;
    assert_eq!((later.status, later.header("retry-after")), (429, "60"));
    assert_eq!(later.body, r#"{"detail":"Request was throttled. Expected available in 60 seconds."}"#);
    let later = send(&mut browser, Method::GET, "/api/x/", &nobody).await;
    assert_eq!((later.status, later.header("retry-after")), (429, "86400"), "the longest wait is told");
    for key in ["throttle_anon_None", "throttle_user_192.0.2.1,192.0.2.2", "throttle_up_192.0.2.2"] {
        assert!(cache.has(key, T0).await.unwrap(), "{key}");
    }
    assert_eq!(send(&mut browser, Method::GET, "/api/x/", &[("authorization", &token)]).await.status, 200);
    assert!(cache.has(&format!("throttle_user_{}", alice.id), T0).await.unwrap());
}

/// D02, D11: what `with_methods` adds, and axum's own 405.
#[tokio::test]
async fn methods_are_refused_in_json() {
    let (site, _) = site().await;
    let told = Api::new().with_methods("Orders", [Method::POST, Method::GET]);
    let routes = Router::new()
        .route("/api/told/", axum::routing::any(async || "ok").layer(told))
        .route("/api/untold/", get(async || "ok").layer(Api::new()));
    let mut browser = browser(&site, routes);
    let answer = send(&mut browser, Method::OPTIONS, "/api/told/", &[]).await;
    let described =
        r#"{"name":"Orders","description":"","renders":["application/json"],"parses":["application/json"]}"#;
    assert_eq!(
        (answer.status, answer.body.as_str(), answer.header("allow")),
        (200, described, "GET, POST, HEAD, OPTIONS")
    );
    let answer = send(&mut browser, Method::PUT, "/api/told/", &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (405, r#"{"detail":"Method \"PUT\" not allowed."}"#));
    let answer = send(&mut browser, Method::PUT, "/api/untold/", &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (405, r#"{"detail":"Method \"PUT\" not allowed."}"#));
    assert_eq!(answer.header("allow"), "GET,HEAD");
}

/// D30, E04.
#[tokio::test]
async fn a_name_and_a_password_get_a_token() {
    let (site, alice) = site().await;
    let mut browser = browser(&site, Router::new().route("/api/token/", obtain_auth_token()));
    let ask = async |browser: &mut Browser, kind: &str, body: &'static str| {
        let mut request: Request<Body> = browser.request(Method::POST, "/api/token/", Body::from(body));
        request.headers_mut().insert("content-type", kind.parse().unwrap());
        browser.send(request).await
    };
    let form = "application/x-www-form-urlencoded";
    let made = ask(&mut browser, form, "username=alice&password=alice-pass-9Z").await;
    let token = site.auth.token_of(&alice.id).await.unwrap().unwrap();
    assert_eq!(made.body, format!("{{\"token\":\"{}\"}}", token.key.expose()));
    assert_eq!((made.status, made.header("allow"), made.header("vary")), (200, "POST, OPTIONS", "Cookie"));
    let json = r#"{"username":" alice ","password":"alice-pass-9Z"}"#;
    assert_eq!(ask(&mut browser, "application/json", json).await.body, made.body);
    for (kind, body, status, said) in [
        ("text/plain", "x", 415, r#"{"detail":"Unsupported media type \"text/plain\" in request."}"#),
        (
            "application/json",
            "",
            400,
            r#"{"username":["This field is required."],"password":["This field is required."]}"#,
        ),
        (
            "application/json",
            "[1,]",
            400,
            r#"{"detail":"JSON parse error - Illegal trailing comma before end of array: line 1 column 3 (char 2)"}"#,
        ),
        (form, "username=&password=x", 400, r#"{"username":["This field may not be blank."]}"#),
        ("*/*", "{}", 400, r#"{"username":["This field is required."],"password":["This field is required."]}"#),
    ] {
        let answer = ask(&mut browser, kind, body).await;
        assert_eq!((answer.status, answer.body.as_str()), (status, said), "{kind} {body}");
    }
    for _ in 0..10 {
        let wrong = ask(&mut browser, form, "username=alice&password=wrong").await;
        assert_eq!(wrong.body, r#"{"non_field_errors":["Unable to log in with provided credentials."]}"#);
    }
    let later = ask(&mut browser, form, "username=alice&password=alice-pass-9Z").await;
    assert_eq!((later.status, later.header("retry-after")), (429, "30"));
    // Who is signed in must prove where the request comes from.
    let mut other = self::browser(&site, Router::new().route("/api/token/", obtain_auth_token()));
    site.user("bob").await;
    other.sign_in("bob").await;
    let refused = ask(&mut other, form, "username=bob&password=bob-pass-9Z").await;
    assert_eq!((refused.status, refused.body.as_str()), (403, r#"{"detail":"CSRF Failed: CSRF token missing."}"#));
}

/// F01: a database that is gone is a 503 in JSON, not an unknown token.
#[tokio::test]
async fn a_store_that_is_down_is_no_refusal() {
    let (site, alice) = site().await;
    let token = token(&site, &alice).await;
    let api = Api::session_and_basic().with_authentication(TokenAuthentication::new());
    let mut browser = browser(&site, Router::new().route("/api/x/", get(async || "ok").route_layer(api)));
    browser.sign_in("alice").await;
    site.db.close().await;
    for headers in [&[("authorization", token.as_str())][..], &[]] {
        let answer = send(&mut browser, Method::GET, "/api/x/", headers).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
        assert_eq!(answer.body, r#"{"detail":"Service Unavailable"}"#);
    }
}
