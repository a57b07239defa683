//! The `cloakroom` server and command line.

use std::process::ExitCode;

use clap::Parser as _;
use cloakroom::settings::{RawSettings, Settings};
use cloakroom_server::cli::{Cli, Command, ServeArgs};
use cloakroom_server::commands::{self, CommandError, Environment};
use cloakroom_server::telemetry;
use cloakroom_server::terminal::{Console, Terminal as _};

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.no_color {
        anstream::ColorChoice::Never.write_global();
    }
    telemetry::start();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return fail(&CommandError::Io(e)),
    };
    match runtime.block_on(run(cli)) {
        Ok(code) => code,
        Err(e) => fail(&e),
    }
}

async fn run(cli: Cli) -> Result<ExitCode, CommandError> {
    // It reads no settings: it makes them.
    if let Some(Command::Init(args)) = &cli.command {
        return commands::init::run(cli.config.as_deref(), args, &mut Console).map(|()| ExitCode::SUCCESS);
    }
    let environment = Environment::of_process();
    let settings = Settings::parse(&RawSettings::read(cli.config.as_deref(), environment.iter())?)?;
    let mut console = Console;
    let done = match cli.command.unwrap_or_else(|| Command::Serve(ServeArgs::default())) {
        Command::Explain(args) => {
            return commands::explain::run(settings, &args, &mut console).await.map(ExitCode::from);
        }
        Command::Serve(args) => commands::serve::run(settings, &args, &mut console).await,
        Command::Migrate(args) => commands::migrate::run(&commands::open(settings).await?, &args, &mut console).await,
        Command::Createsuperuser(args) => {
            let site = commands::open_and_migrate(settings).await?;
            commands::createsuperuser::run(&site, &args, &environment, &mut console).await
        }
        Command::Changepassword(args) => {
            let site = commands::open_migrated(settings).await?;
            commands::changepassword::run(&site, &args, &environment, &mut console).await
        }
        Command::DrfCreateToken(args) => {
            let site = commands::open_migrated(settings).await?;
            commands::drf_create_token::run(&site, &args, &mut console).await
        }
        Command::Clearsessions(args) => {
            commands::clearsessions::run(&commands::open_migrated(settings).await?, &args, &mut console).await
        }
        Command::Sessions(args) => {
            commands::sessions::run(&commands::open_migrated(settings).await?, &args, &mut console).await
        }
        Command::Check(args) => {
            commands::check::before_opening(&settings, &mut console)?;
            commands::check::run(&commands::open(settings).await?, &args, &mut console).await
        }
        _ => Err(CommandError::Said("this command is not built in".into())),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn fail(error: &CommandError) -> ExitCode {
    // One line: each cause that says something new, in order.
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(e) = cause {
        let more = e.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = e.source();
    }
    Console.complain(&format!("error: {}", text.replace('\n', " ")));
    ExitCode::from(error.exit_code())
}
