//! Mails, and the two ways they leave: a mail server, or a directory.

use galen_kernel::Pii;
use lettre::address::Address;
use lettre::message::{Mailbox, Message, header::ContentType};
use uuid::Uuid;

use crate::delivery::HandedOver;
use crate::delivery::smtp::Smtp;
use crate::delivery::spool::Spool;

/// A mail, ready to leave.
pub struct Mail {
    /// Names it for ever: an attempt that is repeated after a crash has the same
    /// name, so that a file is written once and a mail client shows one mail.
    pub name: String,
    /// To whom.
    pub to: Address,
    /// As it goes over the wire (RFC 5322).
    pub bytes: Vec<u8>,
}

/// Why a text and an address make no mail.
#[derive(Debug, thiserror::Error)]
#[error("not a mail")]
pub struct NotAMail(#[from] lettre::error::Error);

/// Reads an address. A domain in other letters is written in ASCII (RFC 5891), which
/// every mail server takes.
#[must_use]
pub fn address(text: &str) -> Option<Address> {
    let (user, domain) = text.trim().rsplit_once('@')?;
    if domain.is_ascii() {
        return Address::new(user, domain).ok();
    }
    let url = reqwest::Url::parse(&format!("http://{domain}")).ok()?;
    Address::new(user, url.host_str()?).ok()
}

impl Mail {
    /// The name of the mail of a message's round.
    #[must_use]
    pub fn name(message: Uuid, round: i32) -> String {
        if round == 1 {
            message.to_string()
        } else {
            format!("{message}-{round}")
        }
    }

    /// Writes a mail. `round` tells a mail that a person had sent once more from
    /// the one before.
    ///
    /// # Errors
    /// [`NotAMail`].
    pub fn write(
        message: Uuid,
        round: i32,
        from: &Mailbox,
        to: &Address,
        subject: &str,
        body: &str,
    ) -> Result<Self, NotAMail> {
        let name = Self::name(message, round);
        let mail = Message::builder()
            .message_id(Some(format!("<{name}@{}>", from.email.domain())))
            .from(from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(subject)
            .header(ContentType::TEXT_PLAIN)
            .raw_header(auto_submitted())
            .body(body.to_owned())?;
        Ok(Self {
            name,
            to: to.clone(),
            bytes: mail.formatted(),
        })
    }
}

/// Asks answering machines not to answer (RFC 3834).
fn auto_submitted() -> lettre::message::header::HeaderValue {
    let name = lettre::message::header::HeaderName::new_from_ascii_str("Auto-Submitted");
    lettre::message::header::HeaderValue::new(name, "auto-generated".to_owned())
}

/// The way mails leave.
pub enum Mailer {
    /// Over SMTP.
    Smtp(Smtp),
    /// Into a directory.
    Spool(Spool),
}

impl Mailer {
    /// Hands a mail over.
    pub async fn send(&self, mail: &Mail) -> HandedOver {
        match self {
            Self::Smtp(smtp) => smtp.send(mail).await,
            Self::Spool(spool) => spool.send(mail).await,
        }
    }
}

/// Whether a number is one that can be dialled from anywhere (E.164).
#[must_use]
pub fn is_dialable(number: &Pii<String>) -> bool {
    number.expose().strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0')
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn from() -> Mailbox {
        "St. Anne's Hospital <no-reply@hospital.example>"
            .parse()
            .expect("an address")
    }

    fn write(to: &str, subject: &str, body: &str) -> String {
        let to = address(to).expect("an address");
        let mail = Mail::write(Uuid::nil(), 1, &from(), &to, subject, body).expect("a mail");
        String::from_utf8(mail.bytes).expect("addresses are UTF-8, the rest is ASCII")
    }

    #[test]
    fn a_mail_has_a_name_that_stays_the_same() {
        let mail = write("ada@example.org", "Your appointment", "Dear Ada\n");
        let id = format!("Message-ID: <{}@hospital.example>\r\n", Uuid::nil());
        assert!(mail.contains(&id), "{mail}");
        assert!(
            mail.contains("Auto-Submitted: auto-generated\r\n"),
            "{mail}"
        );
        let to = address("ada@example.org").expect("an address");
        let again = Mail::write(Uuid::nil(), 2, &from(), &to, "s", "b").expect("a mail");
        assert_eq!(again.name, format!("{}-2", Uuid::nil()));
    }

    #[test]
    fn other_letters_are_carried() {
        let mail = write("ada@müller.example", "Ihr Termin für Jürgen 😀", "Grüße\n");
        assert!(mail.contains("To: ada@xn--mller-kva.example\r\n"), "{mail}");
        assert!(mail.is_ascii(), "{mail}");
        let mail = write("jürgen@example.org", "x", "y");
        assert!(mail.contains("To: jürgen@example.org\r\n"), "{mail}");
    }

    #[test]
    fn what_is_not_an_address_is_none() {
        for text in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "a b@example.org",
            "ada@exa mple.org",
            "a@b@c",
            "ada@example.org\r\nBcc: x",
        ] {
            assert_eq!(address(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_is_dialable_with_its_country() {
        let dialable = |text: &str| is_dialable(&Pii::new(text.to_owned()));
        assert!(dialable("+4915112345678"));
        for text in [
            "015112345678",
            "+49 151 1234",
            "+0123456789",
            "+123456",
            "+1234567890123456",
            "",
        ] {
            assert!(!dialable(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_out_of_its_header(subject in "\\PC{0,120}", body in "(\\PC|\n){0,200}") {
            let mail = write("ada@example.org", &subject, &body);
            let (head, _) = mail.split_once("\r\n\r\n").expect("a head and a body");
            let names = ["Message-ID", "From", "To", "Subject", "Content-Type", "Auto-Submitted", "Date", "Content-Transfer-Encoding"];
            for line in head.split("\r\n").filter(|l| !l.starts_with([' ', '\t'])) {
                let name = line.split(':').next().unwrap_or_default();
                prop_assert!(names.contains(&name), "{line}");
                prop_assert!(!line.contains(['\r', '\n']), "{line}");
            }
        }

        #[test]
        fn no_address_panics(text in "\\PC{0,40}") {
            if let Some(to) = address(&text) {
                prop_assert!(Mail::write(Uuid::nil(), 1, &from(), &to, "s", "b").is_ok());
            }
        }
    }
}
