//! Processor time of one PBKDF2-SHA256 derivation at Django's cost, alone and side by side, beside Python's `hashlib` in
//! the same run: `cargo bench -p cloakroom-core --bench pbkdf2`. The interpreter is `python3`, or what `PYTHON` names.

#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::process::Command;

use cloakroom_core::hashers::{Derivation, DjangoVersion, HasherSet, Work};
use cpu_time::ThreadTime;

const ROUNDS: usize = 7;

/// Prints the milliseconds that one derivation takes.
const PYTHON: &str = "import hashlib, time; start = time.process_time(); \
    hashlib.pbkdf2_hmac('sha256', b'lever', b'the-time-is-what-counts', 1500000); \
    print((time.process_time() - start) * 1000)";

fn main() {
    let sizes = [1, 2, 3, 4, 8, 10, 16];
    let mut ours = [f64::INFINITY; 7];
    let mut python = None;
    // In turn, so that whatever else the machine does meets all of them; the least of each is what it costs.
    for _ in 0..ROUNDS {
        for (least, size) in ours.iter_mut().zip(sizes) {
            *least = least.min(derive(size));
        }
        if let Some(ms) = derive_in_python() {
            python = Some(python.map_or(ms, |least: f64| least.min(ms)));
        }
    }
    println!("{:<22}{:>10}{:>10}", "", "ms each", "÷ Python");
    let ratio = |ms: f64| python.map_or_else(String::new, |python| format!("{:.3}", ms / python));
    if let Some(ms) = python {
        println!("{:<22}{ms:>10.1}{:>10}", "Python's hashlib", "1");
    }
    for (ms, size) in ours.into_iter().zip(sizes) {
        let batch = Derivation::batch_size(size);
        let how = if batch < size { format!("{size}, by {batch}") } else { format!("{size} together") };
        println!("{how:<22}{ms:>10.1}{:>10}", ratio(ms));
    }
}

/// Milliseconds of processor time for each of `size` derivations at once.
fn derive(size: usize) -> f64 {
    let set = HasherSet::for_version(DjangoVersion::V6_1);
    let start = ThreadTime::now();
    let mut work: Vec<_> = (0..size).map(|_| set.begin_equal_work("lever")).collect();
    Derivation::run_all(&mut work.iter_mut().filter_map(Work::derivation).collect::<Vec<_>>());
    work.into_iter().for_each(|work| set.finish_equal_work(work));
    start.elapsed().as_secs_f64() * 1000.0 / size as f64
}

fn derive_in_python() -> Option<f64> {
    let interpreter = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(interpreter).args(["-c", PYTHON]).output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().parse().expect("Python prints a number"))
}
