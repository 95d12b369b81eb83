//! The same client as a library for C: `redis.h` is its header.
//!
//! Nothing of the client is written a second time: a C function is a completion token like any
//! other. What that takes, and is the same for each client, is in `../../c/host.rs`; here is
//! what Redis has of its own.
#![cfg(unix)]

#[path = "../client/mod.rs"]
mod client;
#[path = "../../c/host.rs"]
mod host;

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::slice;

use async_op::cancel::{CancellationSignal, OperationError};
use async_op::{Initiation, Operation};

use client::{Client, Command, Config, Error, Result, Value};
use host::{Caller, HostContext, Target};

const OK: c_int = 0;
const NIL: c_int = 1;
const CANCELLED: c_int = -1;
const TIMED_OUT: c_int = -2;
const REFUSED: c_int = -3;
const FAILED: c_int = -4;
const SEVERAL: c_int = -5;

/// What is said of an array, a map or another reply of its kind.
const NO_PLACE: &[u8] = b"the reply has several parts, which have no place in a result";

host::host_functions! {
    redis_context_new redis_context_fd redis_context_timeout redis_context_poll
    redis_context_free redis_cancel_new redis_cancel_emit redis_cancel_free
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

/// A client, and who its operations are started by.
pub struct RedisConnection {
    client: Client,
    caller: Caller,
}

impl std::fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConnection").finish_non_exhaustive()
    }
}

impl Target<Callback> {
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
        unsafe { (self.function)(self.user_data, &raw const result) };
        drop(text);
    }
}

impl RedisConnection {
    /// Starts `operation`. Fails where the host has no memory for it; nothing has started then.
    fn start<I>(
        &self,
        operation: Operation<fn(Result<Value>), I>,
        timeout_ms: c_int,
        target: Target<Callback>,
        cancel: Option<&CancellationSignal>,
    ) -> c_int
    where
        I: Initiation<fn(Result<Value>)> + 'static,
    {
        let handler = move |result| target.call(result);
        match self.caller.start(operation, timeout_ms, cancel, handler) {
            true => OK,
            false => FAILED,
        }
    }
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
    context: &HostContext,
    address: *const c_char,
    why: *mut c_char,
    size: usize,
) -> Option<Box<RedisConnection>> {
    let caller = context.caller();
    // SAFETY: the caller's promise.
    match unsafe { host::text(address) }.and_then(Config::parse) {
        Ok(config) => Some(Box::new(RedisConnection {
            client: Client::new(&caller.executor, config),
            caller,
        })),
        Err(error) => {
            // SAFETY: the caller's promise.
            unsafe { host::tell(&error, why, size) };
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
/// - `key` is a string that ends with a zero; `function` may be called with
///   `user_data`, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redis_get(
    connection: &RedisConnection,
    key: *const c_char,
    timeout_ms: c_int,
    function: Callback,
    user_data: *mut c_void,
    cancel: Option<&CancellationSignal>,
) -> c_int {
    // SAFETY: the caller's promise.
    let Ok(key) = (unsafe { host::text(key) }) else {
        return FAILED;
    };
    let target = Target {
        function,
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
/// - `function` may be called with `user_data`, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redis_command(
    connection: &RedisConnection,
    count: usize,
    arguments: *const *const c_char,
    lengths: *const usize,
    timeout_ms: c_int,
    function: Callback,
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
        function,
        user_data,
    };
    let request = connection.client.request(command);
    connection.start(request, timeout_ms, target, cancel)
}
