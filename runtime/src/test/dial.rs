use std::collections::VecDeque;
use std::io;

use crate::shim::plain::Mutex;

/// Returns what a client that connects by itself is given to do so: it makes the connections
/// of `streams`, one after another, and then is refused.
///
/// ```
/// use async_op::net::AnyStream;
/// use async_op::test::{Script, TestContext, dial};
/// use std::io::ErrorKind;
///
/// let context = TestContext::new();
/// let scripts = [Script::new().read("wel").eof(), Script::new().read("welcome")];
/// let connect = dial(scripts.map(|script| AnyStream::new(script.on(&context))));
/// assert!(connect().is_ok() && connect().is_ok());
/// assert_eq!(connect().unwrap_err().kind(), ErrorKind::ConnectionRefused);
/// ```
pub fn dial<S: Send + 'static>(
    streams: impl IntoIterator<Item = S>,
) -> impl Fn() -> io::Result<S> + Send + Sync + 'static {
    let streams: VecDeque<S> = streams.into_iter().collect();
    let streams = Mutex::new(streams);
    move || {
        let next = streams.lock().pop_front();
        next.ok_or(io::ErrorKind::ConnectionRefused.into())
    }
}
