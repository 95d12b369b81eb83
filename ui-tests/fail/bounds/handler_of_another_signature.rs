// errors: 1

use async_op::{Associations, CompletionHandler, Handler};
use async_op::time::Timer;

struct Count;

impl Associations for Count {}

impl CompletionHandler<fn(usize)> for Count {
    fn complete(self, (n,): (usize,)) {
        println!("{n}");
    }
}

fn caller(timer: &Timer) {
    timer.wait().with(Handler(Count));
}

fn main() {}
