//! The pages of this service's problems: what a code means and what to do about it.

use galen_service::ProblemPage;

/// All of them.
pub(crate) const PAGES: &[ProblemPage] = &[
    ProblemPage {
        code: "LIKELY_DUPLICATE",
        title: "Somebody who is probably the same person is registered.",
        advice: "Look at the `candidates`. If none is the person, send the request again with `acknowledgeDuplicates=true`; the pair goes into the work queue. Patients who register themselves are told no candidates and should ask the front desk.",
    },
    ProblemPage {
        code: "IDENTIFIER_EXISTS",
        title: "Somebody is registered with this identifier.",
        advice: "Use the record that has it: `GET /patients?identifier=system|value` finds it. An import takes this answer as done before.",
    },
    ProblemPage {
        code: "ALREADY_REGISTERED",
        title: "This account has a patient record.",
        advice: "Read it with `GET /patients/me`.",
    },
    ProblemPage {
        code: "INVALID_MRN",
        title: "This is not a medical record number.",
        advice: "Compare it with the label: the check digits do not match, so at least one character is mistyped.",
    },
    ProblemPage {
        code: "PATIENT_MERGED",
        title: "The record was merged into another one; use that one.",
        advice: "Send the request to the record that `mergedIntoId` names.",
    },
    ProblemPage {
        code: "PATIENT_ERASED",
        title: "The person was erased.",
        advice: "Their record is gone for good, by the decision of two administrators. Its number is never given to anybody else.",
    },
    ProblemPage {
        code: "ERASURE_REQUESTED",
        title: "The erasure of this person was requested before.",
        advice: "`GET /erasures` shows the request. Somebody else than who asked approves it.",
    },
    ProblemPage {
        code: "OWN_ERASURE_REQUEST",
        title: "Somebody else has to approve what you asked for.",
        advice: "Ask another administrator to approve it. To take your request back, reject it.",
    },
    ProblemPage {
        code: "PATIENT_INACTIVE",
        title: "The record is closed.",
        advice: "Nothing more is done with a closed record.",
    },
    ProblemPage {
        code: "ALREADY_MERGED",
        title: "The record was merged into another one.",
        advice: "Read it: `mergedIntoId` names the record that stands for the person. Undo that merge first if it was wrong.",
    },
    ProblemPage {
        code: "MERGE_CYCLE",
        title: "The other record is this one, or was merged into it.",
        advice: "The two are one already. To let the other one survive, undo its merge first.",
    },
    ProblemPage {
        code: "MERGE_TARGET_MERGED",
        title: "The other record was merged itself; merge into the one it leads to.",
        advice: "Send `intoId` with the record that `mergedIntoId` names.",
    },
    ProblemPage {
        code: "MERGE_TARGET_INACTIVE",
        title: "The other record is closed.",
        advice: "A closed record cannot stand for a person. Choose one that is in use.",
    },
    ProblemPage {
        code: "NOT_MERGED",
        title: "The record is not merged.",
        advice: "It stands on its own already.",
    },
    ProblemPage {
        code: "ALREADY_DECIDED",
        title: "Somebody has decided about this pair.",
        advice: "Read the queue again.",
    },
    ProblemPage {
        code: "COVERAGE_OVERLAP",
        title: "Another coverage has this priority at this time.",
        advice: "End the other coverage first, or choose another priority. A coverage may begin on the day another one's `validTo` names.",
    },
    ProblemPage {
        code: "ALREADY_AMENDED",
        title: "Another entry amends this one; amend that one.",
        advice: "Read the record again and amend the entry that stands.",
    },
    ProblemPage {
        code: "ENTRY_IN_ERROR",
        title: "The entry is marked as made in error.",
        advice: "Record a new entry instead.",
    },
    ProblemPage {
        code: "ALREADY_REVIEWED",
        title: "Somebody has judged this access.",
        advice: "Read the queue again; a judgement stands.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_page() {
        let mut codes: Vec<_> = PAGES.iter().map(|page| page.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), PAGES.len());
    }
}
