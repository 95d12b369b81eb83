use std::io;
use std::sync::Arc;

use crate::signature::Signature;

/// What an operation can read into: a slice that it borrows, or a buffer that
/// it owns and returns with its completion, error or not.
///
/// Data goes to the front of the slice; a `Vec` is filled up to its length.
///
/// A callback outlives the initiating function, so it takes an owned buffer;
/// tokens that wait take either. The compiler tells them apart: the completion
/// signature is that of the buffer.
///
/// | buffer | completion |
/// |---|---|
/// | `&mut [u8]`, `&mut [u8; N]`, `&mut Vec<u8>` | `fn(io::Result<usize>)` |
/// | `Vec<u8>`, `Box<[u8]>`, `[u8; N]` | `fn(io::Result<usize>, Self)` |
///
/// ```
/// use async_op::{TcpStream, UseFuture};
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
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a buffer to read into",
    label = "cannot be read into",
    note = "pass `&mut [u8]` to a token that waits, or an owned `Vec<u8>`, `Box<[u8]>` or `[u8; N]`"
)]
pub trait ReadBuffer: Send {
    /// The signature of an operation that reads into this.
    type Completion: Signature<Output = Self::Output>;

    /// The output of that signature.
    type Output;

    /// Returns the bytes to fill.
    fn as_mut_slice(&mut self) -> &mut [u8];

    /// Makes the output of a result and the buffer.
    fn completed(self, result: io::Result<usize>) -> Self::Output;
}

/// What an operation can write: a slice that it borrows, or a buffer that it
/// owns and returns with its completion, error or not.
///
/// | buffer | completion |
/// |---|---|
/// | `&[u8]`, `&[u8; N]`, `&Vec<u8>`, `&str` | `fn(io::Result<usize>)` |
/// | `Vec<u8>`, `Box<[u8]>`, `[u8; N]`, `Arc<[u8]>`, `String` | `fn(io::Result<usize>, Self)` |
///
/// A `&'static [u8]` or `&'static str` serves any token.
///
/// ```
/// use async_op::{Detached, TcpStream};
///
/// async fn greet(stream: &TcpStream, name: &str) -> std::io::Result<()> {
///     stream.write_some("hello, ").await?; // how much was written: see there
///     stream.write_some(name).await?;
///     stream.async_write_some(String::from("!"), Detached);
///     Ok(())
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a buffer to write",
    label = "cannot be written",
    note = "pass `&[u8]` to a token that waits, or an owned `Vec<u8>`, `Box<[u8]>` or `[u8; N]`"
)]
pub trait WriteBuffer: Send {
    /// The signature of an operation that writes this.
    type Completion: Signature<Output = Self::Output>;

    /// The output of that signature.
    type Output;

    /// Returns the bytes to write.
    fn as_slice(&self) -> &[u8];

    /// Makes the output of a result and the buffer.
    fn completed(self, result: io::Result<usize>) -> Self::Output;
}

macro_rules! borrowed {
    ($trait:ident [$($generics:tt)*] $ty:ty, |$this:ident| $slice:expr) => {
        impl<$($generics)*> $trait for $ty {
            type Completion = fn(io::Result<usize>);
            type Output = io::Result<usize>;

            borrowed!(@slice $trait, $this, $slice);

            fn completed(self, result: io::Result<usize>) -> Self::Output {
                result
            }
        }
    };
    (@slice ReadBuffer, $this:ident, $slice:expr) => {
        fn as_mut_slice(&mut self) -> &mut [u8] {
            let $this = self;
            $slice
        }
    };
    (@slice WriteBuffer, $this:ident, $slice:expr) => {
        fn as_slice(&self) -> &[u8] {
            let $this = self;
            $slice
        }
    };
}

macro_rules! owned {
    ($trait:ident [$($generics:tt)*] $ty:ty, |$this:ident| $slice:expr) => {
        impl<$($generics)*> $trait for $ty {
            type Completion = fn(io::Result<usize>, Self);
            type Output = (io::Result<usize>, Self);

            borrowed!(@slice $trait, $this, $slice);

            fn completed(self, result: io::Result<usize>) -> Self::Output {
                (result, self)
            }
        }
    };
}

borrowed!(ReadBuffer [] &mut [u8], |this| this);
borrowed!(ReadBuffer [const N: usize] &mut [u8; N], |this| *this);
borrowed!(ReadBuffer [] &mut Vec<u8>, |this| this);
owned!(ReadBuffer [] Vec<u8>, |this| this);
owned!(ReadBuffer [] Box<[u8]>, |this| this);
owned!(ReadBuffer [const N: usize] [u8; N], |this| this);

borrowed!(WriteBuffer [] &[u8], |this| this);
borrowed!(WriteBuffer [const N: usize] &[u8; N], |this| *this);
borrowed!(WriteBuffer [] &Vec<u8>, |this| this);
borrowed!(WriteBuffer [] &str, |this| this.as_bytes());
owned!(WriteBuffer [] Vec<u8>, |this| this);
owned!(WriteBuffer [] Box<[u8]>, |this| this);
owned!(WriteBuffer [const N: usize] [u8; N], |this| this);
owned!(WriteBuffer [] Arc<[u8]>, |this| this);
owned!(WriteBuffer [] String, |this| this.as_bytes());
