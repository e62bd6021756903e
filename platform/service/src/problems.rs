//! The pages under `/problems/`: what a code means and what to do about it.

use axum::extract::Path;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use galen_kernel::Problem;

use crate::outcome::{Halt, slug};

/// What a person reads who follows the `type` of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemPage {
    /// SCREAMING_SNAKE, as in the problem document.
    pub code: &'static str,
    /// The problem's title.
    pub title: &'static str,
    /// What to do about it, for the developer of a client.
    pub advice: &'static str,
}

const fn page(code: &'static str, title: &'static str, advice: &'static str) -> ProblemPage {
    ProblemPage {
        code,
        title,
        advice,
    }
}

/// The problems of the platform itself; services add theirs.
pub const PAGES: &[ProblemPage] = &[
    page(
        "VALIDATION_FAILED",
        "The request has invalid fields.",
        "Correct the fields that `errors` points at. Each pointer is an RFC 6901 pointer into the body, or `?name` for a query parameter.",
    ),
    page(
        "BODY_REQUIRED",
        "The request needs a JSON body.",
        "Send a JSON document with `Content-Type: application/json`.",
    ),
    page(
        "MALFORMED_JSON",
        "The body is not JSON in UTF-8.",
        "Check the body with a JSON parser; `detail` says where reading stopped.",
    ),
    page(
        "MALFORMED_QUERY",
        "The query is not percent-encoded UTF-8.",
        "Encode names and values as `application/x-www-form-urlencoded` does.",
    ),
    page(
        "INCOMPLETE_BODY",
        "The body ended before its announced end.",
        "Send the whole body; the connection was cut or `Content-Length` is wrong.",
    ),
    page(
        "NOT_ACCEPTABLE",
        "There is none of the media types that the client takes.",
        "Name one of those that `detail` lists in `Accept`, or send no `Accept`.",
    ),
    page(
        "INVALID_IF_MATCH",
        "If-Match is malformed.",
        "Send the `ETag` you got, with its quotes: `If-Match: \"3\"`.",
    ),
    page(
        "INVALID_IDEMPOTENCY_KEY",
        "Idempotency-Key is malformed.",
        "Send one key of 1 to 255 visible ASCII characters; a random UUID is a good one.",
    ),
    page(
        "IDEMPOTENCY_KEY_REQUIRED",
        "This request needs an idempotency key.",
        "Send an `Idempotency-Key`, and send the same one when you repeat the request.",
    ),
    page(
        "IDEMPOTENCY_KEY_REUSED",
        "The idempotency key was used for another request.",
        "Use a new key for a new request. A key belongs to one method, address and body.",
    ),
    page(
        "REQUEST_IN_PROGRESS",
        "The first request with this idempotency key is still running.",
        "Wait as `Retry-After` says, then repeat the request with the same key.",
    ),
    page(
        "UNAUTHENTICATED",
        "Valid credentials are required.",
        "Log in, or refresh the access token, and send it as `Authorization: Bearer …`.",
    ),
    page(
        "FORBIDDEN",
        "You may not do this.",
        "Ask an administrator for a role that grants it.",
    ),
    page(
        "STEP_UP_REQUIRED",
        "Show again who you are: this needs a recent login.",
        "Ask the person for their password or a code, `POST /auth/step-up`, and repeat the request with the new access token.",
    ),
    page(
        "NOT_FOUND",
        "There is no such thing.",
        "Check the address. What you may not know of is answered in the same way.",
    ),
    page(
        "METHOD_NOT_ALLOWED",
        "The resource does not know this method.",
        "Use one of the methods that `Allow` names.",
    ),
    page(
        "STALE_VERSION",
        "The resource has changed since you read it.",
        "Read it again, and repeat the change with its new `ETag`.",
    ),
    page(
        "PAYLOAD_TOO_LARGE",
        "The body is too large.",
        "Send less at a time.",
    ),
    page(
        "UNSUPPORTED_MEDIA_TYPE",
        "The body is of another media type than this operation takes.",
        "Send what `detail` names, in UTF-8, with its `Content-Type`: almost always `application/json`.",
    ),
    page(
        "PRECONDITION_REQUIRED",
        "The request needs If-Match.",
        "Read the resource, and send its `ETag` as `If-Match`.",
    ),
    page(
        "RATE_LIMITED",
        "Too many requests.",
        "Wait as `Retry-After` says.",
    ),
    page(
        "REBUILD_IN_PROGRESS",
        "The projection is already being rebuilt.",
        "Wait until the rebuild has ended.",
    ),
    page(
        "INTERNAL",
        "Something went wrong on our side.",
        "Repeat the request later. Tell the operator the `traceId`; the log has the cause.",
    ),
    page(
        "REQUEST_TIMED_OUT",
        "The request took too long.",
        "Repeat it, with the same idempotency key if it changes something: it may have been done.",
    ),
    page(
        "DEPENDENCY_UNAVAILABLE",
        "A part of the system did not answer.",
        "Wait as `Retry-After` says and repeat the request, with the same idempotency key.",
    ),
    page(
        "DEPENDENCY_TIMEOUT",
        "A part of the system did not answer in time.",
        "Wait as `Retry-After` says and repeat the request, with the same idempotency key.",
    ),
];

