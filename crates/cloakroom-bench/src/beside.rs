//! A signed-in page while others are at work on the same store: sessions are written, expired ones are cleared.
//!
//! The pages are asked for at a rate that the server has no trouble with, so that what is timed is what the others do to it
//! and not its own queue.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use crate::Failure;
use crate::measure::{LOAD_CORE, Plan, SERVER_CORE, median, meet, roomy, run_statement};
use crate::paced::{Pace, Paced, p99};
use crate::process::{Server, pinned, spare_address};
use crate::servers::Prepared;

/// Signed-in pages a second.
const PAGES: u32 = 1_000;

/// Sessions written a second.
const WRITES: u32 = 1_000;

/// Of whom the pages are.
const READERS: u64 = 1_000;

/// Sessions that are kept in memory to see what one takes, and how many are before that: so many that whatever else a server
/// keeps (pages of the database, places for what is under way) is all there.
const COPIES: u64 = 100_000;
const FEW: u64 = 20_000;

/// What was met.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beside {
    /// 99 of 100 pages took no longer, when nobody else was at work.
    pub(crate) quiet: Duration,
    /// While 1,000 sessions a second were written.
    pub(crate) writing: Duration,
    /// While expired sessions were cleared, a tenth of all that are stored.
    pub(crate) clearing: Duration,
    /// How many those were.
    pub(crate) cleared: u64,
    /// How long that took.
    pub(crate) clear: Duration,
    /// Bytes that a session in memory takes.
    pub(crate) copy_bytes: f64,
}

impl Beside {
    pub(crate) fn clearing_ratio(&self) -> f64 {
        self.clearing.as_secs_f64() / self.quiet.as_secs_f64()
    }

    /// What was done meanwhile, and the times.
    pub(crate) fn rows(&self) -> [(String, Duration); 3] {
        let clearing = format!("`clearsessions` of {} expired ones, {:.0} s", self.cleared, self.clear.as_secs_f64());
        [
            ("nothing".into(), self.quiet),
            (format!("{WRITES} sessions written a second"), self.writing),
            (clearing, self.clearing),
        ]
    }
}

/// Measures on a store with sessions 0 to `stored`.
pub(crate) fn run(plan: &Plan, folder: &Path, sqlite: &Prepared, stored: u64) -> Result<Beside, Failure> {
    let copy_bytes = copy_bytes(plan, folder, sqlite, stored)?;
    let expired = stored / 10;
    eprintln!("storing {expired} expired sessions");
    run_statement(
        &sqlite.sqlite(),
        &format!(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {expired}) \
             INSERT INTO django_session SELECT printf('e%031d', i * 7919 % 1000000007), model.session_data, \
             '2020-01-01 00:00:00' FROM n, (SELECT session_data FROM django_session LIMIT 1) AS model;"
        ),
    )?;
    let address = spare_address()?;
    let server = Server::start(&mut sqlite.command(address), address, SERVER_CORE)?;
    let cookies: Arc<[String]> = (0..READERS.min(stored)).map(|n| format!("sessionid={n:032}")).collect();
    let pages = Pace { path: "/profile/", cookies, rate: PAGES };
    let writes = Pace { path: "/count/", cookies: Arc::from([]), rate: WRITES };
    let mut quiet = Vec::new();
    let mut writing = Vec::new();
    for round in 0..=plan.rounds {
        let alone = during(&server, &pages, plan.load)?;
        let writer = Paced::start(server.address(), &writes)?;
        let beside = during(&server, &pages, plan.load)?;
        writer.finish()?;
        // The first round warms up.
        if round > 0 {
            quiet.push(alone);
            writing.push(beside);
        }
        eprintln!("beside writes: round {round} of {}", plan.rounds);
    }
    eprintln!("clearing");
    let readers = Paced::start(server.address(), &pages)?;
    let began = std::time::Instant::now();
    clear(sqlite)?;
    let clear = began.elapsed();
    let clearing = p99(&readers.finish()?).ok_or("no page was answered")?;
    let [quiet, writing] = [quiet, writing].map(|times| median(times).ok_or("nothing was timed"));
    Ok(Beside { quiet: quiet?, writing: writing?, clearing, cleared: expired, clear, copy_bytes })
}

fn during(server: &Server, pages: &Pace, load: Duration) -> Result<Duration, Failure> {
    let paced = Paced::start(server.address(), pages)?;
    sleep(load);
    Ok(p99(&paced.finish()?).ok_or("no page was answered")?)
}

/// Runs `cloakroom clearsessions` on the load's core, where it gives way to the load: what it takes of a processor is not
/// what is asked here.
fn clear(sqlite: &Prepared) -> Result<(), Failure> {
    let mut command = sqlite.ours("cloakroom");
    command.arg("clearsessions");
    let output = pinned(&command, LOAD_CORE, &["nice", "-n", "19"]).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("clearsessions: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}

/// What a session takes in memory: what a server grows by when it meets more, with room for all of them, by their number.
fn copy_bytes(plan: &Plan, folder: &Path, sqlite: &Prepared, stored: u64) -> Result<f64, Failure> {
    let server = roomy(sqlite)?;
    let all = COPIES.min(stored);
    let few = FEW.min(all / 2);
    meet(&server, few, plan.load, folder)?;
    let before = server.memory();
    meet(&server, all, plan.load, folder)?;
    let after = server.memory();
    Ok(after.saturating_sub(before) as f64 / (all - few) as f64)
}
