//! The same client as a library for C: `redis.h` is its header.
//!
//! Nothing of the client is written a second time. A C function is a completion
//! token here: a closure that calls it, bound to the allocator of the host, to a
//! slot by which the host can cancel, and to an executor that only posts. The host's
//! own event loop drives the context by one descriptor, so callbacks come on the
//! host's thread, from its poll and from nowhere else.
#![cfg(unix)]

#[path = "../client/mod.rs"]
mod client;

use std::alloc::Layout;
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_op::alloc::{AllocError, Allocator};
use async_op::cancel::{CancellationSignal, CancellationSlot, CancellationType, OperationError};
use async_op::executor::{PostOnly, WorkGuard};
use async_op::{
    Executor, Initiation, IoContext, IoExecutor, IoObject, Operation, bind_allocator,
    bind_cancellation_slot, bind_executor, cancel_after,
};

use client::{Client, Command, Config, Error, Result, Value};

const OK: c_int = 0;
const NIL: c_int = 1;
const CANCELLED: c_int = -1;
const TIMED_OUT: c_int = -2;
const REFUSED: c_int = -3;
const FAILED: c_int = -4;
const SEVERAL: c_int = -5;

/// What is said of an array, a map or another reply of its kind.
const NO_PLACE: &[u8] = b"the reply has several parts, which have no place in a result";

thread_local! {
    /// Whether this thread starts a request, which panics if there is no memory.
    static IS_STARTING: Cell<bool> = const { Cell::new(false) };
}

/// Keeps that panic off the host's `stderr`: it is a status, and no bug. The library
/// has a standard library of its own, and so a hook of its own.
fn silence_starts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_STARTING.get() {
                previous(info);
            }
        }));
    });
}

/// What a callback receives; valid until it returns.
#[derive(Debug)]
#[repr(C)]
pub struct RedisResult {
    status: c_int,
    data: *const c_char,
    len: usize,
    integer: i64,
}

type Callback = unsafe extern "C" fn(user_data: *mut c_void, result: *const RedisResult);

/// The host's memory. What all operations of a context are made of.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct RedisAllocator {
    allocate: unsafe extern "C" fn(*mut c_void, size: usize, align: usize) -> *mut c_void,
    release: unsafe extern "C" fn(*mut c_void, *mut c_void, size: usize, align: usize),
    user_data: *mut c_void,
}

// SAFETY: `redis.h` asks the host for functions that any thread may call.
unsafe impl Send for RedisAllocator {}

