//! One-time codes of an authenticator (RFC 6238): pure rules.
//!
//! Six digits, SHA-1, a new code every 30 seconds: what every authenticator can do.
//! HMAC does not need a hash that resists collisions.

use galen_kernel::Timestamp;
use rand::Rng as _;
use totp_rs::{Algorithm, Builder, Secret, Totp, TotpError};

/// The length that RFC 4226, 4, recommends.
const SECRET_BYTES: usize = 20;
/// Digits of a code.
pub(crate) const DIGITS: u8 = 6;
/// How long a code is current, in seconds (RFC 6238, 4.1).
const STEP: u64 = 30;
/// How many steps a phone's clock may be ahead or behind (RFC 6238, 6).
const SKEW: u16 = 1;
/// What authenticators show beside the account's name.
const ISSUER: &str = "Galen";

/// An account's authenticator: the secret that it and its owner's phone share.
pub(crate) struct Authenticator(Totp);

impl Authenticator {
    /// Draws a secret for an account of this login name.
    pub(crate) fn generate(username: &str) -> Result<Self, TotpError> {
        let mut secret = [0_u8; SECRET_BYTES];
        rand::rng().fill_bytes(&mut secret);
        Self::of(Secret::from(secret.to_vec()), username)
    }

    /// Reads what [`Authenticator::secret`] wrote; `None` when that is not so.
    pub(crate) fn read(secret: &str, username: &str) -> Option<Self> {
        let secret = Secret::try_from_base32(secret).ok()?;
        Self::of(secret, username).ok()
    }

    fn of(secret: Secret, username: &str) -> Result<Self, TotpError> {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(DIGITS)
            .with_step_duration(STEP)
            .with_skew(SKEW)
            .with_secret(secret)
            .with_issuer(Some(ISSUER))
            // A colon would end the issuer's name; a login name may have one.
            .with_account_name(username.replace(':', "."))
            .build()
            .map(Self)
    }

    /// The secret in base32, to be typed into an authenticator and to be stored sealed.
    pub(crate) fn secret(&self) -> String {
        self.0.secret().to_base32()
    }

    /// The secret as authenticators read it from a QR code.
    pub(crate) fn uri(&self) -> Result<String, TotpError> {
        self.0.to_url()
    }

    /// The time step whose code this is; `None` when it is not the code of this moment,
    /// give or take one step, or when it or a later one was accepted before.
    pub(crate) fn step_of(&self, code: &str, now: Timestamp, last: Option<i64>) -> Option<i64> {
        let seconds = u64::try_from(now.as_second()).ok()?;
        let step = i64::try_from(self.0.check(code, seconds)?).ok()?;
        last.is_none_or(|last| step > last).then_some(step)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    /// The secret of RFC 6238, appendix B, for SHA-1.
    fn of_the_standard() -> Authenticator {
        let secret = Secret::from(b"12345678901234567890".to_vec());
        Authenticator::of(secret, "nadia").expect("an authenticator")
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("an instant")
    }

    #[test]
    fn the_codes_are_those_of_the_standard() {
        // The last six digits of the eight that the appendix lists.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let step = of_the_standard().step_of(code, at(seconds), None);
            assert_eq!(step, Some(seconds / 30), "{seconds}");
        }
    }

    #[test]
    fn an_authenticator_survives_its_storage() {
        let made = Authenticator::generate("nadia").expect("an authenticator");
        let read = Authenticator::read(&made.secret(), "nadia").expect("the same");
        assert_eq!(made.secret(), read.secret());
        assert_eq!(made.secret().len(), 32);
        assert!(Authenticator::read("not base32!", "nadia").is_none());
        assert!(Authenticator::read("", "nadia").is_none());
    }

    #[test]
    fn any_login_name_fits_into_the_address() {
        for (name, shown) in [("nadia.keller", "nadia.keller"), ("a:b/c?d&e", "a.b")] {
            let made = Authenticator::generate(name).expect("an authenticator");
            let uri = made.uri().expect("an address");
            assert!(
                uri.starts_with(&format!("otpauth://totp/Galen:{shown}")),
                "{uri}"
            );
            assert!(
                uri.contains("issuer=Galen") && uri.contains(&made.secret()),
                "{uri}"
            );
            assert_eq!(uri.matches('?').count(), 1, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn a_code_is_accepted_in_its_step_and_the_two_beside_it(
            step in 2_i64..2_000_000_000,
            offset in 0_i64..30,
            away in -4_i64..=4,
        ) {
            let authenticator = of_the_standard();
            let then = at(step * 30 + offset);
            let code = authenticator.0.generate(then.as_second().cast_unsigned()).to_string();
            let seen = authenticator.step_of(&code, then + SignedDuration::from_secs(30 * away), None);
            if away.abs() <= 1 {
                prop_assert!(seen.is_some());
            } else if let Some(seen) = seen {
                // Another step's code is the same by chance.
                prop_assert_ne!(seen, step);
            }
        }

        #[test]
        fn no_step_is_accepted_after_itself_or_a_later_one(step in 2_i64..2_000_000_000, later in 0_i64..3) {
            let authenticator = of_the_standard();
            let then = at(step * 30);
            let code = authenticator.0.generate(then.as_second().cast_unsigned()).to_string();
            let accepted = authenticator.step_of(&code, then, None).expect("the code of this step");
            prop_assert_eq!(authenticator.step_of(&code, then, Some(accepted + later)), None);
            prop_assert_eq!(authenticator.step_of(&code, then, Some(accepted - 1)), Some(accepted));
        }

        #[test]
        fn what_is_no_code_is_none(code in "\\PC{0,12}", seconds in -100_i64..4_000_000_000) {
            let seen = of_the_standard().step_of(&code, at(seconds), None);
            prop_assert!(seen.is_none() || code.chars().filter(char::is_ascii_digit).count() == 6);
        }
    }
}
