//! The ways out of the house for a letter (`EMAIL_BACKEND`).

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cloakroom_core::secret::Secret;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Identity, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use super::letter::Letter;

/// Where letters go.
#[derive(Clone)]
#[non_exhaustive]
pub enum Transport {
    /// Into memory, for tests.
    Memory(Outbox),
    /// To standard output, for development.
    Console,
    /// Into a folder, a file each.
    Files(PathBuf),
    /// To a mail server.
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    /// Nowhere.
    Dummy,
}

impl Transport {
    /// Sends by a mail server. Nothing is connected before the first letter.
    ///
    /// # Errors
    ///
    /// When a certificate cannot be read.
    pub fn smtp(config: SmtpConfig) -> Result<Self, TransportError> {
        let SmtpConfig { host, port, tls, login, timeout, identity } = config;
        let parameters = || {
            let mut builder = TlsParameters::builder(host.clone());
            if let Some((certificate, key)) = &identity {
                builder = builder.identify_with(Identity::from_pem(&read(certificate)?, &read(key)?)?);
            }
            builder.build_rustls().map_err(TransportError::from)
        };
        let tls = match tls {
            SmtpTls::None => Tls::None,
            SmtpTls::StartTls => Tls::Required(parameters()?),
            SmtpTls::FromTheStart => Tls::Wrapper(parameters()?),
        };
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host).port(port).tls(tls).timeout(Some(timeout));
        if let Some((user, password)) = login {
            builder = builder.credentials(Credentials::new(user, password.expose().clone()));
        }
        Ok(Self::Smtp(builder.build()))
    }

    /// Sends one letter.
    ///
    /// # Errors
    ///
    /// When it was not taken.
    pub async fn send(&self, letter: Letter) -> Result<(), TransportError> {
        match self {
            Self::Dummy => Ok(()),
            Self::Memory(outbox) => {
                outbox.push(letter);
                Ok(())
            }
            Self::Console => {
                let text = letter.into_message()?.formatted();
                let mut out = std::io::stdout().lock();
                out.write_all(&text)?;
                Ok(out.write_all(
                    b"\n-------------------------------------------------------------------------------\n",
                )?)
            }
            Self::Files(folder) => {
                let stamp = letter.date.as_micros();
                let text = letter.into_message()?.formatted();
                Ok(write_new(folder, stamp, &text)?)
            }
            Self::Smtp(smtp) => {
                smtp.send(letter.into_message()?).await?;
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory(_) => "Memory",
            Self::Console => "Console",
            Self::Files(_) => "Files",
            Self::Smtp(_) => "Smtp",
            Self::Dummy => "Dummy",
        })
    }
}

/// Letters kept in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Outbox(Arc<Mutex<Vec<Letter>>>);

impl Outbox {
    /// The letters sent so far.
    #[must_use]
    pub fn letters(&self) -> Vec<Letter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn push(&self, letter: Letter) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(letter);
    }
}

/// How a mail server is reached (`EMAIL_*`).
#[derive(Clone, Debug)]
pub struct SmtpConfig {
    /// `EMAIL_HOST`.
    pub host: String,
    /// `EMAIL_PORT`.
    pub port: u16,
    /// `EMAIL_USE_TLS`, `EMAIL_USE_SSL`.
    pub tls: SmtpTls,
    /// `EMAIL_HOST_USER`, `EMAIL_HOST_PASSWORD`.
    pub login: Option<(String, Secret<String>)>,
    /// `EMAIL_TIMEOUT`: for connecting and for each answer.
    pub timeout: Duration,
    /// `EMAIL_SSL_CERTFILE`, `EMAIL_SSL_KEYFILE`.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// How the connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// Not at all.
    None,
    /// After `STARTTLS`, or the letter is not sent.
    StartTls,
    /// From the start.
    FromTheStart,
}

/// A letter was not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The letter cannot be written down.
    #[error("the letter is malformed")]
    Malformed(#[from] lettre::error::Error),
    /// A file cannot be written, or a certificate not be read.
    #[error("a file of the mail settings cannot be used")]
    File(#[from] std::io::Error),
    /// The mail server did not take it.
    #[error("the mail server did not take the letter")]
    Smtp(#[from] lettre::transport::smtp::Error),
}

fn read(path: &Path) -> Result<Vec<u8>, TransportError> {
    Ok(fs::read(path)?)
}

/// Writes to a file that was not there before, readable by its owner alone: it may hold a secret link.
fn write_new(folder: &Path, stamp: i64, text: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    for n in 0_u32.. {
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(folder.join(format!("{stamp}-{n}.eml"))) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
            Ok(mut file) => return file.write_all(text),
        }
    }
    Err(std::io::ErrorKind::AlreadyExists.into())
}
