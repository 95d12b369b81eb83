// errors: 1

use async_op::{Completion, async_op};

struct Counter(u32);

impl Counter {
    #[async_op]
    fn async_count(&mut self, op: Completion<fn(u32)>) {
        self.0 += 1;
        op.complete(self.0);
    }
}

fn main() {
    Counter(1).count().callback(|n| println!("{n}"));
}
