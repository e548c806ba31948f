//! A connection whose other end must take what it asked for.
//!
//! A client that asks and never reads fills the line, and then holds its connection and the rest of its answer for as
//! long as it likes. Here it has so long for some of it: a trickle of single bytes does not count.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// So many bytes are some of an answer.
const SOME: usize = 16 * 1024;

/// See the module.
pub(super) struct Line<S> {
    stream: S,
    within: Duration,
    /// Runs from when the line was full, until all fits or some was taken.
    full: Option<Pin<Box<Sleep>>>,
    taken: usize,
}

impl<S> Line<S> {
    pub(super) fn new(stream: S, within: Duration) -> Self {
        Self { stream, within, full: None, taken: 0 }
    }

    /// What became of a write of `wanted` bytes.
    fn judge(
        &mut self,
        wrote: Poll<io::Result<usize>>,
        wanted: usize,
        now: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match wrote {
            Poll::Ready(Ok(count)) => {
                self.taken += count;
                if count == wanted || self.taken >= SOME {
                    (self.full, self.taken) = (None, 0);
                }
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let full = self.full.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.within)));
                ready!(full.as_mut().poll(now));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads the answer")))
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Line<S> {
    fn poll_read(mut self: Pin<&mut Self>, now: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(now, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Line<S> {
    fn poll_write(mut self: Pin<&mut Self>, now: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(now, bytes);
        self.judge(wrote, bytes.len(), now)
    }

    fn poll_flush(mut self: Pin<&mut Self>, now: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(now)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, now: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(now)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        now: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wanted = parts.iter().map(|part| part.len()).sum();
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(now, parts);
        self.judge(wrote, wanted, now)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn who_never_reads_is_given_up() {
        let (_client, server) = tokio::io::duplex(1_000);
        let mut line = Line::new(server, Duration::from_millis(20));
        let error = line.write_all(&[7; 100_000]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn single_bytes_do_not_buy_more_time() {
        let (mut client, server) = tokio::io::duplex(1_000);
        let mut line = Line::new(server, Duration::from_millis(50));
        let trickle = async {
            // For ever, as far as the other side can tell.
            while client.read_u8().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            wrote = line.write_all(&[7; 1 << 20]) => assert_eq!(wrote.unwrap_err().kind(), io::ErrorKind::TimedOut),
            () = trickle => panic!("the line ends first"),
        }
    }

    #[tokio::test]
    async fn who_reads_gets_it_all_however_long_the_line_rests_between() {
        let (mut client, server) = tokio::io::duplex(1_000);
        let mut line = Line::new(server, Duration::from_secs(600));
        let all = vec![7; 200_000];
        let read = async {
            let mut got = vec![0; 200_000];
            client.read_exact(&mut got).await.unwrap();
            got
        };
        let (wrote, got) = tokio::join!(line.write_all(&all), read);
        assert!(wrote.is_ok() && got == all);
        assert!(line.full.is_none(), "nothing runs while nothing waits");
    }
}
