//! Answers as they come over the network: their headers, and who gets one at all.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::hosted::{Hosted, PATIENCE, SLOW, until};

const HSTS: &str = "strict-transport-security: max-age=31536000; includeSubDomains";
const ALWAYS: &[&str] = &[
    "x-content-type-options: nosniff",
    "x-frame-options: DENY",
    "referrer-policy: no-referrer",
    "content-security-policy: default-src 'none';",
    "cross-origin-opener-policy: same-origin",
    "cross-origin-resource-policy: same-origin",
];

/// Every kind of answer, refusals of every layer included.
async fn answers(hosted: &Hosted) -> Vec<(u16, String)> {
    let token = hosted.token();
    let long = "a".repeat(9_000);
    let fields = "X: y\r\n".repeat(69);
    let mut answers = Vec::new();
    for (status, head) in [
        (200, "GET /openapi.json HTTP/1.1".to_owned()),
        (200, "GET /problems/not-found HTTP/1.1".to_owned()),
        (200, "GET /health/ready HTTP/1.1".to_owned()),
        (
            200,
            format!("GET /api/v1/stream HTTP/1.1\r\nAuthorization: Bearer {token}"),
        ),
        (401, "GET /api/v1/stream HTTP/1.1".to_owned()),
        (404, "GET /api/v1/nowhere HTTP/1.1".to_owned()),
        (404, "GET /nowhere HTTP/1.1".to_owned()),
        (405, "DELETE /health/ready HTTP/1.1".to_owned()),
        (
            413,
            "POST /api/v1/auth/login HTTP/1.1\r\nContent-Length: 2000000".to_owned(),
        ),
        (414, format!("GET /{long} HTTP/1.1")),
        (431, format!("GET / HTTP/1.1\r\n{fields}X: y")),
        (431, format!("GET / HTTP/1.1\r\n{fields}{fields}X: y")),
        (400, "GET / HTTP/1.1\r\nHost: twice".to_owned()),
        (400, "nonsense".to_owned()),
        // The third of its class, of two that pass.
        (429, "PUT /api/v1/nowhere HTTP/1.1".to_owned()),
    ] {
        if status == 429 {
            for _ in 0..2 {
                hosted.head(&head).await;
            }
        }
        answers.push((status, hosted.head(&head).await));
    }
    answers
}

#[tokio::test]
async fn every_answer_is_secured_with_tls_and_without() {
    let limits = [
        ("gateway.write_per_minute", "1"),
        ("gateway.write_burst", "2"),
    ];
    for encrypted in [false, true] {
        let hosted = if encrypted {
            Hosted::encrypted(&limits).await
        } else {
            Hosted::open(&limits).await
        };
        for (status, answer) in answers(&hosted).await {
            let first = format!("HTTP/1.1 {status} ");
            assert!(answer.starts_with(&first), "{first}: {answer}");
            for header in ALWAYS {
                assert!(answer.contains(header), "{header}: {answer}");
            }
            assert_eq!(answer.contains(HSTS), encrypted, "{answer}");
        }
        hosted.running.shutdown().await;
    }
}

