//! Which texts there are, for which channel, and what each may mention.

use galen_kernel::{Problem, Violations};

use crate::codes::codes;
use crate::template::{Locale, Text, Variable};

codes! {
    /// What a message is about; preferences are per category.
    Category {
        /// The account itself. Cannot be switched off and knows no quiet hours.
        Account = "ACCOUNT",
        /// An appointment was booked, moved, cancelled or missed.
        Appointment = "APPOINTMENT",
        /// An appointment is near.
        Reminder = "REMINDER",
        /// A slot is offered to somebody who waits.
        Waitlist = "WAITLIST",
        /// Somebody opened the patient's record. Cannot be switched off.
        Privacy = "PRIVACY",
    }
}

codes! {
    /// How a message reaches somebody, in the order in which they are tried.
    Channel {
        /// E-mail.
        Email = "EMAIL",
        /// Text message to a telephone.
        Sms = "SMS",
        /// In the patient's account.
        InApp = "IN_APP",
    }
}

codes! {
    /// The texts there are.
    TemplateName {
        /// The booking is confirmed.
        AppointmentConfirmation = "APPOINTMENT_CONFIRMATION",
        /// The patient did not want it any more.
        AppointmentCancelledByPatient = "APPOINTMENT_CANCELLED_BY_PATIENT",
        /// The hospital cannot hold it.
        AppointmentCancelledByHospital = "APPOINTMENT_CANCELLED_BY_HOSPITAL",
        /// It has another time now.
        AppointmentRescheduled = "APPOINTMENT_RESCHEDULED",
        /// It cannot stay where it is; reception will call.
        AppointmentNeedsReschedule = "APPOINTMENT_NEEDS_RESCHEDULE",
        /// It is near.
        AppointmentReminder = "APPOINTMENT_REMINDER",
        /// Nobody came.
        AppointmentMissed = "APPOINTMENT_MISSED",
        /// A free slot is offered.
        WaitlistOffer = "WAITLIST_OFFER",
        /// A new account wants its first password.
        AccountWelcome = "ACCOUNT_WELCOME",
        /// A forgotten password.
        PasswordReset = "PASSWORD_RESET",
        /// Somebody wants to log in without a password.
        LoginLink = "LOGIN_LINK",
        /// Somebody who does not treat the patient opened their record in an emergency.
        RecordOpened = "RECORD_OPENED",
    }
}

impl TemplateName {
    /// What a message with this text is about.
    #[must_use]
    pub const fn category(self) -> Category {
        match self {
            Self::AccountWelcome | Self::PasswordReset | Self::LoginLink => Category::Account,
            Self::AppointmentReminder => Category::Reminder,
            Self::WaitlistOffer => Category::Waitlist,
            Self::RecordOpened => Category::Privacy,
            Self::AppointmentConfirmation
            | Self::AppointmentCancelledByPatient
            | Self::AppointmentCancelledByHospital
            | Self::AppointmentRescheduled
            | Self::AppointmentNeedsReschedule
            | Self::AppointmentMissed => Category::Appointment,
        }
    }

    /// Whether the text exists for a channel. Who cannot log in cannot read in the
    /// account, so links to set a password or to log in are never shown there.
    #[must_use]
    pub fn fits(self, channel: Channel) -> bool {
        channel != Channel::InApp || self.category() != Category::Account
    }

    /// What the text may mention. In the account it is filled in whenever it is
    /// read, so it mentions only what the message itself knows.
    #[must_use]
    pub fn knows(self, channel: Channel, variable: Variable) -> bool {
        use Variable as V;
        let named = channel != Channel::InApp;
        match (self.category(), variable) {
            (_, V::Hospital) => true,
            (Category::Account, V::Username | V::Link) => true,
            (Category::Account, _) | (_, V::Username | V::Link) => false,
            (_, V::PatientName | V::PractitionerName) => named,
            (_, V::Date | V::Time | V::EndTime) => true,
            (Category::Waitlist | Category::Privacy, V::ServiceType) => false,
            (_, V::ServiceType) => true,
            (category, V::OfferDate | V::OfferTime) => matches!(category, Category::Waitlist),
        }
    }
}

/// A text that somebody wants to upload or to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Which text.
    pub name: TemplateName,
    /// For which channel.
    pub channel: Channel,
    /// In which language.
    pub locale: Locale,
    /// Subject; empty for an SMS.
    pub subject: String,
    /// Body.
    pub body: String,
}

/// Longest subject, in characters.
pub const SUBJECT_MAX: usize = 200;
/// Longest body, in characters.
pub const BODY_MAX: usize = 10_000;
/// Longest SMS, in characters: ten concatenated parts.
pub const SMS_MAX: usize = 670;

