//! Where the memory of operations comes from.
//!
//! It comes from the allocator of the handler, which
//! [`bind_allocator`](crate::bind_allocator()) sets. The default is [`Recycling`]: each thread
//! keeps the blocks that it has freed, and uses them again. The trait [`Allocator`] is that of
//! the crate `allocator-api2`.

mod any;
mod recycling;
mod refusal;
mod shared;

pub(crate) use allocator_api2::alloc::Global;
pub use allocator_api2::alloc::{AllocError, Allocator};
// By other names than the standard library's: rustc names types in full where two are called
// the same, in all messages of whoever uses this crate.
pub use allocator_api2::boxed::Box as BoxIn;
pub use allocator_api2::vec::Vec as VecIn;
pub use any::AnyAllocator;
pub use recycling::Recycling;
pub use refusal::Refusal;
pub(crate) use shared::{CacheLine, Owned, Owner, Shared, WakeShared};

use std::alloc::Layout;

/// An allocator that can be associated with a completion handler.
///
/// Implemented for every [`Allocator`] that is a cheap `'static` handle. That
/// trait is the standard library's in its stable edition (`allocator-api2`
/// 0.2), the one that `bumpalo` and `hashbrown` implement.
///
/// `'static` is a soundness rule: an operation that is leaked never gives its
/// memory back, and an arena freed under it would take the memory away. Put
/// the arena behind an `Arc`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an allocator for operations",
    label = "not an `Allocator + Clone + Send + 'static`",
    note = "implement `async_op::alloc::Allocator` for a handle to it, such as an `Arc`"
)]
pub trait OperationAllocator: Allocator + Clone + Send + 'static {}

impl<A: Allocator + Clone + Send + 'static> OperationAllocator for A {}

/// Panics with the name of the operation or object that got no memory.
#[cold]
pub(crate) fn out_of_memory(what: &'static str, layout: Layout) -> ! {
    Refusal::new(what, layout).panic()
}
