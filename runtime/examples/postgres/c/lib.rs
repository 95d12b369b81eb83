//! The client as a library for C: `postgres.h` is its header.
//!
//! Nothing of the client is written a second time. What all clients have in common here is in
//! `../../c/host.rs`; this is what PostgreSQL has of its own: values, rows and statements.
#![cfg(unix)]

#[path = "../client/mod.rs"]
mod client;
#[path = "../../c/host.rs"]
mod host;

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr;
use std::slice;

use async_op::cancel::{CancellationSignal, Expire, OperationError};
use async_op::{Initiation, IoExecutor, Operation, UseFuture, async_op, post_on};
use bytes::BytesMut;
use postgres_protocol::IsNull;

use client::{Client, Config, Error, Parameter, Result, Row, RowStream, Rows, Statement};
use host::{Caller, HostContext, Target};

const OK: c_int = 0;
const CANCELLED: c_int = -1;
const TIMED_OUT: c_int = -2;
const REFUSED: c_int = -3;
const FAILED: c_int = -4;

host::host_functions! {
    postgres_context_new postgres_context_fd postgres_context_timeout postgres_context_poll
    postgres_context_free postgres_cancel_new postgres_cancel_emit postgres_cancel_free
}

/// Text, or null.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct PostgresValue {
    data: *const c_char,
    len: usize,
}

impl PostgresValue {
    fn new(text: Option<&[u8]>) -> Self {
        Self {
            data: text.map_or(ptr::null(), <[u8]>::as_ptr).cast(),
            len: text.map_or(0, <[u8]>::len),
        }
    }
}

/// One of the host's.
struct Text<'a>(Option<&'a [u8]>);

impl Parameter for Text<'_> {
    fn write(&self, out: &mut BytesMut) -> IsNull {
        let Some(text) = self.0 else {
            return IsNull::Yes;
        };
        out.extend_from_slice(text);
        IsNull::No
    }
}

/// The rows that are left.
#[allow(missing_debug_implementations, reason = "nobody but C sees it")]
pub struct PostgresRows<'a, 'r>(&'a mut dyn Iterator<Item = Row<&'r [u8]>>);

/// What a callback receives; valid until it returns.
#[allow(missing_debug_implementations, reason = "nobody but C sees it")]
#[repr(C)]
pub struct PostgresResult<'a, 'r> {
    status: c_int,
    sqlstate: [c_char; 6],
    message: *const c_char,
    affected: u64,
    count: usize,
    columns: usize,
    rows: *mut PostgresRows<'a, 'r>,
    /// The host's.
    statement: Option<Box<Statement>>,
}

type Callback = unsafe extern "C" fn(*mut c_void, *const PostgresResult<'_, '_>);
type OnRow = unsafe extern "C" fn(*mut c_void, *const PostgresValue, count: usize) -> c_int;

/// What a request may bring.
enum Outcome {
    Rows(Rows),
    Statement(Statement),
    Count(u64),
}

impl Target<Callback> {
    fn call(self, result: Result<Outcome>) {
        let (none, mut message) = (Rows::default(), CString::default());
        let rows = match &result {
            Ok(Outcome::Rows(rows)) => rows,
            _ => &none,
        };
        let mut iterator = rows.iter();
        let mut cursor = PostgresRows(&mut iterator);
        let mut said = PostgresResult {
            status: OK,
            sqlstate: [0; 6],
            message: ptr::null(),
            affected: rows.affected(),
            count: rows.len(),
            columns: rows.columns().len(),
            rows: &raw mut cursor,
            statement: None,
        };
        match &result {
            Ok(Outcome::Rows(_)) => {}
            Ok(Outcome::Count(count)) => said.affected = *count,
            Ok(Outcome::Statement(statement)) => {
                said.statement = Some(Box::new(statement.clone()));
            }
            Err(error) => {
                let code = error.code().unwrap_or_default().bytes().take(5);
                for (place, byte) in said.sqlstate.iter_mut().zip(code) {
                    *place = byte as c_char;
                }
                // What ends with a zero has none within it.
                message = CString::new(error.to_string().replace('\0', " ")).unwrap_or_default();
                said.message = message.as_ptr();
                said.status = match error {
                    error if error.is_cancelled() => CANCELLED,
                    error if error.is_timeout() => TIMED_OUT,
                    Error::Server(_) => REFUSED,
                    _ => FAILED,
                };
            }
        }
        // SAFETY: the host has given both for this.
        unsafe { (self.function)(self.user_data, &raw const said) };
        // It has taken that, if there is any.
        std::mem::forget(said.statement.take());
        drop(message);
    }
}

