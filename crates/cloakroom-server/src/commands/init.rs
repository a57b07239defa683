//! `cloakroom init`: a settings file for a new site, on the safe side of every choice (D11).

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use cloakroom::core::proxies::TrustedProxies;
use cloakroom::core::random::OsRandom;
use cloakroom::core::secret::SecretKeys;
use cloakroom::db::DatabaseUrl;
use cloakroom::settings::checks::{self, Finding};
use cloakroom::settings::{DEFAULT_FILE, DEFAULT_SECRET_KEY_FILE, RawSettings, SecretKeySource, Settings, hardening};

use super::CommandError;
use crate::cli::InitArgs;
use crate::terminal::Terminal;

/// What is only the operator's to know, with what to do about it: no default would be right for all.
const OPERATORS: [(&str, &str); 3] = [
    ("security.W005", "do all subdomains speak HTTPS? then set secure_hsts_include_subdomains"),
    ("security.W021", "shall browsers ship with this host as HTTPS-only? then set secure_hsts_preload"),
    ("cloakroom.W102", "get a list of breached passwords and name it in auth_password_validators"),
];

/// What a site's settings file says of it.
#[derive(Clone, Debug)]
struct Answers {
    hosts: Vec<String>,
    database: String,
    proxy: String,
    email_from: String,
}

/// Asks for what was not said, and writes the settings file and the key file. Neither is ever overwritten; each appears
/// whole or not at all.
///
/// # Errors
///
/// [`CommandError::Said`] when there is a settings file already, when an answer cannot be used, or when nobody can be asked.
pub fn run(config: Option<&Path>, args: &InitArgs, terminal: &mut dyn Terminal) -> Result<(), CommandError> {
    let path = config.map_or_else(|| PathBuf::from(DEFAULT_FILE), Path::to_path_buf);
    if path.symlink_metadata().is_ok() {
        return Err(CommandError::Said(format!(
            "{} is there already and is left as it is; remove it, or name another by --config",
            path.display()
        )));
    }
    let answers = Answers::gather(args, terminal)?;
    let key_path = path.with_file_name(DEFAULT_SECRET_KEY_FILE);
    let text = answers.to_toml(&key_path);
    let settings = parse(&text)?;
    let (keys, source) = settings.secret_keys(&OsRandom)?;
    write_new(&path, &text).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => {
            CommandError::Said(format!("{} has just been made by somebody else", path.display()))
        }
        _ => CommandError::Said(format!("{} cannot be written: {e}", path.display())),
    })?;
    terminal.say(&format!("Settings are in \x1b[1m{}\x1b[0m; each has a comment.", path.display()));
    terminal.say(&match source {
        SecretKeySource::NewFile => format!(
            "A secret key is in \x1b[1m{}\x1b[0m, for its owner alone. Keep it out of version control, and keep a copy.",
            key_path.display()
        ),
        _ => format!("The secret key in {} stays.", key_path.display()),
    });
    tell_what_is_left(&settings, &keys, terminal);
    terminal.say(
        "\nNext:\n  \x1b[36mcloakroom check --deploy\x1b[0m     what to look at before the site goes public\n  \
         \x1b[36mcloakroom createsuperuser\x1b[0m    the first account\n  \x1b[36mcloakroom serve\x1b[0m",
    );
    Ok(())
}

fn tell_what_is_left(settings: &Settings, keys: &SecretKeys, terminal: &mut dyn Terminal) {
    let found: Vec<Finding> = checks::deploy(settings, keys).into_iter().chain(hardening::weaker(settings)).collect();
    if found.is_empty() {
        return;
    }
    terminal.say("\nWhat only you can know, and `cloakroom check --deploy` goes on to name:");
    for finding in found {
        let what = OPERATORS.iter().find(|(id, _)| *id == finding.id).map_or(finding.hint, |(_, what)| what);
        terminal.say(&format!("  \x1b[33m{}\x1b[0m {what}", finding.id));
    }
}

