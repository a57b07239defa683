//! The same small application on axum-login and tower-sessions, as their example writes it: sessions and users in one
//! SQLite file. `fill --sessions N` signs users in and prints their cookies; `--addr HOST:PORT` serves.

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::str::FromStr as _;

use axum::Router;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum_login::{AuthManagerLayerBuilder, AuthSession, AuthUser, AuthnBackend, UserId};
use serde::Deserialize;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use tokio::net::TcpListener;
use tower_sessions::{Session, SessionManagerLayer};
use tower_sessions_sqlx_store::SqliteStore;

const USERS: u64 = 100;
const PASSWORD: &str = "bench-pass-9Z";

#[derive(Clone, Debug, sqlx::FromRow)]
struct User {
    id: i64,
    username: String,
    password: String,
}

impl AuthUser for User {
    type Id = i64;

    fn id(&self) -> i64 {
        self.id
    }

    fn session_auth_hash(&self) -> &[u8] {
        self.password.as_bytes()
    }
}

#[derive(Clone, Deserialize)]
struct Credentials {
    username: String,
    password: String,
}

#[derive(Clone)]
struct Backend(SqlitePool);

impl AuthnBackend for Backend {
    type User = User;
    type Credentials = Credentials;
    type Error = sqlx::Error;

    // No password is hashed: what is measured here is the session.
    async fn authenticate(&self, given: Credentials) -> Result<Option<User>, sqlx::Error> {
        let user: Option<User> = sqlx::query_as("SELECT * FROM users WHERE username = ?")
            .bind(given.username)
            .fetch_optional(&self.0)
            .await?;
        Ok(user.filter(|user| user.password == given.password))
    }

    async fn get_user(&self, id: &UserId<Self>) -> Result<Option<User>, sqlx::Error> {
        sqlx::query_as("SELECT * FROM users WHERE id = ?").bind(id).fetch_optional(&self.0).await
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--addr", address] => serve(TcpListener::bind(address).await?).await,
        ["fill", "--sessions", count] => fill(count.parse()?).await,
        _ => Err("usage: --addr HOST:PORT, or fill --sessions N".into()),
    }
}

async fn serve(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let options = SqliteConnectOptions::from_str(&std::env::var("DATABASE_URL")?)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal);
    let pool = SqlitePool::connect_with(options).await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, username TEXT UNIQUE, password TEXT)")
        .execute(&pool)
        .await?;
    for n in 0..USERS {
        let name = if n == 0 { "alice".to_owned() } else { format!("user{n}") };
        sqlx::query("INSERT OR IGNORE INTO users (username, password) VALUES (?, ?)")
            .bind(name)
            .bind(PASSWORD)
            .execute(&pool)
            .await?;
    }
    let store = SqliteStore::new(pool.clone());
    store.migrate().await?;
    let sessions = SessionManagerLayer::new(store).with_secure(false);
    let layer = AuthManagerLayerBuilder::new(Backend(pool.clone()), sessions).build();
    let app = Router::new()
        .route("/", get(home))
        .route("/profile/", get(profile))
        .route("/count/", get(count))
        .route("/login/", post(login))
        .with_state(pool)
        .layer(layer);
    axum::serve(listener, app)
        .with_graceful_shutdown(async {
            let mut end = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).expect("a runtime");
            end.recv().await;
        })
        .await?;
    Ok(())
}

async fn home(State(_): State<SqlitePool>) -> Html<String> {
    page("Welcome.")
}

async fn profile(auth: AuthSession<Backend>) -> Response {
    match auth.user {
        Some(user) => page(&format!("You are {}.", user.username)).into_response(),
        None => Redirect::to("/login/").into_response(),
    }
}

async fn count(session: Session) -> Result<Html<String>, StatusCode> {
    let failed = |_| StatusCode::INTERNAL_SERVER_ERROR;
    let count = session.get::<u64>("count").await.map_err(failed)?.unwrap_or(0) + 1;
    session.insert("count", count).await.map_err(failed)?;
    Ok(page(&format!("You have been here {count} times.")))
}

async fn login(mut auth: AuthSession<Backend>, Form(given): Form<Credentials>) -> Result<Redirect, StatusCode> {
    let failed = |_| StatusCode::INTERNAL_SERVER_ERROR;
    let user = auth.authenticate(given).await.map_err(failed)?.ok_or(StatusCode::UNAUTHORIZED)?;
    auth.login(&user).await.map_err(failed)?;
    Ok(Redirect::to("/profile/"))
}

fn page(text: &str) -> Html<String> {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let start = format!("<!doctype html><html lang=\"en\"><title>Benchmark</title><p>{text}</p><!--");
    let end = "--></html>";
    let padding = ".".repeat(1_024_usize.saturating_sub(start.len() + end.len()));
    Html(start + &padding + end)
}

async fn fill(sessions: u64) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { serve(listener).await.map_err(|e| eprintln!("{e}")) });
    tokio::task::spawn_blocking(move || -> std::io::Result<()> {
        for n in 0..sessions {
            let name = if n % USERS == 0 { "alice".to_owned() } else { format!("user{}", n % USERS) };
            println!("{}", sign_in(address, &name)?);
        }
        Ok(())
    })
    .await??;
    Ok(())
}

fn sign_in(address: SocketAddr, name: &str) -> std::io::Result<String> {
    let body = format!("username={name}&password={PASSWORD}");
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "POST /login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: id=")?.split(';').next());
    cookie.map(str::to_owned).ok_or_else(|| std::io::Error::other(answer.clone()))
}
