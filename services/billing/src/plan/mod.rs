//! Insurance plans as data: what is covered, what it costs the patient, up to which
//! limits. No payer is named in code; a plan is a document, and this is its language.
//!
//! | What | Where |
//! |---|---|
//! | shares of an amount, and how they are rounded | [`share`] |
//! | the language | [`model`] |
//! | what a plan may not say | [`mod@validate`] |
//! | the examples that a version brings along | [`vector`] |

pub mod model;
pub mod share;
pub mod validate;
pub mod vector;

pub use model::{
    Accumulator, AccumulatorKind, Benefit, BenefitYear, Coordination, CopayPer, Match, Period,
    Plan, PreAuthorisation, Pricing, Step, Unauthorised,
};
pub use share::{Rounding, Share};
pub use validate::{PlanError, validate};
