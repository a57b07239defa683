//! The API's description against what the API answers: every operation, every status of each.

use std::collections::BTreeSet;

use axum::body::Body;
use cloakroom::core::clock::Timestamp;
use cloakroom_testkit::{Answer, Browser, TestSite, TestSiteBuilder};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, Method};
use serde_json::{Value, json};

const T0: Timestamp = Timestamp::from_secs(1_767_323_045);
const PASSWORD: &str = "alice-pass-9Z";
const NEW: &str = "correct horse battery 9";

/// The description, and what was seen of it.
struct Described {
    document: Value,
    seen: BTreeSet<String>,
}

impl Described {
    async fn of(browser: &mut Browser) -> Self {
        let answer = browser.get("/api/auth/openapi.json").await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/json")));
        Self { document: answer.json(), seen: BTreeSet::new() }
    }

    /// Holds an answer against what is said of its operation.
    fn check(&mut self, method: &str, path: &str, answer: &Answer) {
        let status = answer.status.as_u16().to_string();
        let what = format!("{method} {path} {status}");
        let operation = &self.document["paths"][path][method.to_lowercase()];
        let response = self.resolve(&operation["responses"][&status]);
        assert!(response.is_object(), "{what} is not described: {}", answer.text());
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            if header["required"] == true {
                assert!(answer.header(name).is_some(), "{what} lacks {name}");
            }
        }
        match response["content"].as_object() {
            None => assert!(answer.body.is_empty(), "{what} has a body: {}", answer.text()),
            Some(content) => {
                let schema = &content[answer.header("content-type").unwrap()]["schema"];
                let wrong = self.wrong(schema, &answer.json(), "body");
                assert!(wrong.is_empty(), "{what}: {wrong:?}\n{}", answer.text());
            }
        }
        self.seen.insert(what);
    }

    /// Whether a request's body is as it should be.
    fn takes(&self, method: &str, path: &str, body: &Value) -> bool {
        let operation = &self.document["paths"][path][method.to_lowercase()];
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        self.wrong(schema, body, "body").is_empty()
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => {
                self.document.pointer(reference.trim_start_matches('#')).expect("the reference leads there")
            }
            None => value,
        }
    }

    /// What of a value is not as its schema says. A keyword that is not known here is a failure: nothing is left unchecked.
    fn wrong(&self, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let schema = self.resolve(schema);
        let mut wrong = Vec::new();
        for (keyword, rule) in schema.as_object().expect("a schema") {
            let fits = match keyword.as_str() {
                "description" | "format" | "writeOnly" => true,
                "type" => match rule {
                    Value::Array(types) => types.iter().any(|t| is_of(t.as_str().unwrap(), value)),
                    one => is_of(one.as_str().unwrap(), value),
                },
                "minLength" => value.as_str().is_none_or(|s| s.chars().count() as u64 >= rule.as_u64().unwrap()),
                "maxLength" => value.as_str().is_none_or(|s| s.chars().count() as u64 <= rule.as_u64().unwrap()),
                "required" => rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
                "anyOf" => rule.as_array().unwrap().iter().any(|one| self.wrong(one, value, at).is_empty()),
                "items" => {
                    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                        wrong.extend(self.wrong(rule, item, &format!("{at}[{n}]")));
                    }
                    true
                }
                "properties" => {
                    for (name, rule) in rule.as_object().unwrap() {
                        if let Some(value) = value.get(name) {
                            wrong.extend(self.wrong(rule, value, &format!("{at}.{name}")));
                        }
                    }
                    true
                }
                "additionalProperties" => {
                    let others = value.as_object().into_iter().flatten();
                    for (name, value) in others.filter(|(name, _)| schema["properties"].get(name).is_none()) {
                        match rule {
                            Value::Bool(true) => {}
                            Value::Bool(false) => wrong.push(format!("{at}.{name} is not described")),
                            rule => wrong.extend(self.wrong(rule, value, &format!("{at}.{name}"))),
                        }
                    }
                    true
                }
                other => panic!("{other} at {at} is not checked here"),
            };
            if !fits {
                wrong.push(format!("{at}: {keyword} {rule}"));
            }
        }
        wrong
    }
}

