// errors: 1

use async_op::{Timer, async_op};
use std::fmt::Display;

#[async_op]
async fn async_print(_timer: &Timer, what: &(dyn Display + Sync)) {
    println!("{what}");
}

fn main() {}
