// errors: 1

use async_op::executor::ThreadPool;
use async_op::post_on;

fn main() {
    let pool = ThreadPool::new(2);
    post_on(&pool, || println!("in the pool"));
}
