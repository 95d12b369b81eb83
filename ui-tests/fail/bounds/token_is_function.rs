// errors: 1

use async_op::time::Timer;

fn done(n: usize) {
    println!("{n}");
}

fn caller(timer: &Timer) {
    timer.async_wait(done);
}

fn main() {}
