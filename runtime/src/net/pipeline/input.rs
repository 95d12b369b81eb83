use std::fmt;
use std::io::{self, ErrorKind};

use crate::io::AsyncReadStream;

/// How much is asked for at once, and kept when idle.
const CHUNK: usize = 16 * 1024;
/// Memory is taken for what is announced, but no faster than it comes.
const AHEAD: usize = 16 << 20;

/// What has been received and not yet been read.
///
/// A [`Protocol`](super::Protocol) takes from its front whole lines, or so many bytes, and
/// goes on where it was when more has come.
#[derive(Default)]
pub struct Input {
    /// All of it is initialised; `start..end` has been received.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// From `start` on, so many bytes at least are needed.
    needed: usize,
    /// From `start` on, so many bytes are known to have no end of a line.
    scanned: usize,
}

impl Input {
    /// Returns all that is there, which stays.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixStream;
    /// use async_op::net::pipeline::Input;
    ///
    /// # pollster::block_on(async {
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// a.write_some("hello").await?;
    /// let mut input = Input::default();
    /// input.read_more(&b).await?;
    /// assert_eq!(input.bytes(), b"hello");
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Takes `len` bytes; `None` if there are less.
    ///
    /// Then it is noted that so many will come, and memory taken for them at once, if that is
    /// not too much: so check a length that the other end has announced first.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixStream;
    /// use async_op::net::pipeline::Input;
    ///
    /// # pollster::block_on(async {
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// a.write_some("hello").await?;
    /// let mut input = Input::default();
    /// input.read_more(&b).await?;
    /// assert_eq!(input.take(4), Some(&b"hell"[..]));
    /// assert_eq!(input.take(4), None); // not before more has come
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn take(&mut self, len: usize) -> Option<&[u8]> {
        let here = self.end - self.start;
        if here < len {
            self.needed = len;
            return None;
        }
        let start = self.start;
        self.consume(len);
        Some(&self.bytes[start..start + len])
    }

    /// Takes a line, and returns it without its end, `\n` or `\r\n`; `None` if the end has
    /// not come.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixStream;
    /// use async_op::net::pipeline::Input;
    ///
    /// # pollster::block_on(async {
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// a.write_some("one\r\ntw").await?;
    /// let mut input = Input::default();
    /// input.read_more(&b).await?;
    /// assert_eq!(input.take_line(80)?, Some(&b"one"[..]));
    /// assert_eq!(input.take_line(80)?, None);
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Of kind [`InvalidData`](ErrorKind::InvalidData) if there are more than `most` bytes
    /// without an end.
    pub fn take_line(&mut self, most: usize) -> io::Result<Option<&[u8]>> {
        let rest = &self.bytes[self.start + self.scanned..self.end];
        let found = rest.iter().position(|&byte| byte == b'\n');
        let len = found.map_or(self.end - self.start, |at| self.scanned + at);
        if len > most {
            let text = "the other end sends a line without an end";
            return Err(io::Error::new(ErrorKind::InvalidData, text));
        }
        if found.is_none() {
            self.scanned = len;
            return Ok(None);
        }
        let start = self.start;
        self.consume(len + 1);
        let line = &self.bytes[start..start + len];
        Ok(Some(line.strip_suffix(b"\r").unwrap_or(line)))
    }

    /// Removes `len` bytes from the front.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixStream;
    /// use async_op::net::pipeline::Input;
    ///
    /// # pollster::block_on(async {
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// a.write_some("hello").await?;
    /// let mut input = Input::default();
    /// input.read_more(&b).await?;
    /// input.consume(4);
    /// assert_eq!(input.bytes(), b"o");
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// If there are less.
    pub fn consume(&mut self, len: usize) {
        assert!(len <= self.end - self.start, "more than there is");
        self.start += len;
        (self.needed, self.scanned) = (0, 0);
    }

    /// Notes that there have to be `len` bytes, as far as is known, before anything can be
    /// taken.
    ///
    /// ```
    #[doc = example!(types connect encode)]
    /// fn decode(
    ///     &self,
    ///     (): &mut (),
    ///     input: &mut Input,
    ///     _: &mut Session<'_, Self>,
    /// ) -> io::Result<Option<Event<Self>>> {
    ///     let announced = input.bytes().get(..4).and_then(|it| it.try_into().ok());
    ///     let whole = 4 + announced.map_or(0, |it| u32::from_be_bytes(it) as usize).min(1 << 20);
    ///     if input.bytes().len() < whole {
    ///         input.expect(whole);
    ///         return Ok(None);
    ///     }
    ///     let reply = String::from_utf8_lossy(&input.bytes()[4..whole]).into_owned();
    ///     input.consume(whole);
    ///     Ok(Some(Event::Reply(Ok(reply))))
    /// }
    /// # }
    /// ```
    pub fn expect(&mut self, len: usize) {
        self.needed = len;
    }

    /// Reads more, at least one byte: for what is said in greeting.
    ///
    /// ```
    /// use async_op::SystemExecutor;
    /// use async_op::net::UnixStream;
    /// use async_op::net::pipeline::Input;
    ///
    /// # pollster::block_on(async {
    /// let (a, b) = UnixStream::pair(&SystemExecutor)?;
    /// a.write_some("hello").await?;
    /// let mut input = Input::default();
    /// input.read_more(&b).await?;
    /// a.write_some(", world").await?;
    /// input.read_more(&b).await?;
    /// assert_eq!(input.bytes(), b"hello, world");
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The stream's, and [`UnexpectedEof`](ErrorKind::UnexpectedEof) at its end.
    pub async fn read_more(&mut self, stream: &impl AsyncReadStream) -> io::Result<()> {
        let mut room = self.room();
        match stream.read_after(&mut room, 0).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            n => {
                self.received(n);
                Ok(())
            }
        }
    }

    /// Returns where to read more.
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.tidy();
        if self.end == self.bytes.len() {
            if self.start > 0 {
                self.bytes.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            if self.end == self.bytes.len() {
                let announced = self.needed.min(self.end + AHEAD);
                self.bytes.resize(announced.max(2 * self.end).max(CHUNK), 0);
            }
        }
        &mut self.bytes[self.end..]
    }

    /// Notes that `n` bytes have been read.
    pub(super) fn received(&mut self, n: usize) {
        self.end += n;
    }

    /// Begins anew where nothing is left, and gives back what something large has taken.
    pub(super) fn tidy(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.bytes.len() > 4 * CHUNK && self.needed <= 4 * CHUNK {
                self.bytes = Vec::new();
            }
        }
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("len", &(self.end - self.start))
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, async_op_unit_tests, not(async_op_loom)))]
mod tests;
