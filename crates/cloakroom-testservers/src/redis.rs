//! Valkey or Redis servers of one's own: one, a cluster, a master and its replica under sentinels.

use std::fmt;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::unique_name;

/// How long servers may take until they do what they are for.
const START: Duration = Duration::from_secs(60);

/// The bus of a cluster is on a port so far above.
const BUS: u16 = 10_000;

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing.
    Nil,
    /// A number.
    Int(i64),
    /// A text or bytes.
    Bytes(Vec<u8>),
    /// Several.
    List(Vec<Reply>),
    /// A refusal.
    Error(String),
}

impl Reply {
    /// The text, or nothing for what is none.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Int(number) => number.to_string(),
            _ => String::new(),
        }
    }
}

/// Asks a server something, as another program beside the code under test would.
///
/// # Panics
///
/// When it does not answer.
pub fn ask_redis(server: SocketAddr, words: &[&str]) -> Reply {
    try_ask(server, words).unwrap_or_else(|e| panic!("{server}: {words:?}: {e}"))
}

fn try_ask(server: SocketAddr, words: &[&str]) -> std::io::Result<Reply> {
    let stream = TcpStream::connect_timeout(&server, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut question = format!("*{}\r\n", words.len());
    for word in words {
        question.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    (&stream).write_all(question.as_bytes())?;
    read(&mut BufReader::new(&stream))
}

fn read(from: &mut BufReader<&TcpStream>) -> std::io::Result<Reply> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let odd = || std::io::Error::other("an odd answer");
    let (kind, rest) = line.trim_end().split_at_checked(1).ok_or_else(odd)?;
    let number = || rest.parse::<i64>().map_err(|_| odd());
    Ok(match kind {
        "+" => Reply::Bytes(rest.into()),
        "-" => Reply::Error(rest.into()),
        ":" => Reply::Int(number()?),
        "$" => match usize::try_from(number()?) {
            Ok(count) => {
                let mut bytes = vec![0; count + 2];
                from.read_exact(&mut bytes)?;
                bytes.truncate(count);
                Reply::Bytes(bytes)
            }
            Err(_) => Reply::Nil,
        },
        "*" => (0..number()?).map(|_| read(from)).collect::<Result<_, _>>().map(Reply::List)?,
        _ => return Err(odd()),
    })
}

/// A server on a spare port of the loopback address, without persistence, killed when dropped.
pub struct RedisServer {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
    program: &'static str,
    arguments: Vec<String>,
}

impl RedisServer {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// When no server is installed, or it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts one with options, such as `["--requirepass", "secret"]`.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[must_use]
    pub fn with(options: &[&str]) -> Self {
        let options: Vec<String> = options.iter().map(|&o| o.into()).collect();
        Self::run(&|_| options.clone())
    }

    fn run(options: &dyn Fn(&Path) -> Vec<String>) -> Self {
        let program = program();
        for _ in 0..20 {
            let folder = std::env::temp_dir().join(unique_name("cloakroom-redis"));
            fs::create_dir(&folder).expect("a temporary folder");
            let port = spare_port();
            let mut arguments = options(&folder);
            let is_sentinel = arguments.iter().any(|a| a == "--sentinel");
            let common = ["--port", &port.to_string(), "--bind", "127.0.0.1"].map(String::from);
            if is_sentinel {
                arguments.extend(common);
            } else {
                let files = ["--save", "", "--appendonly", "no", "--dir", &folder.display().to_string()];
                arguments.splice(0..0, common.into_iter().chain(files.map(String::from)));
            }
            let child = spawn(program, &arguments, &folder);
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let mut server = Self { child, address, folder, program, arguments };
            if server.answers() {
                return server;
            }
        }
        panic!("{program} does not start");
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it something.
    ///
    /// # Panics
    ///
    /// When it does not answer.
    pub fn ask(&self, words: &[&str]) -> Reply {
        ask_redis(self.address, words)
    }

    /// Ends it as a power cut does.
    ///
    /// # Panics
    ///
    /// When it has ended already.
    pub fn kill(&mut self) {
        self.child.kill().expect("the server runs");
        self.child.wait().expect("a child of ours");
    }

    /// Starts it again on the same port, empty.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start_again(&mut self) {
        self.child = spawn(self.program, &self.arguments, &self.folder);
        assert!(self.answers(), "{} starts again", self.program);
    }

    /// Waits until it answers; `false` when it ended instead.
    fn answers(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < START {
            // A port that was taken meanwhile belongs to somebody else.
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return false;
            }
            if matches!(try_ask(self.address, &["PING"]), Ok(Reply::Bytes(_) | Reply::Error(_))) {
                return self.child.try_wait().is_ok_and(|ended| ended.is_none());
            }
            sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have been killed by the test.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisServer({})", self.address)
    }
}

/// A cluster of three masters with a replica each.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts six servers, joins them, and waits until each knows a working cluster.
    ///
    /// # Panics
    ///
    /// When that does not come about.
    #[must_use]
    pub fn start() -> Self {
        let options = |folder: &Path| {
            let file = folder.join("nodes.conf").display().to_string();
            let words = ["--cluster-enabled", "yes", "--cluster-config-file", &file, "--cluster-node-timeout", "1500"];
            let more = ["--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0"];
            words.iter().chain(&more).map(|&w| w.to_owned()).collect()
        };
        let nodes: Vec<_> = (0..6).map(|_| RedisServer::run(&options)).collect();
        for (number, node) in nodes.iter().enumerate() {
            node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
        }
        let first = nodes[0].address();
        for node in &nodes[1..] {
            node.ask(&["CLUSTER", "MEET", "127.0.0.1", &first.port().to_string()]);
        }
        for (node, (from, to)) in nodes.iter().zip([(0, 5_460), (5_461, 10_922), (10_923, 16_383)]) {
            let reply = node.ask(&["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &to.to_string()]);
            assert_eq!(reply.text(), "OK", "{reply:?}");
        }
        let ids: Vec<_> = nodes.iter().map(|n| n.ask(&["CLUSTER", "MYID"]).text()).collect();
        wait_until("everybody knows everybody", || {
            nodes.iter().all(|n| {
                let known = n.ask(&["CLUSTER", "NODES"]).text();
                known.lines().count() == 6 && !known.contains("handshake")
            })
        });
        for (replica, master) in nodes[3..].iter().zip(&ids) {
            wait_until("a replica follows", || replica.ask(&["CLUSTER", "REPLICATE", master]).text() == "OK");
        }
        let cluster = Self { nodes };
        cluster.wait_until_whole();
        cluster
    }

    /// Its nodes: three that began as masters, then the replica of each.
    #[must_use]
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// Ends a node as a power cut does.
    ///
    /// # Panics
    ///
    /// When it has ended already.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].kill();
    }

    /// Starts a killed node again; it becomes the replica of whoever took over.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start_again(&mut self, node: usize) {
        self.nodes[node].start_again();
    }

    /// Waits until every node sees all slots served and each master has its replica in step.
    ///
    /// # Panics
    ///
    /// When that does not come about.
    pub fn wait_until_whole(&self) {
        wait_until("the cluster is whole", || {
            self.nodes.iter().all(|n| {
                let ok = n.ask(&["CLUSTER", "INFO"]).text().contains("cluster_state:ok");
                let Reply::List(role) = n.ask(&["ROLE"]) else { return false };
                let in_step = match role[0].text().as_str() {
                    "master" => matches!(&role[2], Reply::List(replicas) if replicas.len() == 1),
                    _ => role[3].text() == "connected",
                };
                ok && in_step
            })
        });
    }

    /// Its address as `CACHE_URL` takes it.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.nodes.iter().map(|n| n.address().to_string()).collect();
        format!("redis-cluster://{}", hosts.join(","))
    }
}

