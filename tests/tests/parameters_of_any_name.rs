//! The macro: no name of a parameter meets a name of the expansion's own.

use async_op::{Completion, async_op};
use async_op_tests::{Log, Manual};

#[async_op]
fn async_handler_form(executor: &Manual, meta: &str, operation: &str, op: Completion<fn(String)>) {
    op.complete(format!("{executor:?} {meta} {operation}"));
}

#[async_op]
async fn async_async_form(executor: &Manual, meta: &str, this: &str, token: &str) -> String {
    format!("{executor:?} {meta} {this} {token}")
}

#[async_op]
async fn async_underscore(_executor: &Manual, _meta: &str) -> usize {
    _meta.len()
}

#[derive(Clone)]
struct Object(u8);

impl Object {
    #[async_op(executor = Manual::new("any", &Log::new()))]
    fn async_named(&self, this: &str, op: Completion<fn(String)>) {
        op.complete(format!("{} {this}", self.0));
    }
}

#[test]
fn of_an_executor_that_is_not_copy() {
    let home = Manual::new("home", &Log::new());
    let result = handler_form(&home, "a", "b").blocking();
    assert_eq!(result, "Manual(\"home\") a b");
    let result = async_form(&home, "a", "b", "c").blocking();
    assert_eq!(result, "Manual(\"home\") a b c");
    assert_eq!(underscore(&home, "four").blocking(), 4);
}

#[test]
fn beside_self() {
    assert_eq!(Object(7).named("that").blocking(), "7 that");
}
