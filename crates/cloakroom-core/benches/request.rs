//! What the formats of one request cost: reading its cookies, the text of its session, the auth hash, the CSRF check.
//! `cargo bench -p cloakroom-core --bench request [csrf]`. Each is tried once before it is measured; a wrong answer
//! ends the run.

#![expect(clippy::unwrap_used, reason = "a program for developers")]

use std::hint::black_box;

use cloakroom_core::auth_hash::{self, AuthHashKeys, AuthHashMatch};
use cloakroom_core::clock::Timestamp;
use cloakroom_core::codec::session::{SESSION_STORE_SALT, SessionCodec};
use cloakroom_core::cookies;
use cloakroom_core::csrf::{self, Facts, Policy, PolicySettings, Rejection, Stored};
use cloakroom_core::hosts::Scheme;
use cloakroom_core::models::EncodedHash;
use cloakroom_core::random::OsRandom;
use cloakroom_core::secret::{SecretKey, SecretKeys};
use cloakroom_core::value::{Dict, Value};
use criterion::{Criterion, Throughput};

const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);

const SESSION_KEY: &str = "k3v9x0q2m7d1c8b5n4z6a0s9f8g7h6j5";

const PASSWORD: &str = "pbkdf2_sha256$1500000$8Wb5vXzQq0dYc1lT2mNn3R$Jp0q7y2m9xkq5d0w8u1s6t3r4v5b6n7m8k9j0h1g2f3=";

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    cookies(&mut criterion);
    session_text(&mut criterion);
    auth_hash(&mut criterion);
    csrf(&mut criterion);
    criterion.final_summary();
}

/// A browser's header, and one as long as an attacker may like it.
fn cookies(criterion: &mut Criterion) {
    let usual = format!(
        "_ga=GA1.1.1234567890.1767323045; theme=\"dark\"; csrftoken={}; sessionid={SESSION_KEY}",
        "c".repeat(32)
    );
    let many = (0..400).map(|n| format!("a-cookie-{n:03}=1; ")).collect::<String>() + &usual;
    let mut group = criterion.benchmark_group("cookies");
    for (name, header, count) in [("usual", &usual, 4), ("404 names", &many, 404)] {
        let jar = cookies::parse(header);
        assert_eq!((jar.len(), jar.get("sessionid"), jar.get("theme")), (count, Some(SESSION_KEY), Some("dark")));
        assert_eq!(cookies::find(header, "sessionid").as_deref(), Some(SESSION_KEY));
        group.throughput(Throughput::Bytes(header.len() as u64));
        group.bench_function(format!("parse, {name}"), |b| b.iter(|| cookies::parse(black_box(header)).len()));
        group.bench_function(format!("find, {name}"), |b| {
            b.iter(|| cookies::find(black_box(header), black_box("sessionid")).is_some());
        });
    }
}

/// From the signed text to the dictionary: of a counter, of somebody who is signed in, and of
/// somebody who has filled a cart. As with Django, all but the shortest are compressed.
fn session_text(criterion: &mut Criterion) {
    let codec = SessionCodec::new(&keys(&["current"]), SESSION_STORE_SALT);
    let mut counter = Dict::new();
    counter.insert("visits", 1_i64);
    let hash = auth_hash::session_auth_hash(&EncodedHash::new(PASSWORD), &SecretKey::new("current").unwrap());
    let mut signed_in = Dict::new();
    signed_in.insert("_auth_user_id", "1");
    signed_in.insert("_auth_user_backend", "django.contrib.auth.backends.ModelBackend");
    signed_in.insert("_auth_user_hash", hash);
    let mut cart = signed_in.clone();
    let item = |n: i64| Value::Dict(Dict::from_iter([("article".into(), n.into()), ("pieces".into(), Value::Int(2))]));
    cart.insert("cart", Value::List((0..100).map(item).collect()));

    let mut group = criterion.benchmark_group("session text");
    for (name, data, compressed) in
        [("a counter", &counter, false), ("signed in", &signed_in, true), ("a cart of 100", &cart, true)]
    {
        let text = codec.encode(data, NOW).unwrap();
        let back = codec.decode(&text);
        assert_eq!((&back.data, back.problem, back.key), (data, None, Some(0)));
        assert_eq!(text.starts_with('.'), compressed);
        let forged = text.replacen(':', ":0", 1);
        assert!(codec.decode(&forged).problem.is_some());
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(format!("decode, {name}"), |b| b.iter(|| codec.decode(black_box(&text)).data.len()));
        group.bench_function(format!("refuse, {name}"), |b| b.iter(|| codec.decode(black_box(&forged)).data.len()));
    }
}

