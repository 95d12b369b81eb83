// errors: 1

use async_op::{Timer, async_op};

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
