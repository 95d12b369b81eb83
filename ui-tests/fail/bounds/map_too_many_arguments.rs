// errors: 1

use async_op::Timer;

fn caller(timer: &Timer) {
    timer.wait().map(|result, n| println!("{result:?} {n}")).detach();
}

fn main() {}
