use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use crate::adapter::{Adapted, Adapter, AdapterAssociations, adapt};
use crate::handler::CompletionHandler;
use crate::shim::plain::Mutex;
use crate::signature::Signature;

/// What panics, in [`each_panic`](super::each_panic): a [handler](Self::handler) when it has
/// been called, a [waker](Self::wakes) when it has woken, or any [line](Self::burn) of the
/// test.
#[derive(Clone)]
pub struct Fuse {
    /// How many places are passed before one panics; none when one has.
    left: Arc<Mutex<Option<usize>>>,
    places: usize,
}

/// What the panic carries.
struct Burnt;

impl Fuse {
    pub(super) fn new(places: usize) -> Self {
        Self {
            left: Arc::new(Mutex::new(Some(places))),
            places,
        }
    }

    /// Whether this is the panic of a fuse.
    pub(super) fn has_made(panic: &(dyn Any + Send)) -> bool {
        panic.is::<Burnt>()
    }

    /// Panics, if this is the place where it has to.
    ///
    /// ```
    /// use async_op::post_on;
    /// use async_op::test::each_panic;
    ///
    /// each_panic(|context, fuse| {
    ///     let fuse = fuse.clone();
    ///     post_on(context, move || fuse.burn());
    ///     context.run();
    /// });
    /// ```
    pub fn burn(&self) {
        let mut left = self.left.lock();
        match &mut *left {
            None => {}
            Some(0) => {
                *left = None;
                drop(left);
                // Without a message: it is no mistake.
                resume_unwind(Box::new(Burnt));
            }
            Some(left) => *left -= 1,
        }
    }

    /// Whether it has come to any place.
    pub(super) fn is_used(&self) -> bool {
        *self.left.lock() != Some(self.places)
    }

    /// Returns whether it has panicked.
    ///
    /// ```
    /// use async_op::post_on;
    /// use async_op::test::each_panic;
    /// use std::cell::Cell;
    ///
    /// let burnt = Cell::new(0);
    /// each_panic(|context, fuse| {
    ///     post_on(context, fuse.handler(|| ()));
    ///     context.run();
    ///     burnt.set(burnt.get() + u32::from(fuse.is_burnt()));
    /// });
    /// assert_eq!(burnt.get(), 1); // there is one place
    /// ```
    pub fn is_burnt(&self) -> bool {
        self.left.lock().is_none()
    }

    /// Makes of a handler one that may panic when it has been called.
    ///
    /// ```
    /// use async_op::test::{Probe, each_panic};
    /// use async_op::time::Timer;
    ///
    /// each_panic(|context, fuse| {
    ///     let probe = Probe::new();
    ///     Timer::new(context).wait().with(fuse.handler(probe.handler()));
    ///     context.run();
    ///     assert_eq!(probe.calls(), 1); // whether it has panicked or not
    /// });
    /// ```
    pub fn handler<H>(&self, handler: H) -> Adapted<Burning, H> {
        adapt(Burning(self.clone()), handler)
    }

    /// Polls `future` with wakers that may panic when they have woken.
    ///
    /// ```
    /// use async_op::spawn;
    /// use async_op::test::each_panic;
    /// use async_op::time::Timer;
    /// use std::time::Duration;
    ///
    /// each_panic(|context, fuse| {
    ///     let (timer, fuse) = (Timer::new(context), fuse.clone());
    ///     timer.expires_after(Duration::from_secs(1));
    ///     let body = async move { fuse.wakes(timer.wait()).await.unwrap() };
    ///     spawn(context, body, |()| ());
    ///     context.run();
    /// });
    /// ```
    pub async fn wakes<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(move |cx| {
            let waker = Waker::from(Arc::new(BurningWaker {
                fuse: self.clone(),
                waker: cx.waker().clone(),
            }));
            future.as_mut().poll(&mut Context::from_waker(&waker))
        })
        .await
    }
}

/// The adapter of [`Fuse::handler`].
#[derive(Clone, Debug)]
pub struct Burning(Fuse);

impl AdapterAssociations for Burning {}

impl<S: Signature> Adapter<S> for Burning {
    type Signature = S;

    fn map(self, args: S::Args) -> S::Args {
        args
    }

    fn complete<H: CompletionHandler<S>>(self, handler: H, args: S::Args) {
        handler.complete(args);
        self.0.burn();
    }
}

struct BurningWaker {
    fuse: Fuse,
    waker: Waker,
}

impl Wake for BurningWaker {
    fn wake(self: Arc<Self>) {
        self.waker.wake_by_ref();
        self.fuse.burn();
    }
}

impl fmt::Debug for Fuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fuse")
            .field("is_burnt", &self.is_burnt())
            .finish()
    }
}
