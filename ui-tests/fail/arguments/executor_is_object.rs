// errors: 1

use async_op::async_op;
use async_op::time::Timer;

struct Device {
    timer: Timer,
}

impl Device {
    #[async_op(executor = self.timer)]
    async fn async_ping<'a>(&'a self) {
        let _ = self.timer.wait().await;
    }
}

fn main() {}
