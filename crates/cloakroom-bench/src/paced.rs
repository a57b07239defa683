//! Load at a rate of its own: so many requests a second whether the server keeps up or not, each timed from the moment it
//! was due. A server that halts makes all that were due meanwhile late, and none is left out.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::Failure;

/// Connections that share a rate.
const CONNECTIONS: u32 = 4;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to ask for, and how often.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    pub(crate) path: &'static str,
    /// The cookies of those who ask, in turn; nobody has one where there are none.
    pub(crate) cookies: Arc<[String]>,
    /// Requests a second.
    pub(crate) rate: u32,
}

/// A paced load under way, on threads of its own.
pub(crate) struct Paced {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<std::io::Result<Vec<Duration>>>>,
}

impl Paced {
    /// Begins to ask.
    pub(crate) fn start(address: SocketAddr, pace: &Pace) -> Result<Self, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        let between = Duration::from_secs(1) * CONNECTIONS / pace.rate.max(1);
        let began = Instant::now();
        let mut threads = Vec::new();
        for n in 0..CONNECTIONS {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let (pace, stop) = (pace.clone(), Arc::clone(&stop));
            let first = began + between * n / CONNECTIONS;
            threads.push(thread::spawn(move || ask_on(stream, &pace, n as usize, first, between, &stop)));
        }
        Ok(Self { stop, threads })
    }

    /// Ends it, and gives the times that answers took, shortest first.
    pub(crate) fn finish(self) -> Result<Vec<Duration>, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for thread in self.threads {
            all.extend(thread.join().map_err(|_| "a thread of the load panicked")??);
        }
        all.sort_unstable();
        Ok(all)
    }
}

/// The 99th of a hundred.
pub(crate) fn p99(sorted: &[Duration]) -> Option<Duration> {
    sorted.get((sorted.len() * 99).div_ceil(100).checked_sub(1)?).copied()
}

fn ask_on(
    mut stream: TcpStream,
    pace: &Pace,
    first: usize,
    mut due: Instant,
    between: Duration,
    stop: &AtomicBool,
) -> std::io::Result<Vec<Duration>> {
    let mut answers = BufReader::new(stream.try_clone()?);
    let mut took = Vec::new();
    let mut turn = first;
    while !stop.load(Ordering::Relaxed) {
        if let Some(wait) = due.checked_duration_since(Instant::now()) {
            thread::sleep(wait);
        }
        let cookie = match pace.cookies.len() {
            0 => String::new(),
            many => format!("Cookie: {}\r\n", pace.cookies[turn % many]),
        };
        stream.write_all(format!("GET {} HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n", pace.path).as_bytes())?;
        expect(&mut answers, 200)?;
        took.push(due.elapsed());
        turn += CONNECTIONS as usize;
        due += between;
    }
    Ok(took)
}

/// Reads one answer to its end; any other status is an error.
pub(crate) fn expect(answers: &mut BufReader<TcpStream>, status: u16) -> std::io::Result<()> {
    let mut length = 0;
    let mut line = String::new();
    answers.read_line(&mut line)?;
    if !line.starts_with(&format!("HTTP/1.1 {status} ")) {
        return Err(std::io::Error::other(format!("an answer begins {line:?}")));
    }
    while line != "\r\n" {
        line.clear();
        if answers.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(std::io::Error::other)?;
        }
    }
    std::io::copy(&mut answers.take(length), &mut std::io::sink())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Answers every connection in turn; the answer to the third request comes late.
    fn serve(listener: &TcpListener) {
        for stream in listener.incoming().take(CONNECTIONS as usize) {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut requests = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                let mut asked = 0;
                while requests.read_line(&mut line).unwrap_or(0) > 0 {
                    if line == "\r\n" {
                        asked += 1;
                        if asked == 3 {
                            thread::sleep(Duration::from_millis(60));
                        }
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
                    }
                    line.clear();
                }
            });
        }
    }

    #[test]
    fn what_was_due_while_a_server_halted_counts_as_late() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve(&listener));
        let pace = Pace { path: "/", cookies: Arc::from(["a=b".to_owned()]), rate: 400 };
        let paced = Paced::start(address, &pace).unwrap();
        thread::sleep(Duration::from_millis(300));
        let took = paced.finish().unwrap();
        assert!(took.is_sorted() && took.len() > CONNECTIONS as usize * 5, "{took:?}");
        // Each connection halts for 60 ms once, when a request is due each 10 ms.
        let late = took.iter().filter(|took| **took > Duration::from_millis(15)).count();
        assert!(late >= CONNECTIONS as usize * 3, "{took:?}");
    }

    #[test]
    fn the_99th_of_a_hundred() {
        let all: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(p99(&all), Some(Duration::from_millis(198)));
        assert_eq!(p99(&all[..1]), Some(Duration::from_millis(1)));
        assert_eq!(p99(&[]), None);
    }
}
