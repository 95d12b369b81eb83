// errors: 1

use async_op::CompletionHandler;

struct Print;

impl CompletionHandler<fn(u32)> for Print {
    fn complete(self, (n,): (u32,)) {
        println!("{n}");
    }
}

fn main() {}
