//! What operations read into and write from.

#[cfg(feature = "bytes")]
mod bytes;
mod dynamic;
mod kinds;
mod parts;
mod range;
mod spare;
mod vectored;

pub use dynamic::{AtMost, DynamicBuffer};
pub(crate) use dynamic::{next_part, room_of};
pub(crate) use parts::{read_list, read_parts, scratch, write_list, write_parts};
pub(crate) use range::front;
pub use range::{BufferExt, BufferRange};
pub(crate) use spare::Spare;

use crate::signature::Signature;

/// What an operation can read into: memory that it borrows, or that it owns and
/// returns with its completion, error or not.
///
/// A callback outlives the initiating function, so it takes an owned buffer;
/// tokens that wait take either. The compiler tells them apart: the completion
/// signature is that of the buffer. With `R` for what the operation says about
/// itself, such as `io::Result<usize>`:
///
/// | buffer | completion |
/// |---|---|
/// | `&mut [u8]`, `&mut [u8; N]`, `&mut Vec<u8>`, `&mut [IoSliceMut]` | `fn(R)` |
/// | `Vec<u8>`, `Box<[u8]>`, `[u8; N]`, `BytesMut` | `fn(R, Self)` |
/// | a [range](BufferExt::range) of a buffer; a `Vec`, an array or a tuple of buffers | `fn(R, Self)` |
///
/// Data goes to the front of the buffer; a `Vec` is filled up to its length. To read into
/// an empty one is an error that says so: [`read_buf`](crate::io::read_buf) has it grow. A
/// buffer of several parts is filled part after part, in one system call where
/// the system can.
///
/// ```
/// use async_op::UseFuture;
/// use async_op::net::TcpStream;
/// use std::io;
///
/// async fn borrowed(stream: &TcpStream) -> io::Result<usize> {
///     let mut buffer = [0; 64];
///     stream.read_some(&mut buffer).await
/// }
///
/// fn owned(stream: &TcpStream) {
///     stream.async_read_some(vec![0; 64], |result: io::Result<usize>, buffer: Vec<u8>| {
///         println!("{result:?} {}", buffer.len());
///     });
/// }
///
/// async fn header_and_body(stream: &TcpStream) -> io::Result<usize> {
///     let (result, (header, body)) = stream.read_some(([0; 8], vec![0; 1024])).await;
///     println!("{header:?} {}", body.len());
///     result
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a buffer to read into",
    label = "cannot be read into",
    note = "pass `&mut [u8]` to a token that waits, or an owned `Vec<u8>`, `Box<[u8]>` or `[u8; N]`"
)]
pub trait ReadBuffer: Send {
    /// The signature of an operation that reads into this and says `R`.
    type Completion<R>: Signature<Output = Self::Output<R>>;

    /// The output of that signature.
    type Output<R>;

