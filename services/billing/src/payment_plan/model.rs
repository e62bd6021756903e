//! A plan, its instalments, and what of them is covered. Pure. Amounts are minor units.

use galen_contracts::ids::PatientId;
use galen_kernel::{Currency, Id, Timestamp};
use jiff::civil::Date;
use jiff::{Span, ToSpan as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What a [`PaymentPlanId`] identifies.
pub enum PaymentPlanKind {}

/// A plan's id.
pub type PaymentPlanId = Id<PaymentPlanKind>;

/// The most instalments of a plan: five years of months.
pub const MOST_INSTALMENTS: u16 = 60;

/// Where a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PaymentPlanStatus)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The patient has not agreed.
    Proposed,
    /// The patient pays by it.
    Active,
    /// All of it is paid.
    Completed,
    /// An instalment was not paid: all that is left is owed at once.
    Defaulted,
    /// It is not followed.
    Cancelled,
}

impl Status {
    const ALL: [Self; 5] = [
        Self::Proposed,
        Self::Active,
        Self::Completed,
        Self::Defaulted,
        Self::Cancelled,
    ];

    /// As stored and sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proposed => "PROPOSED",
            Self::Active => "ACTIVE",
            Self::Completed => "COMPLETED",
            Self::Defaulted => "DEFAULTED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Reads what [`Status::name`] wrote.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether it can still be followed.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Proposed | Self::Active)
    }
}

/// How far instalments are apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = InstalmentInterval)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Interval {
    /// A week.
    Weekly,
    /// A month: on the same day, or the last one of shorter months.
    #[default]
    Monthly,
}

impl Interval {
    fn times(self, n: u16) -> Span {
        match self {
            Self::Weekly => i64::from(n).weeks(),
            Self::Monthly => i64::from(n).months(),
        }
    }
}

/// What is to be paid until a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instalment {
    /// The last day on which it is in time.
    pub due_on: Date,
    /// How much.
    pub amount: i64,
}

/// Equal instalments; what does not divide evenly is paid with the first one, a minor unit
/// for each of the others at most. `None`: there would be one of nothing, or a day that
/// no calendar has.
#[must_use]
pub fn equal(total: i64, count: u16, first: Date, every: Interval) -> Option<Vec<Instalment>> {
    let each = total.checked_div(i64::from(count))?;
    if each <= 0 {
        return None;
    }
    let rest = total - each * i64::from(count);
    (0..count)
        .map(|n| {
            Some(Instalment {
                // Counted from the first: a month that is shorter shortens no other one.
                due_on: first.checked_add(every.times(n)).ok()?,
                amount: if n == 0 { each + rest } else { each },
            })
        })
        .collect()
}

/// What is paid of each instalment, when so much is paid of all: the first are covered
/// first.
#[must_use]
pub fn allocate(instalments: &[Instalment], paid: i64) -> Vec<i64> {
    let mut left = paid.max(0);
    instalments
        .iter()
        .map(|instalment| {
            let part = instalment.amount.min(left);
            left -= part;
            part
        })
        .collect()
}

/// What should have been paid before a day, and is not.
#[must_use]
pub fn overdue(instalments: &[Instalment], paid: i64, today: Date) -> i64 {
    instalments
        .iter()
        .zip(allocate(instalments, paid))
        .filter(|(instalment, _)| instalment.due_on < today)
        .map(|(instalment, covered)| instalment.amount - covered)
        .sum()
}

/// An invoice of a plan: as it was when the plan was made, and as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// Which.
    pub invoice: Uuid,
    /// What was owed of it.
    pub planned: i64,
    /// What the patient was asked for in all.
    pub billed: i64,
    /// What the patient is asked for in all now.
    pub billed_now: i64,
    /// What is owed of it now.
    pub due_now: i64,
}

impl Planned {
    /// What of the planned part is not owed any more, whichever way. What came on top of
    /// it afterwards, because a payer did not pay, is outside of the plan.
    #[must_use]
    pub fn paid(&self) -> i64 {
        let on_top = (self.billed_now - self.billed).max(0);
        (self.planned + on_top - self.due_now).clamp(0, self.planned)
    }
}

