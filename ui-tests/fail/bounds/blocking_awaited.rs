// errors: 1

use async_op::time::Timer;

async fn caller(timer: &Timer) {
    let _result = timer.wait().blocking().await;
}

fn main() {}