fn is_of(name: &str, value: &Value) -> bool {
    match name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("{other} is no type"),
    }
}

/// How a request is made.
#[derive(Clone, Copy, Default)]
struct How<'a> {
    body: Option<&'a str>,
    without_token: bool,
    accept: Option<&'a str>,
    content_type: Option<&'a str>,
}

async fn ask(browser: &mut Browser, method: &str, path: &str, how: How<'_>) -> Answer {
    let token = match how.without_token {
        true => String::new(),
        false => browser.get("/api/auth/csrf/").await.json()["csrfToken"].as_str().unwrap_or_default().to_owned(),
    };
    ask_with(browser, method, path, how, &token).await
}

async fn ask_with(browser: &mut Browser, method: &str, path: &str, how: How<'_>, token: &str) -> Answer {
    let mut headers: Vec<(HeaderName, &str)> = Vec::new();
    if !token.is_empty() {
        headers.push((HeaderName::from_static("x-csrftoken"), token));
    }
    if let Some(accept) = how.accept {
        headers.push((ACCEPT, accept));
    }
    if how.body.is_some() {
        headers.push((CONTENT_TYPE, how.content_type.unwrap_or("application/json")));
    }
    let body = how.body.map_or_else(Body::empty, |body| Body::from(body.to_owned()));
    browser.send(method.parse::<Method>().unwrap(), path, &headers, body).await
}

fn site() -> TestSiteBuilder {
    TestSite::builder().frozen_at(T0).setting("EMAIL_BACKEND", "dummy")
}

async fn signed_in(site: &TestSite) -> Browser {
    let mut browser = site.browser();
    browser.sign_in("/accounts/login/", "alice", PASSWORD).await;
    browser
}

const DOORS: [(&str, &str); 13] = [
    ("GET", "/api/auth/csrf/"),
    ("POST", "/api/auth/login/"),
    ("POST", "/api/auth/logout/"),
    ("GET", "/api/auth/user/"),
    ("PATCH", "/api/auth/user/"),
    ("DELETE", "/api/auth/user/"),
    ("POST", "/api/auth/signup/"),
    ("POST", "/api/auth/password/change/"),
    ("POST", "/api/auth/password/reset/"),
    ("POST", "/api/auth/password/reset/confirm/"),
    ("GET", "/api/auth/sessions/"),
    ("DELETE", "/api/auth/sessions/"),
    ("DELETE", "/api/auth/sessions/{id}/"),
];

/// A body that the door takes.
fn good(path: &str) -> Option<Value> {
    let passwords = |value: Value| {
        let mut value = value;
        value["new_password1"] = NEW.into();
        value["new_password2"] = NEW.into();
        value
    };
    Some(match path {
        "/api/auth/login/" => json!({ "username": "alice", "password": PASSWORD }),
        "/api/auth/signup/" => json!({ "username": "new", "email": null, "password1": NEW, "password2": NEW }),
        "/api/auth/password/change/" => passwords(json!({ "old_password": PASSWORD })),
        "/api/auth/password/reset/" => json!({ "email": "alice@site.example" }),
        "/api/auth/password/reset/confirm/" => passwords(json!({ "uid": "MQ", "token": "a-b" })),
        "/api/auth/user/" => json!({ "first_name": "Ann", "email": null }),
        _ => return None,
    })
}

