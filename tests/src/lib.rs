//! What the tests share: a log, allocators that record and count, an executor
//! that is run by hand, a handler with associations, and operations in both
//! forms that finish when the test says so.

mod allocator;
pub mod astray;
mod emulated;
mod executor;
mod form;
mod heap;
mod log;
pub mod net;
#[cfg(unix)]
#[path = "../../runtime/examples/postgres/server.rs"]
pub mod postgres;
mod probe;
mod programs;
mod random;
#[path = "../../runtime/examples/redis/server.rs"]
pub mod redis;
mod server;
mod slot;
#[cfg(target_os = "linux")]
mod strace;
mod stream;
mod wakes;
mod wine;
mod yours;

pub use allocator::Recorder;
pub use emulated::is_emulated;
pub use executor::{Inline, Manual};
pub use form::{AsyncForm, Form, Gate, HandlerForm, Hold, Number};
pub use heap::{
    CountingHeap, RefusingHeap, heap_allocations, heap_allocations_here, refusing, short_wait,
};
pub use log::Log;
pub use probe::{Alive, At, Io, On, Posted, Probe};
pub use programs::{Folder, built, c_host, compiled, succeeded};
pub use random::Random;
pub use server::{ServerProcess, skipped};
pub use slot::Slot;
#[cfg(target_os = "linux")]
pub use strace::system_calls_per_round;
pub use stream::{Step, TestStream};
pub use wakes::{Dropped, Polled};
pub use wine::under_wine;
pub use yours::Yours;

use std::any::Any;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How many seconds a test may take, where the machine is one of its own kind.
const VARIABLE: &str = "ASYNC_OP_TESTS_HANG_AFTER";

/// Long enough for any machine, and for Wine on it: only a test that fails waits for it.
fn hangs_after() -> Duration {
    let seconds = if cfg!(windows) { 600 } else { 60 };
    let said = env::var(VARIABLE).ok();
    Duration::from_secs(said.map_or(seconds, |said| said.parse().unwrap()))
}

/// Defines a test for each form of operation: `fn rule<F: Form>() { .. }`.
#[macro_export]
macro_rules! both_forms {
    ($($(#[$attr:meta])* fn $name:ident<$form:ident: Form>() $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports, reason = "not every rule needs all of them")]
            use super::*;

            fn rule<$form: $crate::Form>() $body

            #[test]
            $(#[$attr])*
            fn handler_form() {
                rule::<$crate::HandlerForm>();
            }

            #[test]
            $(#[$attr])*
            fn async_form() {
                rule::<$crate::AsyncForm>();
            }
        }
    )*};
}

/// Calls `body` on a thread of its own and fails, rather than hang, when it
/// does not return.
pub fn without_hanging<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        // Nobody listens any more when the test has given up.
        let _ = sender.send(catch_unwind(AssertUnwindSafe(body)));
    });
    match receiver.recv_timeout(hangs_after()) {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => panic!("hangs"),
    }
}

/// Returns the message of the panic that `body` ends with.
pub fn panic_of<R>(body: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(_) => panic!("expected a panic"),
        Err(panic) => message_of(&*panic),
    }
}

/// Returns the message that a panic carries.
pub fn message_of(panic: &(dyn Any + Send)) -> String {
    match panic.downcast_ref::<String>() {
        Some(message) => message.clone(),
        None => (*panic.downcast_ref::<&str>().expect("a message")).to_owned(),
    }
}
