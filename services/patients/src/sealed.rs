//! The columns that are sealed with the data key of the patient whom they are about.

use galen_vault::SealedColumn;

use crate::{break_glass, coverage, erasure, patient, record};

/// All of them.
pub(crate) const ALL: &[SealedColumn] = &[
    patient::person::SEALED,
    record::store::SEALED[0],
    record::store::SEALED[1],
    record::store::SEALED[2],
    record::store::SEALED[3],
    record::store::SEALED[4],
    record::store::SEALED[5],
    coverage::store::SEALED,
    break_glass::store::SEALED[0],
    break_glass::store::SEALED[1],
    erasure::store::SEALED,
];
