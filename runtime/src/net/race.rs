//! Attempts to connect to several addresses, of which the first that succeeds is all that is
//! wanted: RFC 8305, "happy eyeballs", sections 4 and 5.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use allocator_api2::vec::Vec as VecIn;

use super::ConnectErrors;
use crate::alloc::AnyAllocator;
use crate::cancel::is_cancelled;
use crate::context::IoExecutor;
use crate::task::scope;
use crate::time::sleep;

/// How long an attempt has before the next one is begun beside it: the value that the RFC
/// recommends.
const PAUSE: Duration = Duration::from_millis(250);

/// Connects to the first of `addresses` that accepts, by `attempt`.
///
/// # Errors
///
/// [`NotFound`](io::ErrorKind::NotFound) if there are none; those of all attempts, if all have
/// failed; that it is cancelled, if one is.
pub(super) async fn race<T, F>(
    executor: &IoExecutor,
    addresses: impl IntoIterator<Item = SocketAddr>,
    mut attempt: impl FnMut(SocketAddr) -> F,
) -> io::Result<(T, SocketAddr)>
where
    F: Future<Output = io::Result<T>> + Unpin,
{
    let mut field = Field::new(addresses)?;
    let mut pause = pin!(None);
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(result) = field.poll(cx) {
                return Poll::Ready(result);
            }
            if field.is_complete() {
                return Poll::Pending;
            }
            if !field.is_next_due {
                if pause.is_none() {
                    pause.set(Some(sleep(executor, PAUSE)));
                }
                let pause = pause.as_mut().as_pin_mut().expect("just seen to");
                ready!(pause.poll(cx))?;
            }
            pause.set(None);
            field.begin_next(&mut attempt);
        }
    })
    .await
}

/// All addresses, in the order in which they are tried.
struct Field<F> {
    entries: VecIn<Entry<F>, AnyAllocator>,
    /// How many attempts have begun.
    begun: usize,
    /// The next one need not wait for its turn.
    is_next_due: bool,
}

struct Entry<F> {
    address: SocketAddr,
    state: State<F>,
}

enum State<F> {
    Due,
    UnderWay(F),
    Failed(io::Error),
}

impl<F> Field<F> {
    /// # Errors
    ///
    /// If there are no addresses, or there is no memory for them.
    fn new(addresses: impl IntoIterator<Item = SocketAddr>) -> io::Result<Self> {
        let addresses = addresses.into_iter();
        let mut entries = VecIn::new_in(scope::allocator());
        let mut room = addresses.size_hint().0;
        for address in addresses {
            let reserved = entries.try_reserve(room.max(1));
            reserved.map_err(|_| io::ErrorKind::OutOfMemory)?;
            room = 0;
            entries.push(Entry {
                address,
                state: State::Due,
            });
        }
        if entries.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        interleave(&mut entries, |entry| entry.address.is_ipv4());
        Ok(Self {
            entries,
            begun: 0,
            is_next_due: true,
        })
    }

    /// Returns whether all attempts have begun.
    fn is_complete(&self) -> bool {
        self.begun == self.entries.len()
    }

    fn begin_next(&mut self, attempt: impl FnOnce(SocketAddr) -> F) {
        let entry = &mut self.entries[self.begun];
        entry.state = State::UnderWay(attempt(entry.address));
        self.begun += 1;
        self.is_next_due = false;
    }

    /// Polls what is under way, that which has begun first before the others.
    fn poll<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(T, SocketAddr)>>
    where
        F: Future<Output = io::Result<T>> + Unpin,
    {
        let mut is_over = self.is_complete();
        for entry in &mut self.entries[..self.begun] {
            let State::UnderWay(attempt) = &mut entry.state else {
                continue;
            };
            match Pin::new(attempt).poll(cx) {
                Poll::Ready(Ok(value)) => return Poll::Ready(Ok((value, entry.address))),
                Poll::Ready(Err(error)) if is_cancelled(&error) => return Poll::Ready(Err(error)),
                Poll::Ready(Err(error)) => {
                    entry.state = State::Failed(error);
                    self.is_next_due = true;
                }
                Poll::Pending => is_over = false,
            }
        }
        match is_over {
            true => Poll::Ready(Err(self.take_errors())),
            false => Poll::Pending,
        }
    }

    fn take_errors(&mut self) -> io::Error {
        let attempts = self.entries.drain(..).map(|entry| match entry.state {
            State::Failed(error) => (entry.address, error),
            _ => unreachable!("all have failed"),
        });
        ConnectErrors::of(attempts)
    }
}

/// Has those for which `is` holds and the others in turn, for as long as there are both; that
/// of the first comes first. The order of each is kept.
fn interleave<T>(list: &mut [T], is: impl Fn(&T) -> bool) {
    for n in 1..list.len() {
        let before = is(&list[n - 1]);
        match list[n..].iter().position(|item| is(item) != before) {
            Some(ahead) => list[n..=n + ahead].rotate_right(1),
            // All that are left are alike.
            None => return,
        }
    }
}

#[cfg(all(test, async_op_unit_tests, feature = "test"))]
mod tests;
