//! Requests that two servers may read differently are refused, and what is sent
//! behind them is never a request.

use galen_listener::Bounds;

use crate::served::Served;

/// What an attacker hides.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

const REFUSED: &[(&str, &str)] = &[
    (
        "lengths that differ",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n",
    ),
    (
        "one length twice",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "a list of lengths",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0, 0\r\n\r\n",
    ),
    (
        "a length with a sign",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +0\r\n\r\n",
    ),
    (
        "a negative length",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
    ),
    (
        "a length and chunks",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunks and a length",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunks twice",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunks and nothing known",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    ),
    (
        "an unknown coding",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunks behind a tabulator of another kind",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "chunks in HTTP/1.0",
        "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "a space before the colon",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length : 0\r\n\r\n",
    ),
    (
        "a folded field",
        "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n",
    ),
    (
        "a folded first field",
        "GET / HTTP/1.1\r\n X: a\r\nHost: h\r\n\r\n",
    ),
    (
        "a bare line feed",
        "GET / HTTP/1.1\r\nHost: h\nX: a\r\n\r\n",
    ),
    ("bare line feeds only", "GET / HTTP/1.1\nHost: h\n\n"),
    (
        "a bare carriage return",
        "GET / HTTP/1.1\r\nHost: h\r\nX: a\rContent-Length: 5\r\n\r\n",
    ),
    ("a NUL", "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n"),
    (
        "a field without a colon",
        "GET / HTTP/1.1\r\nHost: h\r\nX\r\n\r\n",
    ),
    (
        "a field without a name",
        "GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n",
    ),
    (
        "the absolute form",
        "GET http://elsewhere/ HTTP/1.1\r\nHost: h\r\n\r\n",
    ),
    (
        "a tunnel",
        "CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere:443\r\n\r\n",
    ),
    (
        "a tunnel to a path",
        "CONNECT / HTTP/1.1\r\nHost: h\r\n\r\n",
    ),
    ("no path", "GET admin HTTP/1.1\r\nHost: h\r\n\r\n"),
    (
        "a space in the path",
        "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
    ),
    ("two spaces", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ("HTTP/0.9", "GET /\r\n\r\n"),
    ("a version with a name", "GET / HTTP/0.9\r\nHost: h\r\n\r\n"),
    ("a version that is not", "GET / HTTP/1.2\r\nHost: h\r\n\r\n"),
    ("HTTP/2 in words", "GET / HTTP/2.0\r\nHost: h\r\n\r\n"),
    ("no host", "GET / HTTP/1.1\r\nX: a\r\n\r\n"),
    ("two hosts", "GET / HTTP/1.1\r\nHost: h\r\nHost: g\r\n\r\n"),
    ("a host with a path", "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n"),
    ("a host with a user", "GET / HTTP/1.1\r\nHost: a@h\r\n\r\n"),
    (
        "empty lines before",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    ),
    (
        "a method that is no word",
        "G@T / HTTP/1.1\r\nHost: h\r\n\r\n",
    ),
];

#[tokio::test]
async fn ambiguous_requests_are_refused_with_all_behind_them() {
    let served = Served::open(Bounds::default(), None).await;
    for (what, request) in REFUSED {
        let answer = served
            .exchange(format!("{request}{HIDDEN}").as_bytes())
            .await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{what}: {answer}");
        for part in [
            "content-type: application/problem+json",
            "x-content-type-options: nosniff",
            "x-frame-options: DENY",
            "content-security-policy: default-src 'none'",
            "cache-control: no-store",
            "connection: close",
            "MALFORMED_REQUEST",
        ] {
            assert!(answer.contains(part), "{what}: no {part} in {answer}");
        }
        assert!(!answer.contains("strict-transport-security"), "{answer}");
        assert_eq!(
            answer.matches("HTTP/1.1 ").count().max(1),
            1,
            "{what}: {answer}"
        );
        assert_eq!(served.asked(), 0, "{what}");
    }
}

#[tokio::test]
async fn a_refusal_follows_the_answers_to_earlier_requests() {
    let served = Served::open(Bounds::default(), None).await;
    let good = "POST /good HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
    for (count, (what, request)) in REFUSED.iter().enumerate() {
        let answer = served
            .exchange(format!("{good}{request}{HIDDEN}").as_bytes())
            .await;
        assert!(
            answer.starts_with("HTTP/1.1 200 ")
                && answer.contains("plain 3")
                && answer.ends_with("\"MALFORMED_REQUEST\"}"),
            "{what}: {answer}"
        );
        assert_eq!(served.asked(), count + 1, "{what}");
    }
}

#[tokio::test]
async fn requests_behind_each_other_are_each_answered() {
    let served = Served::open(Bounds::default(), None).await;
    let body = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nGET /";
    let answer = served
        .exchange(format!("{body}{body}{HIDDEN}").as_bytes())
        .await;
    assert_eq!(answer.matches("HTTP/1.1 200 ").count(), 3, "{answer}");
}

#[tokio::test]
async fn nothing_follows_a_chunked_request() {
    let served = Served::open(Bounds::default(), None).await;
    let chunked =
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let answer = served
        .exchange(format!("{chunked}{HIDDEN}").as_bytes())
        .await;
    assert!(
        answer.contains("plain 3") && answer.contains("connection: close"),
        "{answer}"
    );
    assert_eq!(served.asked(), 1);
    for broken in [
        "3\nabc\n0\n\n",
        "3;a\nb\r\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
    ] {
        let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = served
            .exchange(format!("{head}{broken}{HIDDEN}").as_bytes())
            .await;
        assert!(!answer.contains(" 200 "), "{broken:?}: {answer}");
        assert_eq!(served.asked(), 1, "{broken:?}");
    }
}

#[tokio::test]
async fn oversized_heads_are_refused() {
    let served = Served::open(Bounds::default(), None).await;
    let long = "a".repeat(100 * 1024);
    for head in [
        format!("GET /{long} HTTP/1.1\r\nHost: h\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: h\r\nX: {long}\r\n\r\n"),
        format!(
            "GET / HTTP/1.1\r\nHost: h\r\n{}\r\n",
            "X: a\r\n".repeat(200)
        ),
    ] {
        let answer = served.exchange(format!("{head}{HIDDEN}").as_bytes()).await;
        assert!(
            answer.starts_with("HTTP/1.1 431 ") && answer.contains("HEADERS_TOO_LARGE"),
            "{answer}"
        );
        assert_eq!(served.asked(), 0);
    }
}
