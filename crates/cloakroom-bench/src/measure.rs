//! One run: stores filled, servers started, pages asked for in turn, round after round.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Failure;
use crate::beside::{self, Beside};
use crate::load::{self, Met, Order, Request};
use crate::logins;
use crate::process::{Server, spare_address};
use crate::servers::{Kind, Prepared, STORED};

/// The core of the server, and that of the load: one takes no time from the other.
pub(crate) const SERVER_CORE: usize = 0;
pub(crate) const LOAD_CORE: usize = 1;

/// How long log-ins are asked for, at least.
const LONG: Duration = Duration::from_secs(6);

/// Of the sessions stored, how many are asked for, and memory for a copy of each.
const ACTIVE: u64 = 1_000_000;
const ROOMY: u64 = 1 << 30;

/// What to measure.
pub(crate) struct Plan {
    pub(crate) binaries: PathBuf,
    pub(crate) rounds: usize,
    pub(crate) load: Duration,
    pub(crate) stored: Vec<u64>,
    pub(crate) only: Vec<String>,
}

/// What a page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Page {
    Anonymous,
    SignedIn,
    Count,
    Login,
    Logins,
}

impl Page {
    pub(crate) const ALL: [Self; 5] = [Self::Anonymous, Self::SignedIn, Self::Count, Self::Login, Self::Logins];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous page",
            Self::SignedIn => "signed-in page",
            Self::Count => "write in the session",
            Self::Login => "log-in, one after another",
            Self::Logins => "log-in, eight at once",
        }
    }

    /// How many rounds: log-ins are long, and mostly one sum.
    fn rounds(self, plan: &Plan) -> usize {
        match self {
            Self::Login | Self::Logins => plan.rounds.min(3),
            Self::Anonymous | Self::SignedIn | Self::Count => plan.rounds,
        }
    }

    /// Whether it says anything of this server.
    fn concerns(self, kind: Kind) -> bool {
        match self {
            // For a log-in there is nothing that bare axum could do.
            Self::Login | Self::Logins => matches!(kind, Kind::Sqlite | Kind::Django),
            Self::SignedIn => kind != Kind::Least,
            // Copies in memory change nothing of the others.
            Self::Anonymous => kind != Kind::Least && !kind.has_bounded_copies(),
            Self::Count => !kind.has_bounded_copies(),
        }
    }

    fn asks(self, prepared: &Prepared) -> Asks {
        let path = match self {
            Self::Anonymous => return Asks::Pages(Request::Anonymous),
            Self::Login => return Asks::LogIns { at_once: 1 },
            Self::Logins => return Asks::LogIns { at_once: 8 },
            Self::SignedIn => "/profile/",
            Self::Count => "/count/",
        };
        Asks::Pages(Request::Keys { path, cookie: prepared.kind.cookie(), file: prepared.keys() })
    }
}

/// What a server is asked for.
enum Asks {
    Pages(Request),
    LogIns { at_once: usize },
}

/// Medians of a page's rounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    /// Processor time a request.
    pub(crate) cpu: Duration,
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// Of a server as a whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Footprint {
    pub(crate) cold_start: Duration,
    pub(crate) idle: u64,
    pub(crate) after: u64,
}

/// The signed-in page of as many as are active.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grown {
    /// With memory for a copy of each of them, all of whom came before.
    pub(crate) roomy: Figure,
    /// With as much memory as there is by default.
    pub(crate) usual: Figure,
}

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) pages: BTreeMap<(Kind, Page), Figure>,
    /// How many times the processor time of bare axum, asked for the same in the same round, a page takes: the median.
    pub(crate) ratios: BTreeMap<(Kind, Page), f64>,
    /// As much for a write on SQLite, of the least that a write can take.
    pub(crate) write_over_least: Option<f64>,
    pub(crate) footprints: BTreeMap<Kind, Footprint>,
    /// The signed-in page by the number of sessions stored.
    pub(crate) stored: BTreeMap<u64, Grown>,
    /// What others do to the signed-in page, and what a copy takes.
    pub(crate) beside: Option<Beside>,
    /// Who was not measured, and what was missing.
    pub(crate) missing: Vec<(Kind, &'static str)>,
}

impl Figures {
    /// How many times the processor time of bare axum, asked for the same in the same round, a page takes.
    pub(crate) fn ratio(&self, kind: Kind, page: Page) -> Option<f64> {
        self.ratios.get(&(kind, page)).copied()
    }
}

