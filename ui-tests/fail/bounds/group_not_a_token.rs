// errors: 1

use async_op::group::{parallel_group, wait_for_all};
use async_op::time::Timer;

fn caller(one: &Timer, other: &Timer) {
    parallel_group((one.wait(), other.wait())).async_wait(wait_for_all(), 42);
}

fn main() {}
