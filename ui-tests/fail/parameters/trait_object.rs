// errors: 1

use async_op::async_op;
use async_op::time::Timer;
use std::fmt::Display;

#[async_op]
async fn async_print(_timer: &Timer, what: &(dyn Display + Sync)) {
    println!("{what}");
}

fn main() {}
