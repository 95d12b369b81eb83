use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A future that is polled by hand and whose wakes are counted.
pub struct Polled<F> {
    future: Pin<Box<F>>,
    waker: Arc<Wakes>,
}

#[derive(Debug, Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl<F: Future> Polled<F> {
    /// Makes one of a future, or of an operation, not polled yet.
    pub fn new(future: impl IntoFuture<IntoFuture = F>) -> Self {
        Self {
            future: Box::pin(future.into_future()),
            waker: Arc::default(),
        }
    }

    /// Polls the future.
    pub fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(Arc::clone(&self.waker));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// Polls the future, which is ready by now, and returns its output.
    #[track_caller]
    pub fn ready(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it is pending"),
        }
    }

    /// Returns how often the future has been woken.
    pub fn wakes(&self) -> usize {
        self.waker.0.load(Ordering::SeqCst)
    }

    /// Returns how many wakers of the future there are elsewhere.
    pub fn wakers(&self) -> usize {
        Arc::strong_count(&self.waker) - 1
    }

    /// Drops the future and keeps its counts.
    pub fn drop_future(self) -> Dropped {
        Dropped { waker: self.waker }
    }
}

/// What is left of a future that was dropped.
#[derive(Debug)]
pub struct Dropped {
    waker: Arc<Wakes>,
}

impl Dropped {
    /// Returns how often the future has been woken, and how many wakers of it
    /// there still are.
    pub fn counts(&self) -> (usize, usize) {
        let wakes = self.waker.0.load(Ordering::SeqCst);
        (wakes, Arc::strong_count(&self.waker) - 1)
    }
}

impl<F> fmt::Debug for Polled<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polled").finish_non_exhaustive()
    }
}
