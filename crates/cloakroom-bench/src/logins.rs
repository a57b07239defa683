//! Log-ins of alice, so many at once. Each that is begun is waited for: one takes so long that what is under way when the time
//! is up would count for much.

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::fill::PASSWORD;
use crate::load::Met;
use crate::paced::{expect, p99};

/// Logs in for so long, `at_once` at a time.
pub(crate) fn run(address: SocketAddr, at_once: usize, during: Duration) -> Result<Met, Failure> {
    let began = Instant::now();
    let threads: Vec<_> = (0..at_once).map(|_| thread::spawn(move || log_in_until(address, began + during))).collect();
    let mut took = Vec::new();
    for thread in threads {
        took.extend(thread.join().map_err(|_| "a thread of the load panicked")??);
    }
    took.sort_unstable();
    let (Some(p50), Some(p99)) = (took.get(took.len() / 2).copied(), p99(&took)) else {
        return Err("nobody logged in".into());
    };
    let requests = took.len() as u64;
    Ok(Met { requests, per_second: requests as f64 / began.elapsed().as_secs_f64(), p50, p99 })
}

/// The times that log-ins took, one after another.
fn log_in_until(address: SocketAddr, end: Instant) -> std::io::Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let token = "a".repeat(32);
    let body = format!("csrfmiddlewaretoken={token}&username=alice&password={PASSWORD}");
    let request = format!(
        "POST /login/ HTTP/1.1\r\nHost: localhost\r\nCookie: csrftoken={token}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut took = Vec::new();
    while Instant::now() < end {
        let began = Instant::now();
        stream.write_all(request.as_bytes())?;
        expect(&mut answers, 302)?;
        took.push(began.elapsed());
    }
    Ok(took)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, Read as _};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn what_was_begun_is_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let mut requests = BufReader::new(stream.try_clone().unwrap());
                    let mut line = String::new();
                    while requests.read_line(&mut line).unwrap_or(0) > 0 {
                        if line == "\r\n" {
                            let body = 77 + PASSWORD.len();
                            requests.by_ref().take(body as u64).read_to_end(&mut Vec::new()).unwrap();
                            thread::sleep(Duration::from_millis(60));
                            stream.write_all(b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n").unwrap();
                        }
                        line.clear();
                    }
                });
            }
        });
        let met = run(address, 3, Duration::from_millis(100)).unwrap();
        assert_eq!(met.requests, 6);
        assert!(met.p50 >= Duration::from_millis(60) && met.per_second < 60.0);
    }
}