#[tokio::test]
async fn plain_http_is_sent_to_tls_and_gets_nothing_else() {
    let hosted = Hosted::encrypted(&[]).await;
    let plain = hosted.running.redirect_address.unwrap();
    let port = hosted.running.address.port();
    let ask = async |head: &str| {
        let mut stream = TcpStream::connect(plain).await.unwrap();
        let request = format!("{head}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    for (method, path) in [
        ("GET", "/api/v1/patients?query=x"),
        ("POST", "/api/v1/auth/login"),
        ("GET", "/health/ready"),
        ("GET", "//elsewhere.example/"),
    ] {
        let answer = ask(&format!(
            "{method} {path} HTTP/1.1\r\nHost: galen.example:80"
        ))
        .await;
        let to = format!("location: https://galen.example:{port}{path}\r\n");
        assert!(
            answer.starts_with("HTTP/1.1 308 ") && answer.contains(&to),
            "{answer}"
        );
        assert!(
            answer.ends_with("\r\n\r\n"),
            "nothing but the head: {answer}"
        );
        for header in ALWAYS {
            assert!(answer.contains(header), "{header}: {answer}");
        }
        assert!(!answer.contains("strict-transport-security"), "{answer}");
    }
    let nowhere = ask("GET / HTTP/1.0").await;
    assert!(
        nowhere.starts_with("HTTP/1.") && nowhere.contains(" 400 "),
        "{nowhere}"
    );
    hosted.running.shutdown().await;
}

#[tokio::test]
async fn a_full_house_still_answers_health_and_logins() {
    let hosted = Hosted::open(&[("gateway.concurrency", "2"), ("gateway.reserved", "1")]).await;
    let mut slow = Vec::new();
    for _ in 0..2 {
        slow.push(hosted.send("GET /api/v1/slow HTTP/1.1").await);
    }
    let began = Instant::now();
    while !hosted
        .head("GET /openapi.json HTTP/1.1")
        .await
        .starts_with("HTTP/1.1 503 ")
    {
        assert!(began.elapsed() < PATIENCE, "the slow ones are under way");
    }
    let login = "POST /api/v1/auth/login HTTP/1.1\r\nContent-Length: 0";
    for head in ["GET /health/ready HTTP/1.1", login] {
        let answer = hosted.head(head).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{head}: {answer}");
    }
    let shed = hosted.ask("GET /api/v1/nowhere HTTP/1.1").await;
    assert!(
        shed.starts_with("HTTP/1.1 503 ")
            && shed.contains("OVERLOADED")
            && shed.contains("retry-after: 1"),
        "{shed}"
    );
    SLOW.add_permits(2);
    for line in &mut slow {
        assert!(until(line, "true").await.starts_with("HTTP/1.1 200 "));
    }
    hosted.running.shutdown().await;
}

#[tokio::test]
async fn bodies_that_drip_are_let_go_and_keep_nobody_out() {
    let hosted = Hosted::open(&[
        ("gateway.concurrency", "1"),
        ("gateway.reserved", "1"),
        ("gateway.body_seconds", "1"),
        ("gateway.arriving", "2"),
    ])
    .await;
    let drips = "POST /api/v1/auth/login HTTP/1.1\r\nContent-Length: 9";
    let began = Instant::now();
    let mut first = hosted.send(drips).await;
    let mut others = Vec::new();
    for _ in 0..2 {
        first.write_all(b"x").await.unwrap();
        others.push(hosted.send(drips).await);
    }
    // None of them is under way, so that there is room.
    let answer = hosted.head("GET /openapi.json HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    for line in [&mut first].into_iter().chain(&mut others) {
        let answer = until(line, "BODY_TOO_SLOW").await;
        assert!(
            answer.starts_with("HTTP/1.1 408 ") && answer.contains("connection: close"),
            "{answer}"
        );
    }
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    // What comes in time is whole.
    let mut line = hosted.send(drips).await;
    for part in [&b"1234"[..], b"56789"] {
        tokio::time::sleep(Duration::from_millis(100)).await;
        line.write_all(part).await.unwrap();
    }
    assert!(
        until(&mut line, "\r\n\r\nin")
            .await
            .starts_with("HTTP/1.1 200 ")
    );
    hosted.running.shutdown().await;
}

#[tokio::test]
async fn refusals_of_the_edge_are_answers_like_any_other() {
    let hosted = Hosted::open(&[
        ("gateway.read_per_minute", "1"),
        ("gateway.read_burst", "2"),
    ])
    .await;
    let openapi: Value = serde_json::from_slice(&hosted.running.openapi).unwrap();
    let stream = &openapi["paths"]["/api/v1/stream"]["get"];
    assert!(
        stream["responses"]["200"]["content"]["text/event-stream"].is_object(),
        "{stream}"
    );
    assert_eq!(stream["parameters"][0]["name"], "Last-Event-ID");

    let page = hosted.ask("GET /problems/too-many-requests HTTP/1.1").await;
    assert!(
        page.starts_with("HTTP/1.1 200") && page.contains("TOO_MANY_REQUESTS"),
        "{page}"
    );
    hosted.ask("GET /openapi.json HTTP/1.1").await;
    let refused = hosted
        .ask("GET /openapi.json HTTP/1.1\r\nX-Forwarded-For: 198.51.100.1")
        .await;
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    for part in [
        "application/problem+json",
        "retry-after: ",
        "x-request-id: ",
        "traceresponse: ",
        "x-frame-options: DENY",
        "\"traceId\"",
    ] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    let token = hosted.token();
    let account = hosted
        .ask(&format!(
            "GET /openapi.json HTTP/1.1\r\nAuthorization: Bearer {token}"
        ))
        .await;
    assert!(account.starts_with("HTTP/1.1 200"), "{account}");
    assert!(
        hosted
            .ask("GET /health/ready HTTP/1.1")
            .await
            .starts_with("HTTP/1.1 200")
    );
    hosted.running.shutdown().await;
}

#[tokio::test]
async fn open_streams_do_not_keep_a_host_from_stopping() {
    let hosted = Hosted::open(&[]).await;
    let token = hosted.token();
    let mut stream = hosted
        .send(&format!(
            "GET /api/v1/stream HTTP/1.1\r\nAuthorization: Bearer {token}"
        ))
        .await;
    let answer = until(&mut stream, "event: ready").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let stops = tokio::time::timeout(Duration::from_secs(4), hosted.running.shutdown()).await;
    assert!(stops.is_ok(), "the stream ends before it would be cut off");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(
        rest.ends_with("0\r\n\r\n"),
        "it ends, and is not cut off: {rest}"
    );
}
