//! `post`, `dispatch` and `defer`: handing functions to executors.

use std::fmt;
use std::future::Future;

use crate::executor::{Executor, IoObject, SystemExecutor, is_same};
use crate::handler::CompletionHandler;
use crate::initiation::{Launch, Launched};
use crate::meta::Meta;
use crate::site::Site;
use crate::spawn::{self, Spawn};
use crate::task::frame::Submit;
use crate::task::{Task, block, current};
use crate::token::CompletionToken;
use crate::trace::{Entered, Trace};

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
            token.initiate(Launched::new(Site::here(&$meta), submission))
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
            token.initiate(Launched::new(Site::here(&$meta), submission))
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
    /// One block from the handler's allocator.
    ///
    /// # Cancel safety
    ///
    /// Yes: it has no effect besides its completion. Requests are not honoured.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_op::{IoContext, bind_executor};
    /// use async_op::executor::post;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let context = IoContext::new()?;
    /// post(bind_executor(context.executor(), || println!("in the context")));
    /// assert_eq!(context.run(), 1);
    /// # Ok(())
    /// # }
    /// ```
    post,
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
    /// # fn main() -> std::io::Result<()> {
    /// let context = IoContext::new()?;
    /// post_on(&context, || println!("in the context"));
    /// assert_eq!(context.run(), 1);
    /// # Ok(())
    /// # }
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
    /// # fn main() -> std::io::Result<()> {
    /// let pool = ThreadPool::new(2)?;
    /// let sum: u64 = post_call(&pool, || (1..=100).sum(), Blocking);
    /// assert_eq!(sum, 5050);
    /// # Ok(())
    /// # }
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
    dispatch,
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
    /// # fn main() -> std::io::Result<()> {
    /// let context = IoContext::new()?;
    /// let executor = context.executor();
    /// post_on(&context, move || {
    ///     dispatch_on(&executor, || println!("inside the first handler"));
    /// });
    /// assert_eq!(context.run(), 1);
    /// # Ok(())
    /// # }
    /// ```
    dispatch_on,
    /// Calls `function` here and now if this thread may run tasks of the
    /// executor of `on`, else there, and completes with what it returns.
    ///
    /// As [`post_call`] in every other respect.
    dispatch_call,
    Dispatch, DISPATCH
}

submit! {
    /// As [`post`], as a continuation of the running task: the executor may
    /// delay it until that has returned.
    defer,
    /// As [`post_on`], as a continuation of the running task.
    defer_on,
    /// As [`post_call`], as a continuation of the running task.
    defer_call,
    Defer, DEFER
}

/// The operation of [`post`], [`dispatch`] and [`defer`], and of their `_on`
/// forms.
pub type Submitted<E> = Launched<fn(), Submission<E>>;

/// Launches [`Submitted`].
pub struct Submission<E> {
    executor: E,
    /// Whether the handler goes by way of `executor`, or that is only what it
    /// has if it has no own.
    by_way_of: bool,
    how: Submit,
}

impl<E> fmt::Debug for Submission<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Submission").field(&self.how).finish()
    }
}

impl<E: Executor> Launch<fn()> for Submission<E> {
    type Executor = E;

    fn executor(&self) -> &E {
        &self.executor
    }

    // What is to be done is known where this is called, and most of it falls away.
    #[inline(always)]
    fn launch<H: CompletionHandler<fn()>>(self, site: Site, handler: H) {
        let trace = Trace::start(site, &self.executor);
        let own = handler.executor(&self.executor);
        if self.by_way_of && !is_same(&self.executor, &own) {
            let task = block::completed(site, trace, own, (), handler);
            self.how.to(&self.executor, task);
        } else if self.how == Submit::Dispatch && own.runs_here() {
            trace.completed(true);
            let _handling: Entered = trace.handling();
            let _outside = current::outside();
            handler.complete(());
        } else {
            trace.completed(true);
            let allocator = handler.allocator();
            let handle = move || {
                let _handling: Entered = trace.handling();
                handler.complete(());
            };
            let task = Task::new_in(handle, allocator);
            self.how.to(&own, task);
        }
    }
}
