//! `rediss://`: the server must show a certificate that is trusted, for its name.

use std::net::TcpListener;

use cloakroom_cache::{CacheError, CacheValue, Timeout};
use cloakroom_testservers::{RedisServer, certificate_authority};

use crate::{NOW, cache};

#[tokio::test]
async fn who_shows_no_good_certificate_is_not_spoken_to() {
    let certificate = certificate_authority();
    let key = certificate.with_file_name("key.pem");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let (shown, key) = (certificate.display().to_string(), key.display().to_string());
    let _server = RedisServer::with(&[
        "--tls-port",
        &port,
        "--tls-cert-file",
        &shown,
        "--tls-key-file",
        &key,
        "--tls-auth-clients",
        "no",
    ]);

    for host in ["localhost", "127.0.0.1"] {
        let trusted = cache(&format!("rediss://{host}:{port}?ssl_ca_certs={shown}"));
        trusted.check().await.unwrap();
        trusted.set("k", CacheValue::Int(1), Timeout::After(60.0), NOW).await.unwrap();
        assert_eq!(trusted.get("k", NOW).await.unwrap(), Some(CacheValue::Int(1)));
    }
    for (url, part) in [
        (format!("rediss://:hunter2@localhost:{port}"), "certificate"),
        (format!("rediss://:hunter2@localhost:{port}?ssl_ca_certs=/nowhere.pem"), "/nowhere.pem"),
        (format!("rediss://:hunter2@localhost:{port}?ssl_ca_certs={key}"), "key.pem"),
        (format!("redis://:hunter2@localhost:{port}?socket_connect_timeout=0.3"), "localhost"),
    ] {
        let error = cache(&url).check().await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, CacheError::Unreachable(_)));
        assert!(text.contains(part) && text.contains(&port) && !text.contains("hunter2"), "{url}: {text}");
    }
}
