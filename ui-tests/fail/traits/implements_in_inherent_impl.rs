// errors: 1

use async_op::async_op;

#[derive(Clone)]
struct Socket;

impl Socket {
    #[async_op(implements)]
    async fn async_len(&self) -> usize {
        1
    }
}

fn main() {
    Socket.len().detach();
}