// SAFETY: the host's functions keep the contract of `malloc` and `free`, and
// copies call the same ones.
unsafe impl Allocator for RedisAllocator {
    fn allocate(&self, layout: Layout) -> std::result::Result<NonNull<[u8]>, AllocError> {
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
const DEFAULT: RedisAllocator = RedisAllocator {
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
pub struct RedisContext {
    allocator: RedisAllocator,
    context: IoContext,
    /// By a callback, whose poll still uses it.
    is_freed: AtomicBool,
    /// Or it would stop when there is nothing to do.
    _work: WorkGuard<IoExecutor>,
}

/// A client and what its operations are made of.
pub struct RedisConnection {
    client: Client,
    allocator: RedisAllocator,
}

impl std::fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConnection").finish_non_exhaustive()
    }
}

/// Where a callback goes.
struct Target {
    callback: Callback,
    user_data: *mut c_void,
}

// SAFETY: it is called on the thread that polls the context: the host's.
unsafe impl Send for Target {}

impl Target {
    fn call(self, result: Result<Value>) {
        let mut text = String::new();
        let (status, data, integer): (_, Option<&[u8]>, _) = match &result {
            Ok(Value::Bytes(bytes)) => (OK, Some(bytes), 0),
            Ok(Value::Status(text)) => (OK, Some(text.as_bytes()), 0),
            Ok(Value::Integer(n)) => (OK, None, *n),
            Ok(Value::Null) => (NIL, None, 0),
            Ok(Value::Ok) => (OK, Some(b"OK"), 0),
            Ok(Value::Boolean(is_true)) => (OK, None, i64::from(*is_true)),
            Ok(Value::Double(number)) => {
                text = number.to_string();
                (OK, Some(text.as_bytes()), 0)
            }
            Ok(Value::Error(message)) => (REFUSED, Some(message.as_bytes()), 0),
            Ok(Value::Array(_) | Value::Map(_) | Value::Push(_)) => (SEVERAL, Some(NO_PLACE), 0),
            Err(error) => {
                text = error.to_string();
                let status = match error {
                    error if error.is_cancelled() => CANCELLED,
                    error if error.is_timeout() => TIMED_OUT,
                    Error::Server(_) => REFUSED,
                    _ => FAILED,
                };
                (status, Some(text.as_bytes()), 0)
            }
        };
        let result = RedisResult {
            status,
            data: data.map_or(ptr::null(), <[u8]>::as_ptr).cast(),
            len: data.map_or(0, <[u8]>::len),
            integer,
        };
        // SAFETY: the host has given both for this.
        unsafe { (self.callback)(self.user_data, &raw const result) };
        drop(text);
    }
}

impl RedisConnection {
    /// Starts `operation`: a C function is a token like any other. Fails where the host
    /// has no memory for it; nothing has started then.
    fn start<I>(
        &self,
        operation: Operation<fn(Result<Value>), I>,
        timeout_ms: c_int,
        target: Target,
        cancel: Option<&CancellationSignal>,
    ) -> c_int
    where
        I: Initiation<fn(Result<Value>)> + 'static,
    {
        let slot = cancel.map_or_else(CancellationSlot::unconnected, CancellationSignal::slot);
        let handler = move |result: Result<Value>| target.call(result);
        let token = bind_allocator(self.allocator, bind_cancellation_slot(slot, handler));
        // Or a callback would come inside of a call that completes others, such as
        // `redis_close`.
        let token = bind_executor(PostOnly(self.client.executor()), token);
        let start = || match u64::try_from(timeout_ms) {
            Ok(limit) => operation.with(cancel_after(Duration::from_millis(limit), token)),
            Err(_) => operation.with(token),
        };
        // An initiating function that has no memory panics before it does anything.
        IS_STARTING.set(true);
        let started = catch_unwind(AssertUnwindSafe(start));
        IS_STARTING.set(false);
        match started {
            Ok(()) => OK,
            Err(_) => FAILED,
        }
    }
}

/// Makes a context, with the host's memory or, if that is null, with `malloc`'s.
///
/// # Safety
///
/// - `allocator` is null, or points to functions that do what `redis.h` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redis_context_new(
    allocator: *const RedisAllocator,
) -> Option<Box<RedisContext>> {
    // SAFETY: the caller's promise.
    let allocator = unsafe { allocator.as_ref() }.copied().unwrap_or(DEFAULT);
    silence_starts();
    let context = IoContext::new().ok()?;
    let work = WorkGuard::new(context.executor());
    Some(Box::new(RedisContext {
        allocator,
        context,
        is_freed: AtomicBool::new(false),
        _work: work,
    }))
}

/// Returns the descriptor that is readable when there is something to do.
#[unsafe(no_mangle)]
pub extern "C" fn redis_context_fd(context: &RedisContext) -> c_int {
    context.context.as_fd().as_raw_fd()
}

/// Returns after how many milliseconds to poll although it is not; -1 for never.
#[unsafe(no_mangle)]
pub extern "C" fn redis_context_timeout(context: &RedisContext) -> c_int {
    context.context.timeout_millis()
}

/// Does what there is to do: callbacks come in here, and only here.
///
/// # Safety
///
/// - The context has not been freed, and no other thread polls it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redis_context_poll(context: *mut RedisContext) -> usize {
    // SAFETY: the caller's promise; a callback that frees it leaves that to us.
    let this = unsafe { &*context };
    let count = this.context.poll();
    // A callback may poll, too: the outermost call is the last.
    if this.is_freed.load(Ordering::Relaxed) && !this.context.runs_here() {
        // SAFETY: it came from `redis_context_new`, and who has freed it does not use
        // it any more.
        drop(unsafe { Box::from_raw(context) });
    }
    count
}

/// Ends a context, or null; callbacks that have not come do not come.
///
/// # Safety
///
/// - The context is not used any more, and no other thread polls it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redis_context_free(context: *mut RedisContext) {
    // SAFETY: the caller's promise.
    let Some(this) = (unsafe { context.as_ref() }) else {
        return;
    };
    if this.context.runs_here() {
        this.is_freed.store(true, Ordering::Relaxed);
        this.context.stop();
        return;
    }
    // SAFETY: it came from `redis_context_new`, and nobody uses it any more.
    drop(unsafe { Box::from_raw(context) });
}

