// errors: 1

use async_op::Signature;
use async_op::adapter::Adapter;

struct Count;

impl<S: Signature> Adapter<S> for Count {
    type Signature = S;

    fn map(self, args: S::Args) -> S::Args {
        args
    }
}

fn main() {}
