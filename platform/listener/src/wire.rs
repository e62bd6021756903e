//! The bytes of a connection. HTTP/1 heads pass one at a time and only when they are
//! unambiguous; a client that does not read what it asked for is let go.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::head::{self, Fault, Framing, Scanner};
use crate::refusal;

/// What is read at a time while a head is incomplete.
const PIECE: usize = 4096;
/// How many pieces that nobody will read are taken in at the end, so that the
/// answer is not lost with them.
const LEFTOVERS: usize = 16;
/// No end: HTTP/2, or behind a chunked head, whose answer closes the connection.
const UNBOUNDED: u64 = u64::MAX;

pub(crate) struct Wire<S> {
    io: S,
    buffer: BytesMut,
    /// So many bytes may be read by the server before the next head is judged.
    allowed: u64,
    /// Nothing follows what is allowed …
    ended: bool,
    /// … which is a refusal: it is answered before anything ends.
    refused: bool,
    scanner: Scanner,
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Wire<S> {
    /// HTTP/1 that begins with these bytes.
    pub(crate) fn http1(io: S, start: BytesMut, patience: Duration) -> Self {
        Self {
            io,
            buffer: start,
            allowed: 0,
            ended: false,
            refused: false,
            scanner: Scanner::default(),
            patience,
            stalled: None,
        }
    }

    /// HTTP/2, whose framing is unambiguous.
    pub(crate) fn http2(io: S, start: BytesMut, patience: Duration) -> Self {
        Self {
            allowed: UNBOUNDED,
            ..Self::http1(io, start, patience)
        }
    }

    fn spend(&mut self, bytes: usize) {
        if self.allowed != UNBOUNDED {
            self.allowed = self.allowed.saturating_sub(bytes as u64);
        }
    }

    /// Judges the head at the beginning of the buffer. False for want of more bytes.
    fn judge(&mut self) -> bool {
        let found = self.scanner.advance(&self.buffer);
        let judged = match found {
            None if self.buffer.len() < head::LIMIT => return false,
            None => Err(Fault::TooLarge),
            Some(Ok(length)) => head::inspect(&self.buffer[..length]).map(|body| (length, body)),
            Some(Err(fault)) => Err(fault),
        };
        self.scanner = Scanner::default();
        match judged {
            Ok((length, Framing::Length(body))) => self.allowed = length as u64 + body,
            Ok((_, Framing::Chunked)) => self.allowed = UNBOUNDED,
            Err(fault) => {
                tracing::debug!(?fault, "a request is refused");
                metrics::counter!("galen_listener_refusals_total", "reason" => format!("{fault:?}"))
                    .increment(1);
                self.buffer.clear();
                self.buffer.put_slice(refusal::instead_of(fault));
                self.allowed = self.buffer.len() as u64;
                self.ended = true;
                self.refused = true;
            }
        }
        true
    }

    /// Fails when the other end takes nothing for too long.
    fn waiting<T>(
        &mut self,
        cx: &mut Context<'_>,
        done: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.stalled = None;
            return done;
        }
        let patience = self.patience;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.allowed == 0 {
            if this.refused {
                // An end of the requests would end the answer, too. The server closes
                // by itself, for the request that stands for a refusal says so.
                return Poll::Pending;
            }
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            if this.judge() {
                continue;
            }
            let mut piece = [0; PIECE];
            let mut piece = ReadBuf::new(&mut piece);
            ready!(Pin::new(&mut this.io).poll_read(cx, &mut piece))?;
            if piece.filled().is_empty() {
                // A head without its end is no request.
                this.buffer.clear();
                this.ended = true;
            }
            this.buffer.extend_from_slice(piece.filled());
        }
        let most = usize::try_from(this.allowed).unwrap_or(usize::MAX);
        let most = most.min(out.remaining());
        if this.buffer.is_empty() {
            let mut part = ReadBuf::new(out.initialize_unfilled_to(most));
            ready!(Pin::new(&mut this.io).poll_read(cx, &mut part))?;
            let read = part.filled().len();
            out.advance(read);
            this.spend(read);
        } else {
            let read = most.min(this.buffer.len());
            out.put_slice(&this.buffer[..read]);
            this.buffer.advance(read);
            this.spend(read);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.io).poll_write(cx, bytes);
        this.waiting(cx, done)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.io).poll_write_vectored(cx, slices);
        this.waiting(cx, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.io).poll_flush(cx);
        this.waiting(cx, done)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let done = Pin::new(&mut this.io).poll_shutdown(cx);
        ready!(this.waiting(cx, done))?;
        for _ in 0..LEFTOVERS {
            let mut piece = [0; PIECE];
            let mut piece = ReadBuf::new(&mut piece);
            match Pin::new(&mut this.io).poll_read(cx, &mut piece) {
                Poll::Ready(Ok(())) if !piece.filled().is_empty() => {}
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}