fn auth_hash(criterion: &mut Criterion) {
    let [current, rotated] = [keys(&["current"]), keys(&["new", "current"])].map(|keys| AuthHashKeys::new(&keys));
    let password = EncodedHash::new(PASSWORD);
    let stored = auth_hash::session_auth_hash(&password, &SecretKey::new("current").unwrap());
    let mut group = criterion.benchmark_group("auth hash");
    for (name, keys, password, expected) in [
        ("current key", &current, &password, AuthHashMatch::Current),
        ("fallback key", &rotated, &password, AuthHashMatch::Fallback(0)),
        ("other password", &current, &EncodedHash::new("!"), AuthHashMatch::Mismatch),
    ] {
        assert_eq!(keys.verify(password, &stored), expected);
        group.bench_function(name, |b| b.iter(|| keys.verify(black_box(password), black_box(&stored))));
    }
}

/// The whole decision about a POST from a page of this site, beginning with the cookie's value.
fn csrf(criterion: &mut Criterion) {
    let policy = Policy::new(&PolicySettings::default()).unwrap();
    let secret = csrf::new_secret(&OsRandom);
    let token = csrf::mask(&secret, &OsRandom).unwrap();
    let other = csrf::mask(&csrf::new_secret(&OsRandom), &OsRandom).unwrap();
    let facts = Facts {
        method: "POST",
        scheme: Scheme::Https,
        host: Some("shop.example"),
        port: "443",
        origin: Some("https://shop.example"),
        referer: None,
        sec_fetch_site: Some("same-origin"),
    };
    let cookie = secret.expose();
    let decide = |facts: &Facts<'_>, form: Option<&str>, header: Option<&str>| {
        csrf::decide(&policy, facts, &Stored::from_cookie(black_box(Some(cookie))), form, header)
    };
    let referer = Facts { origin: None, referer: Some("https://shop.example/cart/?page=2"), ..facts };
    assert_eq!(csrf::unmask(&token).unwrap().expose(), cookie);

    let mut group = criterion.benchmark_group("csrf");
    for (name, facts, form, header) in [
        ("form", facts, Some(token.as_str()), None),
        ("header", facts, None, Some(token.as_str())),
        ("header, unmasked", facts, None, Some(cookie)),
        ("form, by referer", referer, Some(token.as_str()), None),
    ] {
        assert_eq!(decide(&facts, form, header), Ok(()));
        assert!(matches!(decide(&facts, Some(&other), header), Err(Rejection::TokenIncorrect { .. })));
        group.bench_function(name, |b| b.iter(|| decide(black_box(&facts), black_box(form), black_box(header))));
    }
    assert_eq!(decide(&facts, None, None), Err(Rejection::TokenMissing));
    group.bench_function("neither", |b| b.iter(|| decide(black_box(&facts), black_box(None), black_box(None))));
    group.bench_function("unmask", |b| b.iter(|| csrf::unmask(black_box(&token))));
}

fn keys(all: &[&str]) -> SecretKeys {
    let mut keys = all.iter().map(|key| SecretKey::new(*key).unwrap());
    SecretKeys::new(keys.next().unwrap(), keys.collect())
}
