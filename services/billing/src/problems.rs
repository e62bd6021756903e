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
];
