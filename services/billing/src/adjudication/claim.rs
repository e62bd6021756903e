//! What is claimed, for whom, and under which policy. Amounts are minor units of the
//! plan's currency, and not negative.

use galen_kernel::Timestamp;
use jiff::civil::Date;

/// What was done, and what is asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// What was done.
    pub lines: Vec<ClaimLine>,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimLine {
    /// Its number in the claim.
    pub sequence: u16,
    /// When it was done.
    pub served_at: Timestamp,
    /// What it was.
    pub code: String,
    /// Which kind of service that is.
    pub category: String,
    /// In which visit or stay.
    pub visit: String,
    /// Class of the encounter (v3 `ActCode`).
    pub encounter_class: String,
    /// Network of whoever did it; `None`: none.
    pub network: Option<String>,
    /// How many units.
    pub quantity: u32,
    /// What is asked for all units.
    pub charge: i64,
    /// What was agreed for one unit, if anything was.
    pub price: Option<i64>,
    /// Who agreed beforehand.
    pub agreement: Option<Agreement>,
    /// What others have paid.
    pub prior: Option<PriorPayment>,
}

/// The plan has agreed to a service beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
}

/// What the plans that come before have made of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PriorPayment {
    /// How much they have paid.
    pub paid: i64,
    /// What the provider may not ask of anybody any more, by their contracts.
    pub forgone: i64,
}

/// Somebody's coverage by a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Who is covered: what individual limits are counted for.
    pub member: String,
    /// The contract: what family limits are counted for.
    pub contract: String,
    /// First day.
    pub from: Date,
    /// The first day after it; `None`: no end.
    pub to: Option<Date>,
    /// Of the member.
    pub birth_date: Date,
}
