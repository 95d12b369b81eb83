// errors: 1

use async_op::{Associations, CompletionHandler};
use async_op::time::Timer;
use std::io;

struct Count;

impl Associations for Count {}

impl CompletionHandler<fn(io::Result<()>)> for Count {
    fn complete(self, (result,): (io::Result<()>,)) {
        println!("{result:?}");
    }
}

fn caller(timer: &Timer) {
    timer.wait().with(Count);
}

fn main() {}
