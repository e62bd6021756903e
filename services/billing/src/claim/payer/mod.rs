//! Payers, as the hospital sees them.
//!
//! A [`Payer`] may not answer: then nobody knows whether it got a claim, and it is sent
//! or asked again under the same reference. It must take the same claim twice as one, and
//! answer the same question in the same way. [`simulated`] is one that does.

mod rules;
pub mod simulated;
mod store;

use galen_kernel::Money;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::answer::LineAnswer;
use super::model::{ClaimId, Facts};
use super::scrub::Finding;

/// What sort of claim it is (X12 claim frequency code).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Frequency {
    /// 1: for the first time.
    Original,
    /// 7: instead of another.
    Replacement,
    /// 8: not any more.
    Void,
}

/// What a payer gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Submission {
    /// What it is called between us: the same for the same claim.
    pub reference: String,
    /// What sort of claim it is.
    pub frequency: Frequency,
    /// It was decided, and somebody does not agree.
    pub appeal: bool,
    /// What is claimed, for whom.
    pub facts: Facts,
}

/// What a payer says about a claim that it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "standing", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Standing {
    /// It has never heard of it.
    Unknown,
    /// It has not looked at it.
    Received,
    /// It does not take it.
    Rejected {
        /// Why.
        findings: Vec<Finding>,
    },
    /// It thinks about it.
    Acknowledged,
    /// It looks closer.
    Pended,
    /// It has decided.
    Decided {
        /// Line by line.
        lines: Vec<LineAnswer>,
    },
}

/// A payment of a payer, with what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// Whose.
    pub payer: Uuid,
    /// Its number at the payer.
    pub trace: String,
    /// When.
    pub paid_on: Date,
    /// How much.
    pub amount: Money,
    /// What for.
    pub claims: Vec<(ClaimId, Vec<LineAnswer>)>,
}

impl Advice {
    /// The claims that it is about.
    #[must_use]
    pub fn claim_ids(&self) -> Vec<ClaimId> {
        self.claims.iter().map(|(claim, _)| *claim).collect()
    }
}

/// What a payer is asked to agree to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorisationRequest {
    /// What the hospital calls it.
    pub id: Uuid,
    /// How many units.
    pub quantity: u32,
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
}

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorisation {
    /// It agrees, under this number.
    Approved(String),
    /// It does not.
    Denied,
}

/// The payer did not answer: whether it got the question is not known.
#[derive(Debug, thiserror::Error)]
#[error("the payer did not answer")]
pub struct NoAnswer(#[source] pub Option<Box<dyn std::error::Error + Send + Sync>>);

impl From<galen_storage::Error> for NoAnswer {
    fn from(error: galen_storage::Error) -> Self {
        Self(Some(Box::new(error)))
    }
}

/// Whoever pays for others.
#[tonic::async_trait]
pub trait Payer: Send + Sync + 'static {
    /// Sends a claim. Sending it again under the same reference changes nothing.
    ///
    /// # Errors
    /// [`NoAnswer`]: send it again.
    async fn submit(&self, submission: &Submission) -> Result<(), NoAnswer>;

    /// Asks what became of a claim.
    ///
    /// # Errors
    /// [`NoAnswer`]: ask again.
    async fn ask(&self, reference: &str) -> Result<Standing, NoAnswer>;

    /// What it has paid and not been told that we know, oldest first.
    ///
    /// # Errors
    /// [`NoAnswer`]: ask again.
    async fn advices(&self) -> Result<Vec<Advice>, NoAnswer>;

    /// We know of a payment.
    ///
    /// # Errors
    /// [`NoAnswer`]: say it again.
    async fn taken(&self, advice: &Advice) -> Result<(), NoAnswer>;

    /// Asks it to agree to something beforehand; `None`: it has not decided yet.
    ///
    /// # Errors
    /// [`NoAnswer`]: ask again.
    async fn authorise(
        &self,
        request: &AuthorisationRequest,
    ) -> Result<Option<Authorisation>, NoAnswer>;
}
