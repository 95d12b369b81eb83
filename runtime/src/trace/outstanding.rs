use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

use super::registry;
use crate::cancel::CancellationType;
use crate::context::IoExecutor;
use crate::site::Site;

/// An operation that has not ended; see [`IoExecutor::outstanding`].
#[derive(Clone)]
pub struct OutstandingOperation {
    id: u64,
    parent: u64,
    site: Site,
    age: Duration,
    requested: CancellationType,
    is_completed: bool,
}

impl OutstandingOperation {
    /// Returns the number of the operation, which no other of this process has.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Channel;
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::<u8>::new(&context, 0);
    /// channel.receive().detach();
    /// let operation = &context.outstanding()[0];
    /// channel.receive().detach();
    /// assert_ne!(context.outstanding()[1].id(), operation.id());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Returns the number of the operation in whose body or handler this one
    /// was started.
    ///
    /// ```
    /// use async_op::sync::Channel;
    /// use async_op::{IoContext, spawn};
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::<u8>::new(&context, 0);
    /// spawn(&context, async move { channel.receive().await }, |_: std::io::Result<u8>| ());
    /// context.poll();
    /// let outstanding = context.outstanding(); // the oldest first
    /// assert_eq!(outstanding[1].parent(), Some(outstanding[0].id()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn parent(&self) -> Option<u64> {
        (self.parent != 0).then_some(self.parent)
    }

    /// Returns the name of the initiating function.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Channel;
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::<u8>::new(&context, 0);
    /// channel.receive().detach();
    /// let operation = &context.outstanding()[0];
    /// assert_eq!(operation.name(), "async_receive");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn name(&self) -> &'static str {
        self.site.name()
    }

    /// Returns the line that made the operation.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Channel;
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::<u8>::new(&context, 0);
    /// channel.receive().detach();
    /// let operation = &context.outstanding()[0];
    /// assert_eq!(operation.location().file(), file!());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn location(&self) -> &'static Location<'static> {
        self.site.caller()
    }

    /// Returns where the operation is defined.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Channel;
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::<u8>::new(&context, 0);
    /// channel.receive().detach();
    /// let operation = &context.outstanding()[0];
    /// assert!(operation.definition().file().ends_with("channel.rs"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn definition(&self) -> &'static Location<'static> {
        self.site.meta().location()
    }

    /// Returns how long ago the operation was started.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Channel;
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::<u8>::new(&context, 0);
    /// channel.receive().detach();
    /// let operation = &context.outstanding()[0];
    /// assert!(operation.age() < std::time::Duration::from_secs(60));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn age(&self) -> Duration {
        self.age
    }

    /// Returns what the operation has been asked for.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::sync::Channel;
    ///
    /// let context = IoContext::new()?;
    /// let channel = Channel::<u8>::new(&context, 0);
    /// channel.receive().detach();
    /// let operation = &context.outstanding()[0];
    /// assert!(operation.requested().is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn requested(&self) -> CancellationType {
        self.requested
    }

    /// Returns whether the operation has its result, and only its handler has
    /// not been called, or its future not been polled again.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::Timer;
    /// use std::time::Duration;
    ///
    /// let context = IoContext::new()?;
    /// let timer = Timer::new(&context);
    /// timer.expires_after(Duration::from_secs(3600));
    /// timer.wait().callback(|_| ());
    /// assert!(!context.outstanding()[0].is_completed());
    /// timer.cancel();
    /// assert!(context.outstanding()[0].is_completed()); // its handler has not been called yet
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_completed(&self) -> bool {
        self.is_completed
    }
}

impl fmt::Display for OutstandingOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "#{} {} ({}) for {:.1?}",
            self.id,
            self.name(),
            self.location(),
            self.age
        )?;
        if self.parent != 0 {
            write!(f, ", in #{}", self.parent)?;
        }
        if !self.requested.is_empty() {
            write!(f, ", asked to stop")?;
        }
        if self.is_completed {
            write!(f, ", completed")?;
        }
        Ok(())
    }
}

impl fmt::Debug for OutstandingOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl IoExecutor {
    /// Lists the operations on objects of this context that have not ended, the
    /// oldest first: of a program that hangs, what it waits for.
    ///
    /// From any thread, at any time. It locks each shard of the list once, and
    /// allocates the answer.
    ///
    /// ```
    /// use async_op::IoContext;
    /// use async_op::time::sleep;
    /// use std::time::Duration;
    ///
    /// let context = IoContext::new()?;
    /// sleep(&context, Duration::from_secs(3600)).detach();
    ///
    /// let outstanding = context.outstanding();
    /// println!("{}", outstanding[0]); // #1 async_sleep (src/main.rs:9:7) for 1.2ms
    /// assert_eq!(outstanding[0].name(), "async_sleep");
    /// assert_eq!(outstanding[0].location().file(), file!());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
    pub fn outstanding(&self) -> Vec<OutstandingOperation> {
        let now = Instant::now();
        let mut found = Vec::new();
        registry::for_each(|id, entry| {
            if entry.context == Some(*self) {
                found.push(OutstandingOperation {
                    id,
                    parent: entry.parent.number(),
                    site: entry.site,
                    age: now.saturating_duration_since(entry.since),
                    requested: entry.requested,
                    is_completed: entry.is_completed,
                });
            }
        });
        found.sort_by_key(|operation| (std::cmp::Reverse(operation.age), operation.id));
        found
    }
}
