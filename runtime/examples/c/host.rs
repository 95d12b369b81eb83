//! What clients have in common as libraries for C: a context that the host drives, and how its
//! requests are started. `../redis/c` and `../postgres/c` are what each has of its own.
//!
//! A C function is a completion token here: a closure that calls it, bound to the allocator of
//! the host, to a slot by which the host can cancel, and to an executor that only posts. The
//! host's own event loop drives the context by one descriptor, so callbacks come on the host's
//! thread, from its poll and from nowhere else.

use std::alloc::Layout;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_op::alloc::{AllocError, Allocator};
use async_op::cancel::{CancellationSignal, CancellationSlot, CancellationType, Expire};
use async_op::executor::{PostOnly, WorkGuard};
use async_op::token::Callback;
use async_op::{
    Executor, Initiation, IoContext, IoExecutor, Operation, bind_allocator, bind_cancellation_slot,
    bind_executor,
};

/// The host's memory. What all operations of a context are made of.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct HostAllocator {
    allocate: unsafe extern "C" fn(*mut c_void, size: usize, align: usize) -> *mut c_void,
    release: unsafe extern "C" fn(*mut c_void, *mut c_void, size: usize, align: usize),
    user_data: *mut c_void,
}

// SAFETY: the headers ask the host for functions that any thread may call.
unsafe impl Send for HostAllocator {}

// SAFETY: the host's functions keep the contract of `malloc` and `free`, and copies call the
// same ones.
unsafe impl Allocator for HostAllocator {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the host has given the function for this.
        let block = unsafe { (self.allocate)(self.user_data, layout.size(), layout.align()) };
        let block = NonNull::new(block.cast::<u8>()).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(block, layout.size()))
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        let block = block.as_ptr().cast();
        // SAFETY: the block came from `allocate`, by the caller's promise.
        unsafe { (self.release)(self.user_data, block, layout.size(), layout.align()) };
    }
}

/// `malloc` and `free`, for hosts that bring nothing of their own.
const DEFAULT: HostAllocator = HostAllocator {
    allocate: {
        unsafe extern "C" fn allocate(_: *mut c_void, size: usize, align: usize) -> *mut c_void {
            let Ok(layout) = Layout::from_size_align(size, align) else {
                return ptr::null_mut();
            };
            // SAFETY: operations are never of size 0.
            unsafe { std::alloc::alloc(layout) }.cast()
        }
        allocate
    },
    release: {
        unsafe extern "C" fn release(
            _: *mut c_void,
            block: *mut c_void,
            size: usize,
            align: usize,
        ) {
            if let Ok(layout) = Layout::from_size_align(size, align) {
                // SAFETY: it came from `allocate`, with this layout.
                unsafe { std::alloc::dealloc(block.cast(), layout) };
            }
        }
        release
    },
    user_data: ptr::null_mut(),
};

/// A context, which the host drives.
#[derive(Debug)]
pub struct HostContext {
    allocator: HostAllocator,
    context: IoContext,
    /// By a callback, whose poll still uses it.
    is_freed: AtomicBool,
    /// Or it would stop when there is nothing to do.
    _work: WorkGuard<IoExecutor>,
}

impl HostContext {
    pub fn new(allocator: Option<&HostAllocator>) -> Option<Box<Self>> {
        let context = IoContext::new().ok()?;
        let work = WorkGuard::new(context.executor());
        Some(Box::new(Self {
            allocator: allocator.copied().unwrap_or(DEFAULT),
            context,
            is_freed: AtomicBool::new(false),
            _work: work,
        }))
    }

    /// Returns the descriptor that is readable when there is something to do.
    pub fn fd(&self) -> c_int {
        self.context.as_fd().as_raw_fd()
    }

    /// Returns after how many milliseconds to poll although it is not; -1 for never.
    pub fn timeout(&self) -> c_int {
        self.context.timeout_millis()
    }

    pub fn caller(&self) -> Caller {
        Caller {
            executor: self.context.executor(),
            allocator: self.allocator,
        }
    }

    /// Does what there is to do: callbacks come in here, and only here.
    ///
    /// # Safety
    ///
    /// - It came from `new`, has not been freed, and no other thread polls it.
    pub unsafe fn poll(this: *mut Self) -> usize {
        // SAFETY: the caller's promise; a callback that frees it leaves that to us.
        let context = unsafe { &*this };
        let count = context.context.poll();
        // A callback may poll, too: the outermost call is the last.
        if context.is_freed.load(Ordering::Relaxed) && !context.context.runs_here() {
            // SAFETY: it came from `new`, and who has freed it does not use it any more.
            drop(unsafe { Box::from_raw(this) });
        }
        count
    }

    /// Ends it, unless it is null; callbacks that have not come do not come.
    ///
    /// # Safety
    ///
    /// - It came from `new`, is not used any more, and no other thread polls it.
    pub unsafe fn free(this: *mut Self) {
        // SAFETY: the caller's promise.
        let Some(context) = (unsafe { this.as_ref() }) else {
            return;
        };
        if context.context.runs_here() {
            context.is_freed.store(true, Ordering::Relaxed);
            context.context.stop();
            return;
        }
        // SAFETY: it came from `new`, and nobody uses it any more.
        drop(unsafe { Box::from_raw(this) });
    }
}

