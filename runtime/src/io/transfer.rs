use std::io;

use crate::cancel::Expire;

/// How far a composed operation got.
///
/// Both can be there: what was transferred before an error, a timeout or a
/// request to cancel is not lost.
#[derive(Debug)]
#[must_use = "it may be an error"]
pub struct Transfer {
    /// How many bytes have been transferred.
    pub bytes: usize,
    /// Why there are no more, if there should be.
    pub result: io::Result<()>,
}

impl Transfer {
    /// Returns the number of bytes of a transfer without error.
    ///
    /// ```
    /// use async_op::io::Transfer;
    ///
    /// let transfer = Transfer { bytes: 5, result: Ok(()) };
    /// assert_eq!(transfer.into_result().unwrap(), 5);
    /// ```
    ///
    /// # Errors
    ///
    /// That of the transfer.
    pub fn into_result(self) -> io::Result<usize> {
        self.result.map(|()| self.bytes)
    }
}

impl Expire for Transfer {
    fn expire(self) -> Self {
        Self {
            result: self.result.expire(),
            ..self
        }
    }
}

/// What an operation says of its transfer.
pub trait Report: Send {
    /// Whether it says how many bytes there were, so that 0 could be taken for the end.
    #[doc(hidden)]
    const SAYS_HOW_MUCH: bool = false;

    #[doc(hidden)]
    type Said;

    #[doc(hidden)]
    fn say(self, transfer: Transfer) -> Self::Said;
}

/// All of it.
#[derive(Debug)]
pub(super) struct Whole;

/// Whether it is complete.
#[derive(Debug)]
pub(super) struct ResultAlone;

impl Report for Whole {
    type Said = Transfer;

    const SAYS_HOW_MUCH: bool = true;

    #[inline]
    fn say(self, transfer: Transfer) -> Transfer {
        transfer
    }
}

impl Report for ResultAlone {
    type Said = io::Result<()>;

    #[inline]
    fn say(self, transfer: Transfer) -> io::Result<()> {
        transfer.result
    }
}
