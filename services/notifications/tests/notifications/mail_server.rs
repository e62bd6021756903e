//! A mail server on loopback, as small as RFC 5321 allows, with faults to order.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How the server behaves; may be changed while it runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Behaviour {
    /// Extensions it announces.
    pub(crate) extensions: Vec<&'static str>,
    /// Its answer to RCPT TO, when it is not 250.
    pub(crate) recipient_answer: Option<&'static str>,
    /// Drops the connection after the mail was taken, before saying so.
    pub(crate) vanishes_after_data: bool,
}

/// A mail it took.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) to: String,
    pub(crate) data: String,
}

impl Taken {
    /// A header's value, as it came.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (head, _) = self.data.split_once("\r\n\r\n")?;
        let prefix = format!("{name}: ");
        head.split("\r\n")
            .find_map(|line| line.strip_prefix(&prefix))
    }

    /// The body, decoded from quoted-printable or base64 as far as tests need it.
    pub(crate) fn body(&self) -> String {
        let (_, body) = self.data.split_once("\r\n\r\n").expect("a body");
        match self.header("Content-Transfer-Encoding") {
            Some("quoted-printable") => quoted_printable(body),
            Some("base64") => panic!("tests write mails that are mostly ASCII"),
            _ => body.to_owned(),
        }
    }
}

fn quoted_printable(text: &str) -> String {
    let text = text.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let hex = [rest.next().expect("hex"), rest.next().expect("hex")];
            let hex = std::str::from_utf8(&hex).expect("hex");
            bytes.push(u8::from_str_radix(hex, 16).expect("hex"));
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

#[derive(Default)]
struct State {
    behaviour: Mutex<Behaviour>,
    taken: Mutex<Vec<Taken>>,
}

pub(crate) struct MailServer {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    running: Option<JoinHandle<()>>,
}

impl MailServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let mut server = Self {
            address,
            state: Arc::default(),
            running: None,
        };
        server.listen(listener);
        server
    }

    fn listen(&mut self, listener: TcpListener) {
        let state = Arc::clone(&self.state);
        self.running = Some(tokio::spawn(async move {
            let mut sessions = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                sessions.spawn(session(stream, Arc::clone(&state)));
            }
        }));
    }

    /// Stops listening and cuts every connection.
    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
            let _ = running.await;
        }
    }

    /// Listens again at the same address.
    pub(crate) async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address)
            .await
            .expect("the port is still free");
        self.listen(listener);
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.state.behaviour.lock().expect("no panics") = behaviour;
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.state.taken.lock().expect("no panics").clone()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

async fn session(stream: TcpStream, state: Arc<State>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 mail.test ESMTP\r\n").await?;
    let mut to = String::new();
    while let Some(line) = lines.next_line().await? {
        let behaviour = state.behaviour.lock().expect("no panics").clone();
        let verb = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => {
                let mut answer = String::from("250-mail.test\r\n");
                for extension in &behaviour.extensions {
                    answer.push_str(&format!("250-{extension}\r\n"));
                }
                answer.push_str("250 SIZE 1000000\r\n");
                answer
            }
            "RCPT" => {
                to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                format!("{}\r\n", behaviour.recipient_answer.unwrap_or("250 ok"))
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let mut data = String::new();
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    data.push_str(line.strip_prefix('.').unwrap_or(&line));
                    data.push_str("\r\n");
                }
                let mail = Taken {
                    to: to.clone(),
                    data,
                };
                state.taken.lock().expect("no panics").push(mail);
                if behaviour.vanishes_after_data {
                    return Ok(());
                }
                "250 taken\r\n".to_owned()
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "250 ok\r\n".to_owned(),
        };
        write.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}
