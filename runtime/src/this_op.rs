//! What the body of an operation can learn of the operation that it is part of.
//!
//! These look at the innermost operation that is being polled on this thread:
//! one that was started with a handler, spawned, or bound to an allocator or a
//! cancellation slot while it is awaited.
//!
//! ```
//! use async_op::{Blocking, IoContext, bind_allocator, spawn, this_op};
//! use allocator_api2::vec::Vec;
//!
//! # fn main() -> std::io::Result<()> {
//! let context = IoContext::new()?;
//! let sum = spawn(
//!     &context,
//!     async {
//!         let mut numbers = Vec::new_in(this_op::allocator());
//!         numbers.extend([1, 2, 3]);
//!         numbers.iter().sum::<i32>()
//!     },
//!     Blocking,
//! );
//! assert_eq!(sum, 6);
//! # Ok(())
//! # }
//! ```

use crate::alloc::AnyAllocator;
use crate::cancel::CancellationState;
use crate::executor::{AnyExecutor, SystemExecutor};
use crate::task::scope;

/// Returns the allocator of the operation; outside any, the
/// [default one](crate::Recycling).
pub fn allocator() -> AnyAllocator {
    scope::allocator()
}

/// Returns the executor that the operation is polled on; outside any, the
/// [system's](SystemExecutor).
pub fn executor() -> AnyExecutor {
    scope::executor().unwrap_or_else(|| AnyExecutor::new(SystemExecutor))
}

/// Returns what the operation knows of requests to stop it; outside any, a
/// state that nothing reaches.
pub fn cancellation() -> CancellationState {
    scope::cancellation()
}
