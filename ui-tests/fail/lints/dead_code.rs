// errors: 7 of 7 mistakes

#![deny(dead_code)]

use async_op::{Completion, Initiation, IoObject, SystemExecutor, async_op};

#[derive(Clone)]
struct Socket;

impl IoObject for Socket {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

#[async_op]
async fn async_open(_socket: &Socket) {}

#[async_op(default = false)]
fn async_wait(_socket: &Socket, op: Completion<fn()>) {
    op.complete();
}

#[async_op]
fn async_tick(socket: &Socket) -> impl Initiation<fn()> + use<> {
    socket.close()
}

impl Socket {
    #[async_op]
    async fn async_read(&self) {}

    fn not_an_operation(&self) {}

    #[async_op]
    fn async_write(&self, op: Completion<fn()>) {
        op.complete();
    }

    #[async_op(default = false)]
    fn async_echo(&self) -> impl Initiation<fn()> + use<> {
        self.close()
    }

    #[async_op]
    async fn async_close(&self) {}
}

mod module {
    #[async_op::async_op]
    pub async fn async_public(_socket: &super::Socket) {}
}

trait Alone {
    #[async_op]
    async fn async_never(&self);
}

trait Stream {
    #[async_op]
    async fn async_used(&self);

    #[async_op]
    async fn async_flush(&self);

    #[async_op(provided)]
    fn async_shutdown(&self, op: Completion<fn()>) {
        op.complete();
    }
}

impl Stream for Socket {
    #[async_op(implements)]
    async fn async_used(&self) {}

    #[async_op(implements)]
    async fn async_flush(&self) {}
}

fn main() {
    Socket.close().blocking();
    Socket.used().blocking();
}