/// A master, its replica, and three sentinels that watch them as the service `main`.
#[derive(Debug)]
pub struct RedisSentinels {
    sentinels: Vec<RedisServer>,
    servers: Vec<RedisServer>,
}

impl RedisSentinels {
    /// Starts five servers and waits until the sentinels know each other and the replica.
    ///
    /// # Panics
    ///
    /// When that does not come about.
    #[must_use]
    pub fn start() -> Self {
        let master = RedisServer::with(&["--repl-diskless-sync-delay", "0"]);
        let port = master.address().port().to_string();
        let replica = RedisServer::with(&["--replicaof", "127.0.0.1", &port]);
        let options = |folder: &Path| {
            let file = folder.join("sentinel.conf");
            let text = format!(
                "sentinel monitor main 127.0.0.1 {port} 2\nsentinel down-after-milliseconds main 1000\nsentinel \
                 failover-timeout main 5000\ndir {}\n",
                folder.display()
            );
            fs::write(&file, text).expect("a file of ours");
            vec![file.display().to_string(), "--sentinel".to_owned()]
        };
        let sentinels: Vec<_> = (0..3).map(|_| RedisServer::run(&options)).collect();
        let all = Self { sentinels, servers: vec![master, replica] };
        wait_until("the sentinels know each other", || {
            all.sentinels.iter().all(|s| {
                let Reply::List(facts) = s.ask(&["SENTINEL", "MASTER", "main"]) else { return false };
                let facts: Vec<_> = facts.iter().map(Reply::text).collect();
                let is = |name: &str, value: &str| facts.chunks(2).any(|f| f[0] == name && f[1] == value);
                is("num-other-sentinels", "2") && is("num-slaves", "1")
            })
        });
        all
    }

    /// The server that began as master, and its replica.
    #[must_use]
    pub fn servers(&self) -> &[RedisServer] {
        &self.servers
    }

    /// Ends a server as a power cut does.
    ///
    /// # Panics
    ///
    /// When it has ended already.
    pub fn kill(&mut self, server: usize) {
        self.servers[server].kill();
    }

    /// Their address as `CACHE_URL` takes it.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.sentinels.iter().map(|n| n.address().to_string()).collect();
        format!("redis-sentinel://{}/main", hosts.join(","))
    }
}

fn spawn(program: &str, arguments: &[String], folder: &Path) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).expect("a file of ours");
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|e| panic!("{program}: {e}"))
}

/// Valkey's program where it is installed, else Redis's.
fn program() -> &'static str {
    let found = |name: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
    };
    if found("valkey-server") { "valkey-server" } else { "redis-server" }
}

/// A port that nobody listens on now, nor on that of the bus above it.
fn spare_port() -> u16 {
    loop {
        let Ok(listener) = TcpListener::bind("127.0.0.1:0") else { continue };
        let port = listener.local_addr().expect("a bound socket has an address").port();
        if port < u16::MAX - BUS {
            if TcpListener::bind(("127.0.0.1", port + BUS)).is_ok() {
                return port;
            }
        } else if TcpListener::bind(("127.0.0.1", port - BUS)).is_ok()
            && (1_024..u16::MAX - BUS).contains(&(port - BUS))
        {
            // The system hands out high ports; the one below has its bus here.
            return port - BUS;
        }
    }
}

/// Asks until the answer is yes.
fn wait_until(what: &str, is: impl Fn() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < START, "not in time: {what}");
        sleep(Duration::from_millis(50));
    }
}
