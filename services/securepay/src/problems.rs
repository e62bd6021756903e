//! The pages of this service's problems.

use galen_service::ProblemPage;

/// One page per code.
pub(crate) const PAGES: &[ProblemPage] = &[
    ProblemPage {
        code: "WEBHOOK_ENDPOINT_DISABLED",
        title: "The webhook endpoint is disabled.",
        advice: "It was disabled by hand, or it answered that it is gone (410): `disabledBecause` of `GET /webhook-endpoints/{id}` says which. Enable it with `PATCH /webhook-endpoints/{id}` first.",
    },
    ProblemPage {
        code: "TOO_MANY_WEBHOOK_ENDPOINTS",
        title: "There are as many webhook endpoints as there can be.",
        advice: "A hospital has 50 at most. Delete those that nobody needs with `DELETE /webhook-endpoints/{id}`.",
    },
];