    /// Calls `visit` with each part of the memory to fill, in order. They are
    /// the same ones at each call.
    ///
    /// ```
    /// use async_op::io::ReadBuffer;
    ///
    /// let (mut header, mut body) = ([0; 8], vec![0; 100]);
    /// let mut sizes = Vec::new();
    /// (&mut header[..], &mut body[..]).parts(|part| sizes.push(part.len()));
    /// assert_eq!(sizes, [8, 100]);
    /// ```
    fn parts<'a>(&'a mut self, visit: impl FnMut(&'a mut [u8]));

    /// Returns the first part that is not empty, after `skip` bytes; an empty
    /// one if there is none.
    ///
    /// ```
    /// use async_op::io::ReadBuffer;
    ///
    /// let mut buffer = ([0; 8], vec![0; 100]);
    /// assert_eq!(buffer.after(0).len(), 8);
    /// assert_eq!(buffer.after(10).len(), 98);
    /// assert!(buffer.after(108).is_empty());
    /// ```
    fn after(&mut self, mut skip: usize) -> &mut [u8] {
        let mut found: &mut [u8] = &mut [];
        self.parts(|part| {
            if found.is_empty() {
                let start = skip.min(part.len());
                skip -= start;
                found = &mut part[start..];
            }
        });
        found
    }

    /// Returns how many bytes there are in all parts together.
    ///
    /// ```
    /// use async_op::io::ReadBuffer;
    ///
    /// assert_eq!(([0; 8], vec![0; 100]).total_len(), 108);
    /// ```
    fn total_len(&mut self) -> usize {
        let mut len = 0;
        self.parts(|part| len += part.len());
        len
    }

    /// Returns whether this could have a length, and has none: to read into it is a mistake.
    #[doc(hidden)]
    fn lacks_length(&self) -> bool {
        false
    }

    /// Makes the output of a result and the buffer.
    ///
    /// ```
    /// use async_op::io::ReadBuffer;
    ///
    /// assert_eq!(vec![0; 2].completed("done"), ("done", vec![0; 2]));
    /// assert_eq!((&mut [0; 2]).completed("done"), "done"); // its owner has it
    /// ```
    fn completed<R>(self, result: R) -> Self::Output<R>;
}

/// What an operation can write: memory that it borrows, or that it owns and
/// returns with its completion, error or not.
///
/// With `R` for what the operation says about itself, such as
/// `io::Result<usize>`:
///
/// | buffer | completion |
/// |---|---|
/// | `&[u8]`, `&[u8; N]`, `&str`, `&[IoSlice]`; a reference to one of those below | `fn(R)` |
/// | `Vec<u8>`, `Box<[u8]>`, `[u8; N]`, `Arc<[u8]>`, `String`, `Bytes`, `BytesMut` | `fn(R, Self)` |
/// | a [range](BufferExt::range) of a buffer; a `Vec`, an array or a tuple of buffers | `fn(R, Self)` |
///
/// A `&'static [u8]` or `&'static str` serves any token. A buffer of several
/// parts is written part after part, in one system call where the system can.
///
/// ```
/// use async_op::Detached;
/// use async_op::net::TcpStream;
///
/// async fn greet(stream: &TcpStream, name: &str) -> std::io::Result<()> {
///     stream.write_some("hello, ").await?; // how much was written: see there
///     stream.write_some(name).await?;
///     stream.async_write_some(("!", String::from("\n")), Detached);
///     Ok(())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a buffer to write",
    label = "cannot be written",
    note = "pass `&[u8]` to a token that waits, or an owned `Vec<u8>`, `Box<[u8]>` or `[u8; N]`"
)]
pub trait WriteBuffer: Send {
    /// The signature of an operation that writes this and says `R`.
    type Completion<R>: Signature<Output = Self::Output<R>>;

    /// The output of that signature.
    type Output<R>;

    /// Calls `visit` with each part of the memory to write, in order. They are
    /// the same ones at each call.
    ///
    /// ```
    /// use async_op::io::WriteBuffer;
    ///
    /// let mut text = Vec::<u8>::new();
    /// ("hello, ", String::from("world")).parts(|part| text.extend(part));
    /// assert_eq!(text, b"hello, world");
    /// ```
    fn parts<'a>(&'a self, visit: impl FnMut(&'a [u8]));

    /// Returns the first part that is not empty, after `skip` bytes; an empty
    /// one if there is none.
    ///
    /// ```
    /// use async_op::io::WriteBuffer;
    ///
    /// let buffer = ("hello, ", "world");
    /// assert_eq!(WriteBuffer::after(&buffer, 5), b", ");
    /// assert_eq!(WriteBuffer::after(&buffer, 7), b"world");
    /// ```
    fn after(&self, mut skip: usize) -> &[u8] {
        let mut found: &[u8] = &[];
        self.parts(|part| {
            if found.is_empty() {
                let start = skip.min(part.len());
                skip -= start;
                found = &part[start..];
            }
        });
        found
    }

    /// Returns how many bytes there are in all parts together.
    ///
    /// ```
    /// use async_op::io::WriteBuffer;
    ///
    /// assert_eq!(("hello, ", "world").total_len(), 12);
    /// ```
    fn total_len(&self) -> usize {
        let mut len = 0;
        self.parts(|part| len += part.len());
        len
    }

    /// Makes the output of a result and the buffer.
    ///
    /// ```
    /// use async_op::io::WriteBuffer;
    ///
    /// assert_eq!(String::from("text").completed(4), (4, String::from("text")));
    /// assert_eq!("text".completed(4), 4);
    /// ```
    fn completed<R>(self, result: R) -> Self::Output<R>;
}

/// The error of a read into a buffer without length.
#[cold]
pub(crate) fn lacks_length() -> std::io::Error {
    let text = "an empty `Vec` has no room to read into: give it a length, or use `io::read_buf` \
                of a stream";
    std::io::Error::new(std::io::ErrorKind::InvalidInput, text)
}

/// The completion of a buffer that is borrowed: the result.
macro_rules! result_alone {
    () => {
        type Completion<R> = fn(R);
        type Output<R> = R;

        fn completed<R>(self, result: R) -> R {
            result
        }
    };
}

/// The completion of a buffer that is owned: the result and the buffer.
macro_rules! result_and_self {
    () => {
        type Completion<R> = fn(R, Self);
        type Output<R> = (R, Self);

        fn completed<R>(self, result: R) -> (R, Self) {
            (result, self)
        }
    };
}

use {result_alone, result_and_self};
