// errors: 1

use async_op::{Initiation, async_op};
use async_op::time::Timer;

struct Pause(Timer);

impl Pause {
    #[async_op]
    fn async_pause(&self) -> Box<dyn Initiation<fn(u32)> + '_> {
        Box::new(self.0.wait().map(|_| 1))
    }
}

fn caller(pause: &Pause) {
    pause.pause().detach();
}

fn main() {}
