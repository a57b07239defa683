//! `cloakroom check`: what would fail later, told now; with `--deploy` also what a public site should change (A171).

use std::path::Path;

use cloakroom::Cloakroom;
use cloakroom::db::migrations::{self, Status};
use cloakroom::settings::checks::{self, Finding};
use cloakroom_site::templates::{Templates, check_templates};

use super::CommandError;
use crate::cli::CheckArgs;
use crate::terminal::Terminal;

/// Checks and says what was found.
///
/// # Errors
///
/// [`CommandError::Checks`] when something was found that must be mended.
pub async fn run(site: &Cloakroom, args: &CheckArgs, terminal: &mut dyn Terminal) -> Result<(), CommandError> {
    let mut findings = Vec::new();
    match migrations::status(site.db()).await? {
        Status::Ready => {}
        _ => findings.push(Finding::error(
            "cloakroom.E020",
            "the database lacks Django's tables",
            "run `cloakroom migrate`",
        )),
    }
    if args.templates {
        let templates = Templates::load(site.settings().templates_dir.as_deref().map(Path::new));
        let problems = match &templates {
            Ok(templates) => check_templates(templates),
            Err(_) => Vec::new(),
        };
        for problem in problems.iter().chain(templates.as_ref().err()) {
            findings.push(Finding::error("cloakroom.E021", &problem.to_string(), "mend the template"));
        }
    }
    if args.deploy {
        findings.extend(checks::deploy(site.settings(), site.secret_keys()));
    }
    for finding in &findings {
        terminal.say(&finding.to_string());
    }
    let errors = findings.iter().filter(|f| f.is_error()).count();
    let summary = match findings.len() {
        0 => "No problems found.".to_owned(),
        1 => "1 problem found.".to_owned(),
        n => format!("{n} problems found."),
    };
    if errors > 0 {
        return Err(CommandError::Checks(summary));
    }
    terminal.say(&summary);
    Ok(())
}
