//! The language of plans. Amounts are minor units of the plan's currency.

use galen_kernel::Currency;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::share::{Rounding, Share};

/// The largest amount that a plan, a price or a line may say, in minor units: what all of
/// a claim adds up to stays within 64 bits.
pub const LARGEST: i64 = 1_000_000_000_000;

/// One version of a plan. It never changes: what is otherwise is another version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PlanRules)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Which plan, as coverages name it.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    pub id: String,
    /// Which version of it.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub version: u32,
    /// What all amounts are in.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$")]
    pub currency: Currency,
    /// When a year of benefits begins.
    pub benefit_year: BenefitYear,
    /// What is counted over time.
    #[serde(default)]
    pub accumulators: Vec<Accumulator>,
    /// What is covered, and how. What no benefit matches is not covered.
    pub benefits: Vec<Benefit>,
    /// How it pays when somebody else has paid before.
    #[serde(default)]
    pub coordination: Coordination,
    /// Rounding of every share.
    #[serde(default)]
    pub rounding: Rounding,
    /// Days from the service in which it must be claimed; without it, for ever.
    #[serde(default)]
    pub timely_filing_days: Option<u16>,
    /// Networks whose providers may bill the patient for what is above the allowed
    /// amount; everywhere else it is the provider's loss.
    #[serde(default)]
    pub balance_billing: Vec<String>,
}

/// When a year of benefits begins, and where its midnight is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PlanBenefitYear)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BenefitYear {
    /// From which day on.
    pub anchor: Anchor,
    /// IANA name of the zone in which services get their date.
    pub zone: String,
}

/// From which day on a year of benefits is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PlanAnchor)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Anchor {
    /// From the first of January.
    Calendar,
    /// From the day on which the policy began.
    Policy,
}

/// Something that is counted over time, and a limit. With both limits a person is done
/// when either is reached (an *embedded* limit); with the family's alone everybody's
/// amounts count together (an *aggregate* one).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PlanAccumulator)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Accumulator {
    /// What steps and limits call it.
    pub id: String,
    /// What it counts.
    pub kind: AccumulatorKind,
    /// When it starts again at nothing.
    pub period: Period,
    /// For one person. Minor units, or a number of visits or units.
    #[serde(default)]
    pub individual: Option<i64>,
    /// For all under one policy together.
    #[serde(default)]
    pub family: Option<i64>,
    /// Of a maximum out of pocket: what counts towards it.
    #[serde(default)]
    pub counts: Vec<Counted>,
}

/// What an accumulator counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PlanAccumulatorKind)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccumulatorKind {
    /// What the patient pays before the plan pays anything.
    Deductible,
    /// The most that the patient pays; looked at after every step.
    OutOfPocketMax,
    /// The most that the plan pays.
    BenefitMax,
    /// Visits that are covered.
    Visits,
    /// Units that are covered.
    Units,
}

/// A kind of payment of the patient.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[schema(as = PlanCounted)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Counted {
    /// A fixed payment.
    Copay,
    /// What is paid before the plan pays.
    Deductible,
    /// A part of the amount.
    Coinsurance,
}

/// When an accumulator starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PlanPeriod)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Period {
    /// With the year of benefits.
    Year,
    /// Never.
    Lifetime,
    /// With every visit or stay.
    Visit,
    /// Every day.
    Day,
}

/// A rule for some services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PlanBenefit)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Benefit {
    /// What explanations call it.
    pub id: String,
    /// For which services.
    #[serde(rename = "match", default)]
    pub matches: Match,
    /// Of several that match, the highest; of equals, the one that says most; of
    /// equals again, the first by id.
    #[serde(default)]
    pub priority: i32,
    /// `false`: these services are excluded.
    #[serde(default = "yes")]
    pub covered: bool,
    /// Days from the beginning of the policy before these services are covered.
    #[serde(default)]
    pub waiting_days: u16,
    /// Whether somebody has to agree first.
    #[serde(default)]
    pub pre_authorisation: Option<PreAuthorisation>,
    /// Accumulators that bound how many visits or units are covered, and how much is
    /// paid.
    #[serde(default)]
    pub limits: Vec<String>,
    /// What a service may cost.
    #[serde(default)]
    pub pricing: Pricing,
    /// What of it the patient pays, in this order.
    #[serde(default)]
    pub cost_share: Vec<Step>,
}

