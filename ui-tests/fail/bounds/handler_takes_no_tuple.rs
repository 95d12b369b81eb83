// errors: 1

use async_op::{Associations, CompletionHandler};

struct Print;

impl Associations for Print {}

impl CompletionHandler<fn(u32)> for Print {
    fn complete(self, n: u32) {
        println!("{n}");
    }
}

fn main() {}
