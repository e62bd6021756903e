//! Which heads of HTTP/1 requests mean one thing only (RFC 9112).
//!
//! A request that two implementations may read differently can hide a second one
//! from the first of them. Where the standard lets a server choose between leniency
//! and refusal, this refuses.

/// Largest head.
pub(crate) const LIMIT: usize = 64 * 1024;
/// Most fields; the parser behind takes no more.
const FIELDS: usize = 100;

/// How the body behind a head ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// Says itself.
    Chunked,
}

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A line does not end with CRLF, or is empty before the request.
    LineEnd,
    /// Not `method target HTTP/1.x`.
    RequestLine,
    /// Not a path, or a tunnel is wanted.
    Target,
    /// Not `name: value`, or continued on the next line.
    Field,
    /// Not exactly one host.
    Host,
    /// The length of the body is said twice, or wrongly.
    BodyLength,
    /// Too long, or too many fields.
    TooLarge,
}

/// Where a head ends that arrives in pieces.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    seen: usize,
    line: usize,
}

impl Scanner {
    /// The length of the head once it is complete; `None` for want of more.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Option<Result<usize, Fault>> {
        while let Some(at) = bytes.get(self.seen..)?.iter().position(|b| *b == b'\n') {
            let end = self.seen + at;
            let line = &bytes[self.line..end];
            if line.last() != Some(&b'\r') {
                return Some(Err(Fault::LineEnd));
            }
            self.seen = end + 1;
            if line.len() == 1 {
                return Some(Ok(self.seen));
            }
            self.line = self.seen;
        }
        self.seen = bytes.len();
        None
    }
}

/// Judges a complete head, its empty line included.
pub(crate) fn inspect(head: &[u8]) -> Result<Framing, Fault> {
    let head = head.strip_suffix(b"\r\n").ok_or(Fault::LineEnd)?;
    let mut lines = head.split_inclusive(|b| *b == b'\n');
    let mut next = || {
        lines
            .next()
            .map(|line| line.strip_suffix(b"\r\n").ok_or(Fault::LineEnd))
            .transpose()
    };
    let version = request_line(next()?.ok_or(Fault::RequestLine)?)?;
    let (mut fields, mut hosts, mut length, mut chunked) = (0, 0, None, false);
    while let Some(line) = next()? {
        fields += 1;
        if fields > FIELDS {
            return Err(Fault::TooLarge);
        }
        let (name, value) = field(line)?;
        if name.eq_ignore_ascii_case(b"host") {
            hosts += 1;
            is_host(value).then_some(()).ok_or(Fault::Host)?;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let announced = number(value).ok_or(Fault::BodyLength)?;
            if length.replace(announced).is_some() {
                return Err(Fault::BodyLength);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if chunked || version == Version::Http10 || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Fault::BodyLength);
            }
            chunked = true;
        }
    }
    if hosts > 1 || (hosts == 0 && version == Version::Http11) {
        return Err(Fault::Host);
    }
    match (length, chunked) {
        (Some(_), true) => Err(Fault::BodyLength),
        (None, true) => Ok(Framing::Chunked),
        (length, false) => Ok(Framing::Length(length.unwrap_or(0))),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Http10,
    Http11,
}

/// Only paths: a proxy's absolute form and a tunnel's authority form are not for us.
fn request_line(line: &[u8]) -> Result<Version, Fault> {
    let mut parts = line.split(|b| *b == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Fault::RequestLine);
    };
    let version = match version {
        b"HTTP/1.1" => Version::Http11,
        b"HTTP/1.0" => Version::Http10,
        _ => return Err(Fault::RequestLine),
    };
    if !is_token(method) {
        return Err(Fault::RequestLine);
    }
    let whole_server = method == b"OPTIONS" && target == b"*";
    let is_path = target.first() == Some(&b'/') && target.iter().all(u8::is_ascii_graphic);
    if method == b"CONNECT" || !(is_path || whole_server) {
        return Err(Fault::Target);
    }
    Ok(version)
}

fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    let colon = line.iter().position(|b| *b == b':').ok_or(Fault::Field)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    // A continued line begins with white space, which is no token.
    let plain = |b: &u8| *b == b'\t' || !b.is_ascii_control();
    if is_token(name) && value.iter().all(plain) {
        Ok((name, value.trim_ascii()))
    } else {
        Err(Fault::Field)
    }
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

fn is_host(value: &[u8]) -> bool {
    http::uri::Authority::try_from(value).is_ok_and(|host| !host.as_str().contains('@'))
}

/// Digits only: a sign, a list or nothing at all is no length.
fn number(value: &[u8]) -> Option<u64> {
    let digits = value.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(value).ok().filter(|_| digits)?;
    // A tenth of what fits: sums with it do not overflow.
    text.parse().ok().filter(|length| *length < u64::MAX / 10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judge(fields: &str) -> Result<Framing, Fault> {
        inspect(format!("POST /a?b HTTP/1.1\r\nHost: h\r\n{fields}\r\n").as_bytes())
    }

    #[test]
    fn plain_heads_pass() {
        assert_eq!(judge(""), Ok(Framing::Length(0)));
        assert_eq!(judge("Content-Length: 12\r\n"), Ok(Framing::Length(12)));
        assert_eq!(
            judge("Transfer-Encoding: Chunked\r\n"),
            Ok(Framing::Chunked)
        );
        assert_eq!(judge("X: caf\u{e9}\r\nY:\r\n"), Ok(Framing::Length(0)));
        assert_eq!(inspect(b"GET / HTTP/1.0\r\n\r\n"), Ok(Framing::Length(0)));
        assert_eq!(
            inspect(b"OPTIONS * HTTP/1.1\r\nhost: [::1]:80\r\n\r\n"),
            Ok(Framing::Length(0))
        );
    }

    #[test]
    fn too_many_fields_are_too_large() {
        assert_eq!(
            judge(&"X: a\r\n".repeat(FIELDS - 1)),
            Ok(Framing::Length(0))
        );
        assert_eq!(judge(&"X: a\r\n".repeat(FIELDS)), Err(Fault::TooLarge));
    }

    #[test]
    fn ambiguous_lengths_are_refused() {
        for fields in [
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: 1\r\nContent-Length: 2\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: 0x1\r\n",
            "Content-Length:\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: \u{b}chunked\r\n",
        ] {
            assert!(judge(fields).is_err(), "{fields:?}");
        }
    }

    proptest! {
        #[test]
        fn a_head_is_found_wherever_it_is_cut(fields in "([a-z]{1,5}: [ -~]{0,9}\r\n){0,4}", cut: prop::sample::Index) {
            let head = format!("GET / HTTP/1.1\r\n{fields}\r\n");
            let bytes = format!("{head}GET /next");
            let mut scanner = Scanner::default();
            let first = scanner.advance(&bytes.as_bytes()[..cut.index(bytes.len())]);
            let found = first.or_else(|| scanner.advance(bytes.as_bytes()));
            prop_assert_eq!(found, Some(Ok(head.len())));
        }

        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>) {
            let _ = (inspect(&bytes), Scanner::default().advance(&bytes));
        }
    }
}
