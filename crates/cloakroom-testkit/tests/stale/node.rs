//! A node: one process that changes sessions and users and says whom a session names. It is told in lines what to do.

use std::io::{BufRead, BufReader, Write};
use std::pin::Pin;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use cloakroom::auth::permissions::Holder;
use cloakroom::auth::{Auth, BackendChoice, Identity};
use cloakroom::cache::{Cache, CacheUrl};
use cloakroom::core::clock::SystemClock;
use cloakroom::core::keys::{SessionKey, UserId};
use cloakroom::core::models::EncodedHash;
use cloakroom::core::random::OsRandom;
use cloakroom::core::secret::{SecretKey, SecretKeys};
use cloakroom::core::value::Value;
use cloakroom::db::users::{Flag, NewUser};
use cloakroom::db::{Database, DatabaseUrl, Options, groups, migrations, users};
use cloakroom::sessions::{
    AnyEngine, CacheEngine, CachedDbEngine, DbEngine, SessionConfig, SessionError, Sessions, TextCodec,
};
use cloakroom_testkit::TestSite;

pub(crate) const GROUP: &str = "editors";

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How much memory copies of sessions may take.
const NEAR_BYTES: u64 = 16 << 20;

/// Where nodes keep sessions and users.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) database: String,
    /// The cache for sessions, and how they are kept there.
    pub(crate) cache: Option<(Engine, String)>,
}

/// An engine that has sessions in a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Cache,
    CachedDb,
}

impl Place {
    pub(crate) fn database(url: &str) -> Self {
        Self { database: url.to_owned(), cache: None }
    }

    /// What [`Far::cloakroom`] told this process.
    fn told(url: &str) -> Self {
        let engine = |name: &str| if name == "cache" { Engine::Cache } else { Engine::CachedDb };
        let cache = std::env::var(CACHE).ok();
        let cache = cache.map(|told| told.split_once(' ').map(|(name, url)| (engine(name), url.to_owned())).unwrap());
        Self { database: url.to_owned(), cache }
    }
}

/// What does as it is told and answers with a line.
pub(crate) trait Node: Send {
    fn tell<'a>(&'a mut self, line: &'a str) -> BoxFuture<'a, String>;
}

/// A node in this process.
pub(crate) struct Near {
    pub(crate) db: Database,
    auth: Auth,
    sessions: Sessions,
}

impl Near {
    /// A node as it is by itself, which is strict.
    pub(crate) async fn open(url: &str) -> Self {
        Self::open_with(&Place::database(url), Duration::ZERO).await
    }

    /// A node that may be so late, if the database can tell of changes, and the cache can, where there is one for sessions.
    pub(crate) async fn open_with(place: &Place, bound: Duration) -> Self {
        let mut options = Options::default();
        if !bound.is_zero() {
            options = options.with_bound(bound);
        }
        let db = Database::open(&DatabaseUrl::parse(&place.database).unwrap(), options).await.unwrap();
        let keys = SecretKeys::new(SecretKey::new(TestSite::SECRET_KEY).unwrap(), Vec::new());
        let auth = Auth::builder(db.clone(), keys.clone()).build().unwrap();
        let config = SessionConfig::default();
        let on_db = DbEngine::new(db.clone(), TextCodec::new(&keys), config.age_secs);
        let engine = match &place.cache {
            None => AnyEngine::Db(on_db),
            Some((engine, url)) => {
                let cache = Arc::new(Cache::new(&CacheUrl::parse(url).unwrap()));
                match engine {
                    Engine::Cache => {
                        let engine = CacheEngine::new(cache, config.age_secs);
                        AnyEngine::Cache(match bound {
                            Duration::ZERO => engine.with_reads(NEAR_BYTES),
                            bound => engine.with_near(bound, NEAR_BYTES),
                        })
                    }
                    Engine::CachedDb => {
                        let engine = CachedDbEngine::new(on_db, cache, config.age_secs);
                        AnyEngine::CachedDb(if bound.is_zero() { engine } else { engine.with_near(bound, NEAR_BYTES) })
                    }
                }
            }
        };
        let sessions = Sessions::new(engine, config, Arc::new(SystemClock), Arc::new(OsRandom));
        Self { db, auth, sessions }
    }

    /// Makes the tables, three people and a group, unless they are there; the people's keys.
    pub(crate) async fn prepare(&self) -> Vec<String> {
        let now = self.auth.now();
        migrations::migrate(&self.db, now, &mut |_| {}).await.unwrap();
        let mut ids = Vec::new();
        for name in ["alice", "bob", "carol"] {
            if users::by_username(&self.db, name).await.unwrap().is_none() {
                let _ = users::create(&self.db, NewUser::new(name, EncodedHash::new("!first"), now)).await.unwrap();
            }
            ids.push(users::by_username(&self.db, name).await.unwrap().unwrap().id.to_string());
        }
        if groups::by_name(&self.db, GROUP).await.unwrap().is_none() {
            let _ = groups::create(&self.db, GROUP).await.unwrap();
        }
        ids
    }

