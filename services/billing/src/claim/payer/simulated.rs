//! A payer that is not there: it takes its time, does not take everything, denies some,
//! and sometimes its answers get lost. What it decides is decided once and kept, so that
//! it says the same after a restart.

use galen_kernel::{Clock, Money, Timestamp};
use galen_storage::Db;
use jiff::SignedDuration;

use super::rules::{Decision, Payable, Rules};
use super::store::{self, Remembered};
use super::{
    Advice, Authorisation, AuthorisationRequest, Frequency, NoAnswer, Payer, Standing, Submission,
};
use crate::claim::settings::Settings;

/// It agrees to at most so many units at once.
const MOST_UNITS: u32 = 12;
/// It agrees for at most so many days.
const MOST_DAYS: i32 = 366;

/// The simulated payer.
pub struct Simulated {
    db: Db,
    clock: Clock,
    zone: jiff::tz::TimeZone,
    settings: Settings,
}

impl Simulated {
    /// One that remembers in this database.
    #[must_use]
    pub const fn new(db: Db, clock: Clock, zone: jiff::tz::TimeZone, settings: Settings) -> Self {
        Self {
            db,
            clock,
            zone,
            settings,
        }
    }

    fn is_after(&self, then: Timestamp, wait: SignedDuration) -> bool {
        self.clock.now().duration_since(then) >= wait
    }

    /// Some answers get lost on their way; which, nobody can foresee.
    fn may_be_lost(&self) -> Result<(), NoAnswer> {
        let dice = self.clock.uuid().as_u128() % 100;
        if dice < u128::from(self.settings.lose_percent) {
            Err(NoAnswer(None))
        } else {
            Ok(())
        }
    }

    async fn decide(&self, submission: &Submission) -> Result<Decision, NoAnswer> {
        let lines = &submission.facts.lines;
        let numbers: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.pre_authorisation.as_deref())
            .collect();
        let whose = (submission.facts.payer, submission.facts.patient.uuid());
        let agreed = store::agreed(self.db.pool(), &numbers, whose).await?;
        let payable: Vec<Payable> = lines
            .iter()
            .map(|line| Payable {
                sequence: line.sequence,
                paid: line.position.received + line.position.outstanding,
            })
            .collect();
        let rules = Rules {
            authorise_above: self.settings.authorise_above,
            review_above: self.settings.review_above,
        };
        let decision = rules.decide(submission, &agreed, &payable);
        Ok(store::decide(self.db.pool(), &submission.reference, &decision).await?)
    }

    /// When it tells what it has decided.
    fn tells_at(&self, claim: &Remembered) -> SignedDuration {
        let review = claim.decision.as_ref().is_some_and(|d| d.review);
        if review {
            self.settings.answer + self.settings.review
        } else {
            self.settings.answer
        }
    }
}

#[tonic::async_trait]
impl Payer for Simulated {
    async fn submit(&self, submission: &Submission) -> Result<(), NoAnswer> {
        store::receive(self.db.pool(), submission, self.clock.now()).await?;
        self.may_be_lost()
    }

    async fn ask(&self, reference: &str) -> Result<Standing, NoAnswer> {
        let Some(mut claim) = store::recall(self.db.pool(), reference).await? else {
            return Ok(Standing::Unknown);
        };
        self.may_be_lost()?;
        if claim.submission.frequency == Frequency::Void {
            return Ok(Standing::Acknowledged);
        }
        if !self.is_after(claim.received_at, self.settings.acknowledge) {
            return Ok(Standing::Received);
        }
        let decision = match claim.decision.take() {
            Some(decision) => decision,
            None => self.decide(&claim.submission).await?,
        };
        claim.decision = Some(decision.clone());
        if matches!(decision.standing, Standing::Rejected { .. })
            || self.is_after(claim.received_at, self.tells_at(&claim))
        {
            return Ok(decision.standing);
        }
        if self.is_after(claim.received_at, self.settings.answer) {
            Ok(Standing::Pended)
        } else {
            Ok(Standing::Acknowledged)
        }
    }

    async fn advices(&self) -> Result<Vec<Advice>, NoAnswer> {
        let mut advices = Vec::new();
        for claim in store::unpaid(self.db.pool()).await? {
            let pays_at = self.tells_at(&claim) + self.settings.remit;
            let Some(Decision {
                standing: Standing::Decided { lines },
                ..
            }) = claim.decision
            else {
                continue;
            };
            if !self.is_after(claim.received_at, pays_at) {
                continue;
            }
            let facts = claim.submission.facts;
            let paid_on = claim
                .received_at
                .checked_add(pays_at)
                .unwrap_or(claim.received_at)
                .to_zoned(self.zone.clone())
                .date();
            advices.push(Advice {
                payer: facts.payer,
                trace: claim.submission.reference,
                paid_on,
                amount: Money {
                    minor: lines.iter().map(|line| line.paid).sum(),
                    currency: facts.currency,
                },
                claims: vec![(facts.id, lines)],
            });
        }
        Ok(advices)
    }

    async fn taken(&self, advice: &Advice) -> Result<(), NoAnswer> {
        store::paid(self.db.pool(), &advice.trace, self.clock.now()).await?;
        Ok(())
    }

    async fn authorise(
        &self,
        request: &AuthorisationRequest,
    ) -> Result<Option<Authorisation>, NoAnswer> {
        self.may_be_lost()?;
        let days = request
            .from
            .until(request.to)
            .map_or(i32::MAX, |span| span.get_days());
        if request.quantity > MOST_UNITS || days >= MOST_DAYS {
            return Ok(Some(Authorisation::Denied));
        }
        let digits = request.id.as_u128() % 1_000_000_000_000;
        Ok(Some(Authorisation::Approved(format!("PA{digits:012}"))))
    }
}
