// errors: 1

use async_op::Signature;

fn outputs<S: Signature>() {}

fn caller() {
    outputs::<u32>();
}

fn main() {}
