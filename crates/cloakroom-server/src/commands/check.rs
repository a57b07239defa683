//! `cloakroom check`: what would fail later, told now; with `--deploy` also what a public site should change (A171).

use cloakroom::Cloakroom;
use cloakroom::db::migrations::{self, Status};
use cloakroom::settings::checks::{self, Finding};

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
        for problem in cloakroom_site::check_templates(site.settings().templates_dir.as_deref().map(AsRef::as_ref)) {
            findings.push(Finding::error("cloakroom.E021", &problem, "mend the template"));
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
