use super::{result_alone, result_and_self};
use crate::signature::Signature;

/// A buffer that grows as it is read into, at its end.
///
/// With `R` for what the operation says about itself:
///
/// | buffer | completion |
/// |---|---|
/// | `&mut Vec<u8>` | `fn(R)` |
/// | `Vec<u8>`, `BytesMut` | `fn(R, Self)` |
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a buffer that grows",
    label = "cannot grow",
    note = "pass `&mut Vec<u8>` to a token that waits, or an owned `Vec<u8>`"
)]
pub trait DynamicBuffer: Send {
    /// The signature of an operation that reads into this and says `R`.
    type Completion<R>: Signature<Output = Self::Output<R>>;

    /// The output of that signature.
    type Output<R>;

    /// Returns what is in the buffer.
    fn bytes(&mut self) -> &mut [u8];

    /// Makes the buffer `len` bytes long; what is new is of any value.
    fn resize(&mut self, len: usize);

    /// Makes the output of a result and the buffer.
    fn completed<R>(self, result: R) -> Self::Output<R>;
}

impl DynamicBuffer for Vec<u8> {
    result_and_self!();

    fn bytes(&mut self) -> &mut [u8] {
        self
    }

    fn resize(&mut self, len: usize) {
        Vec::resize(self, len, 0);
    }
}

impl DynamicBuffer for &mut Vec<u8> {
    result_alone!();

    fn bytes(&mut self) -> &mut [u8] {
        self
    }

    fn resize(&mut self, len: usize) {
        Vec::resize(self, len, 0);
    }
}
