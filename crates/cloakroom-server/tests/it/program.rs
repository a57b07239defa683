//! Running the program in a folder of its own.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::browser::Browser;

const PROGRAM: &str = env!("CARGO_BIN_EXE_cloakroom");

/// How long anything may take before a test gives up on it.
const PATIENCE: Duration = Duration::from_secs(30);

/// MD5 first, so that sign-ins are quick; the default's behind it.
const QUICK_HASHERS: &str =
    r#"["django.contrib.auth.hashers.MD5PasswordHasher", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]"#;

/// A working directory and an environment, both empty but for what a test puts there.
pub(crate) struct Home {
    folder: TempDir,
    /// What the program prints goes here, so that it is no part of the folder.
    prints: TempDir,
    environment: BTreeMap<String, String>,
}

/// What a program that has ended left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A server that is running; killed when dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    stdout: PathBuf,
}

/// A file as it was: its mode and its bytes.
pub(crate) type Snapshot = BTreeMap<PathBuf, (u32, Vec<u8>)>;

impl Home {
    pub(crate) fn new() -> Self {
        let (folder, prints) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let environment = BTreeMap::from([("PATH".to_owned(), std::env::var("PATH").unwrap_or_default())]);
        Self { folder, prints, environment }
    }

    /// A home whose passwords are quick to hash.
    pub(crate) fn quick() -> Self {
        Self::new().with("PASSWORD_HASHERS", QUICK_HASHERS)
    }

    /// Gives a setting through the environment.
    pub(crate) fn with(self, setting: &str, value: &str) -> Self {
        self.with_variable(&format!("CLOAKROOM_{setting}"), value)
    }

    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// Puts a file in the folder.
    pub(crate) fn with_file(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        fs::write(self.path(name), bytes).unwrap();
        self
    }

    /// Puts a database with an account `alice` in the folder, made by the program itself.
    pub(crate) fn with_superuser(self) -> Self {
        let made = self
            .command(&["createsuperuser", "--noinput", "--username", "alice", "--email", "alice@site.example"])
            .env("DJANGO_SUPERUSER_PASSWORD", "alice-pass-9Z")
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// All files of the folder, however deep.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut all = Snapshot::new();
        collect(self.folder.path(), &mut all);
        all
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.command_of(Path::new(PROGRAM), args)
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        self.finish(self.command(args))
    }

    /// Runs the program to its end as somebody who is not root, so that permissions count.
    pub(crate) fn run_unprivileged(&self, args: &[&str]) -> Ended {
        use std::os::unix::fs::MetadataExt as _;
        use std::os::unix::process::CommandExt as _;
        const NOBODY: u32 = 65534;
        if self.folder.path().metadata().unwrap().uid() != 0 {
            return self.run(args);
        }
        // The build folder may be closed to others. A copy that this process wrote could be busy: what another test's
        // thread starts meanwhile inherits the open file.
        let copy = self.prints.path().join("cloakroom");
        assert!(Command::new("cp").arg(PROGRAM).arg(&copy).status().unwrap().success());
        fs::set_permissions(self.prints.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = self.command_of(&copy, args);
        command.uid(NOBODY).gid(NOBODY);
        self.finish(command)
    }

    /// What the server that was started last has logged so far.
    pub(crate) fn logged(&self) -> String {
        fs::read_to_string(self.prints.path().join("stderr")).unwrap()
    }

    /// Starts a server and waits until it says where it is.
    pub(crate) fn serve(&self) -> Server {
        let (stdout, stderr) = (self.prints.path().join("stdout"), self.prints.path().join("stderr"));
        // Two servers may share a home.
        let stdout = (0..).map(|n| stdout.with_extension(n.to_string())).find(|path| !path.exists()).unwrap();
        let mut child = self
            .command(&["serve", "--addr", "127.0.0.1:0"])
            .stdout(fs::File::create(&stdout).unwrap())
            .stderr(fs::File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        let began = Instant::now();
        loop {
            let said = fs::read_to_string(&stdout).unwrap();
            let address = said.split("http://").nth(1).and_then(|rest| rest.split_once('/'));
            if let Some((address, _)) = address {
                return Server { child, address: address.parse().unwrap(), stdout };
            }
            let ended = child.try_wait().unwrap();
            let why = || fs::read_to_string(&stderr).unwrap();
            assert!(ended.is_none(), "the server ended: {}", why());
            assert!(began.elapsed() < PATIENCE, "the server does not start: {}", why());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn command_of(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).env_clear().envs(&self.environment).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn finish(&self, mut command: Command) -> Ended {
        let (stdout, stderr) = (self.prints.path().join("out"), self.prints.path().join("err"));
        command.stdout(fs::File::create(&stdout).unwrap()).stderr(fs::File::create(&stderr).unwrap());
        let mut child = command.spawn().unwrap();
        let code = wait(&mut child).code();
        Ended { code, stdout: fs::read_to_string(&stdout).unwrap(), stderr: fs::read_to_string(&stderr).unwrap() }
    }
}

impl Server {
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A browser that has never been here.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.address)
    }

    /// What it has printed. All of what it says at its start is there once it has answered.
    pub(crate) fn printed(&self) -> String {
        fs::read_to_string(&self.stdout).unwrap()
    }

    /// The path of the set-up link, if one was printed.
    pub(crate) fn setup_path(&self) -> Option<String> {
        let link = format!("http://{}/setup/", self.address);
        let printed = self.printed();
        let token = printed.split(link.as_str()).nth(1)?.split('/').next()?;
        Some(format!("/setup/{token}/"))
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }

    /// SIGKILL: it cannot do anything about it.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("the program does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn collect(folder: &Path, all: &mut Snapshot) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.metadata().unwrap();
        let bytes = match metadata.is_dir() {
            true => {
                collect(&path, all);
                Vec::new()
            }
            false => fs::read(&path).unwrap(),
        };
        all.insert(path, (metadata.permissions().mode(), bytes));
    }
}