/// Measures as planned.
pub(crate) fn run(plan: &Plan) -> Result<Figures, Failure> {
    let folder = std::env::temp_dir().join(format!("cloakroom-bench-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let figures = in_folder(plan, &folder);
    // What is left is in the temporary folder.
    let _ = fs::remove_dir_all(&folder);
    figures
}

fn in_folder(plan: &Plan, folder: &Path) -> Result<Figures, Failure> {
    let mut figures = Figures::default();
    let mut prepared = Vec::new();
    for kind in Kind::ALL {
        let is_wanted = kind.is_a_limit() || plan.only.is_empty() || plan.only.iter().any(|name| name == kind.name());
        if !is_wanted {
            continue;
        }
        if let Some(missing) = kind.missing() {
            eprintln!("{} is not measured: {missing} is not set", kind.title());
            figures.missing.push((kind, missing));
            continue;
        }
        eprintln!("filling the store of {}", kind.title());
        prepared.push(Prepared::new(kind, &plan.binaries, folder)?);
    }
    compare(plan, folder, &prepared, &mut figures)?;
    if let Some(sqlite) = prepared.iter().find(|p| p.kind == Kind::Sqlite)
        && !plan.stored.is_empty()
    {
        grow(plan, folder, sqlite, &mut figures)?;
        let stored = plan.stored.iter().copied().max().unwrap_or(STORED);
        figures.beside = Some(beside::run(plan, folder, sqlite, stored)?);
    }
    Ok(figures)
}

/// Samples of one page of one server.
type Samples = Vec<(Duration, Met)>;

fn compare(plan: &Plan, folder: &Path, prepared: &[Prepared], figures: &mut Figures) -> Result<(), Failure> {
    let mut samples: BTreeMap<(Kind, Page), Samples> = BTreeMap::new();
    for page in Page::ALL {
        let mut servers = Vec::new();
        for one in prepared.iter().filter(|p| page.concerns(p.kind)) {
            let address = spare_address()?;
            let server = Server::start(&mut one.command(address), address, SERVER_CORE)?;
            let cold_start = server.cold_start();
            let idle = server.memory();
            figures.footprints.entry(one.kind).or_insert(Footprint { cold_start, idle, after: 0 });
            verify(one, page, &server)?;
            servers.push((one, server));
        }
        let rounds = page.rounds(plan);
        for round in 0..=rounds {
            for (one, server) in &servers {
                let sample = match page.asks(one) {
                    Asks::Pages(request) => sample(server, &request, plan.load, folder)?,
                    Asks::LogIns { at_once } => {
                        counted(server, || logins::run(server.address(), at_once, plan.load.max(LONG)))?
                    }
                };
                // The first round warms up.
                if round > 0 {
                    samples.entry((one.kind, page)).or_default().push(sample);
                }
            }
            eprintln!("{}: round {round} of {rounds}", page.title());
        }
        for (one, server) in &servers {
            if let Some(footprint) = figures.footprints.get_mut(&one.kind) {
                footprint.after = footprint.after.max(server.memory());
            }
        }
    }
    for (&(kind, page), samples_of) in &samples {
        figures.pages.insert((kind, page), medians(samples_of));
        if let Some(ratio) = samples.get(&(Kind::Bare, page)).and_then(|bare| paired_ratio(samples_of, bare)) {
            figures.ratios.insert((kind, page), ratio);
        }
    }
    let writes = |kind| samples.get(&(kind, Page::Count));
    figures.write_over_least =
        writes(Kind::Sqlite).zip(writes(Kind::Least)).and_then(|(ours, least)| paired_ratio(ours, least));
    Ok(())
}

/// The median of the rounds' ratios. What slows the machine for a while slows both of a round.
fn paired_ratio(samples: &Samples, limit: &Samples) -> Option<f64> {
    let rounds = samples.iter().zip(limit);
    let mut ratios: Vec<f64> = rounds.map(|((cpu, _), (limit, _))| cpu.as_secs_f64() / limit.as_secs_f64()).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied()
}

pub(crate) fn sample(
    server: &Server,
    request: &Request,
    during: Duration,
    folder: &Path,
) -> Result<(Duration, Met), Failure> {
    counted(server, || load::run(server.address(), request, during, LOAD_CORE, folder))
}

/// What a load met, and the server's processor time for each request of it.
fn counted(server: &Server, load: impl FnOnce() -> Result<Met, Failure>) -> Result<(Duration, Met), Failure> {
    let before = server.cpu();
    let met = load()?;
    let spent = server.cpu().saturating_sub(before);
    Ok((spent.div_f64(met.requests.max(1) as f64), met))
}

fn medians(samples: &Samples) -> Figure {
    let of = |time: fn(&(Duration, Met)) -> Duration| median(samples.iter().map(time)).unwrap_or_default();
    let mut per_second: Vec<f64> = samples.iter().map(|(_, met)| met.per_second).collect();
    per_second.sort_by(f64::total_cmp);
    Figure {
        cpu: of(|(cpu, _)| *cpu),
        per_second: per_second.get(per_second.len() / 2).copied().unwrap_or_default(),
        p50: of(|(_, met)| met.p50),
        p99: of(|(_, met)| met.p99),
    }
}

/// The middle one; nothing of none.
pub(crate) fn median(times: impl IntoIterator<Item = Duration>) -> Option<Duration> {
    let mut times: Vec<_> = times.into_iter().collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

/// Looks at one answer before any is counted.
fn verify(one: &Prepared, page: Page, server: &Server) -> Result<(), Failure> {
    let path = match page {
        Page::Anonymous | Page::Login | Page::Logins => "/",
        Page::SignedIn => "/profile/",
        Page::Count => "/count/",
    };
    let keys = fs::read_to_string(one.keys())?;
    let key = keys.lines().next().map(|key| format!("{}={key}", one.kind.cookie()));
    let answer = load::ask(server.address(), path, key.as_deref())?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer.as_str(), ""));
    let says = match page {
        Page::SignedIn => "You are alice.",
        _ => "<!doctype html>",
    };
    if head.starts_with("HTTP/1.1 200") && body.len() == 1_024 && body.contains(says) {
        return Ok(());
    }
    Err(format!("{} does not answer {path} as it should:\n{answer}", one.kind.title()).into())
}

/// The signed-in page by the number of sessions stored.
fn grow(plan: &Plan, folder: &Path, sqlite: &Prepared, figures: &mut Figures) -> Result<(), Failure> {
    let mut sizes = vec![STORED];
    sizes.extend(&plan.stored);
    let mut grown = 0;
    for size in sizes {
        let first = grown;
        grown = size;
        eprintln!("storing {size} sessions");
        add_numbered(&sqlite.sqlite(), first, size)?;
        let active = size.min(ACTIVE);
        let request = Request::Numbered { count: active, order: Order::Mixed };
        let figure = |server: Server| -> Result<Figure, Failure> {
            let mut samples = Samples::new();
            for round in 0..=plan.rounds {
                let sample = sample(&server, &request, plan.load, folder)?;
                if round > 0 {
                    samples.push(sample);
                }
            }
            Ok(medians(&samples))
        };
        let roomy = roomy(sqlite)?;
        meet(&roomy, active, plan.load, folder)?;
        let roomy = figure(roomy)?;
        let address = spare_address()?;
        let usual = figure(Server::start(&mut sqlite.command(address), address, SERVER_CORE)?)?;
        figures.stored.insert(size, Grown { roomy, usual });
    }
    Ok(())
}

/// A server with memory for a copy of each session that is asked for.
pub(crate) fn roomy(sqlite: &Prepared) -> Result<Server, Failure> {
    let address = spare_address()?;
    let mut command = sqlite.command(address);
    command.env("CLOAKROOM_NEAR_CACHE_BYTES", ROOMY.to_string());
    Server::start(&mut command, address, SERVER_CORE)
}

/// Has the owners of the sessions 0 to `count` come, each at least once.
pub(crate) fn meet(server: &Server, count: u64, load: Duration, folder: &Path) -> Result<(), Failure> {
    let request = Request::Numbered { count, order: Order::Turn };
    let mut load = load.max(Duration::from_micros(60 * count));
    // Each load begins with the first again: one must last for all.
    while sample(server, &request, load, folder)?.1.requests < count {
        load *= 2;
    }
    Ok(())
}

/// Stores sessions under the keys `first` to `end`, all with the data of one that is there.
fn add_numbered(file: &Path, first: u64, end: u64) -> Result<(), Failure> {
    let statement = format!(
        "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {end}) \
         INSERT INTO django_session SELECT printf('%032d', i), model.session_data, model.expire_date FROM n, \
         (SELECT session_data, expire_date FROM django_session LIMIT 1) AS model;"
    );
    run_statement(file, &statement)
}

/// Has the `sqlite3` shell run a statement.
pub(crate) fn run_statement(file: &Path, statement: &str) -> Result<(), Failure> {
    let status = Command::new("sqlite3").arg(file).arg(statement).status()?;
    if status.success() { Ok(()) } else { Err(format!("sqlite3: {status}").into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that is slow in one round is so for both.
    #[test]
    fn ratios_are_those_of_each_round() {
        let met = Met { requests: 1, per_second: 1.0, p50: Duration::ZERO, p99: Duration::ZERO };
        let samples = |micros: [u64; 3]| micros.map(|m| (Duration::from_micros(m), met)).to_vec();
        let (limit, server) = (samples([100, 300, 120]), samples([110, 330, 180]));
        assert!((paired_ratio(&server, &limit).unwrap() - 1.1).abs() < 1e-9);
        assert_eq!(paired_ratio(&Vec::new(), &limit), None);
    }
}
