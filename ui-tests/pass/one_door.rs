//! Of two functions, one is enough: whichever it is, the operation is used.

#![deny(dead_code, unfulfilled_lint_expectations)]

use async_op::{Blocking, Completion, Initiation, IoObject, SystemExecutor, async_op};

#[derive(Clone)]
struct Socket;

impl IoObject for Socket {
    type Executor = SystemExecutor;

    fn executor(&self) -> SystemExecutor {
        SystemExecutor
    }
}

macro_rules! functions {
    ($read:ident $write:ident $echo:ident) => {
        #[async_op]
        async fn $read(_socket: &Socket) {}

        #[async_op]
        fn $write(_socket: &Socket, op: Completion<fn()>) {
            op.complete();
        }

        #[async_op]
        fn $echo(socket: &Socket) -> impl Initiation<fn()> + use<> {
            plain_write(socket)
        }
    };
}

functions!(async_plain_read async_plain_write async_plain_echo);
functions!(async_read async_write async_echo);

macro_rules! methods {
    ($read:ident $write:ident $echo:ident) => {
        #[async_op]
        async fn $read(&self) {}

        #[async_op]
        fn $write(&self, op: Completion<fn()>) {
            op.complete();
        }

        #[async_op]
        fn $echo(&self) -> impl Initiation<fn()> + use<> {
            self.plain_write()
        }
    };
}

impl Socket {
    methods!(async_plain_read async_plain_write async_plain_echo);
    methods!(async_read async_write async_echo);
}

/// That nobody starts one may be expected, like what is in its body.
#[expect(dead_code, unused_variables, reason = "for later")]
#[async_op]
async fn async_expected(_socket: &Socket, unused: u8) {}

impl Socket {
    #[expect(dead_code)]
    #[async_op]
    async fn async_expected(&self) {}

    #[allow(dead_code)]
    #[async_op]
    fn async_allowed(&self, op: Completion<fn()>) {
        op.complete();
    }
}

trait Stream {
    #[async_op]
    fn async_plain_close(&self, op: Completion<fn()>);
    #[async_op]
    async fn async_close(&self);
    #[async_op(provided)]
    async fn async_plain_flush(&self) {}
    #[async_op(provided)]
    fn async_flush(&self, op: Completion<fn()>) {
        op.complete();
    }
}

impl Stream for Socket {
    #[async_op(implements)]
    fn async_plain_close(&self, op: Completion<fn()>) {
        op.complete();
    }
    #[async_op(implements)]
    async fn async_close(&self) {}
}

fn main() {
    plain_read(&Socket).blocking();
    plain_echo(&Socket).blocking();
    async_read(&Socket, Blocking);
    async_write(&Socket, Blocking);
    async_echo(&Socket, Blocking);
    Socket.plain_read().blocking();
    Socket.plain_echo().blocking();
    Socket.async_read(Blocking);
    Socket.async_write(Blocking);
    Socket.async_echo(Blocking);
    Socket.plain_close().blocking();
    Socket.async_close(Blocking);
    Socket.plain_flush().blocking();
    Socket.async_flush(Blocking);
}
