//! The table and the plot.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::Failure;
use crate::gate;
use crate::measure::{Figures, Grown, Page};
use crate::servers::Kind;

/// The figures as a Markdown table.
pub(crate) fn table(figures: &Figures) -> String {
    let mut text = String::new();
    for page in Page::ALL {
        let rows: Vec<_> = figures.pages.iter().filter(|((_, of), _)| *of == page).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n### {}\n", capital(page.title()));
        text.push_str("| server | CPU µs a request | ÷ bare axum | requests a second | p50 ms | p99 ms |\n|---|---:|---:|---:|---:|---:|\n");
        for ((kind, _), figure) in rows {
            let ratio = figures.ratio(*kind, page).map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            let _ = writeln!(
                text,
                "| {} | {:.1} | {ratio} | {:.0} | {:.2} | {:.2} |",
                kind.title(),
                figure.cpu.as_secs_f64() * 1e6,
                figure.per_second,
                millis(figure.p50),
                millis(figure.p99)
            );
        }
    }
    if !figures.stored.is_empty() {
        text.push_str(
            "\n### Signed-in page by sessions stored (SQLite)\n\nAll that are stored come, or a million of them, at random. With 1 GiB for \
             copies (`NEAR_CACHE_BYTES`) each has one after the first visit; with the 64 MiB of the default the others are asked for.\n\n\
             | sessions | CPU µs, 1 GiB | p99 ms, 1 GiB | CPU µs, 64 MiB | p99 ms, 64 MiB |\n|---:|---:|---:|---:|---:|\n",
        );
        for (stored, Grown { roomy, usual }) in &figures.stored {
            let _ = write!(text, "| {stored} ");
            for figure in [roomy, usual] {
                let _ = write!(text, "| {:.1} | {:.2} ", figure.cpu.as_secs_f64() * 1e6, millis(figure.p99));
            }
            text.push_str("|\n");
        }
    }
    if let Some(beside) = &figures.beside {
        text.push_str("\n### Signed-in page while others are at work (SQLite)\n\n| meanwhile | p99 ms |\n|---|---:|\n");
        for (what, p99) in beside.rows() {
            let _ = writeln!(text, "| {what} | {:.2} |", millis(p99));
        }
        let _ = writeln!(text, "\nA session in memory takes {:.0} bytes.", beside.copy_bytes);
    }
    text.push_str("\n### Memory and start\n\n| server | idle MB | after the load MB | start to first answer ms |\n|---|---:|---:|---:|\n");
    for (kind, of) in &figures.footprints {
        let (idle, after) = (of.idle as f64 / 1e6, of.after as f64 / 1e6);
        let _ = writeln!(text, "| {} | {idle:.1} | {after:.1} | {:.0} |", kind.title(), millis(of.cold_start));
    }
    text
}

/// Writes `benchmarks.md` and `benchmarks.svg` into a folder.
pub(crate) fn write(figures: &Figures, folder: &Path) -> Result<(), Failure> {
    let mut text = format!(
        "# Benchmarks\n\nMade by `cargo xtask bench` on {}, on {}. The server has one core; the load has another, which PostgreSQL and Redis share.\n\
         Servers take turns, and the figures are medians of the rounds. Bare axum is the same pages under `axum::serve`, with nothing that knows a\n\
         user; its ratio to another server is taken within each round. The least that a write can take is bare axum, zlib and SQLite, without\n\
         anything that knows a session. Compare within this page only: another machine has other figures, and about the same ratios.\n\n\
         ![Processor time of a signed-in page](benchmarks.svg)\n",
        today(),
        machine()
    );
    text.push_str(&table(figures));
    text.push_str("\n### Goals\n\n");
    for line in gate::lines(figures) {
        let _ = writeln!(text, "- {line}");
    }
    for (kind, missing) in &figures.missing {
        let _ = writeln!(text, "- {} was not measured ({missing} was not set)", kind.title());
    }
    fs::create_dir_all(folder)?;
    fs::write(folder.join("benchmarks.md"), text)?;
    fs::write(folder.join("benchmarks.svg"), plot(figures))?;
    Ok(())
}

/// Bars of the signed-in page's processor time, on a logarithmic scale.
fn plot(figures: &Figures) -> String {
    let rows: Vec<(Kind, Duration)> = figures
        .pages
        .iter()
        .filter(|((_, page), _)| *page == Page::SignedIn)
        .map(|((kind, _), figure)| (*kind, figure.cpu))
        .collect();
    let micros = |cpu: Duration| (cpu.as_secs_f64() * 1e6).max(1.0);
    let largest = rows.iter().map(|(_, cpu)| micros(*cpu)).fold(10.0, f64::max).log10();
    let height = 60 + rows.len() * 34;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 860 {height}\" font-family=\"system-ui, sans-serif\" font-size=\"14\" role=\"img\" \
         aria-label=\"Processor time of a signed-in page\">\n<rect width=\"860\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"16\" y=\"28\" font-size=\"16\" font-weight=\"600\">Signed-in page: processor µs a request (logarithmic)</text>\n"
    );
    for (n, (kind, cpu)) in rows.iter().enumerate() {
        let (y, width) = (48 + n * 34, 400.0 * micros(*cpu).log10() / largest);
        let colour = match kind {
            Kind::Sqlite | Kind::Postgres | Kind::PostgresCopies | Kind::Redis | Kind::RedisCopies => "#7a3b2e",
            _ => "#8c8c8c",
        };
        let _ = writeln!(
            svg,
            "<text x=\"16\" y=\"{}\">{}</text><rect x=\"370\" y=\"{y}\" width=\"{width:.0}\" height=\"22\" fill=\"{colour}\"/>\
             <text x=\"{:.0}\" y=\"{}\">{:.0}</text>",
            y + 16,
            kind.title(),
            378.0 + width,
            y + 16,
            micros(*cpu)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn today() -> String {
    let said = Command::new("date").args(["-u", "+%Y-%m-%d"]).output();
    said.map_or_else(|_| "an unknown day".into(), |said| String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    format!("{cores} cores of {}", model.map_or("an unknown processor", |(_, name)| name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Figure;

    #[test]
    fn the_table_names_who_was_measured() {
        let mut figures = Figures::default();
        let of = |micros| Figure {
            cpu: Duration::from_micros(micros),
            per_second: 9.0,
            p50: Duration::ZERO,
            p99: Duration::ZERO,
        };
        figures.pages.insert((Kind::Bare, Page::SignedIn), of(10));
        figures.pages.insert((Kind::Sqlite, Page::SignedIn), of(12));
        figures.ratios.insert((Kind::Sqlite, Page::SignedIn), 1.2);
        let table = table(&figures);
        assert!(table.contains("| Cloakroom, SQLite | 12.0 | 1.20 | 9 |"), "{table}");
        assert!(!table.contains("axum-login"));
        assert!(plot(&figures).contains("Cloakroom, SQLite"));
    }
}