/// Serves the pages below `/problems/`.
pub(crate) fn router(pages: Vec<ProblemPage>) -> axum::Router {
    axum::Router::new().route(
        "/problems/{slug}",
        get(move |Path(wanted): Path<String>| {
            let found = pages.iter().find(|page| slug(page.code) == wanted).copied();
            async move { found.map_or_else(|| Halt::from(Problem::not_found()).into_response(), render) }
        }),
    )
}

fn render(page: ProblemPage) -> Response {
    let ProblemPage {
        code,
        title,
        advice,
    } = page;
    let (title, advice) = (escape(title), escape(advice));
    Html(format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{code}</title>\n\
         <h1>{title}</h1>\n<p><code>{code}</code></p>\n<p>{advice}</p>\n</html>\n"
    ))
    .into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_page_has_a_code_of_its_own() {
        let mut seen = HashSet::new();
        for page in PAGES {
            assert!(seen.insert(page.code), "{} is there twice", page.code);
            assert!(
                page.code
                    .bytes()
                    .all(|b| b.is_ascii_uppercase() || b == b'_'),
                "{}",
                page.code
            );
            assert!(
                !page.advice.is_empty() && page.title.ends_with('.'),
                "{}",
                page.code
            );
        }
    }

    /// Reads the sources of the crates that make problems for everybody.
    #[test]
    fn every_code_of_the_platform_has_a_page() {
        let mut missing = Vec::new();
        for source in sources(&["src", "../kernel/src"]) {
            let code = source.split("#[cfg(test)]").next().unwrap_or_default();
            for (made, with_status) in [
                ("Problem::new(", true),
                ("Self::new(", true),
                ("Problem::conflict(", false),
            ] {
                for call in code.split(made).skip(1) {
                    let named = call.split('"').nth(1).filter(|_| {
                        // The code is the first text, right behind the status.
                        let before = call.split('"').next().unwrap_or_default();
                        before
                            .chars()
                            .all(|c| c.is_ascii_digit() || c.is_whitespace() || c == ',')
                            && before.contains(|c: char| c.is_ascii_digit()) == with_status
                    });
                    missing.extend(
                        named
                            .filter(|code| PAGES.iter().all(|page| page.code != *code))
                            .filter(|code| {
                                code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
                            })
                            .map(str::to_owned),
                    );
                }
            }
        }
        assert_eq!(missing, Vec::<String>::new());
    }

    fn sources(folders: &[&str]) -> Vec<String> {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut waiting: Vec<_> = folders.iter().map(|folder| root.join(folder)).collect();
        let mut sources = Vec::new();
        while let Some(folder) = waiting.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    waiting.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    sources.push(std::fs::read_to_string(path).unwrap());
                }
            }
        }
        assert!(sources.len() > 20, "the sources are found");
        sources
    }
}
