//! PostgreSQL, MariaDB and Redis as throwaway instances: on spare ports of the loopback address, data in a temporary
//! folder, gone when the caller is, however it ends.

mod guard;

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use self::guard::{Guarded, Signal};
use crate::tools::{self, Failure};

/// How long a server may take until it answers.
const START: Duration = Duration::from_secs(90);

/// The name and the password of the account on PostgreSQL and MariaDB.
const ACCOUNT: &str = "cloakroom";
const PASSWORD: &str = "throw-away";

/// Servers that run until this is dropped.
pub(crate) struct Services {
    variables: Vec<(&'static str, String)>,
    // Dropped in this order: the servers let go of the folder first.
    _servers: Vec<Guarded>,
    _folder: Folder,
}

impl Services {
    /// Starts all of them and waits until each answers.
    pub(crate) fn start() -> Result<Self, Failure> {
        let programs = Programs::need()?;
        let folder = Folder::make()?;
        let certificate = Certificate::make(&programs, &folder.0)?;
        let (postgres, postgres_url) = postgres(&programs, &folder.0, &certificate)?;
        let (mariadb, mysql_url) = mariadb(&programs, &folder.0, &certificate)?;
        let (redis, redis_url) = redis(&programs, &folder.0)?;
        Ok(Self {
            variables: vec![
                ("CLOAKROOM_TEST_POSTGRES", postgres_url),
                ("CLOAKROOM_TEST_MYSQL", mysql_url),
                ("CLOAKROOM_TEST_REDIS", redis_url),
                ("CLOAKROOM_TEST_CA", certificate.certificate.display().to_string()),
            ],
            _servers: vec![postgres, mariadb, redis],
            _folder: folder,
        })
    }

    /// What tests find in their environment.
    pub(crate) fn variables(&self) -> &[(&'static str, String)] {
        &self.variables
    }
}

/// Where the programs are.
struct Programs {
    postgres: PathBuf,
    initdb: PathBuf,
    pg_isready: PathBuf,
    mariadbd: PathBuf,
    mariadb_install_db: PathBuf,
    redis_server: PathBuf,
    openssl: PathBuf,
}

impl Programs {
    fn need() -> Result<Self, Failure> {
        Ok(Self {
            postgres: tools::need_where(find_postgres, "postgres", &["postgresql"])?,
            initdb: tools::need_where(find_postgres, "initdb", &["postgresql"])?,
            pg_isready: tools::need_where(find_postgres, "pg_isready", &["postgresql"])?,
            mariadbd: tools::need_where(find_system, "mariadbd", &["mariadb-server"])?,
            mariadb_install_db: tools::need_where(find_system, "mariadb-install-db", &["mariadb-server"])?,
            redis_server: tools::need("redis-server", &["redis-server"])?,
            openssl: tools::need("openssl", &["openssl"])?,
        })
    }
}

/// Debian keeps PostgreSQL's programs beside each other by version, and off the path.
fn find_postgres(program: &str) -> Option<PathBuf> {
    tools::find(program).or_else(|| {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path());
        newest(versions.filter(|version| version.join("bin").join(program).is_file()))
            .map(|version| version.join("bin").join(program))
    })
}

/// The folder whose name is the highest number.
fn newest(folders: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    folders.max_by_key(|folder| folder.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()))
}

/// A daemon may lie where only the path of root leads.
fn find_system(program: &str) -> Option<PathBuf> {
    tools::find(program).or_else(|| Some(Path::new("/usr/sbin").join(program)).filter(|path| path.is_file()))
}