impl Answers {
    fn gather(args: &InitArgs, terminal: &mut dyn Terminal) -> Result<Self, CommandError> {
        let asks = !args.yes && terminal.is_tty();
        if !args.yes && !asks && args.host.is_empty() {
            return Err(CommandError::Said(
                "nobody can be asked here: name the site by --host, such as --host www.example.com, and say --yes"
                    .into(),
            ));
        }
        let mut ask = |question: &str, given: Option<&String>, default: &str| -> Result<String, CommandError> {
            match given {
                Some(given) => Ok(given.clone()),
                None if asks => {
                    let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
                    let answer = terminal.ask(&format!("{question}{shown}: ")).map_err(|e| match e.kind() {
                        io::ErrorKind::Interrupted => CommandError::Interrupted,
                        _ => CommandError::Io(e),
                    })?;
                    let answer = answer.trim();
                    Ok(if answer.is_empty() { default.to_owned() } else { answer.to_owned() })
                }
                None => Ok(default.to_owned()),
            }
        };
        let given = (!args.host.is_empty()).then(|| args.host.join(","));
        let hosts = ask("The site's host names, with commas between", given.as_ref(), "")?;
        let hosts: Vec<String> =
            hosts.split([',', ' ']).map(str::trim).filter(|h| !h.is_empty()).map(str::to_owned).collect();
        check_hosts(&hosts)?;
        let database = ask("The database", args.database.as_ref(), "sqlite://db.sqlite3")?;
        DatabaseUrl::parse(&database).map_err(|e| CommandError::Said(format!("--database: {e}")))?;
        let proxy = ask("Address of the reverse proxy that speaks HTTPS", args.proxy.as_ref(), "127.0.0.1")?;
        TrustedProxies::parse(proxy.split(',')).map_err(|e| CommandError::Said(format!("--proxy: {e}")))?;
        let sender = format!("webmaster@{}", hosts[0].trim_start_matches('.'));
        let email_from = ask("Mail comes from", args.email_from.as_ref(), &sender)?;
        Ok(Self { hosts, database, proxy, email_from })
    }

    fn to_toml(&self, key_path: &Path) -> String {
        let list = |items: &mut dyn Iterator<Item = &str>| items.map(quoted).collect::<Vec<_>>().join(", ");
        TEMPLATE
            .replace("{hosts}", &list(&mut self.hosts.iter().map(String::as_str)))
            .replace("{database}", &quoted(&self.database))
            .replace("{key_file}", &quoted(&key_path.to_string_lossy()))
            .replace("{proxies}", &list(&mut self.proxy.split(',').map(str::trim)))
            .replace("{email_from}", &quoted(&self.email_from))
    }
}

fn check_hosts(hosts: &[String]) -> Result<(), CommandError> {
    if hosts.is_empty() {
        return Err(CommandError::Said("a public site has a name: say --host www.example.com".into()));
    }
    for host in hosts {
        let name = host.strip_prefix('.').unwrap_or(host);
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c));
        if !is_name {
            return Err(CommandError::Said(format!(
                "--host: {host:?} is no host name; write www.example.com, or .example.com with all its subdomains"
            )));
        }
    }
    Ok(())
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn parse(text: &str) -> Result<Settings, CommandError> {
    let mut raw = RawSettings::new();
    raw.read_text(text, Path::new(DEFAULT_FILE))?;
    Ok(Settings::parse(&raw)?)
}

/// Writes under another name first and links it into place, which fails if the place is taken. For the owner alone: a
/// database's address may hold its password.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&temporary).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let linked = written.and_then(|()| fs::hard_link(&temporary, path));
    fs::remove_file(&temporary).ok();
    linked
}

const TEMPLATE: &str = include_str!("init.toml");

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(host: &str) -> Answers {
        Answers {
            hosts: vec![host.to_owned(), ".example.org".to_owned()],
            database: "postgres://site:p%22@db/site".into(),
            proxy: "10.0.0.1, 10.0.0.2".into(),
            email_from: "\"The site\" <site@example.com>".into(),
        }
    }

    /// D11, F11: nothing is left on the weaker side but what only the operator can know.
    #[test]
    fn what_is_written_is_read_and_hardened() {
        let settings = parse(&answers("www.example.com").to_toml(Path::new("conf/secret_key"))).unwrap();
        assert_eq!(settings.allowed_hosts.as_deref().unwrap(), ["www.example.com", ".example.org"]);
        assert_eq!(settings.database_url.expose(), "postgres://site:p%22@db/site");
        assert_eq!(settings.secret_key_file, "conf/secret_key");
        assert_eq!(settings.trusted_proxies, ["10.0.0.1", "10.0.0.2"]);
        assert_eq!(settings.default_from_email, "\"The site\" <site@example.com>");
        let key = cloakroom::core::secret::SecretKey::new("0123456789abcdefghijklmnopqrstuvwxyz-0123456789abcdefgh");
        let keys = SecretKeys::new(key.unwrap(), Vec::new());
        let mut found: Vec<_> = checks::deploy(&settings, &keys).iter().map(|f| f.id).collect();
        found.extend(hardening::weaker(&settings).iter().map(|f| f.id));
        assert_eq!(found, OPERATORS.map(|(id, _)| id));
    }

    #[test]
    fn hosts_are_names() {
        for good in ["example.com", ".example.com", "localhost", "[::1]", "127.0.0.1"] {
            assert!(check_hosts(&[good.to_owned()]).is_ok(), "{good}");
        }
        for bad in ["https://example.com", "a b", "", "*", "a\"]\nx = [\""] {
            assert!(check_hosts(&[bad.to_owned()]).is_err(), "{bad}");
        }
        assert!(check_hosts(&[]).is_err());
    }
}