impl Target<OnRow> {
    /// Returns whether the host wants more.
    fn call<B: AsRef<[u8]>>(&self, row: &Row<B>) -> bool {
        let values: Vec<_> = row.texts().map(PostgresValue::new).collect();
        // SAFETY: the host has given both for this.
        unsafe { (self.function)(self.user_data, values.as_ptr(), values.len()) == 0 }
    }
}

/// Shows the host one row after the other; completes with how many it has seen.
#[async_op]
async fn async_each_row(on: &IoExecutor, rows: RowStream, row: Target<OnRow>) -> Result<u64> {
    // Not within the call that asks for them.
    post_on(on, UseFuture).await;
    let mut seen = 0;
    while let Some(next) = rows.next().await? {
        seen += 1;
        if !row.call(&next) {
            // In vain, if it has freed the context.
            post_on(on, UseFuture).await;
            break;
        }
    }
    Ok(seen)
}

/// A client, and who its operations are started by.
pub struct PostgresClient {
    client: Client,
    caller: Caller,
}

impl std::fmt::Debug for PostgresClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.client.fmt(f)
    }
}

impl PostgresClient {
    /// Starts `operation`. Fails where the host has no memory for it; nothing has started then.
    fn start<T, I>(
        &self,
        operation: Operation<fn(Result<T>), I>,
        timeout_ms: c_int,
        target: Target<Callback>,
        cancel: Option<&CancellationSignal>,
        outcome: fn(T) -> Outcome,
    ) -> c_int
    where
        T: Send + 'static,
        Result<T>: Expire,
        I: Initiation<fn(Result<T>)> + 'static,
    {
        let handler = move |result: Result<T>| target.call(result.map(outcome));
        match self.caller.start(operation, timeout_ms, cancel, handler) {
            true => OK,
            false => FAILED,
        }
    }
}

/// Has `function` called with the host's values.
///
/// # Safety
///
/// - There are `count` of them, each null or with as many bytes as it says.
unsafe fn with_values<R>(
    count: usize,
    values: *const PostgresValue,
    function: impl FnOnce(&[&dyn Parameter]) -> R,
) -> R {
    let values = match count {
        0 => &[],
        // SAFETY: the caller's promise.
        _ => unsafe { slice::from_raw_parts(values, count) },
    };
    let texts = values.iter().map(|value| {
        if value.data.is_null() {
            return Text(None);
        }
        // SAFETY: the caller's promise.
        Text(Some(unsafe {
            slice::from_raw_parts(value.data.cast::<u8>(), value.len)
        }))
    });
    let texts: Vec<Text<'_>> = texts.collect();
    let texts: Vec<&dyn Parameter> = texts.iter().map(|it| it as _).collect();
    function(&texts)
}

