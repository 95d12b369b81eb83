use std::alloc::Layout;
use std::error::Error;
use std::fmt;
use std::io;

/// An operation has no memory: the allocator of its handler has refused it.
///
/// [`CompletionHandler::refused`](crate::CompletionHandler::refused) is told so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    operation: &'static str,
    layout: Layout,
}

impl Refusal {
    pub(crate) fn new(operation: &'static str, layout: Layout) -> Self {
        Self { operation, layout }
    }

    /// Returns the name of the operation.
    ///
    /// ```
    /// use async_op::alloc::Refusal;
    /// use async_op::{Associations, CompletionHandler};
    ///
    /// struct Quiet;
    ///
    /// impl Associations for Quiet {}
    /// impl CompletionHandler<fn()> for Quiet {
    ///     fn complete(self, (): ()) {}
    ///
    ///     fn refused(self, refusal: Refusal) {
    ///         eprintln!("no memory for {}", refusal.operation());
    ///     }
    /// }
    /// ```
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// Returns what was asked for: the size in bytes, and the alignment.
    ///
    /// ```
    /// use async_op::alloc::Refusal;
    /// use async_op::{Associations, CompletionHandler};
    ///
    /// struct Quiet;
    ///
    /// impl Associations for Quiet {}
    /// impl CompletionHandler<fn()> for Quiet {
    ///     fn complete(self, (): ()) {}
    ///
    ///     fn refused(self, refusal: Refusal) {
    ///         eprintln!("no {} bytes", refusal.layout().size());
    ///     }
    /// }
    /// ```
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Panics, and says what this says.
    ///
    /// ```
    /// use async_op::alloc::Refusal;
    /// use async_op::{Associations, CompletionHandler};
    ///
    /// struct Quiet;
    ///
    /// impl Associations for Quiet {}
    /// impl CompletionHandler<fn()> for Quiet {
    ///     fn complete(self, (): ()) {}
    ///
    ///     fn refused(self, refusal: Refusal) {
    ///         refusal.panic() // as by default
    ///     }
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// Always.
    #[cold]
    pub fn panic(self) -> ! {
        panic!("{self}")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, size) = (self.operation, self.layout.size());
        write!(f, "`{what}` could not allocate {size} bytes for itself")
    }
}

impl Error for Refusal {}

/// Of the kind [`OutOfMemory`](io::ErrorKind::OutOfMemory).
impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(io::ErrorKind::OutOfMemory, refusal)
    }
}
