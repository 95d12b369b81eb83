//! Running futures on executors.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::alloc::OperationAllocator;
use crate::executor::{Executor, IoObject};
use crate::handler::CompletionHandler;
use crate::initiation::{Launch, Launched};
use crate::is_send::IsSend;
use crate::meta::Meta;
use crate::site::Site;
use crate::task::frame::{self, Submit};
use crate::task::scope::{OfAllocator, Scope};
use crate::token::CompletionToken;

/// Runs `future` on the executor of `on`, and completes with its output.
///
/// It is polled there alone, from the first time on. The handler is called on
/// its own executor, by default the same.
///
/// Operations of this crate let others run now and then, also where they are always
/// ready. A future that computes, or awaits nothing else, keeps the thread to itself
/// until it awaits [`post_on`](crate::post_on).
///
/// # Completion
///
/// `fn(F::Output)`.
///
/// # Allocation
///
/// One block, for the future and the handler, from the handler's allocator;
/// what is awaited inside uses that allocator too.
///
/// # Cancel safety
///
/// No: dropping the future that waits for the result lets `future` go on, and
/// what it returns is dropped. Terminal requests, and no others, reach the operations
/// of this crate that it awaits; for anything else there is
/// [`this_op::or_cancelled`](crate::this_op::or_cancelled).
///
/// # Panics
///
/// A panic of `future` unwinds out of the executor; the handler is dropped. A caller
/// that waits for the result elsewhere panics too, with a message that says no more of
/// the first panic than that there may have been one.
///
/// # Examples
///
/// ```
/// use async_op::{IoContext, spawn};
/// use async_op::time::Timer;
///
/// let context = IoContext::new()?;
/// let timer = Timer::new(&context);
/// spawn(
///     &context,
///     async move {
///         timer.wait().await?;
///         Ok(7)
///     },
///     |result: std::io::Result<i32>| assert_eq!(result.unwrap(), 7),
/// );
/// assert!(context.run() > 0);
/// # Ok::<(), std::io::Error>(())
/// ```
#[doc(alias = "co_spawn")]
#[track_caller]
pub fn spawn<O, F, T>(on: &O, future: F, token: T) -> T::Return<Spawn<O::Executor, F>>
where
    O: IoObject + ?Sized,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    T: CompletionToken<'static, fn(F::Output)>,
{
    token.initiate(operation(
        Site::here(&META),
        on.executor(),
        future,
        Submit::Post,
    ))
}

/// Runs the future that `make` returns, as [`spawn`] does.
///
/// `make` is called on the executor, inside the new operation: what it
/// allocates by [`this_op::allocator`](crate::this_op::allocator) or boxes in a
/// [`FrameBox`](crate::task::FrameBox) comes from the operation's own allocator.
///
/// ```
/// use async_op::{Blocking, IoContext, bind_allocator};
/// use async_op::task::{FrameBox, spawn_with};
/// use allocator_api2::alloc::Global;
///
/// let context = IoContext::new()?;
/// // The box is made in memory of `Global`, as the frame is.
/// let sum = spawn_with(&context, bind_allocator(Global, Blocking), || {
///     FrameBox::new(async { 1 + 2 })
/// });
/// assert_eq!(sum, 3);
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn spawn_with<O, M, F, T>(
    on: &O,
    token: T,
    make: M,
) -> T::Return<Spawn<O::Executor, impl Future<Output = F::Output> + Send + use<O, M, F, T>>>
where
    O: IoObject + ?Sized,
    M: FnOnce() -> F + Send + 'static,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
    T: CompletionToken<'static, fn(F::Output)>,
{
    spawn(on, async move { make().await }, token)
}

/// The operation of [`spawn`].
pub type Spawn<E, F> = Launched<fn(<F as Future>::Output), Spawning<E, F>>;

/// Launches [`Spawn`].
pub struct Spawning<E, F> {
    executor: E,
    future: IsSend<F>,
    how: Submit,
}

pub(crate) fn operation<E, F>(site: Site, executor: E, future: F, how: Submit) -> Spawn<E, F>
where
    F: Future<Output: 'static> + Send,
{
    let spawning = Spawning {
        executor,
        future: IsSend::new(future),
        how,
    };
    Launched::new(site, spawning)
}

impl<E, F> fmt::Debug for Spawning<E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawning").finish_non_exhaustive()
    }
}

static META: Meta = Meta::new("spawn", &[], &[]);

impl<E, F> Launch<fn(F::Output)> for Spawning<E, F>
where
    E: Executor,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    type Executor = E;

    fn executor(&self) -> &E {
        &self.executor
    }

    fn launch<H: CompletionHandler<fn(F::Output)>>(self, site: Site, handler: H) {
        frame::spawn(site, self.executor, self.future, handler, self.how);
    }
}

/// Awaits `future` with another allocator: what is awaited or boxed inside uses
/// that one, and what follows the old one again.
///
/// ```
/// use async_op::task::{FrameBox, run_in};
/// use allocator_api2::alloc::Global;
///
/// let sum = run_in(Global, async { FrameBox::new(async { 1 + 2 }).await });
/// assert_eq!(pollster::block_on(sum), 3);
/// ```
pub fn run_in<A, F>(allocator: A, future: F) -> RunIn<A, F>
where
    A: OperationAllocator,
    F: Future,
{
    RunIn {
        future: Some(future),
        scope: allocator,
    }
}

pin_project! {
    /// The future of [`run_in`].
    #[must_use = "futures do nothing unless polled"]
    pub struct RunIn<A, F>
    where
        A: OperationAllocator,
    {
        // `None` once it is over.
        #[pin]
        future: Option<F>,
        scope: A,
    }

    impl<A, F> PinnedDrop for RunIn<A, F>
    where
        A: OperationAllocator,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // Once it is over there is nobody to show the allocator to.
            if this.future.is_none() {
                return;
            }
            let scope = Scope::new(OfAllocator(this.scope.clone()));
            scope.within(|| this.future.set(None));
        }
    }
}

impl<A: OperationAllocator, F: Future> Future for RunIn<A, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let scope = Scope::new(OfAllocator(this.scope.clone()));
        let polled = scope.within(|| {
            let future = this.future.as_mut().as_pin_mut();
            let output = future.expect("polled after completion").poll(cx);
            if output.is_ready() {
                this.future.set(None);
            }
            output
        });
        // Not after the output is on its way out: a panic would leak it.
        drop(scope);
        polled
    }
}

impl<A: OperationAllocator, F> fmt::Debug for RunIn<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunIn").finish_non_exhaustive()
    }
}
