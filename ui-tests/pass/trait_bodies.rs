//! Bodies in a trait that need no `provided`, and in the `impl` of a trait object.

#![deny(warnings)]

use std::io;

use async_op::{Completion, Initiation, IoObject, SystemExecutor, async_op};
use async_op::time::Timer;

/// Its types can be stored.
pub trait Ask: IoObject + Clone + Send + Sync + 'static {
    /// Asks.
    #[async_op]
    fn async_ask(&self, op: Completion<fn(u32)>) {
        op.complete(1);
    }
}

/// Nothing is known of its types.
pub trait Pause {
    /// The timer.
    fn timer(&self) -> &Timer;

    /// Waits.
    #[async_op]
    fn async_pause(&self) -> impl Initiation<fn(io::Result<()>)>
    where
        Self: Sized,
    {
        self.timer().wait()
    }
}

impl dyn Pause {
    /// Waits, too.
    #[async_op]
    fn async_rest(&self) -> impl Initiation<fn(io::Result<()>)> {
        self.timer().wait()
    }
}

impl Ask for SystemExecutor {}

impl Pause for Timer {
    fn timer(&self) -> &Timer {
        self
    }
}

fn main() {
    assert_eq!(Ask::ask(&SystemExecutor).blocking(), 1);
    let timer = Timer::new(&SystemExecutor);
    timer.pause().blocking().unwrap();
    let pause: &dyn Pause = &timer;
    pause.rest().blocking().unwrap();
}
