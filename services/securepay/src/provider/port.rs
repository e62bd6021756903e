//! What a payment provider can do.

use futures::future::BoxFuture;
use galen_kernel::{Money, Pii, Timestamp};
use http::HeaderMap;
use uuid::Uuid;

use super::signature::Forged;
use crate::payout::iban::Iban;

/// Which way money goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From somebody's bank or card to the hospital: a charge.
    In,
    /// From the hospital to somebody's bank: a transfer.
    Out,
}

impl Direction {
    /// As stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::In => "IN",
            Self::Out => "OUT",
        }
    }

    /// Reads [`Direction::name`].
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        [Self::In, Self::Out]
            .into_iter()
            .find(|direction| direction.name() == name)
    }
}

/// What a provider is told to do.
#[derive(Debug, Clone)]
pub struct Instruction {
    /// Our reference. Whoever gives it twice means the same.
    pub reference: Uuid,
    /// Which way.
    pub direction: Direction,
    /// How much.
    pub amount: Money,
    /// Where to; of transfers.
    pub destination: Option<Pii<Iban>>,
    /// From then on it must not be begun any more.
    pub not_after: Timestamp,
}

/// What the provider calls it: 1 to 100 printable characters of ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProviderReference(String);

impl ProviderReference {
    /// `None` when it is not one.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let fits = (1..=100).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then_some(Self(text))
    }

    /// As the provider writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why something was not done, as a code: 1 to 40 of `A` to `Z`, digits and `_`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reason(std::borrow::Cow<'static, str>);

impl Reason {
    /// Whoever pays has not as much.
    pub const INSUFFICIENT_FUNDS: Self = Self::known("INSUFFICIENT_FUNDS");
    /// Refused, and nobody says why.
    pub const DECLINED: Self = Self::known("DECLINED");
    /// There is no such account to pay to.
    pub const UNKNOWN_DESTINATION: Self = Self::known("UNKNOWN_DESTINATION");
    /// It came to the provider when it was too late to begin.
    pub const TOO_LATE: Self = Self::known("TOO_LATE");
    /// The provider never heard of it.
    pub const NEVER_STARTED: Self = Self::known("NEVER_STARTED");
    /// The provider could not say; people found out that it was not done.
    pub const RESOLVED_AS_FAILED: Self = Self::known("RESOLVED_AS_FAILED");

    const fn known(code: &'static str) -> Self {
        Self(std::borrow::Cow::Borrowed(code))
    }

    /// A code of a provider; [`Reason::DECLINED`] when it is none.
    #[must_use]
    pub fn new(code: &str) -> Self {
        let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        if (1..=40).contains(&code.len()) && code.bytes().all(plain) {
            Self(code.to_owned().into())
        } else {
            Self::DECLINED
        }
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0
    }
}

/// What a provider says of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// It is done, once and for all.
    Succeeded {
        /// What the provider calls it.
        reference: ProviderReference,
    },
    /// It is not done, and never will be.
    Declined {
        /// Why.
        reason: Reason,
    },
    /// It is under way.
    Pending,
    /// No such order has arrived. It may still be on its way.
    NeverHeardOf,
    /// No answer, an error, an answer that nobody understands. Anything may have
    /// happened: it is never taken for a failure.
    Unknown,
}

/// A payment provider. No method fails: what cannot be found out is [`Report::Unknown`].
///
/// An adapter keeps what it says: once [`Report::Succeeded`] or [`Report::Declined`],
/// always the same. It may be dropped at any time, and is not waited for forever.
pub trait Provider: Send + Sync + 'static {
    /// Its name, in addresses and rows: lower-case letters.
    fn name(&self) -> &'static str;

    /// Begins an order, or says what became of it if it has this reference already.
    fn start<'a>(&'a self, instruction: &'a Instruction) -> BoxFuture<'a, Report>;

    /// Says what became of an order.
    fn status(&self, direction: Direction, reference: Uuid) -> BoxFuture<'_, Report>;

    /// Which order a webhook is about, if it is the provider's and new.
    ///
    /// # Errors
    /// [`Forged`].
    fn read_webhook(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Uuid, Forged>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_writes_is_bounded() {
        assert!(ProviderReference::new("ch_1-2.3").is_some());
        for text in ["", "a b", "a\0", "ä", &"x".repeat(101)] {
            assert_eq!(ProviderReference::new(text), None, "{text}");
        }
        assert_eq!(Reason::new("AC04").code(), "AC04");
        for text in ["", "ac04", "A B", "A\0", &"X".repeat(41)] {
            assert_eq!(Reason::new(text), Reason::DECLINED, "{text}");
        }
    }
}
