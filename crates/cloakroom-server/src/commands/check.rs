//! `cloakroom check`: what would fail later, told now; with `--deploy` also what a public site should change (A171).

use std::path::Path;

use cloakroom::Cloakroom;
use cloakroom::db::migrations::{self, Status};
use cloakroom::db::users;
use cloakroom::settings::Settings;
use cloakroom::settings::checks::{self, Finding};
use cloakroom::settings::hardening;
use cloakroom_site::templates::{Templates, check_templates};

use super::CommandError;
use crate::cli::CheckArgs;
use crate::terminal::Terminal;

/// Says what is wrong with settings that a site cannot be opened with.
///
/// # Errors
///
/// [`CommandError::Checks`] when there is something.
pub fn before_opening(settings: &Settings, terminal: &mut dyn Terminal) -> Result<(), CommandError> {
    say(&checks::compatibility(settings), terminal)
}

/// Checks and says what was found.
///
/// # Errors
///
/// [`CommandError::Checks`] when something was found that must be mended.
pub async fn run(site: &Cloakroom, args: &CheckArgs, terminal: &mut dyn Terminal) -> Result<(), CommandError> {
    terminal.say(&format!("Sessions: {}.", site.sessions().engine().guarantee()));
    terminal.say(&format!("Users and permissions: {}.", site.db().freshness()));
    let mut findings = Vec::new();
    match migrations::status(site.db()).await? {
        Status::Ready => {}
        status if status.is_usable() => findings.push(Finding::warning(
            "cloakroom.W020",
            "the database lacks the index of sessions, so that listing a user's sessions reads all of them",
            "run `cloakroom migrate`",
        )),
        _ => findings.push(Finding::error(
            "cloakroom.E020",
            "the database lacks Django's tables",
            "run `cloakroom migrate`",
        )),
    }
    if let Err(error) = users::check(site.db()).await {
        findings.push(Finding::error("cloakroom.E023", &error.to_string(), "mend the settings, or migrate"));
    }
    // Counts of failed log-ins have a place of their own to go to.
    let needed = matches!(site.settings().session_engine.as_str(), "cache" | "cached_db");
    if let Err(error) = site.cache().check().await {
        let finding = if needed { Finding::error } else { Finding::warning };
        let id = if needed { "cloakroom.E022" } else { "cloakroom.W022" };
        findings.push(finding(id, &error.to_string(), "start it, or set CACHE_URL to where it is"));
    } else if needed
        && site.settings().near_cache_bound.is_some()
        && let Err(error) = site.cache().check_watch().await
    {
        findings.push(Finding::warning(
            "cloakroom.W027",
            &format!("{error}: it does not tell of changes, so that each request asks it"),
            "let it do CLIENT TRACKING, of Redis 6 and Valkey, or leave NEAR_CACHE_BOUND_MS out",
        ));
    }
    findings.extend(checks::fallbacks(site.settings(), site.clock().now()));
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
        findings.extend(hardening::weaker(site.settings()));
    }
    if findings.is_empty() {
        terminal.say("No problems found.");
        return Ok(());
    }
    say(&findings, terminal)
}

/// Says each finding and how many there are; fails if one of them must be mended.
fn say(findings: &[Finding], terminal: &mut dyn Terminal) -> Result<(), CommandError> {
    if findings.is_empty() {
        return Ok(());
    }
    for finding in findings {
        terminal.say(&finding.to_string());
    }
    let summary =
        if findings.len() == 1 { "1 problem found.".to_owned() } else { format!("{} problems found.", findings.len()) };
    if findings.iter().any(Finding::is_error) {
        return Err(CommandError::Checks(summary));
    }
    terminal.say(&summary);
    Ok(())
}
