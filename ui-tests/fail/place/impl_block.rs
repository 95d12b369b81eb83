// errors: 1

use async_op::async_op;

struct Socket;

#[async_op]
impl Socket {
    fn close(&self) {}
}

fn main() {
    Socket.close();
}
