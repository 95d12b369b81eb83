//! Streams of the kit in the shape that other libraries poll.

use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use super::TestStream;
use super::turn::Place;
use crate::io::PollIo;
use crate::net::poll_io::{PollRead, PollSource, PollWrite};

impl TestStream {
    /// Makes it a stream that other libraries can poll: with the features `futures-io` and
    /// `tokio-io`, for whatever is made for the traits of those.
    ///
    /// ```
    /// use async_op::test::{Script, TestContext};
    /// use std::future::poll_fn;
    ///
    /// let context = TestContext::new();
    /// let mut stream = Script::new().read("hello").on(&context).into_poll_io();
    /// let mut buffer = [0; 16];
    /// let n = pollster::block_on(poll_fn(|cx| stream.poll_read(cx, &mut buffer))).unwrap();
    /// assert_eq!(&buffer[..n], b"hello");
    /// ```
    pub fn into_poll_io(self) -> PollIo<Self> {
        PollIo::new(self)
    }
}

impl PollSource for TestStream {
    type Waiting = Option<Place>;

    /// A place goes by itself.
    fn forget(&self, _: Option<Place>, _: Option<Place>) {}
}

impl PollRead for TestStream {
    fn poll_read(
        &self,
        key: &mut Option<Place>,
        cx: &mut Context<'_>,
        part: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if part.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.attempt_read(key, cx, part)
    }
}

impl PollWrite for TestStream {
    fn poll_write(
        &self,
        key: &mut Option<Place>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Some(part) = parts.iter().find(|part| !part.is_empty()) else {
            return Poll::Ready(Ok(0));
        };
        self.attempt_write(key, cx, part)
    }

    fn close(&self) -> io::Result<()> {
        self.say_end();
        Ok(())
    }
}
