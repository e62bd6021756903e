//! Mails over SMTP (RFC 5321).
//!
//! The library's own pooled transport bounds only the connecting in time, and puts a
//! connection back that was given up in the middle of a mail. So the dialogue is led
//! here, command by command: every step is bounded, a refusal is known to concern
//! the recipient or the server, and only a connection that ended cleanly is reused.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::address::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands;
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use secrecy::ExposeSecret as _;
use tokio::time::{Instant, timeout};

use crate::delivery::HandedOver;
use crate::delivery::email::Mail;
use crate::settings::{SmtpSettings, TlsMode};

/// For connecting, encrypting and logging in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For one mail on an open connection.
const MAIL_TIMEOUT: Duration = Duration::from_secs(30);
/// A server may close what is idle longer; asking first costs a round trip.
const IDLE: Duration = Duration::from_secs(30);
/// Most connections that are kept.
const KEPT: usize = 8;

/// A mail server.
pub struct Smtp {
    settings: SmtpSettings,
    from: Address,
    hello: ClientId,
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

/// Whom a negative answer concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Connecting, encrypting, logging in, the sender: every mail.
    Server,
    /// The recipient and the content: this mail.
    Mail,
}

impl Smtp {
    /// Prepares; connects with the first mail.
    #[must_use]
    pub fn new(settings: SmtpSettings, from: Address) -> Self {
        Self {
            settings,
            from,
            hello: ClientId::default(),
            idle: Mutex::default(),
        }
    }

    /// Hands a mail over.
    pub async fn send(&self, mail: &Mail) -> HandedOver {
        let mut connection = match timeout(CONNECT_TIMEOUT, self.connection()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => return outcome(Step::Server, &error),
            Err(_) => return HandedOver::Down("SMTP_TIMEOUT".into()),
        };
        // A dialogue that is not finished in time ends with its connection.
        match timeout(MAIL_TIMEOUT, self.dialogue(&mut connection, mail)).await {
            Ok(HandedOver::Delivered) => {
                self.keep(connection);
                HandedOver::Delivered
            }
            Ok(other) => {
                let _ = timeout(CONNECT_TIMEOUT, connection.abort()).await;
                other
            }
            Err(_) => HandedOver::Down("SMTP_TIMEOUT".into()),
        }
    }

    async fn dialogue(&self, connection: &mut AsyncSmtpConnection, mail: &Mail) -> HandedOver {
        let server = connection.server_info();
        let mut parameters = Vec::new();
        if !mail.bytes.is_ascii() {
            // Only an address can need it: everything else is written in ASCII.
            let able = [Extension::SmtpUtfEight, Extension::EightBitMime];
            if !able
                .iter()
                .all(|extension| server.supports_feature(*extension))
            {
                return HandedOver::Refused("SMTPUTF8_NOT_SUPPORTED".into());
            }
            parameters.push(MailParameter::SmtpUtfEight);
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        let sender = commands::Mail::new(Some(self.from.clone()), parameters);
        if let Err(error) = connection.command(sender).await {
            return outcome(Step::Server, &error);
        }
        let recipient = commands::Rcpt::new(mail.to.clone(), Vec::new());
        if let Err(error) = connection.command(recipient).await {
            return outcome(Step::Mail, &error);
        }
        if let Err(error) = connection.command(commands::Data).await {
            return outcome(Step::Mail, &error);
        }
        match connection.message(&mail.bytes).await {
            Ok(_accepted) => HandedOver::Delivered,
            Err(error) => outcome(Step::Mail, &error),
        }
    }

    /// A kept connection that still answers, or a new one.
    async fn connection(&self) -> Result<AsyncSmtpConnection, Error> {
        while let Some((mut kept, since)) = self.take() {
            if since.elapsed() < IDLE && kept.test_connected().await {
                return Ok(kept);
            }
        }
        let host = self.settings.host.as_str();
        let address = (host, self.settings.port);
        let encryption = || TlsParameters::new(host.to_owned());
        let wrapper = match self.settings.tls {
            TlsMode::Tls => Some(encryption()?),
            TlsMode::StartTls | TlsMode::None => None,
        };
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            address,
            Some(CONNECT_TIMEOUT),
            &self.hello,
            wrapper,
            None,
        )
        .await?;
        if self.settings.tls == TlsMode::StartTls {
            connection.starttls(encryption()?, &self.hello).await?;
        }
        if let Some((username, password)) = &self.settings.login {
            let password = password.expose_secret().to_owned();
            let credentials = Credentials::new(username.clone(), password);
            connection.auth(DEFAULT_MECHANISMS, &credentials).await?;
        }
        Ok(connection)
    }

    fn take(&self) -> Option<(AsyncSmtpConnection, Instant)> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push((connection, Instant::now()));
        }
    }
}

/// What an error means for the mail. A "no" for ever (5yz) to the recipient or the
/// content is final; to the server's own affairs it is an outage that an operator
/// ends. 421 says that the server is going away, at whatever step.
fn outcome(step: Step, error: &Error) -> HandedOver {
    let Some(status) = error.status() else {
        let code = if error.is_timeout() {
            "SMTP_TIMEOUT"
        } else if error.is_tls() {
            "SMTP_TLS"
        } else if error.is_client() {
            "SMTP_CAPABILITY"
        } else {
            "SMTP_CONNECTION"
        };
        return HandedOver::Down(code.into());
    };
    let code = format!("SMTP_{status}").into();
    match step {
        Step::Mail if error.is_permanent() => HandedOver::Refused(code),
        Step::Mail if status.to_string() != "421" => HandedOver::Failed(code),
        Step::Mail | Step::Server => HandedOver::Down(code),
    }
}