/// The folder of all data.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self, Failure> {
        let base = std::env::temp_dir();
        for number in 0..1_000 {
            let path = base.join(format!("cloakroom-services-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => {
                    let folder = Self(path);
                    // PostgreSQL runs as somebody else, who must find its own folder in here.
                    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).map_err(failed(&folder.0))?;
                    return Ok(folder);
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(failed(&path)(e)),
            }
        }
        Err(Failure::Failed(format!("{} is full of folders of earlier runs; remove them", base.display())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is an empty folder in the temporary one.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What the servers show to clients that ask for TLS: a certificate for `localhost` and `127.0.0.1`, signed by itself.
struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
}

impl Certificate {
    fn make(programs: &Programs, folder: &Path) -> Result<Self, Failure> {
        let made = Self { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
        output(
            Command::new(&programs.openssl)
                .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
                .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
                // The certificate is its own authority, and rustls wants none that says so where a server shows it.
                .args(["-addext", "basicConstraints=critical,CA:FALSE"])
                .arg("-keyout")
                .arg(&made.key)
                .arg("-out")
                .arg(&made.certificate),
        )?;
        Ok(made)
    }

    /// A copy of the key for one reader alone: PostgreSQL refuses another.
    fn key_for(&self, copy: PathBuf, owner: Option<u32>) -> Result<PathBuf, Failure> {
        fs::copy(&self.key, &copy).map_err(failed(&copy))?;
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).map_err(failed(&copy))?;
        if owner.is_some() {
            chown(&copy, owner, None).map_err(failed(&copy))?;
        }
        Ok(copy)
    }
}

fn postgres(programs: &Programs, folder: &Path, tls: &Certificate) -> Result<(Guarded, String), Failure> {
    let data = folder.join("postgres");
    let owner = if tools::is_root() { Some(user_id("postgres")?) } else { None };
    fs::create_dir(&data).map_err(failed(&data))?;
    chown(&data, owner, None).map_err(failed(&data))?;
    let password = folder.join("postgres.password");
    fs::write(&password, PASSWORD).map_err(failed(&password))?;
    let key = tls.key_for(folder.join("postgres.key"), owner)?;
    // PostgreSQL refuses to run as root.
    let command = |program: &Path| match owner {
        Some(_) => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
            command
        }
        None => Command::new(program),
    };
    output(
        command(&programs.initdb)
            .args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--username", ACCOUNT])
            .arg(format!("--pwfile={}", password.display()))
            .arg(format!("--pgdata={}", data.display()))
            .current_dir(folder),
    )?;
    let port = spare_port()?;
    let mut server = command(&programs.postgres);
    server.arg("-D").arg(&data);
    for setting in [
        &format!("port={port}"),
        &format!("ssl_cert_file={}", tls.certificate.display()),
        &format!("ssl_key_file={}", key.display()),
        "ssl=on",
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=300",
        "fsync=off",
        "full_page_writes=off",
        "synchronous_commit=off",
    ] {
        server.args(["-c", setting]);
    }
    let server = Guarded::start(&server, &data, Signal::Quit).map_err(failed(&programs.postgres))?;
    wait("PostgreSQL", &server, || {
        Command::new(&programs.pg_isready)
            .args(["--quiet", "--host=127.0.0.1", &format!("--port={port}")])
            .status()
            .is_ok_and(|status| status.success())
    })?;
    Ok((server, format!("postgres://{ACCOUNT}:{PASSWORD}@127.0.0.1:{port}/postgres")))
}

