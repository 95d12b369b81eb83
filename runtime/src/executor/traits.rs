//! What runs tasks, and what has somebody who does.

use super::Unblock;
use crate::context::IoExecutor;
use crate::task::Task;

/// Runs tasks: a cheap handle to an event loop, a pool, a GUI thread.
///
/// Five lines make one. Only [`post`](Self::post) is required:
///
/// ```
/// use async_op::Executor;
/// use async_op::task::Task;
/// use std::sync::mpsc;
///
/// /// Sends every task to the thread of a GUI.
/// #[derive(Clone)]
/// struct Gui(mpsc::Sender<Task>);
/// impl PartialEq for Gui {
///     fn eq(&self, _: &Self) -> bool { true } // there is one GUI
/// }
/// impl Executor for Gui {
///     // When the loop is gone, the task is dropped with the error.
///     fn post(&self, task: Task) { let _ = self.0.send(task); }
/// }
///
/// let (sender, event_loop) = mpsc::channel();
/// Gui(sender).post(Task::new(|| println!("on the GUI thread")));
/// for task in event_loop { task.run(); }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an executor",
    label = "not an executor",
    note = "pass `context.executor()`, `SystemExecutor`, or a type of yours that implements `Executor`"
)]
pub trait Executor: Clone + PartialEq + Send + Sync + 'static {
    /// Queues `task`. Never runs it inside the call.
    fn post(&self, task: Task);

    /// Returns whether this thread already holds the right to run tasks of
    /// this executor, so that a function may be called here and now.
    ///
    /// ```
    /// use async_op::executor::post_call;
    /// use async_op::{Blocking, Executor, SystemExecutor};
    ///
    /// assert!(!SystemExecutor.runs_here());
    /// assert!(post_call(&SystemExecutor, || SystemExecutor.runs_here(), Blocking));
    /// ```
    fn runs_here(&self) -> bool {
        false
    }

    /// Runs `task` at once where that is allowed, else queues it.
    ///
    /// ```
    /// use async_op::task::Task;
    /// use async_op::{Executor, IoContext};
    ///
    /// let context = IoContext::new()?;
    /// context.dispatch(Task::new(|| println!("later"))); // nobody runs the context
    /// assert_eq!(context.run(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn dispatch(&self, task: Task) {
        if self.runs_here() {
            task.run();
        } else {
            self.post(task);
        }
    }

    /// Queues `task` as a continuation of the running one.
    ///
    /// An executor may delay it until the running task has returned.
    ///
    /// ```
    /// use async_op::task::Task;
    /// use async_op::{Executor, IoContext};
    ///
    /// let context = IoContext::new()?;
    /// context.defer(Task::new(|| println!("when this has returned")));
    /// assert_eq!(context.run(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn defer(&self, task: Task) {
        self.post(task);
    }

    /// Notes that an operation is outstanding: keeps the event loop running.
    ///
    /// ```
    /// use async_op::{Executor, IoContext};
    ///
    /// let context = IoContext::new()?;
    /// context.work_started();
    /// context.poll();
    /// assert!(!context.stopped()); // there is something to wait for
    /// context.work_finished();
    /// context.poll();
    /// assert!(context.stopped());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn work_started(&self) {}

    /// Takes one [`work_started`](Self::work_started) back.
    ///
    /// ```
    /// use async_op::{Executor, IoContext};
    ///
    /// let context = IoContext::new()?;
    /// context.work_started();
    /// context.poll();
    /// assert!(!context.stopped()); // there is something to wait for
    /// context.work_finished();
    /// context.poll();
    /// assert!(context.stopped());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn work_finished(&self) {}

    /// Returns the context that runs the tasks of this executor, if it is one
    /// of ours: a time limit uses its timers, and what waits there ends with it.
    ///
    /// The timers of an executor without one are those of the
    /// [system's](crate::executor::SystemContext).
    ///
    /// ```
    /// use async_op::executor::Strand;
    /// use async_op::{Executor, IoContext};
    ///
    /// let context = IoContext::new()?;
    /// let strand = Strand::new(context.executor());
    /// assert!(strand.context() == Some(context.executor()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn context(&self) -> Option<IoExecutor> {
        None
    }

    /// Takes one [`work_started`](Self::work_started) back if this thread runs the
    /// context that counts it, and says so.
    #[doc(hidden)]
    fn work_finished_on_runner(&self) -> bool {
        let runs_here = self.context().is_some_and(|context| context.runs_here());
        if runs_here {
            self.work_finished();
        }
        runs_here
    }

    /// Blocks this thread until `until` is set; what
    /// [`Blocking`](crate::Blocking) does while it waits.
    ///
    /// By default it parks the thread. An event loop may drive itself instead.
    ///
    /// ```
    /// use async_op::executor::{Unblock, post_call};
    /// use async_op::task::Task;
    /// use async_op::{Blocking, Executor};
    /// use std::collections::VecDeque;
    /// use std::sync::{Arc, Mutex};
    ///
    /// /// Has one thread, which runs its tasks while it waits.
    /// #[derive(Clone)]
    /// struct Alone(Arc<Mutex<VecDeque<Task>>>);
    ///
    /// # impl PartialEq for Alone {
    /// #     fn eq(&self, _: &Self) -> bool { true }
    /// # }
    /// impl Executor for Alone {
    ///     fn post(&self, task: Task) {
    ///         self.0.lock().unwrap().push_back(task);
    ///     }
    ///
    ///     fn block(&self, until: &Unblock) {
    ///         while !until.is_set() {
    ///             let task = self.0.lock().unwrap().pop_front();
    ///             task.expect("one that ends the wait").run();
    ///         }
    ///     }
    /// }
    ///
    /// let alone = Alone(Arc::default());
    /// assert_eq!(post_call(&alone, || 7, Blocking), 7);
    /// ```
    fn block(&self, until: &Unblock) {
        until.park();
    }
}

/// Has an executor of its own, on which its operations run.
///
/// The receiver of an `#[async_op]` method, or the first parameter of a
/// function, provides the operation's I/O executor through this trait.
/// Contexts and executors provide themselves.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no associated executor",
    label = "not an I/O object",
    note = "implement `IoObject` for it; an operation of yours may also name its executor, `#[async_op(executor = ..)]`"
)]
pub trait IoObject {
    /// The type of the executor.
    type Executor: Executor;

    /// Returns the executor on which operations of this object run.
    ///
    /// ```
    /// use async_op::time::Timer;
    /// use async_op::{IoContext, IoObject};
    ///
    /// let context = IoContext::new()?;
    /// assert!(Timer::new(&context).executor() == context.executor());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    fn executor(&self) -> Self::Executor;
}

#[diagnostic::do_not_recommend]
impl<E: Executor> IoObject for E {
    type Executor = E;

    fn executor(&self) -> E {
        self.clone()
    }
}
