//! Whether a server answers on a socket, asked the way `pg_isready` asks: a start-up
//! message without a password, and a look at the answer.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::layout::PORT;

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Connections are accepted.
    Ready,
    /// A server is there, and starting, stopping or stuck.
    Busy,
    /// Nobody listens.
    Absent,
}

/// A server that has accepted a connection answers at once, or is of no use.
const PATIENCE: Duration = Duration::from_secs(2);

/// Protocol version 3.0.
const PROTOCOL: [u8; 4] = [0, 3, 0, 0];

/// Field `C` (SQLSTATE) of an error: `cannot_connect_now`.
const CANNOT_CONNECT_NOW: &[u8] = b"C57P03\0";

/// Asks the server whose socket is in `dir`.
pub(super) fn probe(dir: &Path) -> Answer {
    let Ok(stream) = UnixStream::connect(dir.join(format!(".s.PGSQL.{PORT}"))) else {
        return Answer::Absent;
    };
    ask(stream).unwrap_or(Answer::Busy)
}

/// Whether anybody listens, without a question.
pub(super) fn listens(dir: &Path) -> bool {
    UnixStream::connect(dir.join(format!(".s.PGSQL.{PORT}"))).is_ok()
}

fn ask(mut stream: UnixStream) -> std::io::Result<Answer> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let body = b"user\0postgres\0database\0postgres\0\0";
    let length = u32::try_from(body.len() + 8).expect("a constant of some forty bytes");
    let mut message = Vec::with_capacity(body.len() + 8);
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(&PROTOCOL);
    message.extend_from_slice(body);
    stream.write_all(&message)?;
    let mut answer = [0; 1024];
    let length = stream.read(&mut answer)?;
    Ok(read(&answer[..length]))
}

fn read(answer: &[u8]) -> Answer {
    match answer.first() {
        // A demand for authentication: the server is open.
        Some(b'R') => Answer::Ready,
        // Any refusal but "not now" is that of a server that is open.
        Some(b'E')
            if !answer
                .windows(CANNOT_CONNECT_NOW.len())
                .any(|window| window == CANNOT_CONNECT_NOW) =>
        {
            Answer::Ready
        }
        _ => Answer::Busy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demand_for_a_password_means_ready_and_not_now_means_busy() {
        assert_eq!(
            read(b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"),
            Answer::Ready
        );
        assert_eq!(
            read(b"E\0\0\0\x50SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"),
            Answer::Busy
        );
        assert_eq!(
            read(b"E\0\0\0\x50SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0\0"),
            Answer::Ready
        );
        assert_eq!(read(b""), Answer::Busy);
    }

    #[test]
    fn nobody_listens_in_an_empty_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(probe(dir.path()), Answer::Absent);
        assert!(!listens(dir.path()));
    }
}