/// Why a command on a plan is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody has agreed, or it is over.
    #[error("the plan's status does not allow it")]
    Status,
    /// All of it is paid.
    #[error("nothing is due")]
    NothingDue,
    /// An instalment was due before.
    #[error("an instalment was due before")]
    OutOfDate,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentPlan {
    /// Its id.
    pub id: PaymentPlanId,
    /// Who pays: the record that the invoices are of.
    pub patient: PatientId,
    /// Of all its amounts.
    pub currency: Currency,
    /// Where it stands.
    pub status: Status,
    /// What is paid until when, in the order of their days.
    pub instalments: Vec<Instalment>,
    /// What is paid by it.
    pub invoices: Vec<Planned>,
    /// Who proposed it, and when.
    pub proposed: (Uuid, Timestamp),
    /// Who agreed for the patient, and when.
    pub agreed: Option<(Uuid, Timestamp)>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// Rises by one with every change.
    pub version: i64,
}

impl PaymentPlan {
    /// What is paid in all.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.instalments.iter().map(|each| each.amount).sum()
    }

    /// What of that is paid.
    #[must_use]
    pub fn paid(&self) -> i64 {
        self.invoices.iter().map(Planned::paid).sum()
    }

    /// What should have been paid before a day, and is not.
    #[must_use]
    pub fn overdue(&self, today: Date) -> i64 {
        match self.status {
            Status::Active => overdue(&self.instalments, self.paid(), today),
            _ => 0,
        }
    }

    fn to(&mut self, status: Status, at: Timestamp) {
        self.status = status;
        self.ended_at = (!status.is_live()).then_some(at);
        self.version += 1;
    }

    /// The patient agrees.
    ///
    /// # Errors
    /// When somebody has, everything is paid, or it should have begun.
    pub fn agree(&mut self, by: Uuid, at: Timestamp, today: Date) -> Result<(), Refusal> {
        if self.status != Status::Proposed {
            return Err(Refusal::Status);
        }
        if self.paid() == self.total() {
            return Err(Refusal::NothingDue);
        }
        if overdue(&self.instalments, self.paid(), today) > 0 {
            return Err(Refusal::OutOfDate);
        }
        self.agreed = Some((by, at));
        self.to(Status::Active, at);
        Ok(())
    }

    /// It is not followed any more.
    ///
    /// # Errors
    /// When it is over.
    pub fn cancel(&mut self, at: Timestamp) -> Result<(), Refusal> {
        if !self.status.is_live() {
            return Err(Refusal::Status);
        }
        self.to(Status::Cancelled, at);
        Ok(())
    }

    /// Whether it is over now, because all of it is paid.
    pub fn complete(&mut self, at: Timestamp) -> bool {
        let done = self.status == Status::Active && self.paid() == self.total();
        if done {
            self.to(Status::Completed, at);
        }
        done
    }

    /// Whether it is over now, because an instalment was not paid within the grace.
    pub fn give_up(&mut self, at: Timestamp, today: Date, grace: Span) -> bool {
        let last = today.saturating_sub(grace);
        let missed =
            self.status == Status::Active && overdue(&self.instalments, self.paid(), last) > 0;
        if missed {
            self.to(Status::Defaulted, at);
        }
        missed
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    const FIRST: Date = date(2026, 1, 31);

    proptest! {
        #[test]
        fn equal_instalments_are_the_total_and_the_rest_is_in_the_first(
            total in 1_i64..10_000_000,
            count in 1_u16..=MOST_INSTALMENTS,
            monthly: bool,
        ) {
            let every = if monthly { Interval::Monthly } else { Interval::Weekly };
            let Some(plan) = equal(total, count, FIRST, every) else {
                prop_assert!(total < i64::from(count));
                return Ok(());
            };
            prop_assert_eq!(plan.iter().map(|each| each.amount).sum::<i64>(), total);
            prop_assert_eq!(plan.len(), usize::from(count));
            let least = plan.iter().map(|each| each.amount).min().expect("one at least");
            prop_assert!(least > 0);
            prop_assert!(plan[1..].iter().all(|each| each.amount == least));
            prop_assert!(plan[0].amount - least < i64::from(count));
            prop_assert!(plan.windows(2).all(|pair| pair[0].due_on < pair[1].due_on));
        }

        #[test]
        fn what_is_paid_covers_the_first_instalments_first_and_nothing_twice(
            amounts in prop::collection::vec(1_i64..1000, 1..12),
            paid in -10_i64..8000,
            days in 0_i64..100,
        ) {
            let plan: Vec<Instalment> = amounts.iter().enumerate().map(|(n, amount)| Instalment {
                due_on: FIRST.saturating_add((i64::try_from(n).expect("few") * 7).days()),
                amount: *amount,
            }).collect();
            let total: i64 = amounts.iter().sum();
            let covered = allocate(&plan, paid);
            prop_assert_eq!(covered.iter().sum::<i64>(), paid.clamp(0, total));
            for (at, (instalment, part)) in plan.iter().zip(&covered).enumerate() {
                prop_assert!((0..=instalment.amount).contains(part));
                let later_is_paid = covered[at + 1..].iter().any(|part| *part > 0);
                prop_assert!(!later_is_paid || *part == instalment.amount);
            }
            let today = FIRST.saturating_add(days.days());
            let should: i64 = plan.iter().filter(|each| each.due_on < today).map(|each| each.amount).sum();
            prop_assert_eq!(overdue(&plan, paid, today), (should - paid.clamp(0, total)).max(0));
        }

        #[test]
        fn what_comes_on_top_of_an_invoice_changes_nothing_of_the_plan(
            before in 0_i64..1000, planned in 1_i64..1000, paid in 0_i64..1000, on_top in 0_i64..1000,
        ) {
            let paid = paid.min(planned);
            let invoice = |on_top| Planned {
                invoice: Uuid::nil(),
                planned,
                billed: before + planned,
                billed_now: before + planned + on_top,
                due_now: planned + on_top - paid,
            };
            prop_assert_eq!(invoice(0).paid(), paid);
            prop_assert_eq!(invoice(on_top).paid(), paid);
        }
    }

    #[test]
    fn a_credit_covers_as_a_payment_does() {
        let invoice = Planned {
            invoice: Uuid::nil(),
            planned: 100,
            billed: 150,
            // 40 were credited, and 10 paid.
            billed_now: 110,
            due_now: 50,
        };
        assert_eq!(invoice.paid(), 50);
    }

    #[test]
    fn months_keep_the_day_of_the_first_instalment_where_they_have_it() {
        let plan = equal(1000, 3, FIRST, Interval::Monthly).expect("a plan");
        let days: Vec<Date> = plan.iter().map(|each| each.due_on).collect();
        assert_eq!(
            days,
            [FIRST, date(2026, 2, 28), date(2026, 3, 31)],
            "the last day of a short month"
        );
        assert_eq!(plan[0].amount, 334);
        assert_eq!(equal(2, 3, FIRST, Interval::Monthly), None);
        assert_eq!(equal(2, 0, FIRST, Interval::Monthly), None);
    }

    fn plan(paid: i64) -> PaymentPlan {
        PaymentPlan {
            id: PaymentPlanId::from_uuid(Uuid::nil()),
            patient: PatientId::from_uuid(Uuid::nil()),
            currency: "EUR".parse().expect("a currency"),
            status: Status::Proposed,
            instalments: equal(300, 3, FIRST, Interval::Monthly).expect("a plan"),
            invoices: vec![Planned {
                invoice: Uuid::nil(),
                planned: 300,
                billed: 300,
                billed_now: 300,
                due_now: 300 - paid,
            }],
            proposed: (Uuid::nil(), Timestamp::UNIX_EPOCH),
            agreed: None,
            ended_at: None,
            version: 1,
        }
    }

    #[test]
    fn a_plan_is_given_up_after_the_grace_and_not_on_its_last_day() {
        let now = Timestamp::UNIX_EPOCH;
        let grace = 7.days();
        let mut plan = plan(99);
        plan.agree(Uuid::nil(), now, FIRST).expect("agreed");
        assert!(!plan.give_up(now, date(2026, 2, 7), grace));
        assert_eq!(plan.overdue(date(2026, 2, 7)), 1);
        assert!(plan.give_up(now, date(2026, 2, 8), grace));
        assert_eq!(plan.status, Status::Defaulted);
        assert_eq!(plan.cancel(now), Err(Refusal::Status));
    }

    #[test]
    fn a_plan_is_agreed_to_once_and_in_time() {
        let now = Timestamp::UNIX_EPOCH;
        let late = plan(0).agree(Uuid::nil(), now, date(2026, 2, 1));
        assert_eq!(late, Err(Refusal::OutOfDate));
        let paid = plan(300).agree(Uuid::nil(), now, FIRST);
        assert_eq!(paid, Err(Refusal::NothingDue));
        let mut twice = plan(0);
        twice.agree(Uuid::nil(), now, FIRST).expect("agreed");
        let again = twice.agree(Uuid::nil(), now, FIRST);
        assert_eq!(again, Err(Refusal::Status));
        assert!(!twice.complete(now));
        twice.invoices[0].due_now = 0;
        assert!(twice.complete(now));
        assert!(!twice.complete(now), "once");
    }
}
