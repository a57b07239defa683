//! `sslmode` in each of its words.

use cloakroom_db::{Database, DatabaseUrl, DbError, Options};
use cloakroom_testservers::{OwnDatabase, certificate_authority};
use tokio::net::{TcpListener, TcpStream};

async fn open(own: &OwnDatabase, host: &str, options: &str) -> Result<Database, DbError> {
    let url = own.url().replace("127.0.0.1", host);
    Database::open(&DatabaseUrl::parse(&format!("{url}?{options}")).unwrap(), Options::default()).await
}

async fn is_encrypted(own: &OwnDatabase, db: &Database) -> bool {
    assert!(!cloakroom_db::migrations::status(db).await.unwrap().is_usable());
    let sql = format!(
        "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
         WHERE datname = '{}' AND application_name = 'cloakroom'",
        own.name()
    );
    own.query(&sql) == "t"
}

#[tokio::test]
async fn a_connection_is_encrypted_as_asked() {
    let own = OwnDatabase::postgres();
    let authority = certificate_authority();
    let authority = authority.display();
    for (options, encrypted) in [
        ("sslmode=disable".to_owned(), false),
        (String::new(), true),
        ("sslmode=prefer".to_owned(), true),
        ("sslmode=require".to_owned(), true),
        (format!("sslmode=require&sslrootcert={authority}"), true),
        (format!("sslmode=verify-ca&sslrootcert={authority}"), true),
        (format!("sslmode=verify-full&sslrootcert={authority}"), true),
    ] {
        for host in ["127.0.0.1", "localhost"] {
            let db = open(&own, host, &options).await.unwrap();
            assert_eq!(is_encrypted(&own, &db).await, encrypted, "{options}");
            db.close().await;
        }
    }
}

/// Whoever cannot be verified is not talked to.
#[tokio::test]
async fn a_stranger_is_refused() {
    let own = OwnDatabase::postgres();
    let empty = tempfile::NamedTempFile::new().unwrap();
    for options in [
        // The server's certificate is by nobody whom the system trusts.
        "sslmode=verify-ca".to_owned(),
        "sslmode=verify-full".to_owned(),
        "sslmode=verify-full&sslrootcert=/no/such/file".to_owned(),
        format!("sslmode=verify-full&sslrootcert={}", empty.path().display()),
    ] {
        let error = open(&own, "127.0.0.1", &options).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, DbError::Unreachable { .. }) && text.contains("127.0.0.1:"), "{options}: {error:?}");
    }
}

/// The same server under a name that its certificate does not have.
#[tokio::test]
async fn a_name_that_the_certificate_lacks_is_refused_by_verify_full_alone() {
    let own = OwnDatabase::postgres();
    let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let url = own.url().replace(&own.server().to_string(), &listener.local_addr().unwrap().to_string());
    let server = own.server();
    let forwarder = tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(server).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    let authority = certificate_authority();
    for (mode, accepted) in [("require", true), ("verify-ca", true), ("verify-full", false)] {
        let url = format!("{url}?sslmode={mode}&sslrootcert={}", authority.display());
        let opened = Database::open(&DatabaseUrl::parse(&url).unwrap(), Options::default()).await;
        assert_eq!(opened.is_ok(), accepted, "{mode}");
        if let Ok(db) = opened {
            db.close().await;
        }
    }
    forwarder.abort();
}
