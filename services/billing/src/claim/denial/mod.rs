//! Denials: what a payer did not pay although it was asked, until somebody has decided
//! about it.
//!
//! A denial is open, then worked on (the claim was corrected or appealed), then
//! overturned by the payer or upheld. An upheld one ends when it is written off or the
//! patient is asked instead; it is never written off by itself.

pub mod find;
pub mod resolve;
pub mod store;
