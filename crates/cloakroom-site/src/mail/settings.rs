//! A [`PostOffice`] from `EMAIL_*` and `DEFAULT_FROM_EMAIL`.

use std::time::Duration;

use cloakroom::settings::Settings;

use super::{AddressError, PostOffice, SmtpConfig, SmtpTls, Transport, TransportError};
use crate::templates::{Templates, context::Urls};

/// How long a mail server may take to answer where `EMAIL_TIMEOUT` does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

impl PostOffice {
    /// The post office that the settings describe.
    ///
    /// # Errors
    ///
    /// [`MailSettingsError`].
    pub fn from_settings(settings: &Settings, templates: Templates, urls: Urls) -> Result<Self, MailSettingsError> {
        let from = &settings.default_from_email;
        let from = from.parse().map_err(|source| MailSettingsError::From { from: from.clone(), source })?;
        Ok(Self::new(templates, urls, from, transport(settings)?))
    }
}

/// The settings of mail cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailSettingsError {
    /// The sender's address is none.
    #[error("DEFAULT_FROM_EMAIL: {from:?} is not an email address")]
    From {
        /// What it says.
        from: String,
        /// Why.
        #[source]
        source: AddressError,
    },
    /// Mail goes into files, and no folder is named.
    #[error("EMAIL_BACKEND = \"file\" needs EMAIL_FILE_PATH, the folder to write to")]
    NoFolder,
    /// A certificate cannot be used.
    #[error("EMAIL_SSL_CERTFILE, EMAIL_SSL_KEYFILE: cannot be used; name PEM files that this process can read")]
    Certificate(#[from] TransportError),
}

fn transport(settings: &Settings) -> Result<Transport, MailSettingsError> {
    Ok(match settings.email_backend.as_str() {
        "console" => Transport::Console,
        "dummy" => Transport::Dummy,
        "memory" => Transport::Memory(super::Outbox::default()),
        "file" => Transport::Files(settings.email_file_path.as_ref().ok_or(MailSettingsError::NoFolder)?.into()),
        _ => Transport::smtp(SmtpConfig {
            host: settings.email_host.clone(),
            port: settings.email_port,
            tls: match (settings.email_use_tls, settings.email_use_ssl) {
                (_, true) => SmtpTls::FromTheStart,
                (true, false) => SmtpTls::StartTls,
                (false, false) => SmtpTls::None,
            },
            login: (!settings.email_host_user.is_empty())
                .then(|| (settings.email_host_user.clone(), settings.email_host_password.clone())),
            timeout: settings
                .email_timeout
                .and_then(|secs| u64::try_from(secs).ok())
                .map_or(DEFAULT_TIMEOUT, Duration::from_secs),
            identity: match (&settings.email_ssl_certfile, &settings.email_ssl_keyfile) {
                (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
                _ => None,
            },
        })?,
    })
}
