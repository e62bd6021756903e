//! The pages of this service's problems.

use galen_service::ProblemPage;

/// One page per code.
pub(crate) const PAGES: &[ProblemPage] = &[
    ProblemPage {
        code: "TARIFF_OVERLAP",
        title: "Another tariff says what this costs in that time.",
        advice: "Find it with `GET /tariffs?serviceCode=…`, end it with `POST /tariffs/{id}/end`, and begin where it ends.",
    },
    ProblemPage {
        code: "TARIFF_OVER",
        title: "The tariff has ended.",
        advice: "What was a price stays one. Say what it costs from now on with `POST /tariffs`.",
    },
    ProblemPage {
        code: "PLAN_EXISTS",
        title: "There is a plan with this id.",
        advice: "Publish another version of it with `POST /plans/{id}/versions`, or choose another id.",
    },
    ProblemPage {
        code: "NOT_NEXT_VERSION",
        title: "The version of the plan is not the next one.",
        advice: "`nextVersion` says which is next. Somebody else may have published one: read it first.",
    },
    ProblemPage {
        code: "PLAN_VERSION_OVERLAP",
        title: "A version begins after the one before it.",
        advice: "`lastValidFrom` says when the last one begins. Begin later: the last one ends then.",
    },
    ProblemPage {
        code: "ALREADY_COUNTED",
        title: "The claim is counted already.",
        advice: "Nothing is counted twice. Void the claim first, if it is to be counted otherwise.",
    },
    ProblemPage {
        code: "CLAIM_STATUS",
        title: "The claim's status does not allow it.",
        advice: "`status` says what the claim is now. Read it again: the payer may have answered meanwhile.",
    },
    ProblemPage {
        code: "CLAIM_HAS_ERRORS",
        title: "The claim is wrong and cannot be submitted.",
        advice: "`findings` say which field of which line is wrong. Correct what can be corrected with `POST /claims/{id}/resubmit`.",
    },
    ProblemPage {
        code: "NOTHING_TO_CLAIM",
        title: "No claim of this invoice to this payer was withdrawn with something still to be asked for.",
        advice: "The first claim is prepared when the invoice is issued; another one only after that was voided without a resolution.",
    },
    ProblemPage {
        code: "PRE_AUTHORISATION_EXHAUSTED",
        title: "The payer has agreed to fewer units than are claimed.",
        advice: "Ask for another agreement with `POST /pre-authorisations`.",
    },
    ProblemPage {
        code: "MORE_THAN_ASKED",
        title: "A payer pays or leaves more than it was asked for.",
        advice: "The patient was asked for the rest already: credit the invoice first, or ask the payer what it means.",
    },
    ProblemPage {
        code: "NOTHING_DENIED",
        title: "Nothing is denied of this line any more.",
        advice: "Somebody else has resolved the denial, or the payer has taken it back.",
    },
    ProblemPage {
        code: "REMITTANCE_DIFFERS",
        title: "Another remittance of this payer has the same number and says something else.",
        advice: "Nothing was posted again. Look at the number: payers use each of them once.",
    },
];