const fn yes() -> bool {
    true
}

/// Which services: all that are named. What is not named does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = PlanMatch)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Match {
    /// Codes of services.
    pub codes: Vec<String>,
    /// Kinds of services.
    pub categories: Vec<String>,
    /// Classes of the encounter (v3 `ActCode`): `AMB`, `IMP`, `EMER`.
    pub encounter_classes: Vec<String>,
    /// Networks of the provider.
    pub networks: Vec<String>,
    /// Youngest age in years.
    pub min_age: Option<u16>,
    /// Oldest age in years.
    pub max_age: Option<u16>,
}

/// Whether somebody has to agree before the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PlanPreAuthorisation)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PreAuthorisation {
    /// Only when more than this is charged.
    #[serde(default)]
    pub above: Option<i64>,
    /// What happens when nobody has.
    pub otherwise: Unauthorised,
}

/// What happens to a service to which nobody agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PlanUnauthorised)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", tag = "then", deny_unknown_fields)]
pub enum Unauthorised {
    /// It is not paid, and the patient does not owe it either.
    Deny,
    /// The patient pays this part of what the plan would have paid.
    Penalty {
        /// Which part.
        share: Share,
    },
}

/// What a service may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = PlanPricing)]
#[serde(
    rename_all = "SCREAMING_SNAKE_CASE",
    tag = "basis",
    deny_unknown_fields
)]
pub enum Pricing {
    /// What was agreed for each unit; what is charged, when that is less or nothing was
    /// agreed.
    #[default]
    Contract,
    /// A part of what is charged.
    ShareOfCharge {
        /// Which part.
        share: Share,
    },
}

/// One step of what the patient pays, of what is left of the allowed amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PlanStep)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", tag = "op", deny_unknown_fields)]
pub enum Step {
    /// A fixed payment.
    #[serde(rename_all = "camelCase")]
    Copay {
        /// How much.
        #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
        amount: i64,
        /// How often.
        per: CopayPer,
        /// Not in encounters of these classes.
        #[serde(default)]
        #[schema(max_items = 20)]
        waived_in: Vec<String>,
    },
    /// Everything, until a deductible is met.
    Deductible {
        /// Which.
        accumulator: String,
    },
    /// A part.
    Coinsurance {
        /// The patient's part.
        patient: Share,
        /// At least this, if as much is left.
        #[serde(default)]
        floor: Option<i64>,
        /// At most this.
        #[serde(default)]
        ceiling: Option<i64>,
    },
    /// No more than this for the line, with all steps before.
    Cap {
        /// At most.
        amount: i64,
    },
}

/// How often a fixed payment is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[schema(as = PlanCopayPer)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CopayPer {
    /// For each line.
    Line,
    /// Once a visit.
    Visit,
    /// Once a day.
    Day,
    /// Once a claim, spread over its lines by what each may cost.
    Claim,
}

/// How a plan pays when others have paid before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = PlanCoordination)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Coordination {
    /// What it would have paid alone, up to what is left.
    #[default]
    Standard,
    /// As if only what is left had been charged.
    CarveOut,
    /// What it would have paid alone, without what others paid.
    NonDuplication,
}

impl Plan {
    /// An accumulator by its name.
    #[must_use]
    pub fn accumulator(&self, id: &str) -> Option<&Accumulator> {
        self.accumulators
            .iter()
            .find(|accumulator| accumulator.id == id)
    }
}

impl Match {
    /// How much it says: what decides between benefits of one priority.
    #[must_use]
    pub fn says(&self) -> usize {
        [
            !self.codes.is_empty(),
            !self.categories.is_empty(),
            !self.encounter_classes.is_empty(),
            !self.networks.is_empty(),
            self.min_age.is_some(),
            self.max_age.is_some(),
        ]
        .into_iter()
        .filter(|said| *said)
        .count()
    }
}
