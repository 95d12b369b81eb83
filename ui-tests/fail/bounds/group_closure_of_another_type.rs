// errors: 1

use std::io;

use async_op::group::{parallel_group, wait_for_all};
use async_op::time::Timer;

fn caller(one: &Timer, other: &Timer) {
    let group = parallel_group((one.wait(), other.wait()));
    group.async_wait(wait_for_all(), |one: io::Result<()>| drop(one));
}

fn main() {}
