// errors: 2

use async_op::IoExecutor;
use async_op::executor::post;

fn caller(executor: &IoExecutor) {
    post(executor, || println!("later"));
}

fn main() {}
