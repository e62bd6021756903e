//! Slow clients are let go, and do not keep others out.

use std::time::{Duration, Instant};

use galen_listener::Bounds;
use tokio::io::AsyncWriteExt as _;

use crate::served::{PATIENCE, Served, rest};

const BRIEF: Duration = Duration::from_millis(300);

fn impatient() -> Bounds {
    Bounds {
        begin: BRIEF,
        head: BRIEF,
        write: BRIEF,
        ..Bounds::default()
    }
}

#[tokio::test]
async fn heads_that_do_not_end_are_let_go() {
    let served = Served::open(impatient(), None).await;
    for start in ["", "PRI * HT", "GET / HTTP/1.1\r\nHost: h\r\nX-1: a\r\n"] {
        let mut stream = served.connect().await;
        stream.write_all(start.as_bytes()).await.unwrap();
        let began = Instant::now();
        assert!(!rest(&mut stream).await.contains(" 200 "), "{start:?}");
        assert!(began.elapsed() < PATIENCE / 2, "{start:?}");
    }
    assert_eq!(served.asked(), 0);
}

#[tokio::test]
async fn a_head_that_drips_is_let_go() {
    let served = Served::open(impatient(), None).await;
    let mut stream = served.connect().await;
    let began = Instant::now();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n")
        .await
        .unwrap();
    // Each byte comes in time; the head as a whole does not.
    while stream.write_all(b"X: a\r\n").await.is_ok() {
        tokio::time::sleep(BRIEF / 6).await;
        assert!(began.elapsed() < PATIENCE, "the server closes");
    }
    assert_eq!(served.asked(), 0);
}

#[tokio::test]
async fn who_does_not_read_is_let_go() {
    let served = Served::open(impatient(), None).await;
    let mut stream = served.connect().await;
    stream
        .write_all(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(BRIEF * 4).await;
    assert!(
        rest(&mut stream).await.len() < 64 << 20,
        "the answer is cut off"
    );
}

#[tokio::test]
async fn those_who_only_wait_do_not_keep_others_out() {
    let bounds = Bounds {
        waiting: 4,
        ..Bounds::default()
    };
    let served = Served::open(bounds, None).await;
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let mut stream = served.connect().await;
        stream.write_all(b"GET / HT").await.unwrap();
        waiting.push(stream);
    }
    let asks = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    assert!(served.exchange(asks).await.contains("plain 0"));
    assert_eq!(rest(&mut waiting[0]).await, "", "the first is sent away");
}

#[tokio::test]
async fn one_client_does_not_take_all_connections() {
    let bounds = Bounds {
        per_address: 3,
        ..Bounds::default()
    };
    let served = Served::open(bounds, None).await;
    let asks = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let mut kept = Vec::new();
    for _ in 0..3 {
        let mut stream = served.connect().await;
        stream.write_all(b"GET /").await.unwrap();
        kept.push(stream);
    }
    assert_eq!(served.exchange(asks).await, "", "a fourth is closed");
    let mut neighbour = served.connect_from([127, 0, 0, 2]).await;
    neighbour.write_all(asks).await.unwrap();
    assert!(rest(&mut neighbour).await.contains("plain 0"));
    drop(kept.pop());
    let again = async {
        while !served.exchange(asks).await.contains("plain 0") {
            tokio::time::sleep(BRIEF / 10).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
}
