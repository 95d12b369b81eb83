//! Each function of an operation finds its own, whatever else has its name.

use async_op::*;
use std::io;

#[async_op]
async fn async_open(_executor: &SystemExecutor, path: &str) -> String {
    format!("the function: {path}")
}

#[async_op]
fn async_close(_executor: &SystemExecutor, op: Completion<fn(&'static str)>) {
    op.complete("the function");
}

#[async_op]
fn async_pause(executor: &SystemExecutor) -> impl Initiation<fn(&'static str)> {
    close(executor)
}

struct Admin;

impl Admin {
    #[async_op(associated)]
    async fn async_open(_executor: &SystemExecutor, path: &str) -> String {
        format!("the method: {path}")
    }

    #[async_op(associated)]
    fn async_close(_executor: &SystemExecutor, op: Completion<fn(&'static str)>) {
        op.complete("the method");
    }

    #[async_op(associated)]
    fn async_pause(executor: &SystemExecutor) -> impl Initiation<fn(&'static str)> {
        Admin::close(executor)
    }
}

#[test]
fn of_a_function_in_the_module() {
    let executor = &SystemExecutor;
    assert_eq!(open(executor, "a").blocking(), "the function: a");
    assert_eq!(async_open(executor, "a", Blocking), "the function: a");
    assert_eq!(Admin::open(executor, "a").blocking(), "the method: a");
    assert_eq!(Admin::async_open(executor, "a", Blocking), "the method: a");
    assert_eq!(close(executor).blocking(), "the function");
    assert_eq!(Admin::close(executor).blocking(), "the method");
    assert_eq!(Admin::async_close(executor, Blocking), "the method");
    assert_eq!(pause(executor).blocking(), "the function");
    assert_eq!(async_pause(executor, Blocking), "the function");
    assert_eq!(Admin::pause(executor).blocking(), "the method");
    assert_eq!(Admin::async_pause(executor, Blocking), "the method");
}

struct Gzip;

impl Gzip {
    /// The library has an `async_copy`, which `use async_op::*` brings here.
    #[async_op(associated)]
    async fn async_copy(_executor: &SystemExecutor, from: &str, to: &str) -> io::Result<usize> {
        Ok(from.len() + to.len())
    }
}

#[test]
fn of_a_function_that_a_glob_imports() {
    let executor = &SystemExecutor;
    assert_eq!(Gzip::copy(executor, "ab", "c").blocking().unwrap(), 3);
    assert_eq!(Gzip::async_copy(executor, "ab", "c", Blocking).unwrap(), 3);
}

mod inner {
    use super::*;

    /// Hides what the glob imports.
    #[async_op]
    async fn async_open(_executor: &SystemExecutor, path: &str) -> String {
        format!("the inner function: {path}")
    }

    #[test]
    fn of_a_function_in_the_outer_module() {
        let executor = &SystemExecutor;
        assert_eq!(open(executor, "a").blocking(), "the inner function: a");
        assert_eq!(async_open(executor, "a", Blocking), "the inner function: a");
        assert_eq!(super::open(executor, "a").blocking(), "the function: a");
    }
}

#[test]
fn of_a_function_around_it() {
    #[async_op]
    async fn async_open(_executor: &SystemExecutor, path: &str) -> String {
        format!("the function in the test: {path}")
    }

    let executor = &SystemExecutor;
    assert_eq!(
        open(executor, "a").blocking(),
        "the function in the test: a"
    );
}

/// An author's function may call itself, the other door, and have local names
/// like ours.
#[test]
fn of_itself() {
    #[async_op]
    async fn async_count(executor: &SystemExecutor, n: u32) -> u32 {
        let operation = 1;
        match n {
            0 => 0,
            n => operation + Box::pin(count(executor, n - 1)).await,
        }
    }

    assert_eq!(count(&SystemExecutor, 3).blocking(), 3);
}
