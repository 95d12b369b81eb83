//! The handler form: the body is given the completion, and calls it when the
//! result is there. `handler_form-expanded.rs` is what the macro makes of it.

use async_op::{async_op, Blocking, Completion, IoObject, SystemExecutor};
use std::thread;

/// Looks up names on a thread of its own.
#[derive(Clone)]
struct Resolver {
    executor: SystemExecutor,
}

impl IoObject for Resolver {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        self.executor
    }
}

impl Resolver {
    /// Looks up the length of `name`.
    #[async_op]
    fn async_resolve(&self, name: &str, op: Completion<fn(usize)>) {
        let name = name.to_owned();
        thread::spawn(move || op.complete(name.len()));
    }
}

fn main() {
    let resolver = Resolver {
        executor: SystemExecutor,
    };
    assert_eq!(resolver.async_resolve("localhost", Blocking), 9);
    resolver
        .resolve("example")
        .callback(|length| assert_eq!(length, 7));
}
