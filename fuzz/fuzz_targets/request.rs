//! Whole requests: address, headers, identity, conditions, path, query and body.
//! Whatever comes, the answer is no error of ours, and every refusal is a problem.
#![no_main]

use bytes::Bytes;
use galen_fuzz::send;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some((method, address, headers, body)) = read(data) else {
        return Corpus::Reject;
    };
    let reply = send(method, &address, headers, body);
    let status = reply.status.as_u16();
    assert!(status < 500, "{status} for {address}: {}", reply.body);
    // What has no route is answered outside of the edge here, not in production.
    if !matches!(status, 404 | 405) {
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    }
    assert!(reply.header("x-request-id").is_some());
    if status >= 400 && reply.bytes.len() > 1 {
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(reply.body["status"], status);
        assert!(reply.code().is_some());
    }
    Corpus::Keep
});

/// Reads `METHOD address`, header lines, an empty line and a body; what no HTTP
/// server would pass on is no request.
fn read(data: &[u8]) -> Option<(Method, String, HeaderMap, Bytes)> {
    let end = data.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = match end {
        Some(end) => (&data[..end], &data[end + 2..]),
        None => (data, &b""[..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = std::str::from_utf8(lines.next()?).ok()?;
    let (method, address) = first.split_once(' ')?;
    let method: Method = method.parse().ok()?;
    let uri: Uri = address.parse().ok()?;
    if method == Method::CONNECT || uri.scheme().is_some() || !address.starts_with('/') {
        return None;
    }
    let mut headers = HeaderMap::new();
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        headers.append(name, value);
    }
    Some((
        method,
        address.to_owned(),
        headers,
        Bytes::copy_from_slice(body),
    ))
}
