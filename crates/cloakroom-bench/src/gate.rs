//! How far each thing must go, as ratios within one run.

use std::time::Duration;

use crate::measure::{Figures, Page};
use crate::servers::Kind;

/// A goal and what was measured; nothing where it was not.
pub(crate) struct Goal {
    pub(crate) about: &'static str,
    pub(crate) most: f64,
    pub(crate) unit: &'static str,
    pub(crate) measured: Option<f64>,
}

impl Goal {
    fn is_missed(&self) -> bool {
        // What was not measured is not held.
        self.measured.is_none_or(|measured| measured > self.most)
    }
}

/// The goals, with what a run says of them.
pub(crate) fn goals(figures: &Figures) -> Vec<Goal> {
    let ratio = |kind, page| figures.ratio(kind, page);
    let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
    let ours = figures.footprints.get(&Kind::Sqlite);
    let growth = match (figures.stored.first_key_value(), figures.stored.last_key_value()) {
        (Some((small, few)), Some((large, many))) if small < large => {
            Some(many.roomy.cpu.as_secs_f64() / few.roomy.cpu.as_secs_f64())
        }
        _ => None,
    };
    let login = |page| figures.pages.get(&(Kind::Sqlite, page)).map(|figure| millis(figure.cpu));
    let beside = figures.beside;
    let goal = |about, most, unit, measured| Goal { about, most, unit, measured };
    vec![
        goal("anonymous page, layers installed, ÷ bare axum", 1.05, "×", ratio(Kind::Sqlite, Page::Anonymous)),
        goal("signed-in page on SQLite, strict, ÷ bare axum", 1.2, "×", ratio(Kind::Sqlite, Page::SignedIn)),
        goal("signed-in page on PostgreSQL, strict, ÷ bare axum", 4.0, "×", ratio(Kind::Postgres, Page::SignedIn)),
        goal("signed-in page, sessions in Redis, strict, ÷ bare axum", 2.0, "×", ratio(Kind::Redis, Page::SignedIn)),
        goal(
            "signed-in page on PostgreSQL, copies for a second, ÷ bare axum",
            1.2,
            "×",
            ratio(Kind::PostgresCopies, Page::SignedIn),
        ),
        goal(
            "signed-in page, sessions in Redis, copies for a second, ÷ bare axum",
            1.2,
            "×",
            ratio(Kind::RedisCopies, Page::SignedIn),
        ),
        goal("write in the session on SQLite ÷ bare axum", 4.0, "×", ratio(Kind::Sqlite, Page::Count)),
        goal("signed-in page, most sessions stored ÷ fewest", 1.25, "×", growth),
        goal("p99 of a signed-in page while a tenth is cleared ÷ quiet", 2.0, "×", beside.map(|b| b.clearing_ratio())),
        goal("log-in, 1.5 M iterations of PBKDF2", 130.0, " ms", login(Page::Login)),
        goal("log-in, eight at once", 70.0, " ms", login(Page::Logins)),
        goal("memory of a session in memory", 600.0, " B", beside.map(|b| b.copy_bytes)),
        goal("memory of an idle server", 15.0, " MB", ours.map(|f| f.idle as f64 / 1e6)),
        goal("start to first answer", 150.0, " ms", ours.map(|f| millis(f.cold_start))),
    ]
}

/// How many goals are missed.
pub(crate) fn missed(figures: &Figures) -> usize {
    goals(figures).iter().filter(|goal| goal.is_missed()).count()
}

/// A line a goal, for people.
pub(crate) fn lines(figures: &Figures) -> Vec<String> {
    let line = |goal: Goal| {
        let word = if goal.is_missed() { "MISSED" } else { "held  " };
        let measured = goal.measured.map_or_else(|| "not measured".into(), |m| format!("{m:.2}{}", goal.unit));
        format!("{word}  {}: {measured}, at most {}{}", goal.about, goal.most, goal.unit)
    };
    goals(figures).into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_missed() {
        let mut figures = Figures::default();
        let all = goals(&figures).len();
        assert_eq!(missed(&figures), all);
        figures.ratios.insert((Kind::Sqlite, Page::SignedIn), 1.2);
        figures.ratios.insert((Kind::Sqlite, Page::Count), 4.01);
        assert_eq!(missed(&figures), all - 1);
        let lines = lines(&figures);
        assert!(
            lines
                .iter()
                .any(|line| line == "held    signed-in page on SQLite, strict, ÷ bare axum: 1.20×, at most 1.2×")
        );
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with("MISSED  write in the session on SQLite") && line.contains("4.01×"))
        );
    }
}
