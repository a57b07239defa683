//! How mail is written and sent: from templates, by SMTP, to the console, into files, or into memory.
//!
//! What is mailed and to whom is decided in `cloakroom_auth::mail`; a [`PostOffice`] is one of its mailers.

mod letter;
mod settings;
mod transport;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use cloakroom_auth::mail::{Mail, MailError, Mailer, ResetMail};
use cloakroom_core::clock::{Clock, SystemClock};
use serde_json::json;

pub use self::letter::{Address, AddressError, Letter};
pub use self::settings::MailSettingsError;
pub use self::transport::{Outbox, SmtpConfig, SmtpTls, Transport, TransportError};
use crate::templates::{TemplateError, Templates, context::Urls};

/// Writes mails from templates and hands them to a [`Transport`].
#[derive(Clone)]
pub struct PostOffice {
    templates: Templates,
    urls: Urls,
    from: Address,
    transport: Transport,
    clock: Arc<dyn Clock>,
}

impl PostOffice {
    /// A post office whose letters say that they come from `from` and lead to the account pages at `urls`.
    #[must_use]
    pub fn new(templates: Templates, urls: Urls, from: Address, transport: Transport) -> Self {
        Self { templates, urls, from, transport, clock: Arc::new(SystemClock) }
    }

    /// Sets the clock that dates letters.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    fn write(&self, mail: &Mail) -> Result<Letter, PostError> {
        match mail {
            Mail::PasswordReset(reset) => self.write_reset(reset),
            _ => Err(PostError::Unknown),
        }
    }

    fn write_reset(&self, mail: &ResetMail) -> Result<Letter, PostError> {
        let path = self.urls.password_reset_confirm(&mail.uid, mail.token.expose());
        let context = json!({
            "site_name": mail.site.name,
            "username": mail.user.username,
            "email": mail.user.email,
            "link": format!("{}{path}", mail.site.origin),
        });
        // A subject of several lines would be several headers.
        let subject = self.templates.text("mail/password_reset_subject.txt", &context)?.replace(['\r', '\n'], "");
        Ok(Letter {
            from: self.from.clone(),
            to: mail.user.email.parse()?,
            subject,
            body: self.templates.text("mail/password_reset_body.txt", &context)?,
            date: self.clock.now(),
        })
    }
}

impl fmt::Debug for PostOffice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostOffice").field("transport", &self.transport).finish_non_exhaustive()
    }
}

impl Mailer for PostOffice {
    fn send<'a>(&'a self, mail: &'a Mail) -> Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + 'a>> {
        Box::pin(async move {
            let letter = self.write(mail).map_err(|e| MailError(Box::new(e)))?;
            self.transport.send(letter).await.map_err(|e| MailError(Box::new(e)))
        })
    }
}

/// A mail could not be written.
#[derive(Debug, thiserror::Error)]
enum PostError {
    #[error("the mail's template is broken")]
    Template(#[from] TemplateError),
    #[error("the account's address cannot be written to")]
    Address(#[from] AddressError),
    #[error("there is no template for this mail")]
    Unknown,
}

#[cfg(test)]
mod tests {
    use cloakroom_auth::mail::Site;
    use cloakroom_core::clock::{FrozenClock, Timestamp};
    use cloakroom_core::models::User;
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

    use super::*;

    fn office(transport: Transport) -> PostOffice {
        let from = "webmaster@localhost".parse().unwrap();
        let clock = FrozenClock::at(Timestamp::from_secs(1_767_323_045));
        PostOffice::new(Templates::built_in().unwrap(), Urls::under("/accounts"), from, transport)
            .with_clock(Arc::new(clock))
    }

    fn reset(username: &str, email: &str) -> Mail {
        let mut user = User::new(1.into(), username, Timestamp::UNIX_EPOCH);
        user.email = email.into();
        let site = Site { name: "site.example".into(), origin: "https://site.example".into() };
        Mail::PasswordReset(ResetMail::new(Arc::new(user), "MQ", String::from("abc-def"), site))
    }

    /// A106: to the stored address, with the link, in plain text that is not escaped as HTML.
    #[tokio::test]
    async fn a_reset_mail_holds_the_link() {
        let outbox = Outbox::default();
        office(Transport::Memory(outbox.clone())).send(&reset("o'neil", "o@site.example")).await.unwrap();
        let [letter] = &outbox.letters()[..] else { panic!("one letter") };
        assert_eq!(letter.to.to_string(), "o@site.example");
        assert_eq!(letter.subject, "Choose a new password for site.example");
        assert!(letter.body.contains("\nhttps://site.example/accounts/reset/MQ/abc-def/\n"), "{}", letter.body);
        assert!(letter.body.contains("Hello o'neil,"));
        assert!(!format!("{letter:?}").contains("abc-def"));
    }

    #[tokio::test]
    async fn an_address_that_cannot_be_written_to_is_an_error() {
        let error = office(Transport::Dummy).send(&reset("a", "a@b\r\nBcc: c@d.example")).await;
        assert!(error.is_err());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn files_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let office = office(Transport::Files(dir.path().join("mail")));
        for _ in 0..2 {
            office.send(&reset("alice", "alice@site.example")).await.unwrap();
        }
        let files: Vec<_> = std::fs::read_dir(dir.path().join("mail")).unwrap().map(|f| f.unwrap().path()).collect();
        assert_eq!(files.len(), 2);
        let text = std::fs::read_to_string(&files[0]).unwrap();
        assert!(text.contains("Date: Fri, 02 Jan 2026 03:04:05"), "{text}");
        assert_eq!(std::fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn smtp_delivers() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        let heard = tokio::spawn(async move {
            let (stream, _) = server.accept().await.unwrap();
            let (read, mut write) = stream.into_split();
            write.write_all(b"220 test\r\n").await.unwrap();
            let (mut lines, mut all, mut in_data) = (BufReader::new(read).lines(), String::new(), false);
            while let Ok(Some(line)) = lines.next_line().await {
                all.push_str(&line);
                all.push('\n');
                let answer: &[u8] = match line.as_str() {
                    "." => b"250 taken\r\n",
                    _ if in_data => continue,
                    "DATA" => b"354 go on\r\n",
                    "QUIT" => b"221 bye\r\n",
                    _ => b"250 ok\r\n",
                };
                in_data = line == "DATA";
                write.write_all(answer).await.unwrap();
                if line == "." {
                    break;
                }
            }
            all
        });
        let config = SmtpConfig {
            host: "127.0.0.1".into(),
            port,
            tls: SmtpTls::None,
            login: None,
            timeout: std::time::Duration::from_secs(5),
            identity: None,
        };
        office(Transport::smtp(config).unwrap()).send(&reset("alice", "alice@site.example")).await.unwrap();
        let heard = heard.await.unwrap();
        assert!(heard.contains("RCPT TO:<alice@site.example>"), "{heard}");
        assert!(heard.contains("https://site.example/accounts/reset/MQ/abc-def/"), "{heard}");
    }
}
