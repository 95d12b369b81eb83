// errors: 1

use async_op::{Associations, CompletionHandler};
use std::rc::Rc;

struct Print(Rc<u32>);

impl Associations for Print {}

impl CompletionHandler<fn(u32)> for Print {
    fn complete(self, (n,): (u32,)) {
        println!("{n} {}", self.0);
    }
}

fn main() {}
