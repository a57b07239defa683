//! A server that does not outlive the process that started it.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// How a server is stopped: at once, as its data are thrown away.
#[derive(Clone, Copy)]
pub(super) enum Signal {
    Kill,
    /// PostgreSQL's immediate shutdown, which takes its children with it.
    Quit,
}

/// A running server. A shell of its own stands beside it, which stops it by its process id and removes its data as soon
/// as the pipe to this process closes: when this is dropped, and also when this process is interrupted or killed.
pub(super) struct Guarded {
    shell: Child,
    log: PathBuf,
    id: PathBuf,
}

/// `$1` the signal, `$2` the folder of data, the rest the server. The server's id stays its own until `wait`.
const GUARD: &str = r#"
signal=$1 folder=$2
shift 2
"$@" </dev/null >"$folder.log" 2>&1 &
server=$!
# The first line is the id of the server, so that it can be asked after.
echo "$server" >"$folder.server"
cat >/dev/null
kill -s "$signal" "$server" 2>/dev/null
wait "$server" 2>/dev/null
rm -rf "$folder" "$folder".*
# The last one takes the folder around them along.
around=$(dirname "$folder")
set -- "$around"/*.server
[ -e "$1" ] || rm -rf "$around"
"#;

impl Guarded {
    /// Starts `server`, whose data are in `data`.
    pub(super) fn start(server: &Command, data: &Path, signal: Signal) -> io::Result<Self> {
        let signal = match signal {
            Signal::Kill => "KILL",
            Signal::Quit => "QUIT",
        };
        let shell = Command::new("sh")
            .args(["-c", GUARD, "guard", signal])
            .arg(data)
            .arg(server.get_program())
            .args(server.get_args())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in the terminal is for the caller; the servers go when it has gone.
            .process_group(0)
            .spawn()?;
        Ok(Self { shell, log: with_suffix(data, "log"), id: with_suffix(data, "server") })
    }

    /// Whether the server has not ended by itself.
    pub(super) fn runs(&self) -> bool {
        let Some(id) = fs::read_to_string(&self.id).ok().filter(|id| !id.trim().is_empty()) else { return true };
        let state = fs::read_to_string(format!("/proc/{}/stat", id.trim()));
        // Where there is no /proc the deadline tells.
        !Path::new("/proc/self").exists() || state.is_ok_and(|stat| !is_over(&stat))
    }

    /// The end of what the server wrote.
    pub(super) fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // A shell that cannot be waited for is on its way out all the same.
        let _ = self.shell.wait();
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut text = path.as_os_str().to_owned();
    text.push(".");
    text.push(suffix);
    text.into()
}

/// Whether the line of `/proc/ID/stat` is that of a process that has ended and is not waited for yet.
fn is_over(stat: &str) -> bool {
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['Z', 'X']))
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_name_with_brackets_is_no_state() {
        assert!(!is_over("12 (a) Z) S 1 12"));
        assert!(is_over("12 (sleep) Z 1 12"));
    }

    #[test]
    fn a_server_ends_with_its_guard_and_its_data_go() {
        let data = std::env::temp_dir().join(format!("cloakroom-guard-{}", std::process::id())).join("data");
        fs::create_dir_all(&data).unwrap();
        let mut server = Command::new("sleep");
        server.arg("600");
        let guarded = Guarded::start(&server, &data, Signal::Kill).unwrap();
        let id = loop {
            match fs::read_to_string(&guarded.id) {
                Ok(id) if !id.trim().is_empty() => break id.trim().to_owned(),
                _ => sleep(Duration::from_millis(10)),
            }
        };
        assert!(guarded.runs());
        drop(guarded);
        assert!(!Path::new("/proc").join(id).exists());
        assert!(!data.exists() && !with_suffix(&data, "log").exists());
    }
}
