// errors: 1

use async_op::{Timer, parallel_group, wait_for_all};

fn caller(one: &Timer, other: &Timer) {
    parallel_group((one.wait(), other.wait())).async_wait(wait_for_all(), 42);
}

fn main() {}