fn mariadb(programs: &Programs, folder: &Path, tls: &Certificate) -> Result<(Guarded, String), Failure> {
    let data = folder.join("mariadb");
    let mut install = Command::new(&programs.mariadb_install_db);
    install.args([
        "--no-defaults",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--skip-name-resolve",
    ]);
    install.arg(format!("--datadir={}", data.display())).args(["--innodb-flush-log-at-trx-commit=0", "--force"]);
    let accounts = folder.join("mariadb.sql");
    fs::write(
        &accounts,
        format!(
            "CREATE USER '{ACCOUNT}'@'%' IDENTIFIED BY '{PASSWORD}';\n\
             GRANT ALL ON *.* TO '{ACCOUNT}'@'%' WITH GRANT OPTION;\n"
        ),
    )
    .map_err(failed(&accounts))?;
    let port = spare_port()?;
    let mut server = Command::new(&programs.mariadbd);
    server.arg("--no-defaults");
    if tools::is_root() {
        install.arg("--user=root");
        server.arg("--user=root");
    }
    output(&mut install)?;
    server
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--init-file={}", accounts.display()))
        .arg(format!("--socket={}", folder.join("mariadb.sock").display()))
        .arg(format!("--pid-file={}", folder.join("mariadb.pid").display()))
        .arg(format!("--ssl-cert={}", tls.certificate.display()))
        .arg(format!("--ssl-key={}", tls.key_for(folder.join("mariadb.key"), None)?.display()))
        .arg(format!("--port={port}"))
        .args(["--bind-address=127.0.0.1", "--skip-name-resolve", "--max-connections=300"])
        .args(["--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci"])
        .args(["--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin"])
        .args(["--sync-frm=0", "--innodb-flush-method=nosync"]);
    let server = Guarded::start(&server, &data, Signal::Kill).map_err(failed(&programs.mariadbd))?;
    wait("MariaDB", &server, || first_bytes(port, b"").is_ok_and(|bytes| bytes.get(4) == Some(&10)))?;
    Ok((server, format!("mysql://{ACCOUNT}:{PASSWORD}@127.0.0.1:{port}/mysql")))
}

fn redis(programs: &Programs, folder: &Path) -> Result<(Guarded, String), Failure> {
    let data = folder.join("redis");
    fs::create_dir(&data).map_err(failed(&data))?;
    let port = spare_port()?;
    let mut server = Command::new(&programs.redis_server);
    server
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
        .arg(&data);
    let server = Guarded::start(&server, &data, Signal::Kill).map_err(failed(&programs.redis_server))?;
    wait("Redis", &server, || first_bytes(port, b"PING\r\n").is_ok_and(|bytes| bytes.starts_with(b"+PONG")))?;
    Ok((server, format!("redis://127.0.0.1:{port}/0")))
}

/// Asks until `answers` says yes.
fn wait(name: &str, server: &Guarded, answers: impl Fn() -> bool) -> Result<(), Failure> {
    let start = Instant::now();
    while start.elapsed() < START {
        if answers() {
            return Ok(());
        }
        if !server.runs() {
            break;
        }
        sleep(Duration::from_millis(50));
    }
    Err(Failure::Failed(format!("{name} did not start; its last words:\n{}", server.last_words())))
}

/// What a server on this port answers to `question`, at most 64 bytes of it.
fn first_bytes(port: u16, question: &[u8]) -> io::Result<Vec<u8>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(question)?;
    let mut bytes = vec![0; 64];
    let count = stream.read(&mut bytes)?;
    bytes.truncate(count);
    Ok(bytes)
}

/// A port that nobody listens on now.
fn spare_port() -> Result<u16, Failure> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|e| Failure::Failed(format!("no spare port on 127.0.0.1: {e}")))
}

fn user_id(name: &str) -> Result<u32, Failure> {
    let output = output(Command::new("id").args(["-u", name]))?;
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .map_err(|_| Failure::Missing(format!("there is no user {name} (Debian: apt-get install postgresql)")))
}

/// Runs a command that is to succeed, and shows what it said if it does not.
fn output(command: &mut Command) -> Result<Output, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Ok(output),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(Failure::Failed(format!("{program}: {}\n{}", output.status, said.trim_end())))
        }
        Err(e) => Err(Failure::Missing(format!("{program}: {e}"))),
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> Failure {
    move |e| Failure::Failed(format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_not_the_first_of_the_alphabet() {
        let folders = ["/v/9", "/v/17", "/v/15", "/v/current"].map(PathBuf::from);
        assert_eq!(newest(folders.into_iter()), Some(PathBuf::from("/v/17")));
        assert_eq!(newest(std::iter::empty()), None);
    }

    #[test]
    fn a_spare_port_can_be_taken() {
        let port = spare_port().ok().unwrap();
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    }

    #[test]
    fn a_folder_goes_with_its_owner() {
        let folder = Folder::make().ok().unwrap();
        let path = folder.0.clone();
        fs::write(path.join("file"), "x").unwrap();
        drop(folder);
        assert!(!path.exists());
    }
}