impl Draft {
    /// Checks a text as a whole.
    ///
    /// # Errors
    /// A 400 with every wrong field.
    pub fn check(
        name: TemplateName,
        channel: Channel,
        locale: &str,
        subject: Option<&str>,
        body: &str,
    ) -> Result<Self, Problem> {
        let mut wrong = Violations::new();
        let locale = wrong.keep("/locale", "INVALID_LOCALE", locale.parse::<Locale>());
        wrong.require(
            name.fits(channel),
            "/channel",
            "CHANNEL_NOT_POSSIBLE",
            "is not possible for this text",
        );
        let subject = subject.unwrap_or("");
        match channel {
            Channel::Sms => wrong.require(
                subject.is_empty(),
                "/subject",
                "SUBJECT_NOT_POSSIBLE",
                "is not possible for an SMS",
            ),
            Channel::Email | Channel::InApp => wrong.require(
                !subject.trim().is_empty(),
                "/subject",
                "SUBJECT_REQUIRED",
                "must be there",
            ),
        }
        wrong.require(
            subject.chars().count() <= SUBJECT_MAX,
            "/subject",
            "TOO_LONG",
            "must have at most 200 characters",
        );
        let (body_max, body_max_text) = match channel {
            Channel::Sms => (SMS_MAX, "must have at most 670 characters"),
            Channel::Email | Channel::InApp => (BODY_MAX, "must have at most 10000 characters"),
        };
        wrong.require(
            !body.trim().is_empty(),
            "/body",
            "EMPTY",
            "must not be empty",
        );
        wrong.require(
            body.chars().count() <= body_max,
            "/body",
            "TOO_LONG",
            body_max_text,
        );
        wrong.require(
            !subject.chars().any(char::is_control),
            "/subject",
            "CONTROL_CHARACTER",
            "must be one line without control characters",
        );
        wrong.require(
            !body.chars().any(|c| c.is_control() && c != '\n'),
            "/body",
            "CONTROL_CHARACTER",
            "must not have control characters other than line feeds",
        );
        for (pointer, source) in [("/subject", subject), ("/body", body)] {
            let Some(text) = wrong.keep(pointer, "INVALID_TEMPLATE", Text::parse(source)) else {
                continue;
            };
            for variable in text
                .variables()
                .into_iter()
                .filter(|v| !name.knows(channel, *v))
            {
                wrong.push(
                    pointer,
                    "UNKNOWN_VARIABLE",
                    format!("mentions \"{variable}\", which this text does not know"),
                );
            }
        }
        wrong.finish()?;
        let locale = locale.ok_or_else(|| Problem::invalid(Vec::new()))?;
        Ok(Self {
            name,
            channel,
            locale,
            subject: subject.to_owned(),
            body: body.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        channel: Channel,
        subject: Option<&str>,
        body: &str,
    ) -> Result<Draft, Vec<(String, &'static str)>> {
        Draft::check(
            TemplateName::AppointmentReminder,
            channel,
            "en",
            subject,
            body,
        )
        .map_err(|p| p.errors.into_iter().map(|e| (e.pointer, e.code)).collect())
    }

    #[test]
    fn a_sound_text_is_taken() {
        assert!(
            check(
                Channel::Email,
                Some("At {{time}}"),
                "Dear {{patientName}},\nbye"
            )
            .is_ok()
        );
        assert!(check(Channel::Sms, None, "At {{time}}").is_ok());
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let wrong = check(Channel::Email, Some("a\nb"), "{{link}} {{date").expect_err("is wrong");
        assert_eq!(
            wrong,
            [
                ("/subject".to_owned(), "CONTROL_CHARACTER"),
                ("/body".to_owned(), "INVALID_TEMPLATE"),
            ]
        );
        let wrong = check(Channel::Sms, Some("Hi"), "a\u{0}").expect_err("is wrong");
        assert_eq!(
            wrong,
            [
                ("/subject".to_owned(), "SUBJECT_NOT_POSSIBLE"),
                ("/body".to_owned(), "CONTROL_CHARACTER"),
            ]
        );
    }

    #[test]
    fn a_text_mentions_only_what_it_can_know() {
        let wrong = check(Channel::Email, Some("x"), "{{link}}").expect_err("no link here");
        assert_eq!(wrong, [("/body".to_owned(), "UNKNOWN_VARIABLE")]);
        let wrong = check(Channel::InApp, Some("x"), "{{patientName}}").expect_err("no names");
        assert_eq!(wrong, [("/body".to_owned(), "UNKNOWN_VARIABLE")]);
    }

    #[test]
    fn a_link_is_never_shown_in_the_account() {
        for name in TemplateName::ALL {
            let secret = name.knows(Channel::Email, Variable::Link);
            assert_eq!(secret, !name.fits(Channel::InApp), "{name:?}");
        }
    }
}