/// Makes a connection to `host:port`, to the path of a Unix socket, or to what a URL
/// says; null if it is none of these, and `why` says so. It connects when there is
/// something to send.
///
/// # Safety
///
/// - `address` is a string that ends with a zero; `why` is null, or has room for
///   `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redis_open(
    context: &RedisContext,
    address: *const c_char,
    why: *mut c_char,
    size: usize,
) -> Option<Box<RedisConnection>> {
    // SAFETY: the caller's promise.
    let address = unsafe { CStr::from_ptr(address) }.to_str();
    let config = address.map_err(|_| io::Error::other("the address is not in UTF-8"));
    match config.and_then(Config::parse) {
        Ok(config) => Some(Box::new(RedisConnection {
            client: Client::new(&context.context, config),
            allocator: context.allocator,
        })),
        Err(error) => {
            if !why.is_null() && size > 0 {
                let text = error.to_string();
                let mut ends = (0..=text.len().min(size - 1)).rev();
                let len = ends.find(|&end| text.is_char_boundary(end)).unwrap_or(0);
                // SAFETY: there is room for more than `len` bytes, by the caller's
                // promise; nothing of ours is there.
                unsafe { ptr::copy_nonoverlapping(text.as_ptr(), why.cast(), len) };
                // SAFETY: `len` is less than `size`.
                let end = unsafe { why.add(len) };
                // SAFETY: as before.
                unsafe { end.write(0) };
            }
            None
        }
    }
}

/// Closes a connection; what is under way is cancelled.
#[unsafe(no_mangle)]
pub extern "C" fn redis_close(connection: Option<Box<RedisConnection>>) {
    if let Some(connection) = connection {
        connection.client.close();
    }
}

/// Gets the value of a key.
///
/// # Safety
///
/// - `key` is a string that ends with a zero; `callback` may be called with
///   `user_data`, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redis_get(
    connection: &RedisConnection,
    key: *const c_char,
    timeout_ms: c_int,
    callback: Callback,
    user_data: *mut c_void,
    cancel: Option<&CancellationSignal>,
) -> c_int {
    // SAFETY: the caller's promise.
    let Ok(key) = unsafe { CStr::from_ptr(key) }.to_str() else {
        return FAILED;
    };
    let target = Target {
        callback,
        user_data,
    };
    let get = connection.client.get(key);
    let get = get.map(|value| value.map(|value| value.map_or(Value::Null, Value::Bytes)));
    connection.start(get, timeout_ms, target, cancel)
}

/// Sends any command.
///
/// # Safety
///
/// - There are `count` arguments of these lengths; one of length 0 may be null.
/// - `callback` may be called with `user_data`, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redis_command(
    connection: &RedisConnection,
    count: usize,
    arguments: *const *const c_char,
    lengths: *const usize,
    timeout_ms: c_int,
    callback: Callback,
    user_data: *mut c_void,
    cancel: Option<&CancellationSignal>,
) -> c_int {
    if count == 0 {
        return FAILED;
    }
    // SAFETY: the caller's promise.
    let arguments = unsafe { slice::from_raw_parts(arguments, count) };
    // SAFETY: the caller's promise.
    let lengths = unsafe { slice::from_raw_parts(lengths, count) };
    let mut words = arguments.iter().zip(lengths).map(|(&argument, &length)| {
        if length == 0 {
            return &[][..];
        }
        // SAFETY: the caller's promise.
        unsafe { slice::from_raw_parts(argument.cast::<u8>(), length) }
    });
    let Some(name) = words.next() else {
        return FAILED;
    };
    let command = Command::new(name).args(words);
    let target = Target {
        callback,
        user_data,
    };
    connection.start(
        connection.client.request(command),
        timeout_ms,
        target,
        cancel,
    )
}

/// Makes what one request at a time can be cancelled by.
#[unsafe(no_mangle)]
pub extern "C" fn redis_cancel_new() -> Box<CancellationSignal> {
    Box::default()
}

/// Cancels the request; its callback comes soon, from `redis_context_poll`.
#[unsafe(no_mangle)]
pub extern "C" fn redis_cancel_emit(cancel: &CancellationSignal) {
    cancel.emit(CancellationType::TERMINAL);
}

/// Gives it back.
#[unsafe(no_mangle)]
pub extern "C" fn redis_cancel_free(cancel: Option<Box<CancellationSignal>>) {
    drop(cancel);
}
