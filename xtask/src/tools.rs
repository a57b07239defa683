//! What the steps need from the machine: commands, Debian packages, a Python with Django.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::terminal;

/// Why a step did not pass.
pub(crate) enum Failure {
    /// Something it needs is not to be had here.
    Missing(String),
    /// It ran and failed.
    Failed(String),
}

pub(crate) type Outcome = Result<(), Failure>;

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// A `cargo` call in the workspace, with warnings as errors where it compiles.
pub(crate) fn cargo(arguments: &[&str]) -> Outcome {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    run(Command::new(program).args(arguments))
}

/// Runs a command in the workspace and shows what it prints.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let shown = format!("{command:?}").replace('"', "");
    terminal::line(&format!("$ {shown}"));
    match command.current_dir(root()).stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::Failed(format!("{shown}: {status}"))),
        Err(e) => Err(Failure::Missing(format!("{shown}: {e}"))),
    }
}

/// The path of a program, if the shell would find it.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// Makes sure that `program` is there; as root on Debian, installs `packages` for it.
pub(crate) fn need(program: &str, packages: &[&str]) -> Result<PathBuf, Failure> {
    need_where(find, program, packages)
}

/// As [`need`], for a program that `find` finds.
pub(crate) fn need_where(
    find: fn(&str) -> Option<PathBuf>,
    program: &str,
    packages: &[&str],
) -> Result<PathBuf, Failure> {
    if let Some(path) = find(program) {
        return Ok(path);
    }
    let wanted = packages.join(" ");
    if self::find("apt-get").is_none() || !is_root() {
        return Err(Failure::Missing(format!("{program} is not installed (Debian: apt-get install {wanted})")));
    }
    terminal::note(&format!("installing {wanted}"));
    let policy = NoDaemons::begin();
    // An index that cannot be refreshed may still know the package.
    let refreshed = run(Command::new("apt-get").args(["update", "-qq"]));
    let installed = run(Command::new("apt-get")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive"));
    drop(policy);
    match (find(program), installed, refreshed) {
        (Some(path), ..) => Ok(path),
        (None, ..) => Err(Failure::Missing(format!("{program}: apt-get install {wanted} failed"))),
    }
}

/// The environment of [`oracle`], with Django's drivers for the database servers.
pub(crate) fn oracle_with_drivers() -> Result<PathBuf, Failure> {
    let dir = oracle()?;
    let python = dir.join("bin/python");
    let works = || {
        let imports = Command::new(&python).args(["-c", "import psycopg, pymysql"]).stderr(Stdio::null()).status();
        imports.is_ok_and(|status| status.success())
    };
    if !works() {
        terminal::note("setting up Django's database drivers");
        let drivers = ["psycopg[binary]", "pymysql"];
        // Whether they are there now is what counts.
        let installed = run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(drivers));
        if !works() {
            let why = match installed {
                Ok(()) => "they cannot be imported".to_owned(),
                Err(Failure::Missing(why) | Failure::Failed(why)) => why,
            };
            return Err(Failure::Missing(format!("no psycopg and pymysql for Python: {why}")));
        }
    }
    Ok(dir)
}

/// While this lives, Debian starts no daemon of a package that it installs. What runs already is left alone.
struct NoDaemons(Option<&'static Path>);

impl NoDaemons {
    fn begin() -> Self {
        let path = Path::new("/usr/sbin/policy-rc.d");
        let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(path);
        // One that is there is the administrator's.
        Self(made.and_then(|mut file| file.write_all(b"#!/bin/sh\nexit 101\n")).ok().map(|()| path))
    }
}

impl Drop for NoDaemons {
    fn drop(&mut self) {
        if let Some(path) = self.0
            && let Err(e) = fs::remove_file(path)
        {
            terminal::error(&format!("{} was to be removed: {e}", path.display()));
        }
    }
}

/// The folder of the differential runner and the reference site: a newer one beside the checkout, or our own.
pub(crate) fn conformance() -> PathBuf {
    let beside = root().join("../shared/compat");
    if beside.join("diff/run").is_file() { beside } else { root().join("conformance") }
}

/// Sets up the Python environment of the reference site once, and returns its folder.
pub(crate) fn oracle() -> Result<PathBuf, Failure> {
    if let Some(dir) = std::env::var_os("ORACLE_VENV") {
        return Ok(dir.into());
    }
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .ok_or_else(|| Failure::Missing("neither XDG_CACHE_HOME nor HOME is set".into()))?;
    let dir = cache.join("cloakroom-oracle");
    let works = Command::new(dir.join("bin/python"))
        .args(["-c", "import django, rest_framework, argon2, bcrypt, yaml"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !works {
        terminal::note("setting up Python with Django");
        match run(Command::new("sh").arg(conformance().join("diff/setup")).arg(&dir)) {
            Ok(()) => {}
            Err(Failure::Missing(why) | Failure::Failed(why)) => {
                return Err(Failure::Missing(format!("no Python with Django: {why}")));
            }
        }
    }
    // Only a Django whose sessions are in Redis needs it, so the setup leaves it out.
    let python = dir.join("bin/python");
    let has_redis = Command::new(&python)
        .args(["-c", "import redis"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !has_redis {
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "redis"];
        run(Command::new(&python).args(install)).map_err(|failure| match failure {
            Failure::Missing(why) | Failure::Failed(why) => Failure::Missing(format!("no redis for Python: {why}")),
        })?;
    }
    Ok(dir)
}

pub(crate) fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.trim_ascii() == b"0")
}
