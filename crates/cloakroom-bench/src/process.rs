//! Servers as processes of their own: started on one core, waited for, their processor time and memory read, ended.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Failure;

/// How long a server may take until it accepts.
const START: Duration = Duration::from_secs(30);

/// A server that runs until this is dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    cold_start: Duration,
}

impl Server {
    /// Starts a server pinned to `core` and waits for its first answer.
    pub(crate) fn start(command: &mut Command, address: SocketAddr, core: usize) -> Result<Self, Failure> {
        let began = Instant::now();
        let child = pinned(command, core, &[]).stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut server = Self { child, address, cold_start: Duration::ZERO };
        while !answers(address) {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("{command:?} ended: {status}").into());
            }
            if began.elapsed() > START {
                return Err(format!("{command:?} does not answer").into());
            }
            sleep(Duration::from_millis(2));
        }
        server.cold_start = began.elapsed();
        Ok(server)
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From start to the first answer.
    pub(crate) const fn cold_start(&self) -> Duration {
        self.cold_start
    }

    /// Processor time of the server and its children since they started.
    pub(crate) fn cpu(&self) -> Duration {
        self.family().iter().map(|pid| cpu_of(*pid)).sum()
    }

    /// Bytes of memory of the server and its children: what is theirs alone, and their share of the rest.
    pub(crate) fn memory(&self) -> u64 {
        self.family().iter().map(|pid| memory_of(*pid)).sum()
    }

    fn family(&self) -> Vec<u32> {
        let mut family = vec![self.child.id()];
        let parents: Vec<(u32, u32)> = processes();
        let mut n = 0;
        while let Some(parent) = family.get(n).copied() {
            family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
            n += 1;
        }
        family
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // gunicorn ends its workers when it is asked to end, and not when it is killed.
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let began = Instant::now();
        while asked.as_ref().is_ok_and(|status| status.success()) && began.elapsed() < Duration::from_secs(5) {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            sleep(Duration::from_millis(10));
        }
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command as it is, but on `core`, and behind other programs that start it.
pub(crate) fn pinned(command: &Command, core: usize, through: &[&str]) -> Command {
    let mut pinned = Command::new("taskset");
    pinned.args(["-c", &core.to_string()]).args(through).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => pinned.env(name, value),
            None => pinned.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        pinned.current_dir(folder);
    }
    pinned
}

/// An address of the loopback interface that nobody listens on.
pub(crate) fn spare_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn answers(address: SocketAddr) -> bool {
    use std::io::{Read as _, Write as _};
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(200))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut start = [0; 12];
        stream.read_exact(&mut start)?;
        Ok(&start == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}

fn cpu_of(pid: u32) -> Duration {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Duration::ZERO };
    let spent = threads.flatten().filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

fn memory_of(pid: u32) -> u64 {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else { return 0 };
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1_024
}

/// Every process and its parent.
fn processes() -> Vec<(u32, u32)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let parent = |path: &Path| -> Option<(u32, u32)> {
        let pid = path.file_name()?.to_str()?.parse().ok()?;
        let stat = fs::read_to_string(path.join("stat")).ok()?;
        // The name before may hold anything, spaces and parentheses included.
        let rest = stat.rsplit_once(')')?.1;
        Some((pid, rest.split_whitespace().nth(1)?.parse().ok()?))
    };
    entries.flatten().filter_map(|entry| parent(&entry.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_process_spends_is_seen() {
        let own = std::process::id();
        let before = cpu_of(own);
        let began = Instant::now();
        let mut sum = 0_u64;
        while began.elapsed() < Duration::from_millis(30) {
            sum = sum.wrapping_mul(31).wrapping_add(7);
        }
        assert!(cpu_of(own) > before, "{sum}");
        assert!(memory_of(own) > 100_000);
        assert!(processes().iter().any(|(pid, _)| *pid == own));
    }
}
