//! Connections that can be made to end at a chosen byte: before the answer, or in the middle of its body.
//!
//! Knows nothing of requests; a handler says where to cut through the [`Line`] of its connection.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// Where the next answer on a connection ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Cut {
    /// Where it should.
    #[default]
    Nowhere,
    /// After the head and so many bytes of the body.
    Body(usize),
    /// After so many more bytes.
    Bytes(usize),
}

/// One connection, as its handlers see it.
#[derive(Clone, Debug, Default)]
pub(super) struct Line(Arc<Mutex<Cut>>);

impl Line {
    /// Not one more byte goes out.
    pub(super) fn drop_answer(&self) {
        self.set(Cut::Bytes(0));
    }

    /// The head of the next answer goes out, and so many bytes of its body.
    pub(super) fn cut_body_after(&self, bytes: usize) {
        self.set(Cut::Body(bytes));
    }

    fn set(&self, cut: Cut) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = cut;
    }

    /// How much of `bytes` may be written now; `None` for all of it.
    fn allowed(&self, bytes: &[u8]) -> Option<usize> {
        let mut cut = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Cut::Body(rest) = *cut
            && let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n")
        {
            *cut = Cut::Bytes(end + 4 + rest);
        }
        match *cut {
            Cut::Bytes(rest) => Some(rest.min(bytes.len())),
            Cut::Nowhere | Cut::Body(_) => None,
        }
    }

    fn wrote(&self, bytes: usize) {
        let mut cut = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Cut::Bytes(rest) = &mut *cut {
            *rest = rest.saturating_sub(bytes);
        }
    }
}

/// A listener whose connections have a [`Line`].
pub(super) struct Door(pub(super) TcpListener);

impl Listener for Door {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        let (stream, from) = Listener::accept(&mut self.0).await;
        (Wire { stream, line: Line::default() }, from)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Door>> for Line {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.io().line.clone()
    }
}

/// A TCP stream that stops writing where its [`Line`] says.
pub(super) struct Wire {
    stream: TcpStream,
    line: Line,
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let bytes = match self.line.allowed(bytes) {
            None => bytes,
            Some(0) if !bytes.is_empty() => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Some(allowed) => &bytes[..allowed],
        };
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.line.wrote(count);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