/// Everything that is described is answered so, and everything that is answered is described.
#[tokio::test]
async fn every_answer_is_as_described() {
    let main = site().start().await;
    main.user("alice").await;
    let mut described = Described::of(&mut main.browser()).await;

    for (method, template) in DOORS {
        let path = template.replace("{id}", "nothing");
        let takes_body = matches!(method, "POST" | "PATCH") && template != "/api/auth/logout/";
        let sample = good(template).filter(|_| takes_body);
        let text = sample.as_ref().map(Value::to_string);
        let plain = How { body: text.as_deref(), ..How::default() };
        let mut alice = signed_in(&main).await;

        let answer = ask(&mut alice, method, &path, How { accept: Some("text/html"), ..plain }).await;
        assert_eq!(answer.status.as_u16(), 406, "{method} {path}");
        described.check(method, template, &answer);
        if template != "/api/auth/csrf/" {
            // Whoever is signed in needs a token for what is unsafe; nobody has nothing to see.
            let who = if method == "GET" { main.browser() } else { alice.clone() };
            let answer = ask(&mut who.clone(), method, &path, How { without_token: true, ..plain }).await;
            assert_eq!(answer.status.as_u16(), 403, "{method} {path}");
            described.check(method, template, &answer);
        }
        if let Some(sample) = &sample {
            assert!(described.takes(method, template, sample), "{method} {path}");
            let typed = How { content_type: Some("text/plain"), ..plain };
            described.check(method, template, &ask(&mut alice, method, &path, typed).await);
            let bad = if method == "PATCH" { r#"{"email":"no address"}"# } else { "{}" };
            for body in [bad, "[]", "no JSON", r#"{"username":1}"#] {
                let answer = ask(&mut alice, method, &path, How { body: Some(body), ..plain }).await;
                assert_eq!(answer.status.as_u16(), 400, "{method} {path} {body}");
                described.check(method, template, &answer);
                assert!(!described.takes(method, template, &json!([])));
            }
        } else if template.ends_with("{id}/") {
            described.check(method, template, &ask(&mut alice, method, &path, plain).await);
        }
    }

    good_answers(&main, &mut described).await;
    throttled_answers(&mut described).await;
    failed_answers(&mut described).await;

    let mut all = BTreeSet::new();
    for (path, item) in described.document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters") {
            for status in operation["responses"].as_object().unwrap().keys().filter(|status| *status != "default") {
                all.insert(format!("{} {path} {status}", method.to_uppercase()));
            }
        }
    }
    assert_eq!(described.seen, all);
}

async fn good_answers(site: &TestSite, described: &mut Described) {
    let expect = async |described: &mut Described,
                        browser: &mut Browser,
                        method: &str,
                        path: &str,
                        body: Option<Value>,
                        status| {
        let text = body.map(|body| body.to_string());
        let template = if path.matches('/').count() > 4 && path.starts_with("/api/auth/sessions/") {
            "/api/auth/sessions/{id}/"
        } else {
            path
        };
        let answer = ask(browser, method, path, How { body: text.as_deref(), ..How::default() }).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {}", answer.text());
        described.check(method, template, &answer);
        answer
    };
    let mut alice = site.browser();
    let login = "/api/auth/login/";
    expect(described, &mut alice, "GET", "/api/auth/csrf/", None, 200).await;
    expect(described, &mut alice, "POST", login, good(login), 200).await;
    expect(described, &mut alice, "GET", "/api/auth/user/", None, 200).await;
    let patch = good("/api/auth/user/");
    expect(described, &mut alice, "PATCH", "/api/auth/user/", patch, 200).await;
    let change = "/api/auth/password/change/";
    expect(described, &mut alice, "POST", change, good(change), 200).await;
    let user = site.cloakroom().auth().user_by_username("alice").await.unwrap().unwrap();
    let link = site.cloakroom().auth().make_reset_link(&user).unwrap();
    let reset = "/api/auth/password/reset/";
    expect(described, &mut site.browser(), "POST", reset, good(reset), 200).await;
    let confirm = json!({
        "uid": link.uid, "token": link.token.expose(), "new_password1": "a third long phrase", "new_password2": "a third long phrase",
    });
    expect(described, &mut site.browser(), "POST", "/api/auth/password/reset/confirm/", Some(confirm), 200).await;

    let signup = "/api/auth/signup/";
    let mut new = site.browser();
    expect(described, &mut new, "POST", signup, good(signup), 201).await;
    let mut again = site.browser();
    let credentials = json!({ "username": "new", "password": NEW });
    expect(described, &mut again, "POST", login, Some(credentials), 200).await;
    let rows = expect(described, &mut new, "GET", "/api/auth/sessions/", None, 200).await.json();
    let other = rows.as_array().unwrap().iter().find(|row| row["current"] == false).expect("two sessions");
    let one = format!("/api/auth/sessions/{}/", other["id"].as_str().unwrap());
    expect(described, &mut new, "DELETE", &one, None, 204).await;
    expect(described, &mut new, "DELETE", "/api/auth/sessions/", None, 204).await;

    let verify = "/auth/verify";
    let html = [(ACCEPT, "text/html")];
    described.check("GET", verify, &new.get(verify).await);
    described.check("GET", verify, &site.browser().get(verify).await);
    described.check("GET", verify, &site.browser().send(Method::GET, verify, &html, Body::empty()).await);

    expect(described, &mut new, "POST", "/api/auth/logout/", None, 204).await;
    new.sign_in("/accounts/login/", "new", NEW).await;
    expect(described, &mut new, "DELETE", "/api/auth/user/", None, 204).await;
}

