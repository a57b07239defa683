//! Load of pages, from wrk, in a process and on a core of its own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Failure;

/// Connections that are open at once.
const CONNECTIONS: usize = 16;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// A page, by somebody without a cookie.
    Anonymous,
    /// A page, by the owners of the sessions whose keys stand in a file, a key a line, in a mixed order.
    Keys {
        /// The page.
        path: &'static str,
        /// The name of the session cookie.
        cookie: &'static str,
        /// The file.
        file: PathBuf,
    },
    /// A page, by the owners of the sessions 0 to `count`, whose keys are their numbers in 32 digits.
    Numbered {
        /// How many.
        count: u64,
        /// Who comes when.
        order: Order,
    },
}

/// In which order many come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Anybody at any time.
    Mixed,
    /// One after the other, so that everybody comes.
    Turn,
}

/// What a load met.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Met {
    pub(crate) requests: u64,
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Request {
    fn script(&self) -> String {
        match self {
            Self::Anonymous => "request = function() return wrk.format(\"GET\", \"/\") end\n".into(),
            Self::Keys { path, cookie, file } => format!(
                "local requests = {{}}\n\
                 function init()\n\
                 for key in io.lines(\"{}\") do\n\
                 requests[#requests + 1] = wrk.format(\"GET\", \"{path}\", {{Host = \"localhost\", Cookie = \"{cookie}=\" .. key}})\n\
                 end\n\
                 end\n\
                 request = function() return requests[math.random(#requests)] end\n",
                file.display()
            ),
            Self::Numbered { count, order } => {
                let next = match order {
                    Order::Mixed => format!("math.random({count}) - 1"),
                    Order::Turn => format!("(turn + 1) % {count}"),
                };
                format!(
                    "local turn, before, behind = -1, \"\", \"\"\n\
                     function init()\n\
                     local whole = wrk.format(\"GET\", \"/profile/\", {{Host = \"localhost\", Cookie = \"sessionid=KEY\"}})\n\
                     before, behind = whole:match(\"^(.*)KEY(.*)$\")\n\
                     end\n\
                     request = function()\nturn = {next}\n\
                     return before .. string.format(\"%032d\", turn) .. behind\nend\n"
                )
            }
        }
    }
}

/// Asks a server from `core` for a while.
pub(crate) fn run(
    address: SocketAddr,
    request: &Request,
    during: Duration,
    core: usize,
    folder: &Path,
) -> Result<Met, Failure> {
    let script = folder.join("load.lua");
    fs::write(&script, request.script())?;
    let output = Command::new("taskset")
        .args(["-c", &core.to_string(), "wrk", "-t1", "--latency", "--timeout", "30s"])
        .args([format!("-c{CONNECTIONS}"), format!("-d{}s", during.as_secs())])
        .arg("-s")
        .arg(&script)
        .arg(format!("http://{address}/"))
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("wrk: {}\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    read(&text).ok_or_else(|| format!("{request:?}: wrk met errors or said something else\n{text}").into())
}

/// Reads what wrk prints; `None` if any answer was an error.
fn read(text: &str) -> Option<Met> {
    if text.contains("Non-2xx or 3xx responses") || text.contains("Socket errors") {
        return None;
    }
    let percentile = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name))?;
        duration(line.trim())
    };
    let requests = text.lines().find_map(|line| line.trim().split_once(" requests in ")?.0.parse().ok())?;
    let per_second = text.lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok())?;
    Some(Met { requests, per_second, p50: percentile("50%")?, p99: percentile("99%")? })
}

fn duration(text: &str) -> Option<Duration> {
    let number = text.trim_end_matches(char::is_alphabetic);
    let seconds = match &text[number.len()..] {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return None,
    };
    Some(Duration::from_secs_f64(number.parse::<f64>().ok()? * seconds))
}

/// Asks once for a page with a session, and says what came: so that no figure is one of error pages or redirects.
pub(crate) fn ask(address: SocketAddr, path: &str, cookie: Option<&str>) -> Result<String, Failure> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let cookie = cookie.map_or_else(String::new, |cookie| format!("Cookie: {cookie}\r\n"));
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n{cookie}Connection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "\
Running 2s test @ http://127.0.0.1:1/
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   412.00us    1.10ms  30.00ms   97.00%
    Req/Sec    50.00k     2.00k   55.00k    70.00%
  Latency Distribution
     50%  310.00us
     75%  330.00us
     90%  400.00us
     99%    2.55ms
  100500 requests in 2.01s, 130.00MB read
Requests/sec:  50000.12
Transfer/sec:     64.00MB
";

    #[test]
    fn what_wrk_says_is_read() {
        let met = read(SAID).unwrap();
        assert_eq!((met.requests, met.per_second), (100_500, 50_000.12));
        assert_eq!((met.p50, met.p99), (Duration::from_micros(310), Duration::from_micros(2_550)));
    }

    #[test]
    fn errors_are_no_figures() {
        assert_eq!(read(&format!("{SAID}  Non-2xx or 3xx responses: 1\n")), None);
        assert_eq!(read(&format!("{SAID}  Socket errors: connect 0, read 1, write 0, timeout 0\n")), None);
        assert_eq!(read("nothing"), None);
    }
}