/// Who starts requests: on this executor, made of this memory.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    pub executor: IoExecutor,
    allocator: HostAllocator,
}

impl Caller {
    /// Starts `operation`, with a limit on its time unless that is negative. Returns whether
    /// it has: not where the host has no memory for it.
    pub fn start<T, I>(
        self,
        operation: Operation<fn(T), I>,
        timeout_ms: c_int,
        cancel: Option<&CancellationSignal>,
        handler: impl FnOnce(T) + Send + 'static,
    ) -> bool
    where
        T: Expire + Send + 'static,
        I: Initiation<fn(T)> + 'static,
    {
        let slot = cancel.map_or_else(CancellationSlot::unconnected, CancellationSignal::slot);
        let handler = bind_cancellation_slot(slot, Callback(handler));
        let handler = bind_allocator(self.allocator, handler);
        // Or a callback would come inside of a call that completes others, such as one that
        // closes the connection.
        let handler = bind_executor(PostOnly(self.executor), handler);
        match u64::try_from(timeout_ms) {
            Ok(limit) => {
                let limit = Duration::from_millis(limit);
                operation.cancel_after(limit).try_with(handler).is_ok()
            }
            Err(_) => operation.try_with(handler).is_ok(),
        }
    }
}

/// Where a callback goes.
pub(crate) struct Target<F> {
    pub(crate) function: F,
    pub(crate) user_data: *mut c_void,
}

// SAFETY: it is called on the thread that polls the context: the host's.
unsafe impl<F: Send> Send for Target<F> {}

/// Cancels what was started with it last.
pub(crate) fn emit(cancel: &CancellationSignal) {
    cancel.emit(CancellationType::TERMINAL);
}

/// Returns a string of the host's.
///
/// # Safety
///
/// - It ends with a zero, and is there as long as it is used.
pub(crate) unsafe fn text<'a>(text: *const c_char) -> io::Result<&'a str> {
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) }.to_str();
    text.map_err(|_| io::Error::other("the text is not in UTF-8"))
}

/// Tells the host why, as far as there is room.
///
/// # Safety
///
/// - `why` is null, or has room for `size` bytes.
pub(crate) unsafe fn tell(error: &io::Error, why: *mut c_char, size: usize) {
    if why.is_null() || size == 0 {
        return;
    }
    let text = error.to_string();
    let mut ends = (0..=text.len().min(size - 1)).rev();
    let len = ends.find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    // SAFETY: there is room for more than `len` bytes, by the caller's promise; nothing of ours
    // is there.
    unsafe { ptr::copy_nonoverlapping(text.as_ptr(), why.cast(), len) };
    // SAFETY: `len` is less than `size`.
    let end = unsafe { why.add(len) };
    // SAFETY: as before.
    unsafe { end.write(0) };
}

/// Defines what each header has of contexts and of what cancels, by these names.
macro_rules! host_functions {
    ($new:ident $fd:ident $timeout:ident $poll:ident $free:ident
     $cancel_new:ident $cancel_emit:ident $cancel_free:ident) => {
        /// Makes a context, with the host's memory or, if that is null, with `malloc`'s.
        ///
        /// # Safety
        ///
        /// - `allocator` is null, or points to functions that do what the header says.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $new(
            allocator: *const host::HostAllocator,
        ) -> Option<Box<host::HostContext>> {
            // SAFETY: the caller's promise.
            host::HostContext::new(unsafe { allocator.as_ref() })
        }

        /// Returns the descriptor that is readable when there is something to do.
        #[unsafe(no_mangle)]
        pub extern "C" fn $fd(context: &host::HostContext) -> std::ffi::c_int {
            context.fd()
        }

        /// Returns after how many milliseconds to poll although it is not; -1 for never.
        #[unsafe(no_mangle)]
        pub extern "C" fn $timeout(context: &host::HostContext) -> std::ffi::c_int {
            context.timeout()
        }

        /// Does what there is to do: callbacks come in here, and only here.
        ///
        /// # Safety
        ///
        /// - The context has not been freed, and no other thread polls it.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $poll(context: *mut host::HostContext) -> usize {
            // SAFETY: the caller's promise.
            unsafe { host::HostContext::poll(context) }
        }

        /// Ends a context, or null; callbacks that have not come do not come.
        ///
        /// # Safety
        ///
        /// - The context is null, or not used any more, and no other thread polls it.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $free(context: *mut host::HostContext) {
            // SAFETY: the caller's promise.
            unsafe { host::HostContext::free(context) };
        }

        /// Makes what one request at a time can be cancelled by.
        #[unsafe(no_mangle)]
        pub extern "C" fn $cancel_new() -> Box<async_op::cancel::CancellationSignal> {
            Box::default()
        }

        /// Cancels the request; its callback comes soon, from the next poll.
        #[unsafe(no_mangle)]
        pub extern "C" fn $cancel_emit(cancel: &async_op::cancel::CancellationSignal) {
            host::emit(cancel);
        }

        /// Gives it back.
        #[unsafe(no_mangle)]
        pub extern "C" fn $cancel_free(cancel: Option<Box<async_op::cancel::CancellationSignal>>) {
            drop(cancel);
        }
    };
}
pub(crate) use host_functions;
