//! `post`, `dispatch` and `defer`: handing functions to executors.

use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use crate::alloc::{Refusal, Shared};
use crate::cancel::CancellationType;
use crate::executor::{Executor, IoObject, SystemExecutor, is_same};
use crate::handler::CompletionHandler;
use crate::initiation::Initiation;
use crate::meta::Meta;
use crate::shim::Mutex;
use crate::site::Site;
use crate::spawn::{self, Spawn};
use crate::task::frame::Submit;
use crate::task::{Task, block, budget, current, scope};
use crate::token::CompletionToken;
use crate::trace::{Entered, Trace};

// What is called with one argument too many is quoted by rustc, comment and all.
macro_rules! submit {
    (
        $(#[$own_doc:meta])* $own:ident,
        $(#[$on_doc:meta])* $on:ident,
        $(#[$call_doc:meta])* $call:ident,
        $how:ident, $meta:ident
    ) => {
        static $meta: Meta = Meta::new(stringify!($own), &[], &[]);

        $(#[$own_doc])*
        #[track_caller]
        #[inline]
        pub fn $own<'op, T>(token: T) -> T::Return<Submitted<SystemExecutor>>
        where
            T: CompletionToken<'op, fn()>,
        {
            let submission = Submission {
                executor: SystemExecutor,
                by_way_of: false,
                how: Submit::$how,
            };
            token.initiate(Submitted::new(Site::here(&$meta), submission))
        }

        $(#[$on_doc])*
        #[track_caller]
        #[inline]
        pub fn $on<'op, O, T>(on: &O, token: T) -> T::Return<Submitted<O::Executor>>
        where
            O: IoObject + ?Sized,
            T: CompletionToken<'op, fn()>,
            O::Executor: 'op,
        {
            let submission = Submission {
                executor: on.executor(),
                by_way_of: true,
                how: Submit::$how,
            };
            token.initiate(Submitted::new(Site::here(&$meta), submission))
        }

        $(#[$call_doc])*
        #[track_caller]
        pub fn $call<O, F, R, T>(
            on: &O,
            function: F,
            token: T,
        ) -> T::Return<Spawn<O::Executor, impl Future<Output = R> + Send + use<O, F, R, T>>>
        where
            O: IoObject + ?Sized,
            F: FnOnce() -> R + Send + 'static,
            R: Send + 'static,
            T: CompletionToken<'static, fn(R)>,
        {
            let call = async move { function() };
            static META: Meta = Meta::new(stringify!($call), &[], &[]);
            let site = Site::here(&META);
            token.initiate(spawn::operation(site, on.executor(), call, Submit::$how))
        }
    };
}

submit! {
    /// Posts the handler to its own executor, or the
    /// [system's](SystemExecutor) if it has none. Never calls it in here.
    ///
    /// To hand a function to an executor say [`post_on`].
    ///
    /// # Completion
    ///
    /// `fn()`.
    ///
    /// # Allocation
    ///
    /// One block from the handler's allocator. Awaited, two small recycled ones, which may
    /// be queued for longer than the operation that awaits it is there.
    ///
    /// # Cancel safety
    ///
    /// Yes: it has no effect besides its completion. It has no error to report a request
    /// with. One that reaches the operation that awaits it ends the wait, and the body goes
    /// on, to learn of it from what it awaits next, or from
    /// [`this_op::cancellation`](crate::this_op::cancellation). A body that awaits nothing else
    /// says [`this_op::or_cancelled(post_on(..)).await?`](crate::this_op::or_cancelled).
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::{IoContext, bind_executor};
    /// use async_op::executor::post;
    ///
    /// let context = IoContext::new()?;
    /// post(bind_executor(context.executor(), || println!("in the context")));
    /// assert_eq!(context.run(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    post, // with an executor: `post_on(executor, token)`
    /// Posts the handler to the executor of `on`, and from there on to its own
    /// if it has another one.
    ///
    /// Awaited, it lets others run first.
    ///
    /// # Completion
    ///
    /// `fn()`.
    ///
    /// # Allocation
    ///
    /// One block from the handler's allocator.
    ///
    /// # Cancel safety
    ///
    /// Yes, as for [`post`].
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::{IoContext, post_on};
    ///
    /// let context = IoContext::new()?;
    /// post_on(&context, || println!("in the context"));
    /// assert_eq!(context.run(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    post_on,
    /// Calls `function` on the executor of `on`, and completes with what it
    /// returns.
    ///
    /// # Completion
    ///
    /// `fn(R)`.
    ///
    /// # Allocation
    ///
    /// One block from the handler's allocator.
    ///
    /// # Cancel safety
    ///
    /// No: `function` is called all the same, and what it returns is dropped.
    /// Requests are not honoured.
    ///
    /// # Panics
    ///
    /// A panic of `function` unwinds out of the executor; the handler is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::Blocking;
    /// use async_op::executor::{ThreadPool, post_call};
    ///
    /// let pool = ThreadPool::new(2)?;
    /// let sum: u64 = post_call(&pool, || (1..=100).sum(), Blocking);
    /// assert_eq!(sum, 5050);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    post_call,
    Post, POST
}

submit! {
    /// Calls the handler here and now if this thread may run what is bound to
    /// its executor; else as [`post`].
    ///
    /// # Completion
    ///
    /// `fn()`, inside the call or later.
    ///
    /// # Allocation
    ///
    /// None inside the call, else as for [`post`].
    ///
    /// # Cancel safety
    ///
    /// Yes, as for [`post`].
    ///
    /// ```
    /// use async_op::executor::dispatch;
    /// use async_op::{IoContext, bind_executor, post_on};
    ///
    /// let context = IoContext::new()?;
    /// let executor = context.executor();
    /// post_on(&context, move || {
    ///     dispatch(bind_executor(executor, || println!("inside the first handler")));
    /// });
    /// assert_eq!(context.run(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    dispatch, // with an executor: `dispatch_on(executor, token)`
    /// Calls the handler here and now if this thread may run tasks of the
    /// executor of `on` (and of the handler's own); else as [`post_on`].
    ///
    /// # Completion
    ///
    /// `fn()`, inside the call or later.
    ///
    /// # Allocation
    ///
    /// None inside the call, else as for [`post_on`].
    ///
    /// # Cancel safety
    ///
    /// Yes, as for [`post`].
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::{IoContext, post_on};
    /// use async_op::executor::dispatch_on;
    ///
    /// let context = IoContext::new()?;
    /// let executor = context.executor();
    /// post_on(&context, move || {
    ///     dispatch_on(&executor, || println!("inside the first handler"));
    /// });
    /// assert_eq!(context.run(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    dispatch_on,
    /// Calls `function` here and now if this thread may run tasks of the
    /// executor of `on`, else there, and completes with what it returns.
    ///
    /// As [`post_call`] in every other respect.
    ///
    /// ```
    /// use async_op::executor::dispatch_call;
    /// use async_op::{IoContext, post_on};
    ///
    /// let context = IoContext::new()?;
    /// let executor = context.executor();
    /// post_on(&context, move || {
    ///     dispatch_call(&executor, || 7, |n: u32| assert_eq!(n, 7));
    /// });
    /// assert_eq!(context.run(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    dispatch_call,
    Dispatch, DISPATCH
}

submit! {
    /// As [`post`], as a continuation of the running task: the executor may
    /// delay it until that has returned.
    ///
    /// ```
    /// use async_op::executor::defer;
    /// use async_op::{IoContext, bind_executor};
    ///
    /// let context = IoContext::new()?;
    /// defer(bind_executor(context.executor(), || println!("in the context")));
    /// assert_eq!(context.run(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    defer, // with an executor: `defer_on(executor, token)`
    /// As [`post_on`], as a continuation of the running task.
    ///
    /// ```
    /// use async_op::executor::defer_on;
    /// use async_op::{IoContext, post_on};
    ///
    /// let context = IoContext::new()?;
    /// let executor = context.executor();
    /// post_on(&context, move || defer_on(&executor, || println!("when the first has returned")));
    /// assert_eq!(context.run(), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    defer_on,
    /// As [`post_call`], as a continuation of the running task.
    ///
    /// ```
    /// use async_op::executor::defer_call;
    /// use async_op::{Blocking, SystemExecutor};
    ///
    /// assert_eq!(defer_call(&SystemExecutor, || 7, Blocking), 7);
    /// ```
    defer_call,
    Defer, DEFER
}

pin_project! {
    /// The operation of [`post`], [`dispatch`] and [`defer`], and of their `_on`
    /// forms.
    ///
    /// Awaited, it is a task of its own, in recycled memory, that wakes who waits: what is
    /// queued may be there for longer than the operation around it, which can be asked to stop.
    #[must_use = "an operation does nothing until it is started"]
    pub struct Submitted<E> {
        site: Site,
        // Until it has been submitted.
        submission: Option<Submission<E>>,
        // From then on, if it is awaited.
        turn: Option<Waiting>,
        // What it has been asked before it looks.
        asked: CancellationType,
        #[pin]
        pinned: PhantomPinned,
    }
}

/// What is to be done.
struct Submission<E> {
    executor: E,
    /// Whether the handler goes by way of `executor`, or that is only what it
    /// has if it has no own.
    by_way_of: bool,
    how: Submit,
}

/// What one who waits for its turn, and the task that is queued for it, know of each other.
struct Turn(Mutex<Stage>);

enum Stage {
    Waiting(Waker),
    Come,
    /// The task has been dropped.
    Gone,
}

/// The end of who waits: dropped, it is woken no more.
struct Waiting(Shared<Turn>);

impl Drop for Waiting {
    fn drop(&mut self) {
        let before = mem::replace(&mut *self.0.0.lock(), Stage::Come);
        drop(before);
    }
}

/// The task's end of a turn.
struct Queued(Shared<Turn>);

impl Queued {
    fn leave(&self, stage: Stage) {
        let before = mem::replace(&mut *self.0.0.lock(), stage);
        if let Stage::Waiting(waker) = before {
            waker.wake();
        }
    }

    fn come(self) {
        self.leave(Stage::Come);
        drop(self);
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        let has_come = matches!(*self.0.0.lock(), Stage::Come);
        if !has_come {
            self.leave(Stage::Gone);
        }
    }
}

impl<E: Executor> Submitted<E> {
    fn new(site: Site, submission: Submission<E>) -> Self {
        Self {
            site,
            submission: Some(submission),
            turn: None,
            asked: CancellationType::default(),
            pinned: PhantomPinned,
        }
    }
}

impl<E: Executor> Submission<E> {
    // What is to be done is known where this is called, and most of it falls away.
    #[inline(always)]
    fn launch<H: CompletionHandler<fn()>>(self, site: Site, handler: H) {
        let trace = Trace::start(site, &self.executor);
        let own = handler.executor(&self.executor);
        if self.by_way_of && !is_same(&self.executor, &own) {
            if let Some(task) = block::completed(site, trace, own, (), handler) {
                self.how.to(&self.executor, task);
            }
        } else if self.how == Submit::Dispatch && own.runs_here() {
            trace.completed(true);
            let _handling: Entered = trace.handling();
            let _outside = current::outside();
            handler.complete(());
        } else {
            trace.completed(true);
            let allocator = handler.allocator();
            let handle = move |refusal: Option<Refusal>| match refusal {
                None => {
                    let _handling: Entered = trace.handling();
                    handler.complete(());
                }
                Some(refusal) => handler.refused(refusal),
            };
            if let Some(task) = Task::or_refused(handle, allocator, site.name()) {
                self.how.to(&own, task);
            }
        }
    }

    /// Queues a task that wakes `waker`.
    fn queue(self, site: Site, waker: &Waker) -> Waiting {
        let Self { executor, how, .. } = self;
        let trace = Trace::start(site, &executor);
        trace.completed(true);
        if how == Submit::Dispatch && executor.runs_here() {
            let _handling: Entered = trace.handling();
            return Waiting(Shared::new(Turn(Mutex::new(Stage::Come)), site.name()));
        }
        let stage = Mutex::new(Stage::Waiting(waker.clone()));
        let turn = Waiting(Shared::new(Turn(stage), site.name()));
        let queued = Queued(turn.0.clone());
        let task = Task::new(move || {
            let _handling: Entered = trace.handling();
            queued.come();
        });
        how.to(&executor, task);
        turn
    }
}

#[diagnostic::do_not_recommend]
impl<E: Executor> Initiation<fn()> for Submitted<E> {
    type Executor = E;

    fn executor(&self) -> &E {
        let submission = self.submission.as_ref();
        &submission.expect("the operation has been polled").executor
    }

    #[inline(always)]
    fn initiate<H: CompletionHandler<fn()>>(self, handler: H) {
        let Self {
            site,
            submission,
            turn,
            ..
        } = self;
        // There is none: that need not be looked at.
        mem::forget(turn);
        let submission = submission.expect("the operation has been polled");
        submission.launch(site, handler);
    }
}

impl<E: Executor> Future for Submitted<E> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let requested = scope::requested();
        if let Some(submission) = this.submission.take() {
            *this.turn = Some(submission.queue(*this.site, cx.waker()));
            *this.asked = requested;
        }
        // What it has been asked by then it looks at the next time.
        ready!(budget::proceed(cx));
        let is_asked = !requested.without(*this.asked).is_empty();
        *this.asked = requested;
        let Waiting(turn) = this.turn.as_ref().expect("polled after completion");
        let waker = cx.waker().clone();
        let mut stage = turn.0.lock();
        let before = match &mut *stage {
            // Whoever asks ends the wait, and no more: the task stays where it is queued.
            Stage::Waiting(_) if is_asked => None,
            Stage::Waiting(place) => Some(mem::replace(place, waker)),
            Stage::Come => None,
            Stage::Gone => {
                drop(stage);
                panic!(
                    "`{}` was abandoned: its `Completion`, or its task, was dropped without a \
                     result, perhaps by a panic{}",
                    this.site.name(),
                    this.site.started(),
                );
            }
        };
        drop(stage);
        if before.is_some() {
            return Poll::Pending;
        }
        *this.turn = None;
        Poll::Ready(())
    }
}

impl<E> fmt::Debug for Submitted<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Submitted").field(self.site.meta()).finish()
    }
}
