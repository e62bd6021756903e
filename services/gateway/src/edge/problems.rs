//! The pages of the gateway's problems.

use galen_service::ProblemPage;

/// One for each code that the gateway answers with.
pub(crate) const PAGES: &[ProblemPage] = &[
    page(
        "TOO_MANY_REQUESTS",
        "Too many requests.",
        "Wait as `Retry-After` says. `RateLimit-Policy` tells the limit, `RateLimit` what is left of it. Limits are per account, or per address without one.",
    ),
    page(
        "TOO_MANY_STREAMS",
        "The account follows too many live streams.",
        "Close a stream before you open another one; one stream tells everything.",
    ),
    page(
        "OVERLOADED",
        "There are too many requests at this moment.",
        "Wait as `Retry-After` says, and longer each time. Nothing was done.",
    ),
    page(
        "URI_TOO_LONG",
        "The address is too long.",
        "Shorten the path and the query to 8 KiB.",
    ),
    page(
        "HEADERS_TOO_LARGE",
        "The request has too many or too long headers.",
        "Send at most 64 header fields with 16 KiB together.",
    ),
    page(
        "BODY_TOO_SLOW",
        "The body took too long to arrive.",
        "Send it at once, over a better line, or in smaller requests. Nothing was done.",
    ),
    page(
        "MALFORMED_REQUEST",
        "The request is not unambiguous HTTP.",
        "Send HTTP/1.1 as RFC 9112 writes it: lines that end with CRLF, one `Host`, one `Content-Length` or `Transfer-Encoding: chunked`, a path as target. HTTP libraries do.",
    ),
    page(
        "INVALID_LAST_EVENT_ID",
        "Last-Event-ID is malformed.",
        "Send the `id` of the last event that you have seen, as it was, or no `Last-Event-ID` at all.",
    ),
];

const fn page(code: &'static str, title: &'static str, advice: &'static str) -> ProblemPage {
    ProblemPage {
        code,
        title,
        advice,
    }
}
