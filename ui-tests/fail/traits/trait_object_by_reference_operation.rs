// errors: 1

use std::io;

use async_op::{Initiation, async_op};
use async_op::time::Timer;

trait Pause {
    fn timer(&self) -> &Timer;
}

impl dyn Pause + Send {
    #[async_op(executor = async_op::SystemExecutor)]
    async fn async_pause(&self, times: u32) -> io::Result<()> {
        for _ in 0..times {
            self.timer().wait().await?;
        }
        Ok(())
    }
}

fn main() {}
