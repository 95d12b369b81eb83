// errors: 1

use async_op::async_op;

#[async_op]
struct Socket;

fn main() {
    let _ = Socket;
}