/// Makes a client of what a URL says; null if it is none, and `why` says so. It connects when
/// there is something to ask.
///
/// # Safety
///
/// - `url` is a string that ends with a zero; `why` is null, or has room for `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn postgres_open(
    context: &HostContext,
    url: *const c_char,
    why: *mut c_char,
    size: usize,
) -> Option<Box<PostgresClient>> {
    let caller = context.caller();
    // SAFETY: the caller's promise.
    match unsafe { host::text(url) }.and_then(Config::parse) {
        Ok(config) => Some(Box::new(PostgresClient {
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

/// Closes a client; what is under way is cancelled.
#[unsafe(no_mangle)]
pub extern "C" fn postgres_close(client: Option<Box<PostgresClient>>) {
    if let Some(client) = client {
        client.client.close();
    }
}

/// Asks something.
///
/// # Safety
///
/// - `text` is a string that ends with a zero, and there are `count` values, each null or with
///   as many bytes as it says; `function` may be called with `user_data`, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn postgres_query(
    client: &PostgresClient,
    text: *const c_char,
    count: usize,
    values: *const PostgresValue,
    timeout_ms: c_int,
    function: Callback,
    user_data: *mut c_void,
    cancel: Option<&CancellationSignal>,
) -> c_int {
    // SAFETY: the caller's promise.
    let Ok(text) = (unsafe { host::text(text) }) else {
        return FAILED;
    };
    let target = Target {
        function,
        user_data,
    };
    // SAFETY: the caller's promise.
    unsafe {
        with_values(count, values, |values| {
            let query = client.client.query(text, values);
            client.start(query, timeout_ms, target, cancel, Outcome::Rows)
        })
    }
}

/// Prepares a statement, which the host receives.
///
/// # Safety
///
/// - `text` is a string that ends with a zero; `function` may be called with `user_data`, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn postgres_prepare(
    client: &PostgresClient,
    text: *const c_char,
    timeout_ms: c_int,
    function: Callback,
    user_data: *mut c_void,
    cancel: Option<&CancellationSignal>,
) -> c_int {
    // SAFETY: the caller's promise.
    let Ok(text) = (unsafe { host::text(text) }) else {
        return FAILED;
    };
    let target = Target {
        function,
        user_data,
    };
    let prepare = client.client.prepare(text);
    client.start(prepare, timeout_ms, target, cancel, Outcome::Statement)
}

/// Gives a statement back.
#[unsafe(no_mangle)]
pub extern "C" fn postgres_statement_free(statement: Option<Box<Statement>>) {
    drop(statement);
}

/// Asks what has been prepared.
///
/// # Safety
///
/// - There are `count` values, each null or with as many bytes as it says; `function` may be
///   called with `user_data`, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn postgres_execute(
    client: &PostgresClient,
    statement: &Statement,
    count: usize,
    values: *const PostgresValue,
    timeout_ms: c_int,
    function: Callback,
    user_data: *mut c_void,
    cancel: Option<&CancellationSignal>,
) -> c_int {
    let target = Target {
        function,
        user_data,
    };
    // SAFETY: the caller's promise.
    unsafe {
        with_values(count, values, |values| {
            let query = client.client.query(statement, values);
            client.start(query, timeout_ms, target, cancel, Outcome::Rows)
        })
    }
}

/// The same, for rows that the host sees one by one.
///
/// # Safety
///
/// - There are `count` values, each null or with as many bytes as it says; `row` may be called
///   with `user_data` any number of times, and then `function`, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn postgres_each_row(
    client: &PostgresClient,
    statement: &Statement,
    count: usize,
    values: *const PostgresValue,
    timeout_ms: c_int,
    row: OnRow,
    function: Callback,
    user_data: *mut c_void,
    cancel: Option<&CancellationSignal>,
) -> c_int {
    // SAFETY: the caller's promise.
    let opened = unsafe {
        with_values(count, values, |values| {
            client.client.stream(statement, values)
        })
    };
    let Ok(rows) = opened else {
        return FAILED;
    };
    let row = Target {
        function: row,
        user_data,
    };
    let target = Target {
        function,
        user_data,
    };
    let each = each_row(&client.caller.executor, rows, row);
    client.start(each, timeout_ms, target, cancel, Outcome::Count)
}

/// Asks the server to give up what it does for this client.
///
/// # Safety
///
/// - `function` may be called with `user_data`, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn postgres_interrupt(
    client: &PostgresClient,
    timeout_ms: c_int,
    function: Callback,
    user_data: *mut c_void,
) -> c_int {
    let target = Target {
        function,
        user_data,
    };
    let interrupt = client.client.cancel_query();
    client.start(interrupt, timeout_ms, target, None, |()| Outcome::Count(0))
}

/// Reads the next row: as many values as there are columns. Returns 0 where there is none.
///
/// # Safety
///
/// - They are those of a result whose callback has not returned; there is room for the values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn postgres_next_row(
    rows: *mut PostgresRows<'_, '_>,
    values: *mut PostgresValue,
) -> c_int {
    // SAFETY: the caller's promise.
    let rows = unsafe { &mut *rows };
    let Some(row) = rows.0.next() else {
        return 0;
    };
    for (at, text) in row.texts().enumerate() {
        // SAFETY: a row has as many as there are columns, and there is room for those.
        let place = unsafe { values.add(at) };
        // SAFETY: as before.
        unsafe { place.write(PostgresValue::new(text)) };
    }
    1
}
