//! Measures Cloakroom beside bare axum, axum-login and Django, in one run: `cargo xtask bench` builds and starts this.
//!
//! Servers take turns, round after round, each pinned to one core and the load to another; what is told are medians of
//! the rounds. Ratios are within the run, so that a slow machine is slow for all.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "figures and progress are what it is for")]

mod bare;
mod beside;
mod fill;
mod gate;
mod least;
mod load;
mod logins;
mod measure;
mod paced;
mod page;
mod process;
mod report;
mod servers;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::measure::Plan;

/// An error that is told and ends the program.
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Parser)]
#[command(version, about = "Measures Cloakroom beside bare axum, axum-login and Django")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures, and writes the table and the plot.
    Run(RunArgs),
    /// Serves 1,024 bytes and does nothing else, by `axum::serve`: the limit.
    Bare {
        /// By `cloakroom::serve`.
        #[arg(long)]
        served: bool,
        /// Where to listen.
        #[arg(long)]
        addr: SocketAddr,
    },
    /// Serves a page for which zlib packs what a session holds and SQLite stores it, and no more: the limit of a write.
    Least {
        /// The database file, filled.
        #[arg(long)]
        database: PathBuf,
        /// Where to listen.
        #[arg(long)]
        addr: SocketAddr,
    },
    /// Fills the store that the settings name with users and sessions, and prints cookies of theirs.
    Fill {
        /// How many sessions.
        #[arg(long, default_value_t = 10_000)]
        sessions: u64,
    },
}

/// What to measure and how long.
#[derive(Debug, Args)]
struct RunArgs {
    /// The folder with the release binaries; that of this program where it is not said.
    #[arg(long)]
    binaries: Option<PathBuf>,
    /// Rounds of all servers.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Seconds of load a server, page and round.
    #[arg(long, default_value_t = 1)]
    seconds: u64,
    /// Sessions stored, besides 10,000, for the growth of the store: 1,000,000 and 10,000,000, say.
    #[arg(long = "stored")]
    stored: Vec<u64>,
    /// Servers to measure, by name; all that can be started where none is named.
    #[arg(long = "only")]
    only: Vec<String>,
    /// The folder for `benchmarks.md` and `benchmarks.svg`; nothing is written where it is not said.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Fail where a ratio is missed.
    #[arg(long)]
    gate: bool,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Bare { addr, served } => runtime()?.block_on(bare::serve(addr, served)).map(|()| ExitCode::SUCCESS),
        Command::Least { addr, database } => {
            runtime()?.block_on(least::serve(addr, &database)).map(|()| ExitCode::SUCCESS)
        }
        Command::Fill { sessions } => runtime()?.block_on(fill::run(sessions)).map(|()| ExitCode::SUCCESS),
        Command::Run(args) => {
            let plan = Plan {
                binaries: match args.binaries {
                    Some(folder) => folder,
                    None => std::env::current_exe()?.parent().map(PathBuf::from).unwrap_or_default(),
                },
                rounds: args.rounds.max(1),
                load: Duration::from_secs(args.seconds.max(1)),
                stored: args.stored,
                only: args.only,
            };
            let figures = measure::run(&plan)?;
            println!("{}", report::table(&figures));
            if let Some(folder) = &args.out {
                report::write(&figures, folder)?;
            }
            let missed = gate::missed(&figures);
            for line in gate::lines(&figures) {
                println!("{line}");
            }
            Ok(if args.gate && missed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()
}