/// Each door that counts, beyond its limit.
async fn throttled_answers(described: &mut Described) {
    let site = site()
        .setting("THROTTLE_FAILURES", 1)
        .setting("THROTTLE_RESETS", 1)
        .setting("THROTTLE_NETWORK_SIGNUPS", 1)
        .start()
        .await;
    site.user("alice").await;
    let mut alice = signed_in(&site).await;
    let wrong = json!({ "username": "alice", "password": "wrong" }).to_string();
    let first =
        ask(&mut site.browser(), "POST", "/api/auth/login/", How { body: Some(&wrong), ..How::default() }).await;
    assert_eq!(first.status.as_u16(), 400);
    for path in ["/api/auth/password/reset/", "/api/auth/signup/"] {
        let body = good(path).unwrap().to_string();
        let first = ask(&mut site.browser(), "POST", path, How { body: Some(&body), ..How::default() }).await;
        assert!(first.status.is_success(), "{path}");
    }
    for path in ["/api/auth/login/", "/api/auth/password/change/", "/api/auth/password/reset/", "/api/auth/signup/"] {
        let mut body = good(path).unwrap();
        if path.ends_with("signup/") {
            body["username"] = "another".into();
        }
        let body = body.to_string();
        let how = How { body: Some(&body), ..How::default() };
        let browser = if path.contains("change") { &mut alice } else { &mut site.browser() };
        let answer = ask(browser, "POST", path, how).await;
        assert_eq!(answer.status.as_u16(), 429, "{path}");
        described.check("POST", path, &answer);
    }
}

/// F01: the store is gone.
async fn failed_answers(described: &mut Described) {
    let site = site().start().await;
    site.user("alice").await;
    let mut alice = signed_in(&site).await;
    let token = ask(&mut alice, "GET", "/api/auth/csrf/", How::default()).await.json()["csrfToken"].to_string();
    let token = token.trim_matches('"').to_owned();
    site.cloakroom().db().close().await;
    for (method, template) in
        DOORS.into_iter().filter(|(_, path)| !matches!(*path, "/api/auth/csrf/" | "/api/auth/password/reset/"))
    {
        let body = good(template).filter(|_| method != "GET" && method != "DELETE").map(|body| body.to_string());
        let how = How { body: body.as_deref(), ..How::default() };
        let answer = ask_with(&mut alice, method, &template.replace("{id}", "nothing"), how, &token).await;
        assert_eq!(answer.status.as_u16(), 503, "{method} {template}: {}", answer.text());
        described.check(method, template, &answer);
    }
    let answer = alice.get("/auth/verify").await;
    assert_eq!(answer.status.as_u16(), 503);
    // Proxies look at status and headers; the page is for people.
    described.check("GET", "/auth/verify", &Answer { body: Default::default(), ..answer });
}

/// The names of cookie and header are the site's.
#[tokio::test]
async fn names_follow_the_settings() {
    let site =
        site().setting("SESSION_COOKIE_NAME", "ticket").setting("CSRF_HEADER_NAME", "HTTP_X_PROOF").start().await;
    let document = site.browser().get("/api/auth/openapi.json").await.json();
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!((&schemes["session"]["name"], &schemes["csrfToken"]["name"]), (&json!("ticket"), &json!("x-proof")));
}
