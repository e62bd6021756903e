//! The columns that are sealed with the data key of the patient whom they are about.

use std::sync::LazyLock;

use galen_vault::SealedColumn;

use crate::{break_glass, coverage, erasure, patient, record};

/// All of them.
pub(crate) static ALL: LazyLock<Vec<SealedColumn>> = LazyLock::new(|| {
    let all: [&[SealedColumn]; 5] = [
        &[patient::person::SEALED],
        record::store::SEALED,
        &[coverage::store::SEALED],
        break_glass::store::SEALED,
        &[erasure::store::SEALED],
    ];
    all.concat()
});