    async fn act(&self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        let user = |text: &str| UserId::from(text.parse::<i64>().unwrap());
        let group = async || Holder::Group(groups::by_name(&self.db, GROUP).await.unwrap().unwrap().id);
        match words[..] {
            ["login", id] => {
                let session = self.sessions.open(None).load().await.unwrap();
                let user = Arc::new(users::by_id(&self.db, &user(id)).await.unwrap().unwrap());
                let _ = self.auth.login_without_proof(&session, &user, BackendChoice::Only).await.unwrap();
                session.save().await.unwrap();
                return session.key().unwrap().expose().to_owned();
            }
            ["logout", key] => {
                let session = self.sessions.open(Some(key)).load().await.unwrap();
                self.auth.logout(&session, None).await.unwrap();
            }
            ["end", key] => self.sessions.end(&SessionKey::parse(key).unwrap()).await.unwrap(),
            ["edit", key, n] => {
                let session = self.sessions.open(Some(key)).load().await.unwrap();
                session.set_value("n", n.parse::<i64>().unwrap());
                match session.save().await {
                    Ok(()) | Err(SessionError::Interrupted) => {}
                    Err(e) => panic!("{e}"),
                }
            }
            ["password", id, text] => {
                let _ = users::set_password(&self.db, &user(id), &EncodedHash::new(text)).await.unwrap();
            }
            ["active", id, value] => {
                let _ = users::set_flag(&self.db, &user(id), Flag::Active, value == "1").await.unwrap();
            }
            ["grant", id, perm] => drop(self.auth.grant(&Holder::User(user(id)), perm).await.unwrap()),
            ["revoke", id, perm] => drop(self.auth.revoke(&Holder::User(user(id)), perm).await.unwrap()),
            ["join", id] => drop(self.auth.join_group(&user(id), GROUP).await.unwrap()),
            ["leave", id] => drop(self.auth.leave_group(&user(id), GROUP).await.unwrap()),
            ["allow", perm] => drop(self.auth.grant(&group().await, perm).await.unwrap()),
            ["forbid", perm] => drop(self.auth.revoke(&group().await, perm).await.unwrap()),
            ["read", key] => return self.read(key).await,
            _ => panic!("{line}"),
        }
        "ok".to_owned()
    }

    #[cfg(feature = "services")]
    pub(crate) async fn names_somebody(&self, key: &str) -> bool {
        let session = self.sessions.open(Some(key)).load().await.unwrap();
        self.auth.get_user(&session).await.unwrap().is_authenticated()
    }

    /// Whom the session names, what they may do, and what is in the session.
    async fn read(&self, key: &str) -> String {
        let session = self.sessions.open(Some(key)).load().await.unwrap();
        let identity = self.auth.get_user(&session).await.unwrap();
        let Identity::User(user, _) = &identity else { return "nobody".to_owned() };
        let set = self.auth.permissions(Some(user)).await.unwrap();
        let may: String = ["add", "change", "delete"]
            .map(|verb| if set.has_perm(&format!("auth.{verb}_user")) { '1' } else { '0' })
            .iter()
            .collect();
        let n = match session.get_value("n") {
            Some(Value::Int(n)) => n,
            _ => 0,
        };
        format!("{} {may} {n}", user.id)
    }
}

impl Node for Near {
    fn tell<'a>(&'a mut self, line: &'a str) -> BoxFuture<'a, String> {
        Box::pin(self.act(line))
    }
}

/// How late a node may be, in milliseconds.
const BOUND: &str = "CLOAKROOM_NODE_BOUND_MS";

/// How sessions are kept in which cache.
const CACHE: &str = "CLOAKROOM_NODE_CACHE";

/// What answers begin with, among what else a program prints.
const ANSWER: &str = "> ";

/// Does what standard input says.
pub(crate) fn serve(url: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let bound = std::env::var(BOUND).map_or(0, |ms| ms.parse().unwrap());
        let node = Near::open_with(&Place::told(url), Duration::from_millis(bound)).await;
        for line in std::io::stdin().lock().lines() {
            let answer = node.act(&line.unwrap()).await;
            let mut out = std::io::stdout();
            writeln!(out, "{ANSWER}{answer}").unwrap();
            out.flush().unwrap();
        }
    });
}

/// A node in a process of its own; killed when dropped.
pub(crate) struct Far {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Far {
    pub(crate) fn cloakroom(place: &Place, bound: Duration) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["a_node", "--exact", "--nocapture"]).env("CLOAKROOM_NODE_URL", &place.database);
        command.env(BOUND, bound.as_millis().to_string());
        if let Some((engine, url)) = &place.cache {
            let name = if *engine == Engine::Cache { "cache" } else { "cached_db" };
            command.env(CACHE, format!("{name} {url}"));
        }
        Self::start(command)
    }

    #[cfg(feature = "django")]
    pub(crate) fn django(database: &std::path::Path, secret_key: &str) -> Self {
        let venv = std::env::var_os("ORACLE_VENV").expect("ORACLE_VENV names a Python environment with Django");
        let script = concat!(include_str!("../django/settings.py"), "\n", include_str!("django.py"));
        let mut command = Command::new(std::path::PathBuf::from(venv).join("bin/python"));
        command.args(["-u", "-c", script]).env("SITE_DATABASE", database).env("SITE_SECRET_KEY", secret_key);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, stdin, stdout }
    }

    fn ask(&mut self, line: &str) -> String {
        writeln!(self.stdin, "{line}").unwrap();
        self.stdin.flush().unwrap();
        loop {
            let mut answer = String::new();
            assert!(self.stdout.read_line(&mut answer).unwrap() > 0, "the node is gone");
            // The test runner prints the test's name first, on the same line.
            if let Some((_, answer)) = answer.trim_end().split_once(ANSWER) {
                return answer.to_owned();
            }
        }
    }
}

impl Node for Far {
    fn tell<'a>(&'a mut self, line: &'a str) -> BoxFuture<'a, String> {
        Box::pin(async move { tokio::task::block_in_place(|| self.ask(line)) })
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
