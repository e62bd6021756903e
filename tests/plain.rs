//! HTTP/1.1 by hand, from an address of one's own choice: the whole of 127.0.0.0/8 is
//! this machine, and whoever connects from another part of it is another client.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpSocket, TcpStream};

/// A connection.
pub(crate) struct Line(BufReader<TcpStream>);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// A header, by its name in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The code of a problem.
    pub(crate) fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Seconds to wait.
    pub(crate) fn retry_after(&self) -> u64 {
        let wait = self.header("retry-after");
        wait.and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

impl Line {
    /// Connects from an address to the hospital at `base`.
    pub(crate) async fn open(base: &str, from: Ipv4Addr) -> std::io::Result<Self> {
        let to = base.rsplit('/').next().and_then(|to| to.parse().ok());
        let to: SocketAddr = to.expect("a hospital is at an address");
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(IpAddr::V4(from), 0))?;
        let stream = socket.connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Posts JSON, with further header lines, each with its end.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        headers: &str,
        body: &Value,
    ) -> std::io::Result<Answer> {
        let body = body.to_string();
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: galen\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n{headers}\r\n{body}"
        );
        self.0.write_all(request.as_bytes()).await?;
        self.read().await
    }

    async fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line).await?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
    }

    async fn read(&mut self) -> std::io::Result<Answer> {
        let wrong = || std::io::Error::from(std::io::ErrorKind::InvalidData);
        let first = self.line().await?;
        let status = first.split(' ').nth(1).and_then(|text| text.parse().ok());
        let mut answer = Answer {
            status: status.ok_or_else(wrong)?,
            headers: Vec::new(),
            body: String::new(),
        };
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(": ") else {
                break;
            };
            answer
                .headers
                .push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let length = answer.header("content-length").unwrap_or("0");
        let mut body = vec![0; length.parse().map_err(|_| wrong())?];
        self.0.read_exact(&mut body).await?;
        answer.body = String::from_utf8(body).map_err(|_| wrong())?;
        Ok(answer)
    }
}
