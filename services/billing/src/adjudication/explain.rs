//! The answer, and its reasons.

use super::counters::Delta;

/// What a plan says to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjudication {
    /// In the order of the claim's numbers.
    pub lines: Vec<LineResult>,
    /// By how much accumulators are to change when it is final.
    pub deltas: Vec<Delta>,
}

/// What a plan says to a line. Minor units, none negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineResult {
    /// The line's number.
    pub sequence: u16,
    /// The benefit that was applied.
    pub benefit: Option<String>,
    /// What was asked.
    pub submitted: i64,
    /// What the plan thinks it may cost.
    pub allowed: i64,
    /// What the provider has agreed not to ask.
    pub written_off: i64,
    /// What nobody pays, because the provider made a mistake.
    pub denied: i64,
    /// What others have paid.
    pub prior: i64,
    /// What the plan pays.
    pub paid: i64,
    /// What the patient owes.
    pub owed: Owed,
    /// Why, as codes.
    pub reasons: Vec<Reason>,
    /// Why, step by step.
    pub trace: Vec<TraceEntry>,
}

/// What a patient owes for a line, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Owed {
    /// Fixed payments.
    pub copay: i64,
    /// Before the plan pays.
    pub deductible: i64,
    /// A part.
    pub coinsurance: i64,
    /// What is not covered, or above a limit.
    pub not_covered: i64,
    /// Because nobody agreed beforehand.
    pub penalty: i64,
    /// Above what the plan allows.
    pub balance_bill: i64,
}

impl Owed {
    /// All of it.
    #[must_use]
    pub const fn total(&self) -> i64 {
        self.copay
            + self.deductible
            + self.coinsurance
            + self.not_covered
            + self.penalty
            + self.balance_bill
    }
}

impl LineResult {
    /// Whether everything that was asked is accounted for.
    #[must_use]
    pub const fn balances(&self) -> bool {
        self.submitted
            == self.written_off + self.denied + self.prior + self.paid + self.owed.total()
    }
}

/// A claim adjustment reason code (X12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// 1: deductible.
    Deductible,
    /// 2: coinsurance.
    Coinsurance,
    /// 3: copay.
    Copay,
    /// 18: exact duplicate.
    Duplicate,
    /// 26: before the policy began.
    BeforeCoverage,
    /// 27: after the policy ended.
    AfterCoverage,
    /// 29: claimed too late.
    TooLate,
    /// 23: what others have paid.
    PriorPayer,
    /// 45: above what was agreed.
    AboveContract,
    /// 96: not covered.
    NotCovered,
    /// 119: a maximum is reached.
    MaximumReached,
    /// 179: in the waiting period.
    Waiting,
    /// 197: nobody agreed beforehand.
    Unauthorised,
    /// 204: excluded by the plan.
    Excluded,
}

impl Reason {
    /// Every one.
    pub const ALL: [Self; 14] = [
        Self::Deductible,
        Self::Coinsurance,
        Self::Copay,
        Self::Duplicate,
        Self::PriorPayer,
        Self::BeforeCoverage,
        Self::AfterCoverage,
        Self::TooLate,
        Self::AboveContract,
        Self::NotCovered,
        Self::MaximumReached,
        Self::Waiting,
        Self::Unauthorised,
        Self::Excluded,
    ];

    /// The code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Deductible => "1",
            Self::Coinsurance => "2",
            Self::Copay => "3",
            Self::Duplicate => "18",
            Self::PriorPayer => "23",
            Self::BeforeCoverage => "26",
            Self::AfterCoverage => "27",
            Self::TooLate => "29",
            Self::AboveContract => "45",
            Self::NotCovered => "96",
            Self::MaximumReached => "119",
            Self::Waiting => "179",
            Self::Unauthorised => "197",
            Self::Excluded => "204",
        }
    }
}

/// Where in the order of evaluation something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Whether it can be claimed at all.
    Scrub,
    /// Whether the policy was in force.
    Coverage,
    /// Which benefit it is.
    Benefit,
    /// Whether somebody agreed.
    Agreement,
    /// What it may cost.
    Pricing,
    /// How much of it is covered.
    Limit,
    /// What of it the patient pays.
    CostShare,
    /// The most that a patient pays.
    OutOfPocket,
    /// The most that the plan pays.
    BenefitMax,
    /// Penalties.
    Penalty,
    /// What others have paid.
    Coordination,
}

/// One step of the explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceEntry {
    /// Where.
    pub stage: Stage,
    /// By which rule of the plan.
    pub rule: String,
    /// The amount it looked at.
    pub basis: i64,
    /// What it took away or moved.
    pub amount: i64,
    /// What was left to look at afterwards.
    pub left: i64,
    /// Why.
    pub reason: Option<Reason>,
}
