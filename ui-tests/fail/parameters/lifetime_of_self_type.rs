// errors: 1

use async_op::{Completion, async_op};

struct Parser<'a>(&'a str);

#[async_op]
fn async_ping(parser: Parser<'_>, op: Completion<fn(usize)>) {
    op.complete(parser.0.len());
}

fn main() {}
