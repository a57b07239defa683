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
    /// The least that can be, where the same run measured that.
    pub(crate) least: Option<Least>,
}

/// The least that can be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Least {
    /// In the goal's unit.
    pub(crate) measured: f64,
    /// How many times as much ours takes.
    pub(crate) times: f64,
}

/// How far a goal was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Held,
    /// The goal is out of anybody's reach, and what is measured is near the least that can be.
    AtLimit,
    /// Missed, or not measured: what was not measured is not held.
    Missed,
}

/// How many times the least something may take that cannot take as little as its goal says: three quarters of it are the
/// least's, then.
const NEAR: f64 = 4.0 / 3.0;

impl Goal {
    pub(crate) fn outcome(&self) -> Outcome {
        match (self.measured, self.least) {
            (Some(measured), _) if measured <= self.most => Outcome::Held,
            // A goal that the least itself holds is not out of reach.
            (Some(_), Some(least)) if least.measured > self.most && least.times <= NEAR => Outcome::AtLimit,
            _ => Outcome::Missed,
        }
    }

    const fn or_least(self, least: Option<Least>) -> Self {
        Self { least, ..self }
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
    let goal = |about, most, unit, measured| Goal { about, most, unit, measured, least: None };
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
        goal("write in the session on SQLite ÷ bare axum", 4.0, "×", ratio(Kind::Sqlite, Page::Count)).or_least(
            ratio(Kind::Least, Page::Count)
                .zip(figures.write_over_least)
                .map(|(measured, times)| Least { measured, times }),
        ),
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
    goals(figures).iter().filter(|goal| goal.outcome() == Outcome::Missed).count()
}

/// A line a goal, for people.
pub(crate) fn lines(figures: &Figures) -> Vec<String> {
    let line = |goal: Goal| {
        let word = match goal.outcome() {
            Outcome::Held => "held  ",
            Outcome::AtLimit => "LIMIT ",
            Outcome::Missed => "MISSED",
        };
        let unit = goal.unit;
        let measured = goal.measured.map_or_else(|| "not measured".into(), |m| format!("{m:.2}{unit}"));
        let mut line = format!("{word}  {}: {measured}, at most {}{unit}", goal.about, goal.most);
        if let Some(Least { measured, times }) = goal.least {
            line +=
                &format!("; the least is {measured:.2}{unit}, and this {times:.2} times as much, at most {NEAR:.2}");
        }
        line
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

    /// A goal beyond the least that can be is not missed by who is near that; nor is it ever held.
    #[test]
    fn what_nobody_can_reach_is_measured_by_the_least() {
        let outcome = |measured, least| {
            let mut figures = Figures::default();
            figures.ratios.insert((Kind::Sqlite, Page::Count), measured);
            figures.ratios.insert((Kind::Least, Page::Count), least);
            figures.write_over_least = Some(measured / least);
            let goal = goals(&figures).into_iter().find(|goal| goal.least.is_some()).unwrap();
            (goal.outcome(), lines(&figures).into_iter().find(|line| line.contains("write")).unwrap())
        };
        assert_eq!(outcome(4.0, 3.9).0, Outcome::Held);
        assert_eq!(outcome(4.1, 3.9).0, Outcome::Missed, "the least holds the goal: so can we");
        assert_eq!(outcome(6.1, 4.5).0, Outcome::Missed);
        let (at_limit, line) = outcome(5.4, 4.5);
        assert_eq!(at_limit, Outcome::AtLimit);
        assert!(
            line.ends_with("5.40×, at most 4×; the least is 4.50×, and this 1.20 times as much, at most 1.33"),
            "{line}"
        );
    }
}
